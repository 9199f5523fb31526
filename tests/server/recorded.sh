#!/bin/bash
# Requests as well-known programs send them are answered as these programs expect.
. "$(dirname "$0")/server.bash"
need_models
need_node
run_program recorded.mjs
