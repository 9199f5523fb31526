#!/bin/bash
# Ctrl-C ends a one-shot answer with exit code 130, while text comes, and leaves no half-written file.
. "$(dirname "$0")/common.bash"
set -m # a job of its own for each command, so that it takes SIGINT
model=$folder/tiny.gguf
tiny_model "$model" --tokenizer spm

wait_for() { # FILE: until it has bytes, at most 30 seconds
    for _ in $(seq 300); do
        [ -s "$1" ] && return
        sleep 0.1
    done
    fail "$1 stayed empty"
}

wait_until() { # SECONDS COMMAND...: false when it never came true
    local left=$(($1 * 20))
    shift
    until "$@"; do
        [ $((left -= 1)) -gt 0 ] || return 1
        sleep 0.05
    done
}

catches_interrupt() { # PID: of the shell that becomes primer
    [ "$(readlink "/proc/$1/exe")" -ef "$PRIMER" ] &&
        [ $((0x$(sed -n 's/^SigCgt:[^0-9a-f]*//p' "/proc/$1/status") & 2)) != 0 ]
}

has_ended() { ! kill -0 "$1" 2>/dev/null || grep -qs '^State:.Z' "/proc/$1/status"; }

state_of() { grep -E '^(Name|State|Sig|Shd)' "/proc/$1/status" 2>&1 | tr '\n\t' '  '; }

"$PRIMER" run "$model" --raw --temp 0 --ignore-eos --drop-oldest "x" >"$folder/out" 2>"$folder/err" </dev/null &
wait_for "$folder/out"
kill -INT $!
wait_until 30 has_ended $! || fail "an interrupted answer goes on: $(state_of $!)"
code=0
wait $! || code=$?
[ "$code" = 130 ] || fail "an interrupted answer gave exit code $code"

# While a prompt is read from a pipe that never ends.
mkfifo "$folder/pipe"
exec 3<>"$folder/pipe"
"$PRIMER" run "$model" <"$folder/pipe" >"$folder/out2" 2>&1 &
wait_until 30 catches_interrupt $! || fail "primer never began to catch SIGINT: $(state_of $!)"
kill -INT $!
wait_until 30 has_ended $! || fail "an interrupted reader goes on: $(state_of $!)"
code=0
wait $! || code=$?
[ "$code" = 130 ] || fail "an interrupted reader gave exit code $code"

# quantize stops and takes its unfinished file away. Where it was faster than the signal, the file is whole, and it is
# tried again. Whoever runs this may ignore signals (nohup), which programs inherit.
tiny_model "$folder/large.gguf" --tokenizer spm --layers 24 --dim 256 --ffn 1024
ulimit -c 0
stop_quantize() { # SIGNAL: sets code
    rm -f "$folder"/small.gguf*
    env --default-signal=INT,TERM,HUP,QUIT "$PRIMER" quantize "$folder/large.gguf" "$folder/small.gguf" Q4_K_M -t 1 \
        >"$folder/out3" 2>&1 &
    job=$!
    for _ in $(seq 1000); do
        compgen -G "$folder/small.gguf*" >/dev/null && break
        kill -0 $job 2>/dev/null || break
    done
    kill -"$1" $job 2>/dev/null
    code=0
    wait $job 2>/dev/null || code=$?
    compgen -G "$folder/small.gguf.partial*" >/dev/null && fail "an interrupted quantize left $(ls "$folder")"
    [ "$code" != 0 ] || "$PRIMER" inspect "$folder/small.gguf" >/dev/null || fail "a broken file under the final name"
}
for signal in INT:130 TERM:143 HUP:129 QUIT:131; do
    for _ in 1 2 3 4 5; do
        stop_quantize "${signal%:*}"
        [ "$code" = 0 ] || break
    done
    [ "$code" = "${signal#*:}" ] || fail "a quantize at SIG${signal%:*} gave exit code $code: $(cat "$folder/out3")"
    [ -e "$folder/small.gguf" ] && fail "an interrupted quantize left a file under the final name"
done

# A file that may not grow further is a failure like a full disk, no signal.
rm -f "$folder"/small.gguf*
code=0
(ulimit -f 16 && exec "$PRIMER" quantize "$folder/large.gguf" "$folder/small.gguf" Q4_K_M) 2>"$folder/err" || code=$?
[ "$code" = 1 ] || fail "a quantize at the limit of ulimit -f gave exit code $code"
compgen -G "$folder/small.gguf*" >/dev/null && fail "a quantize at the limit left $(ls "$folder")"
exit 0
