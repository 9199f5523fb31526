#!/bin/bash
# How a prompt of Ollama's calls comes about: templates in requests, gaps, earlier answers, what is left out.
. "$(dirname "$0")/server.bash"
need_models
need_node
run_program ollama_prompts.mjs
