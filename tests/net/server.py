#!/usr/bin/env python3
"""server.py - an HTTP server that behaves as its paths say; prints its port, ends with its standard input.

    /echo           what was asked, as JSON            /status/N        status N, its body says so
    /flaky/KEY/N    500 N times, then 200              /limited/KEY/S   429 with Retry-After: S once, then 200
    /silent         no answer                          /stall           a beginning, then nothing
    /drip           20 bytes, one each 50 ms           /huge            8 MB in chunks
    /long           announces 10^12 bytes              /short           announces 100 bytes, gives 10
    /close          closes without an answer           /garbage         what isn't HTTP
    /loop           redirects to itself                /to?URL          redirects there
    /bomb           1 kB of gzip that is 1 MB          /heads           headers without an end
    /count/KEY      how often KEY was asked for
"""
import collections
import gzip
import http.server
import json
import os
import ssl
import sys
import threading
import time

seen = collections.Counter()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def answer(self, body, status=200, **headers):
        body = body if isinstance(body, bytes) else body.encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def hold(self):
        """Until the client has gone."""
        self.close_connection = True
        self.connection.settimeout(30)
        try:
            self.connection.recv(1)
        except OSError:
            pass

    def handle_any(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode("utf-8", "replace")
        path, _, query = self.path.partition("?")
        name, *rest = path.strip("/").split("/")
        try:
            getattr(self, "do_" + name)(body, query, *rest)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_GET = do_POST = handle_any

    def do_echo(self, body, query):
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.answer(json.dumps({"method": self.command, "path": self.path, "headers": headers, "body": body}),
                    Content_Type="application/json", X_Twice="one")

    def do_status(self, body, query, number):
        self.answer("this is status " + number if number != "204" else "", int(number))

    def do_flaky(self, body, query, key, times):
        seen[key] += 1
        self.answer("fine") if seen[key] > int(times) else self.answer("not yet", 500)

    def do_limited(self, body, query, key, seconds):
        seen[key] += 1
        self.answer("fine") if seen[key] > 1 else self.answer("slowly", 429, Retry_After=seconds)

    def do_count(self, body, query, key):
        self.answer(str(seen[key]))

    def do_silent(self, body, query):
        self.hold()

    def do_stall(self, body, query):
        self.send_response(200)
        self.send_header("Content-Length", "100")
        self.end_headers()
        self.wfile.write(b"beginning")
        self.hold()

    def do_drip(self, body, query):
        self.send_response(200)
        self.send_header("Content-Length", "20")
        self.end_headers()
        for i in range(20):
            self.wfile.write(b"%d" % (i % 10))
            time.sleep(0.05)

    def do_huge(self, body, query):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for _ in range(128):
            self.wfile.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def do_long(self, body, query):
        self.send_response(200)
        self.send_header("Content-Length", str(10**12))
        self.end_headers()
        self.wfile.write(b"x")
        self.hold()

    def do_short(self, body, query):
        self.send_response(200)
        self.send_header("Content-Length", "100")
        self.end_headers()
        self.wfile.write(b"0123456789")
        self.close_connection = True

    def do_close(self, body, query):
        self.close_connection = True

    def do_garbage(self, body, query):
        self.wfile.write(b"\x00\xff nothing that is HTTP\n" * 10)
        self.close_connection = True

    def do_loop(self, body, query):
        self.answer("", 302, Location="/loop")

    def do_to(self, body, query):
        self.answer("", 302, Location=query)

    def do_bomb(self, body, query):
        self.answer(gzip.compress(b"0" * 1000000), Content_Encoding="gzip")

    def do_heads(self, body, query):
        self.send_response(200)
        self.end_headers = lambda: None
        self.flush_headers()
        for i in range(10000):
            self.wfile.write(b"X-%d: %s\r\n" % (i, b"x" * 200))
        self.hold()


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


def main():
    server = Server(("127.0.0.1", 0), Handler)
    if len(sys.argv) > 1:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[1])
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *arguments: None
    print(server.server_address[1], flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
