# What the experiments' scripts share; read by them (`. ../shared.sh`). Everything lies below a folder that all share:
#   data       vocabulary, texts, what is judged by: made once
#   arms       ARM-SEED: a training, and outcome.jsonl when it is judged; a finished one isn't run again, whoever asks
#   NAME       of an experiment: results.jsonl, table.md, pictures
#
#   STEPS=600  SEEDS="1 2 3"  ITEMS=200   steps of an arm, its seeds, exercises that are asked
#   LESSONS=8000  FILES=1                 lessons of each kind; every so manieth Python file is code
#   CODE       folders of Python files (/usr/lib/python3 /usr/lib/python3.11)
#   HUMANEVAL, MBPP   where they lie (below PRIMER_SHARED/data); without them library code alone is held out
#   QUICK=1    everything tiny: does it run?
set -eu
experiments=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
experiment=$(basename -- "$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)")
PRIMER=${PRIMER:-$experiments/../../build/primer}
. "$experiments/../common.sh"
here=$experiments
folder=${1:-${default:-runs/experiments}}
if [ -n "${QUICK:-}" ]; then
    : "${STEPS:=4}" "${SEEDS:=1 2}" "${ITEMS:=2}" "${LESSONS:=60}" "${FILES:=100}"
fi
: "${STEPS:=600}" "${SEEDS:=1 2 3}" "${ITEMS:=200}" "${LESSONS:=8000}" "${FILES:=1}"
: "${CODE:=/usr/lib/python3 /usr/lib/python3.11}" "${PRIMER_SHARED:=$experiments/../../../shared}"
: "${HUMANEVAL:=$PRIMER_SHARED/data/eval-humaneval/HumanEval.jsonl.gz}"
: "${MBPP:=$PRIMER_SHARED/data/eval-mbpp/mbpp.jsonl}"
mkdir -p "$folder/data" "$folder/arms" "$folder/$experiment"
data=$folder/data
quick() { # a recipe as it is, or tiny
    if [ -n "${QUICK:-}" ]; then
        sed -e 's/^batch .*/batch = 2/' -e 's/^warm-up .*/warm-up = 1/' -e 's/^evaluate-every .*/evaluate-every = 2/' \
            -e 's/^evaluate-rows .*/evaluate-rows = 2/' -e 's/^context .*/&\nlength = 128/' "$1"
    else
        cat "$1"
    fi
}
quick "$experiments/base.recipe" >"$folder/base.recipe"

results() {
    python3 "$experiments/results.py" "$@"
}
# same FILE TEXT: what lies here was made with the same settings.
same() {
    if [ ! -f "$1" ]; then
        printf '%s\n' "$2" >"$1"
    elif [ "$(cat "$1")" != "$2" ]; then
        fail "$1: what is here was made with other settings; take another folder
  found     $(cat "$1")
  expected  $2"
    fi
}

# ---- data ---------------------------------------------------------------------------------------------

# made FILE COMMAND...: FILE is what the command writes, and appears whole.
made() {
    made=$1
    shift
    [ -f "$made" ] || { "$@" >"$made.part" && mv "$made.part" "$made"; }
}
join() { # of the files listed: those for which the condition of awk holds
    awk "$1" "$data/files" | while IFS= read -r file; do
        cat "$file"
        printf '\n<|endoftext|>\n'
    done
}
list_files() {
    # shellcheck disable=SC2086 # folders
    find $CODE -name '*.py' -size -40k -size +0 2>/dev/null | LC_ALL=C sort -u
}
unpack() { # an evaluation's items, packed or not; nothing where they aren't
    if [ -f "$1" ]; then gzip -dcf "$1"; fi
}
lessons() { # KIND SEED
    [ -f "$data/$1.jsonl" ] || "$primer" data synth "$experiments/../../curriculum/python" --only "$1" --seed "$2" \
        --count "$LESSONS" --most-wrong 10 -o "$data/$1.jsonl"
}
shard() { # NAME: of NAME.jsonl; its figures in NAME.json
    [ -f "$data/$1.json" ] || {
        "$primer" data shard --tokenizer "$data/tokenizer.gguf" -o "$data/$1.shard" "$data/$1.jsonl" --json \
            >"$data/$1.part"
        mv "$data/$1.part" "$data/$1.json"
    }
}

