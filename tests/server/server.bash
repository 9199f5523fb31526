# server.bash - what the scripts beside it share: where things are, and how a program of theirs is run.
# Sourced, not run. Sets PRIMER, PRIMER_BUILD, PRIMER_SHARED, here, vocabulary, stories and folder (temporary).
set -u
: "${PRIMER:=$PWD/build/primer}" "${PRIMER_SHARED:=../shared}" "${PRIMER_BUILD:=$PWD/build/release-gcc}"
PRIMER=$(realpath "$PRIMER") PRIMER_SHARED=$(realpath -m "$PRIMER_SHARED")
PRIMER_BUILD=$(realpath "$PRIMER_BUILD")
here=$(cd "$(dirname "$0")" && pwd)
vocabulary=$PRIMER_SHARED/data/tok-llamacpp-vocab/ggml-vocab-gpt-2.gguf
stories=$PRIMER_SHARED/models/stories260K.gguf
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export PRIMER PRIMER_BUILD PRIMER_SHARED PRIMER_PREFIX_FOLDER= PRIMER_HOME=$folder/home
export PRIMER_TEST_FOLDER=$folder
# What a person may have set for other servers and clients would be seen by ours.
unset "${!OLLAMA_@}" "${!OPENAI_@}" "${!LANGCHAIN_@}" "${!LANGSMITH_@}" LISTEN_FDS LISTEN_PID
unset "${!npm_config_@}" http_proxy https_proxy HTTP_PROXY HTTPS_PROXY

skip() {
    echo "skipped: $*"
    exit 77
}

need_models() {
    [ -f "$vocabulary" ] || skip "$vocabulary isn't there"
    [ -f "$stories" ] || skip "$stories isn't there"
}

need_node() {
    command -v node >/dev/null || skip "node is missing"
    node -e 'const [a, b] = process.versions.node.split(".").map(Number);
        process.exit(a > 20 || a === 20 && b >= 6 ? 0 : 1)' || skip "Node.js is older than 20.6"
}

# The packages from npm, which programs then import by their bare names (modules.mjs).
need_packages() {
    need_node
    PRIMER_MODULES=$(cd "$here/../.." && tests/npm/install) || skip "$PRIMER_MODULES"
    export PRIMER_MODULES
}

# run_program FILE.mjs ARGUMENTS...: its exit code becomes the script's.
run_program() {
    local program=$1 code=0
    shift
    node --import "$here/modules.mjs" "$here/$program" "$@" || code=$?
    exit "$code"
}
