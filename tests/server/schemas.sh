#!/bin/bash
# What a small random model answers within a schema is valid for ajv; every PRIMER_SCHEMA_STEP-th is tried.
. "$(dirname "$0")/server.bash"
need_models
need_packages
file=$here/../constraint/schemas.jsonl
run_program schemas.mjs "$file" "${PRIMER_SCHEMA_STEP:-4}"
