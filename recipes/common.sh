# What the recipes' scripts share; read by them (`. common.sh`). Sets `primer` and `folder`.
#   PRIMER      the program (build/primer of this tree)
#   OPTIONS     more for every `primer train`: OPTIONS="--set steps=20" is a quick look
#   QUESTIONS   how many are asked in recipes/lora and recipes/finetune (200)
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
primer=${PRIMER:-$here/../../build/primer}

fail() {
    echo "$0: $*" >&2
    exit 1
}
[ -x "$primer" ] || fail "$primer is not there; run make, or say PRIMER=/path/to/primer"

# need TEXT FOLDER: the text is there; FOLDER is made, and files of recipes go into it.
need() {
    [ -f "${1:-}" ] || fail "expected a text: $usage"
    folder=${2:-$default}
    mkdir -p "$folder"
}
# train ARGUMENTS...: primer train, with OPTIONS.
train() {
    # shellcheck disable=SC2086 # several words
    "$primer" train "$@" ${OPTIONS:-}
}
# recipe NAME: this recipe's, copied beside the data, as its paths are relative to it.
recipe() {
    cp "$here/$1.recipe" "$folder/$1.recipe"
}
