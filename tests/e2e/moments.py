#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""kill -9 at random moments while two operators work, half of the times with the maps lost: what was
answered holds, what was taken back does not come back, and store and gate say the same.

moments.py ROUNDS SEED; run by 99-moments.sh, in its namespaces."""
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import threading
import time

O, TMP = os.environ["O"], os.environ["E2E_TMP"]
STATE = TMP + "/state"
PINS = "/sys/fs/bpf/strazh"
HOSTS = 12


def ctl(*args, **more):
    return subprocess.run([O + "/strazhctl", *args], capture_output=True, text=True, timeout=60, check=False, **more)


class Daemon:
    def __init__(self):
        self.log = open(TMP + "/strazhd.log", "a", encoding="utf-8")
        self.process = None

    def up(self):
        self.process = subprocess.Popen([O + "/strazhd", "--state-dir", STATE], stdout=self.log, stderr=self.log)
        for _ in range(600):
            if '"via":"strazhd"' in ctl("status", "--json").stdout.replace(" ", ""):
                return
            time.sleep(0.05)
        raise SystemExit("strazhd did not come up")

    def kill(self):
        self.process.kill()
        self.process.wait()


class Operator(threading.Thread):
    """Of some hosts: what each has to be. None: the answer did not come."""

    def __init__(self, number, state, rng):
        super().__init__()
        self.number, self.state, self.rng, self.stop = number, state, rng, False

    def one(self):
        name = f"10.{self.number}.0.{self.rng.randrange(HOSTS)}"
        kind = self.rng.choice(("ban", "ban", "unban", "prefix", "free", "load", "unload", "flush"))
        if kind in ("prefix", "free"):
            name = f"10.{self.number}.{self.rng.randrange(1, 4)}.0/24"
        if kind in ("load", "unload"):
            name = f"list{self.number}"
        if kind == "flush" and (self.number or self.rng.random() < 0.8):
            return
        touched = {name: kind in ("ban", "prefix", "load")}
        if kind == "flush":
            touched = {at: False for at in self.state if at.startswith("10.") or at.startswith("list")}
        args = {"load": ("load", TMP + "/entries", "--list", name), "unload": ("unload", name),
                "flush": ("flush", "deny", "--yes")}.get(kind, ("ban" if touched[name] else "unban", name)
                                                         if kind != "flush" else ())
        for at in touched:
            self.state[at] = None
        done = ctl(*args, "-q")
        # 3: it was not there. With strazhd gone strazhctl acts by itself, into the journal.
        if done.returncode in (0, 3):
            for at, value in touched.items():
                self.state[at] = value

    def run(self):
        while not self.stop:
            self.one()


def in_gate():
    rows = [json.loads(line) for line in ctl("list", "deny", "--json").stdout.splitlines()]
    found = {row["prefix"] for row in rows if "operator" in row.get("lists", ())}
    lists = [json.loads(line) for line in ctl("lists", "--json").stdout.splitlines()]
    return found | {row["list"] for row in lists if row.get("entries")}


def in_store():
    db = sqlite3.connect(STATE + "/strazh.db", timeout=30)
    found = {row[0].removesuffix("/32") for row in db.execute("SELECT cidr FROM ban WHERE origin = 'operator'")}
    found |= {row[0] for row in db.execute("SELECT name FROM address_list")}
    db.close()
    return found


def settle(want):
    """Gate and store say the same, and what is known: or what is wrong."""
    for _ in range(400):
        gate, store = in_gate(), in_store()
        wrong = sorted(at for at, is_there in want.items() if is_there is not None and (at in gate) != is_there)
        # A load that was cut off before its copy is in force, and no more than that.
        loose = {at for at in gate - store if at.startswith(("list", "recovered-")) and want.get(at) is None}
        apart = sorted((gate ^ store) - loose)
        if not wrong and not apart:
            return ""
        time.sleep(0.1)
    return f"not as answered: {wrong}; gate and store differ: {apart}"


def main():
    rounds, seed = int(sys.argv[1]), int(sys.argv[2])
    rng = random.Random(seed)
    print(f"# {rounds} rounds, MOMENTS_SEED={seed}")
    with open(TMP + "/entries", "w", encoding="utf-8") as out:
        out.write("172.16.0.0/24\n172.16.1.1\n")
    daemon, failed = Daemon(), 0
    daemon.up()
    states = [{}, {}]
    for number in range(rounds):
        # A flush is of both: then the other one works when it has been answered.
        flushes = rng.random() < 0.3
        operators = [Operator(i + (0 if flushes else 1), states[i], random.Random(rng.random())) for i in range(2)]
        if flushes:
            both = {**states[0], **states[1]}
            operators = [Operator(0, both, random.Random(rng.random()))]
        for operator in operators:
            operator.start()
        time.sleep(rng.uniform(0.05, 1.5))
        lost = rng.random() < 0.5
        daemon.kill()
        for operator in operators:
            operator.stop = True
        for operator in operators:
            operator.join()
        if lost:
            shutil.rmtree(PINS, ignore_errors=True)
        daemon.up()
        want = both if flushes else {**states[0], **states[1]}
        why = settle(want)
        what = f"round {number}: killed{' in a flush' if flushes else ''}{', maps lost' if lost else ''}"
        print(f"{'not ok' if why else 'ok'} {number + 1} - {what}")
        if why:
            print("# " + why)
            failed += 1
        gate, store = in_gate(), in_store()
        for state in states:
            state.clear()
        for at in gate:
            states[0][at] = True if at in store else None
    daemon.kill()
    print(f"1..{rounds}")
    sys.exit(1 if failed else 0)


main()
