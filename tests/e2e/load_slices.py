#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""load_slices.py: while a list is on its way into the gate everything else goes on.

Speaks strazhctl's protocol, so that the order of requests and answers is known: the load was sent
before the others. Runs inside 86-load.sh: O is the build folder, LOAD_ENTRIES how long the list is.
TAP on stdout."""
import array
import fcntl
import ipaddress
import json
import os
import select
import socket
import subprocess
import sys
import time

CTL = os.environ["O"] + "/strazhctl"
SOCKET = "/run/strazh/strazhd.sock"
COUNT = int(os.environ["LOAD_ENTRIES"])
FIRST = int(ipaddress.IPv4Address("20.0.0.0"))
SEALS = 0x2 | 0x4 | 0x8  # shrink, grow, write
tests = failed = 0


def ok(good, name):
    global tests, failed
    tests += 1
    failed += not good
    print(("ok " if good else "not ok ") + "%d - %s" % (tests, name), flush=True)


def records(first, count):
    """struct prefix: address of 16 bytes, family, length; sorted."""
    tail = bytes(12) + b"\x04\x20"
    text = b"".join((first + i).to_bytes(4, "big") + tail for i in range(count))
    fd = os.memfd_create("records", os.MFD_ALLOW_SEALING)
    with os.fdopen(os.dup(fd), "wb") as out:
        out.write(text)
    fcntl.fcntl(fd, 1033, SEALS)  # F_ADD_SEALS
    return fd


class Link:
    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(120)
        self.socket.connect(SOCKET)
        self.file = self.socket.makefile("rb")

    def send(self, command, fd=None, **args):
        line = json.dumps({"command": command, "args": args}).encode() + b"\n"
        passed = [] if fd is None else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))]
        self.socket.sendmsg([line], passed)

    def answer(self):
        while True:
            row = json.loads(self.file.readline())
            if "result" in row:
                return row

    def ask(self, command, **args):
        self.send(command, **args)
        return self.answer()

    def answered(self):
        return bool(select.select([self.socket], [], [], 0)[0])

    def close(self):
        self.file.close()
        self.socket.close()


def settled(command, want):
    """What strazhctl says in the end, for as long as a slow machine needs."""
    for _ in range(1200):
        if want(subprocess.run([CTL, *command], capture_output=True, text=True, check=False).stdout):
            return True
        time.sleep(0.1)
    return False


def names():
    said = subprocess.run([CTL, "lists", "--json"], capture_output=True, text=True, check=True).stdout
    return {row["list"] for row in map(json.loads, said.splitlines()) if "list" in row}


def address(number):
    return str(ipaddress.IPv4Address(FIRST + number))


big, small = records(FIRST, COUNT), records(FIRST, 1000)
one, two, other = Link(), Link(), Link()

# Others are served, and what they do to entries of the list stays done.
one.send("load", big, file="-", list="big")
first = [other.ask("ban", prefix="192.0.2.%d" % i) for i in range(20)]
inside = other.ask("ban", prefix=address(COUNT // 2), reason="inside")
status = other.ask("status")
ok(not one.answered(), "22 requests are answered before the load that was sent before them")
ok(all(a["code"] == 0 for a in (*first, inside, status)), "and done")
ok("big" not in names(), "the list is not in force yet")
two.send("load", small, file="-", list="big")
ok(other.ask("unban", prefix="192.0.2.1")["code"] == 0, "while another load waits, too")
said = one.answer()
ok(said["code"] == 0 and said.get("added") == COUNT, "the load is answered: %s" % said.get("message"))
said = two.answer()
ok(said["code"] == 0 and said.get("kept") == 1000, "and then the one that waited: %s" % said.get("message"))
ok(said.get("removed") == COUNT - 1000, "which takes out what only the first had")
why = subprocess.run([CTL, "why", address(COUNT // 2)], capture_output=True, text=True, check=False).stdout
ok("inside" in why and "operator" in why, "a ban that was made meanwhile is there")
why = subprocess.run([CTL, "why", address(COUNT - 1)], capture_output=True, text=True, check=False)
ok(why.returncode != 0 or "big" not in why.stdout, "what only the first list had is denied no more")

# Who goes away takes its load with it. strazhd has closed links that said nothing for long, by now.
one, other = Link(), Link()
three = Link()
three.send("load", big, file="-", list="gone")
ok(other.ask("ban", prefix="192.0.2.77")["code"] == 0, "a load is begun")
three.close()
one.send("load", small, file="-", list="next")
ok(one.answer()["code"] == 0 and "gone" not in names(), "its client leaves: no list of that name, and the next goes")


def few(text):
    rows = [json.loads(line) for line in text.splitlines()]
    return sum("prefix" in row for row in rows) < 2000


ok(settled(["list", "deny", "--json"], few), "nor is an entry of it left")

# A flush ends it, in words.
one.send("load", big, file="-", list="flushed")
ok(other.ask("flush", table="deny", yes=True)["code"] == 0, "the denied entries are flushed while a load is under way")
said = one.answer()
ok(said["code"] != 0 and "flushed" in said["message"], "which says so: %s" % said.get("message"))
ok("flushed" not in names(), "and leaves no list")
one.send("load", small, file="-", list="after")
ok(one.answer().get("added") == 1000, "a list can be loaded after that")
print("1..%d" % tests)
sys.exit(failed != 0)
