#!/bin/bash
# Tools and thoughts as real templates write them, over both dialects.
. "$(dirname "$0")/server.bash"
need_models
need_packages
run_program templates.mjs
