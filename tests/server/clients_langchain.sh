#!/bin/bash
# LangChain says the same over both of the dialects of primer serve.
. "$(dirname "$0")/server.bash"
need_models
need_packages
run_program clients_langchain.mjs
