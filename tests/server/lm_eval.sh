#!/bin/bash
# The scores that lm-evaluation-harness reads from primer serve are those of primer itself, to the last digit.
. "$(dirname "$0")/server.bash"
need_models
need_node
run_program lm_eval.mjs
