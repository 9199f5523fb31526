#!/bin/bash
# primer serve as a program: what it says first, where it may listen, sockets it is given, how it ends.
. "$(dirname "$0")/common.bash"
command -v python3 >/dev/null || { echo "skipped: python3 is missing"; exit 77; }
pid=
trap '[ -z "$pid" ] || kill -9 "$pid" 2>/dev/null; rm -rf "$folder"' EXIT
unset "${!OLLAMA_@}" LISTEN_FDS LISTEN_PID
tiny_model "$folder/tiny.gguf"

# start ARGUMENTS...: runs the server, waits until it listens; sets pid and port.
start() {
    : >"$folder/out"
    "$PRIMER" serve "$@" >"$folder/out" 2>"$folder/err" &
    pid=$!
    port=
    until [ -n "$port" ]; do
        kill -0 "$pid" 2>/dev/null || { cat "$folder/err"; fail "primer serve $* ended"; return; }
        port=$(sed -n 's/^listening on http:.*:\([0-9]*\)$/\1/p' "$folder/out" | head -1)
    done
}

# ask PATH: the status of a GET.
ask() {
    python3 - "$port" "$1" <<'END'
import http.client, sys
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=60)
connection.request("GET", sys.argv[2])
print(connection.getresponse().status)
END
}

end() { # SIGNAL: it ends well
    kill -s "$1" "$pid"
    wait "$pid"
    expect_same 0 $? "the exit code after $1"
}

start "$folder/tiny.gguf" --port 0 --alias other="$folder/tiny.gguf"
expect_same "listening on http://127.0.0.1:$port" "$(head -1 "$folder/out")" "the first line"
expect_same "model: other" "$(sed -n 2p "$folder/out")" "the second line"
grep -q "^try: curl http://127.0.0.1:$port/v1/chat/completions" "$folder/out" || fail "how to ask isn't said"
expect_same 200 "$(ask /health)" "health"
expect_same 404 "$(ask /nothing)" "an unknown path"
"$PRIMER" serve "$folder/tiny.gguf" --port "$port" >"$folder/second" 2>&1
expect_same 1 $? "a second server at the same port"
grep -q "127.0.0.1:$port: the port is taken by primer (process $pid); choose another with --port" "$folder/second" ||
    fail "who has the port isn't said: $(cat "$folder/second")"
end TERM
start "$folder/tiny.gguf" --port 0
end INT

"$PRIMER" serve "$folder/tiny.gguf" --host 0.0.0.0 --port 0 >"$folder/second" 2>&1
expect_same 1 $? "beyond loopback without keys"
grep -q -- "--api-key-file FILE.*--insecure" "$folder/second" || fail "what is missing isn't said"
OLLAMA_HOST=0.0.0.0:0 start "$folder/tiny.gguf" --insecure
grep -q "^listening on http://0.0.0.0:" "$folder/out" || fail "OLLAMA_HOST isn't taken"
end TERM
for wrong in "--port 70000" "--alias x" "--keep-alive soon" "--api-key-file $folder/tiny.gguf.missing" \
    "--host 256.256.256.256.invalid" "--origins localhost"; do
    # shellcheck disable=SC2086
    "$PRIMER" serve "$folder/tiny.gguf" --port 0 $wrong >"$folder/second" 2>&1
    expect_same 1 $? "primer serve $wrong"
    [ "$(wc -l <"$folder/second")" = 1 ] || fail "primer serve $wrong: $(cat "$folder/second")"
done
OLLAMA_KV_CACHE_TYPE=q9 "$PRIMER" serve "$folder/tiny.gguf" --port 0 >"$folder/second" 2>&1
expect_same 1 $? "an unknown OLLAMA_KV_CACHE_TYPE"
OLLAMA_KV_CACHE_TYPE=q9 start "$folder/tiny.gguf" --port 0 --kv f16
end TERM
"$PRIMER" serve >"$folder/second" 2>&1
expect_same 1 $? "no model"
"$PRIMER" serve "$folder/missing.gguf" --port 0 >"$folder/second" 2>&1
expect_same 1 $? "a file that isn't there"

# A socket that listens already, as systemd hands it over.
: >"$folder/out"
python3 - "$PRIMER" "$folder/tiny.gguf" >"$folder/out" 2>"$folder/err" <<'END' &
import os, socket, sys
given = socket.create_server(("127.0.0.1", 0))
os.dup2(given.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[1], [sys.argv[1], "serve", sys.argv[2], "--host", "256.256.256.256"])
END
pid=$!
port=
until [ -n "$port" ]; do
    kill -0 "$pid" 2>/dev/null || { cat "$folder/err"; fail "with a socket of its own it ended"; break; }
    port=$(sed -n 's/^listening on http:.*:\([0-9]*\)$/\1/p' "$folder/out" | head -1)
done
[ -z "$port" ] || { expect_same 200 "$(ask /health)" "through the socket that was given"; end TERM; }
exit 0
