# peer.bash - what the scripts beside it share: where things are, and what they need. Sourced, not
# run. Sets here, primer, build, shared, stories, tinystories and folder (temporary).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=${PRIMER_BUILD:-build/release-gcc}
primer=${PRIMER:-$build/primer}
shared=${PRIMER_SHARED:-../shared}
stories=$shared/models/stories260K.gguf
tinystories=$shared/data/text-tinystories-sample/tinystories_sample.txt
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export PRIMER_BUILD=$build PRIMER=$primer

skip() {
    echo "skipped: $*"
    exit 77
}

need_files() {
    local file
    for file in "$@"; do
        [ -f "$file" ] || skip "$file isn't there"
    done
}

need_peer() {
    command -v node >/dev/null || skip "there is no node"
    [ -n "${PRIMER_PEER:-}" ] && [ -d "$PRIMER_PEER/node_modules/node-llama-cpp" ] ||
        skip "PRIMER_PEER names no folder with node_modules/node-llama-cpp"
}

# texts: the three that the models are compared on, by commas.
need_texts() {
    local wikitext=$shared/data/text-wikitext2-test/wiki.test.raw
    local shakespeare=$shared/data/text-tinyshakespeare/input.txt
    need_files "$tinystories" "$wikitext" "$shakespeare"
    texts=$tinystories,$wikitext,$shakespeare
}
