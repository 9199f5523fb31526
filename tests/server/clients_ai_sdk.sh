#!/bin/bash
# The AI SDK, which holds every chunk against a schema, is content with primer serve.
. "$(dirname "$0")/server.bash"
need_models
need_packages
run_program clients_ai_sdk.mjs
