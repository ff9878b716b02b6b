# SPDX-License-Identifier: AGPL-3.0-or-later
"""garbage_send.py SRC COUNT: hellos that are none, one connection after the other, to the server.

Prints a line of JSON: how many were sent, and when the first packet was lost, in ms after the first
garbage; null: none was. A connection attempt that gets no answer is lost: nothing else answers so.
"""
import json
import socket
import sys
import time

LOST_S = 0.9  # a SYN is sent again after a second
GARBAGE = b"GET / HTTP/1.1\r\n\r\n" * 10

src, count = sys.argv[1], int(sys.argv[2])
sent, begin, lost_ms = 0, None, None
for _ in range(count):
    sock = socket.socket()
    sock.settimeout(LOST_S)
    sock.bind((src, 0))
    now = time.monotonic()
    try:
        sock.connect(("10.66.0.1", 8000))
        begin = begin or time.monotonic()
        now = time.monotonic()
        sock.sendall(GARBAGE)
        sent += 1
        while sock.recv(4096):
            pass
    except TimeoutError:
        lost_ms = round((now - begin) * 1000) if begin else 0
        break
    except OSError:
        pass  # reset: it was told to go
    finally:
        sock.close()
print(json.dumps({"sent": sent, "lost_ms": lost_ms}))
