#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Questions over UDP, as a resolver's are, and their answers: are any lost?

answers.py serve ADDRESS PORT            answers each datagram with itself, until it is killed
answers.py ask ADDRESS PORT SECONDS      from a connected socket of its own each, 50 a second;
                                         prints {"ok": N, "lost": N} at the end
"""

import json
import socket
import sys
import time

PER_S = 50
WAIT_S = 3


def serve(sock):
    print("ready", flush=True)
    while True:
        data, peer = sock.recvfrom(2048)
        sock.sendto(data, peer)


def ask(where, seconds):
    told = {"ok": 0, "lost": 0}
    begin = time.monotonic()
    for number in range(PER_S * seconds):
        time.sleep(max(0, begin + number / PER_S - time.monotonic()))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(WAIT_S)
            sock.connect(where)
            sock.send(b"question %d" % number)
            try:
                right = sock.recv(2048) == b"question %d" % number
            except OSError:
                right = False
            told["ok" if right else "lost"] += 1
    print(json.dumps(told))


def main():
    where = (sys.argv[2], int(sys.argv[3]))
    if sys.argv[1] == "ask":
        ask(where, int(sys.argv[4]))
        return
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(where)
        serve(sock)


main()
