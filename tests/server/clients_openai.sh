#!/bin/bash
# The package `openai` gets from primer serve all that its users ask it for.
. "$(dirname "$0")/server.bash"
need_models
need_packages
run_program clients_openai.mjs
