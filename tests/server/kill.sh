#!/bin/bash
# Killed in the middle of answers, primer serve starts again as if nothing had been.
. "$(dirname "$0")/server.bash"
need_models
need_node
run_program kill.mjs
