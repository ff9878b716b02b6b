#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a command costs, it and a process that works for it.

usage: cost.py PID COMMAND...

Prints SECONDS CPU, both in seconds: from the command's start to its end, and the CPU time meanwhile of
the command with its children and of process PID with those of its children that ended. PID's own is
that of its threads by the scheduler's clock, in ns; only its children's comes in ticks. Ends as the
command does.
"""
import os
import resource
import subprocess
import sys
import time


def clock_of(pid):
    """CLOCK_PROCESS_CPUTIME_ID of another process, as clock_getcpuclockid(3) makes it."""
    return ~pid << 3 | 2


def of_process(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    children = int(fields[13]) + int(fields[14])
    return time.clock_gettime(clock_of(pid)) + children / os.sysconf("SC_CLK_TCK")


def of_command():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


pid = int(sys.argv[1])
before, begin = of_process(pid) + of_command(), time.monotonic()
status = subprocess.run(sys.argv[2:], stdout=subprocess.DEVNULL, check=False).returncode
took = time.monotonic() - begin
cpu = of_process(pid) + of_command() - before
print(f"{took:.6f} {cpu:.6f}")
sys.exit(status if status >= 0 else 128 - status)
