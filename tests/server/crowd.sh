#!/bin/bash
# Many clients at once, half of which hang up, and nobody notices the others; PRIMER_CROWD says how many.
. "$(dirname "$0")/server.bash"
need_models
need_node
run_program crowd.mjs "${PRIMER_CROWD:-16}" "${PRIMER_CROWD_SECONDS:-5}" "${PRIMER_SEED:-1}"
