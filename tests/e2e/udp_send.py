# SPDX-License-Identifier: AGPL-3.0-or-later
"""udp_send.py SRC RATE SECONDS: small UDP packets from SRC to the server, prints how many. SIGTERM
ends it earlier."""
import signal
import socket
import sys
import time

src, rate, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
family = socket.AF_INET6 if ":" in src else socket.AF_INET
peer = ("fd66::1", 9) if ":" in src else ("10.66.0.1", 9)
sock = socket.socket(family, socket.SOCK_DGRAM)
sock.bind((src, 0))
begin = time.monotonic()
sent = 0


def stop(_number, _frame):
    global seconds
    seconds = 0


signal.signal(signal.SIGTERM, stop)
while (now := time.monotonic() - begin) < seconds:
    while sent < now * rate:
        try:
            sock.sendto(b"x" * 32, peer)
        except ConnectionRefusedError:
            pass  # an ICMP answer to an earlier packet
        sent += 1
    time.sleep(0.001)
print(sent)
