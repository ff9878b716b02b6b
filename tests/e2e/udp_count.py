# SPDX-License-Identifier: AGPL-3.0-or-later
"""udp_count.py ADDRESS PORT: takes datagrams until SIGTERM; says "ready" once it listens, and at the
end a line of JSON: how many came, by source."""
import collections
import json
import signal
import socket
import sys

RCVBUFFORCE = 33  # of Linux; root may have more than the sysctl allows

came = collections.Counter()
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.setsockopt(socket.SOL_SOCKET, RCVBUFFORCE, 64 << 20)
sock.bind((sys.argv[1], int(sys.argv[2])))


def stop(_number, _frame):
    # What waits is there already: a last look without waiting.
    sock.setblocking(False)
    try:
        while True:
            came[sock.recvfrom(65536)[1][0]] += 1
    except BlockingIOError:
        print(json.dumps(came), flush=True)
        sys.exit(0)


signal.signal(signal.SIGTERM, stop)
print("ready", flush=True)
while True:
    came[sock.recvfrom(65536)[1][0]] += 1
