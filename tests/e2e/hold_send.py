# SPDX-License-Identifier: AGPL-3.0-or-later
"""hold_send.py SRC COUNT: opens so many connections to the server, says nothing in them, and prints
how many of them it has not closed once all have been tried."""
import select
import socket
import sys

src, count = sys.argv[1], int(sys.argv[2])
SETTLE_S = 0.5
socks = []
for _ in range(count):
    sock = socket.socket()
    sock.settimeout(5)
    sock.bind((src, 0))
    try:
        sock.connect(("10.66.0.1", 8000))
        socks.append(sock)
    except OSError:
        sock.close()
open_ones = set(socks)
while open_ones:
    ready, _, _ = select.select(list(open_ones), [], [], SETTLE_S)
    if not ready:
        break
    open_ones -= set(ready)  # nothing is said to who says nothing: it was closed
print(len(open_ones))
