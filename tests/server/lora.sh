#!/bin/bash
# Adapters in the server: chosen by each request, listed and set as in llama.cpp's server.
. "$(dirname "$0")/server.bash"
need_node
run_program lora.mjs