# Real code, and what its filter keeps of it: pieces of 50 lines. The forest on counts is what the filter's own recipe
# found best, so the model, which only has to be there, is trained for a minute.
filter_code() {
    [ -f "$data/filter.json" ] && return
    quick "$experiments/../filter/code.recipe" | sed -e 's/^data .*/data = sample.txt/' -e '/^evaluate/d' \
        -e "s/^steps .*/steps = $((STEPS < 60 ? STEPS : 60))/" -e 's/^warm-up .*/warm-up = 2/' >"$data/code.recipe"
    [ -f "$data/code/model.gguf" ] || train "$data/code.recipe"
    ratings=$experiments/../filter/ratings.jsonl
    set -- --hold-out 3
    if [ -n "${QUICK:-}" ]; then
        head -n 120 "$ratings" >"$data/ratings.jsonl"
        ratings=$data/ratings.jsonl
        set -- --trees 10 --folds 2 --tokens 32
    fi
    "$primer" data filter "$data/code.txt" --ratings "$ratings" --threshold 2 --features --lines 50 --model "$data/code/model.gguf" \
        --skip-bad -o "$data/code-kept.jsonl" --rejected "$data/code-rejected.jsonl" --report "$data/filter.md" \
        --save "$data/filter.json" "$@"
}
sample_texts() { # as much of code as of lessons
    results texts "$data/textbook.jsonl" "$data/explain.jsonl" "$data/exercise.jsonl" "$data/request.jsonl" --plain \
        --bytes 6000000
    awk 'bytes < 6000000 { print; bytes += length($0) + 1 }' "$data/code.txt"
}
solutions() {
    [ ! -s "$data/humaneval.txt" ] || cat "$data/humaneval.txt" "$data/mbpp.txt"
    [ -s "$data/humaneval.txt" ] || cat "$data/library.txt"
}

prepare() {
    same "$data/settings" "LESSONS=$LESSONS FILES=$FILES CODE=$CODE ITEMS=$ITEMS QUICK=${QUICK:-}"
    for kind in textbook:1 explain:2 exercise:3 request:4; do lessons "${kind%:*}" "${kind#*:}"; done
    [ -f "$data/tests.jsonl" ] || "$primer" data synth "$experiments/../../curriculum/python" --only exercise \
        --split test --tests --seed 5 --count "$ITEMS" --most-wrong 20 -o "$data/tests.jsonl"
    made "$data/tests.txt" results texts "$data/tests.jsonl" --plain
    made "$data/files" list_files
    [ -s "$data/files" ] || fail "found no Python files in $CODE, expected some"
    made "$data/library.txt" join 'NR % 240 == 1'
    made "$data/code.txt" join "NR % 240 != 1 && NR % $FILES == 0"
    made "$data/humaneval.jsonl" unpack "$HUMANEVAL"
    made "$data/mbpp.jsonl" unpack "$MBPP"
    made "$data/humaneval.txt" results problems "$data/humaneval.jsonl"
    made "$data/mbpp.txt" results problems "$data/mbpp.jsonl"
    [ -s "$data/humaneval.txt" ] || echo "no HumanEval at $HUMANEVAL: bits a byte are of held-out library code" >&2
    made "$data/solutions.txt" solutions
    made "$data/sample.txt" sample_texts
    [ -f "$data/tokenizer.gguf" ] ||
        "$primer" tokenizer train "$data/sample.txt" --vocab 2048 --split-digits --fewer -o "$data/tokenizer.gguf"
    filter_code
    made "$data/filtered.jsonl" results texts "$data/code-kept.jsonl"
    made "$data/raw.jsonl" results texts "$data/code-kept.jsonl" "$data/code-rejected.jsonl"
    made "$data/textbooks.jsonl" results texts "$data/textbook.jsonl" "$data/explain.jsonl"
    made "$data/exercises.jsonl" results texts "$data/exercise.jsonl" "$data/request.jsonl"
    for name in raw filtered textbooks exercises; do shard "$name"; done
    [ -f "$data/solutions.shard" ] || "$primer" data shard --tokenizer "$data/tokenizer.gguf" -o "$data/solutions.shard" \
        "$data/solutions.txt"
}

