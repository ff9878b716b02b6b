# SPDX-License-Identifier: AGPL-3.0-or-later
"""An HTTP server of block lists and a double of CrowdSec's local API, driven by files of a folder.

usage: feed_server.py FOLDER PORT

GET /NAME serves FOLDER/NAME with an ETag; FOLDER/mode says how: ok, 500, truncated, gzip, bomb (more
after decompression than anybody wants), away (a redirect to /moved), inwards (the same, to 127.0.0.1
as IPv6 writes it), hang (no answer, as long as that stands there). GET /v1/decisions/stream wants the
key "secret"; with startup=true it is FOLDER/all.json, else FOLDER/delta.json, once, and then nothing new;
FOLDER/lapi says how: ok, 500, truncated, slow. Each request is a line of FOLDER/log: status, path, and
what it was asked with.
"""
import gzip
import hashlib
import http.server
import os
import sys
import time

FOLDER, PORT = sys.argv[1], int(sys.argv[2])


def read(name, otherwise=b""):
    try:
        with open(os.path.join(FOLDER, name), "rb") as file:
            return file.read()
    except FileNotFoundError:
        return otherwise


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def note(self, status):
        with open(os.path.join(FOLDER, "log"), "a", encoding="ascii") as log:
            log.write(f"{status} {self.path} inm={self.headers.get('If-None-Match', '-')} "
                      f"key={self.headers.get('X-Api-Key', '-')}\n")

    def answer(self, status, body=b"", headers=(), cut=0):
        self.note(status)
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body[:len(body) - cut])
        self.close_connection = True

    def do_GET(self):
        path, _, query = self.path.partition("?")
        if path == "/v1/decisions/stream":
            self.stream(query)
        else:
            self.list(os.path.basename(path))

    def list(self, name):
        mode = read("mode", b"ok").decode().strip()
        if mode == "500":
            return self.answer(500, b"no")
        if mode == "hang":
            self.note("hang")
            while read("mode").decode().strip() == "hang":
                time.sleep(0.1)
            self.close_connection = True
            return None
        if mode == "away" and name != "moved":
            return self.answer(302, headers=[("Location", f"/moved?{name}")])
        if mode == "inwards" and name != "moved":
            return self.answer(302, headers=[("Location", f"http://[::ffff:127.0.0.1]:{PORT}/moved?{name}")])
        body = read(self.path.partition("?")[2] if name == "moved" else name)
        etag = '"' + hashlib.sha256(body).hexdigest()[:16] + '"'
        if self.headers.get("If-None-Match") == etag:
            return self.answer(304, headers=[("ETag", etag)])
        headers = [("ETag", etag), ("Content-Type", "text/plain")]
        if mode in ("gzip", "bomb"):
            headers.append(("Content-Encoding", "gzip"))
            body = gzip.compress(b"# \n" * 4000000 + body if mode == "bomb" else body)
        return self.answer(200, body, headers, cut=len(body) // 2 if mode == "truncated" else 0)

    def stream(self, query):
        mode = read("lapi", b"ok").decode().strip()
        if self.headers.get("X-Api-Key") != "secret":
            return self.answer(403, b'{"message":"access forbidden"}')
        if mode == "500":
            return self.answer(500, b'{"message":"no"}')
        if mode == "slow":
            time.sleep(3)
        if "startup=true" in query:
            body = read("all.json", b'{"new":null,"deleted":null}')
        else:
            body = read("delta.json", b'{"new":null,"deleted":null}')
            try:
                os.rename(os.path.join(FOLDER, "delta.json"), os.path.join(FOLDER, "delta.done"))
            except FileNotFoundError:
                pass
        if mode == "truncated":
            body = body[:len(body) // 2]
        return self.answer(200, body, [("Content-Type", "application/json")])


http.server.ThreadingHTTPServer(("", PORT), Handler).serve_forever()
