# SPDX-License-Identifier: AGPL-3.0-or-later
"""prefix_send.py TO COUNT SRC...: from each source so many hellos that are none, to port 8000 of TO.

COUNT 0: each connects once and says nothing. Prints a line of JSON: connections that were made, and
those that got no answer; after one of those its source is left alone.
"""
import json
import socket
import sys

LOST_S = 0.9  # a SYN is sent again after a second
GARBAGE = b"GET / HTTP/1.1\r\n\r\n" * 10

to, count = sys.argv[1], int(sys.argv[2])
made = lost = 0
for src in sys.argv[3:]:
    for _ in range(max(count, 1)):
        sock = socket.socket(socket.AF_INET6 if ":" in to else socket.AF_INET)
        sock.settimeout(LOST_S)
        try:
            sock.bind((src, 0))
            sock.connect((to, 8000))
            made += 1
            if count:
                sock.sendall(GARBAGE)
                while sock.recv(4096):
                    pass
        except TimeoutError:
            lost += 1
            break
        except OSError:
            pass  # reset: it was told to go
        finally:
            sock.close()
print(json.dumps({"made": made, "lost": lost}))
