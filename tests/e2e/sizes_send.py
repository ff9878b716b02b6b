#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""sizes_send.py SRC DST PORT SECONDS RATE:BYTES...: UDP payloads of these sizes, each so many a
second, evenly; prints how many of each went out."""
import socket
import sys
import time

src, dst, port, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
flows = [[float(rate), bytes(int(size)), 0] for rate, size in (a.split(":") for a in sys.argv[5:])]
sock = socket.socket(socket.AF_INET6 if ":" in src else socket.AF_INET, socket.SOCK_DGRAM)
sock.bind((src, 0))
begin = time.monotonic()
while True:
    spent = min(time.monotonic() - begin, seconds)
    for flow in flows:
        while flow[2] < flow[0] * spent:
            try:
                sock.sendto(flow[1], (dst, port))
            except OSError:  # the answer to an earlier one: nobody listens
                continue
            flow[2] += 1
    if spent == seconds:
        break
    time.sleep(0.005)
print(" ".join(str(flow[2]) for flow in flows))
