# common.bash - what the scripts beside it share: where things are, how they fail, a small model.
# Sourced, not run. Sets PRIMER (the program), PRIMER_SHARED, folder (temporary), stories (may be missing).
set -u
: "${PRIMER:=$PWD/build/primer}" "${PRIMER_SHARED:=../shared}" "${PRIMER_BUILD:=$PWD/build/release-gcc}"
PRIMER=$(realpath "$PRIMER")
stories=$PRIMER_SHARED/models/stories260K.gguf
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export PRIMER_HOME=$folder/home PRIMER_PREFIX_FOLDER=

fail() {
    echo "FAILED: $*"
    exit 1
}

need_stories() {
    [ -f "$stories" ] && return
    echo "no $stories"
    exit 77
}

# expect_code CODE COMMAND...: its exit code; output in $folder/out and $folder/err.
expect_code() {
    local wanted=$1 code=0
    shift
    "$@" >"$folder/out" 2>"$folder/err" </dev/null || code=$?
    [ "$code" = "$wanted" ] || fail "exit code $code, expected $wanted: $* ($(head -c 400 "$folder/err"))"
}

# expect_message TEXT: it stands in what the last command said on standard error.
expect_message() {
    grep -qF -- "$1" "$folder/err" || fail "standard error lacks '$1': $(head -c 400 "$folder/err")"
}

# expect_same EXPECTED FOUND WHAT
expect_same() {
    [ "$1" = "$2" ] || fail "$3: found '$2', expected '$1'"
}

# A small random model: tiny_model FILE [options of make-model].
tiny_model() {
    local file=$1
    shift
    "$PRIMER_BUILD/make-model" "$file" --arch llama --type F32 --shape tiny --seed 7 "$@" || fail "make-model"
}