# ---- arms ---------------------------------------------------------------------------------------------

shape() { # half, base, double, four: 2.1, 4.2, 8.7, 15.8 million parameters
    case $1 in
    half) set -- 3 192 6 ;;
    base) set -- 4 256 8 ;;
    double) set -- 6 320 10 ;;
    four) set -- 8 384 12 ;;
    esac
    [ -z "${QUICK:-}" ] || set -- "$(($1 / 2))" "$(($2 / 4))" "$(($3 / 2))"
    echo "--set layers=$1 --set embedding=$2 --set heads=$3"
}
of() { # SOURCE...: equal numbers of tokens of each
    for source in "$@"; do printf -- '--set data=data/%s.shard ' "$source"; done
}
good() {
    of filtered textbooks exercises
}

score() { # RUN NAME COMMAND...: what it prints, kept
    score=$1/$2.json
    shift 2
    [ -f "$score" ] || { "$primer" "$@" --json >"$score.part" && mv "$score.part" "$score"; }
}
judge() { # RUN
    model=$1/model.gguf
    score "$1" exercises eval "$data/tests.jsonl" --model "$model" -n 120
    [ ! -s "$data/humaneval.jsonl" ] ||
        score "$1" humaneval eval "$data/humaneval.jsonl" --model "$model" -n 160 --limit "$ITEMS"
    for text in humaneval mbpp library tests; do
        [ ! -s "$data/$text.txt" ] || score "$1" "bits-$text" perplexity "$model" "$data/$text.txt" --special \
            --chunks $((ITEMS < 100 ? ITEMS : 100)) -c "$([ -n "${QUICK:-}" ] && echo 128 || echo 512)"
    done
}
# arm NAME SEED SETTINGS...: trained and judged; nothing where that is done.
arm() {
    name=$1 seed=$2
    shift 2
    run=$folder/arms/$name-$seed
    mkdir -p "$run"
    same "$run/settings" "STEPS=$STEPS ITEMS=$ITEMS OPTIONS=${OPTIONS:-} $* $(cksum <"$folder/${recipe:-base}.recipe")"
    [ ! -f "$run/outcome.jsonl" ] || return 0
    echo "== $name, seed $seed"
    [ -f "$run/model.gguf" ] || train "$folder/${recipe:-base}.recipe" --set "folder=arms/$name-$seed" --set "seed=$seed" \
        --set "steps=$STEPS" "$@"
    judge "$run"
    results outcome "$run" "$name" "$seed" "$data" --command \
        "primer train ${recipe:-base}.recipe --set folder=arms/$name-$seed --set seed=$seed --set steps=$STEPS $* ${OPTIONS:-}"
    rm -f "$run"/checkpoint-*
}
# ---- what came of it ----------------------------------------------------------------------------------

# conclude "ARM=what it is called"...: results.jsonl, and the table.
conclude() {
    results collect "$folder" "$experiment" "$@"
}
# bars METRIC TITLE: a picture of one measure.
bars() {
    file=$folder/$experiment/$(echo "$1" | tr -c 'a-z0-9\n' -)
    if results bars "$folder/$experiment/results.jsonl" "$1" >"$file.jsonl"; then
        "$primer" plot --bars "$file.jsonl" -o "$file.svg" --title "$2"
    fi
}
# curves NAME TITLE ARM...: the held-out bits by steps.
curves() {
    picture=$folder/$experiment/$1.svg title=$2
    shift 2
    logs=
    for name in "$@"; do
        for each in $SEEDS; do logs="$logs $folder/arms/$name-$each/log.jsonl"; done
    done
    # shellcheck disable=SC2086 # a list of paths
    "$primer" plot $logs --group --y bits -o "$picture" --title "$title"
}
