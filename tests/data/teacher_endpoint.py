#!/usr/bin/env python3
"""teacher_endpoint.py - an endpoint of OpenAI's kind whose answers are written here; prints its port.

    teacher_endpoint.py LOG KIND...     the n-th question gets the n-th kind, and then the last for ever

Kinds: good (what was asked for), same (the same each time), wrong (an example that fails), bare (no example), loop
(never ends), busy (good, a second of it), long (three), cut, garbage, nothing, page (HTML), silent, 400 401 404 429 500 503, euro (400
with characters of three bytes), slow (good, after 0.3 s).
LOG gets a line of JSON for each question. Ends with its standard input.
"""
import collections
import http.server
import json
import os
import re
import sys
import threading
import time

LOG, KINDS = sys.argv[1], sys.argv[2:]
lock = threading.Lock()
asked = collections.Counter()


def good(question, number):
    name = re.search(r"called (\w+)", question)
    words = re.findall(r'"(\w+)"', question)
    if name:
        return (f"Here it is.\n```python\nimport math\n\ndef {name[1]}(n):\n    \"\"\"Adds {number} to n; "
                f"{' '.join(words)}.\n\n    >>> {name[1]}(1)\n    {number + 1}\n    \"\"\"\n    return n + {number}\n\n"
                f"print({name[1]}(5))\n```\n")
    if "word problem" not in question:
        who = re.search(r"Tell how (\w+)", question)
        return " ".join(["words and"] * 100 + words + ([who[1]] if who else [])) + f" number {number}.\n\n```python\nx = {number}\nprint(x)\n```\n"
    who = re.search(r"\b([A-Z]\w+) is in it", question)
    return (f"**Problem:** {who[1]} has {number} of {' '.join(words)}. How many are two times as many?\n\n"
            f"```python\nhave = {number}\nprint(2 * have)\n```\n")


def text_of(kind, question, number):
    text = good(question, 7 if kind == "same" else number)
    if kind == "same":
        text = re.sub(r"def \w+", "def always_this", text)
    if kind == "wrong":
        text = re.sub(r"(>>> .*\n\s*)\d+", r"\g<1>-1", text)
    if kind == "bare":
        text = re.sub(r">>> .*\n\s*\d+", "", text)
    if kind in ("busy", "long"):
        seconds = 1 if kind == "busy" else 3
        text = text.replace("    return n", f"    __import__('time').sleep({seconds})\n    return n")
    if kind == "loop":
        text = re.sub(r"return n", "while True: pass\n    return n", text)
    return text


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def answer(self, status, body, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with lock:
            number = asked["all"]
            asked["all"] += 1
            kind = KINDS[min(number, len(KINDS) - 1)]
            with open(LOG, "a") as log:
                log.write(json.dumps({"path": self.path, "key": self.headers.get("Authorization"), "kind": kind,
                                      "request": request}) + "\n")
        question = request["messages"][-1]["content"]
        if kind.isdigit():
            extra = {"Retry_After": "0"} if kind == "429" else {}
            self.answer(int(kind), b'{"error": {"message": "no"}}', **extra)
        elif kind == "euro":
            self.answer(400, ("x" * number + "\u20ac" * 400).encode())
        elif kind == "silent":
            self.close_connection = True
            time.sleep(20)
        elif kind == "garbage":
            self.wfile.write(b"\x00\x01 no HTTP at all\n")
            self.close_connection = True
        elif kind == "page":
            self.answer(200, b"<html>Welcome to the hotel's network</html>")
        else:
            time.sleep(0.3 if kind == "slow" else 0)
            content = None if kind == "nothing" else text_of(kind, question, number)
            finish = "length" if kind == "cut" else "stop"
            self.answer(200, json.dumps({"choices": [{"message": {"role": "assistant", "content": content},
                                                      "finish_reason": finish}]}).encode())


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


server = Server(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
os._exit(0)
