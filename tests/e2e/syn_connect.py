#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Connect to an echo server N times, from eight threads; every byte of every answer is compared.

usage: syn_connect.py --port PORT [--count N] [--hold SECONDS] ADDRESS...
Prints "GOOD of N".
"""
import argparse
import socket
import time
from concurrent.futures import ThreadPoolExecutor

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--count", type=int, default=1)
parser.add_argument("--hold", type=float, default=0)
parser.add_argument("address", nargs="+")
args = parser.parse_args()


def one(number):
    message = b"message %d " % number * 20
    try:
        with socket.create_connection((args.address[number % len(args.address)], args.port), 5) as s:
            s.sendall(message)
            got = b""
            while len(got) < len(message):
                part = s.recv(4096)
                if not part:
                    return False
                got += part
            time.sleep(args.hold)
            return got == message
    except OSError:
        return False


with ThreadPoolExecutor(8) as pool:
    print(sum(pool.map(one, range(args.count))), "of", args.count)
