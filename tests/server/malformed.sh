#!/bin/bash
# Thousands of wrong requests get errors of the right shape, and leave nothing behind; PRIMER_MALFORMED says how many.
. "$(dirname "$0")/server.bash"
need_models
need_node
run_program malformed.mjs "${PRIMER_MALFORMED:-2000}" "${PRIMER_SEED:-1}"
