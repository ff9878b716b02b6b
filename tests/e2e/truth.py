#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""truth.py OPERATIONS SEED: the differential of truth.

Random operations through strazhd's socket, and through strazhctl while it is down; among them kills,
reboots (no pins) and times in which the store is away. What was answered is the model. At checkpoints
and at the end these agree, entry by entry and with their times: the model, what strazhd says, the maps
as strazhctl reads them without strazhd, the store, and what its audit comes to when it is told from
the beginning. The audit's chain is whole.

Runs inside 99-truth.sh: O is the build folder, E2E_TMP a folder of its own. TAP on stdout."""
import array
import fcntl
import hashlib
import ipaddress
import json
import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time

OUT, TMP = os.environ["O"], os.environ["E2E_TMP"]
STATE = TMP + "/state"
DB, JOURNAL = STATE + "/strazh.db", STATE + "/journal"
SOCKET = "/run/strazh/strazhd.sock"
PINS = "/sys/fs/bpf/strazh"
CTL = OUT + "/strazhctl"
TABLES = ("deny", "allow", "never")
EDGE_S = 4  # who ends so near to now is not compared
CHECKPOINTS = 4

count = int(sys.argv[1])
seed = int(sys.argv[2])
rnd = random.Random(seed)
tests = failed = 0
model = {table: {} for table in TABLES}  # prefix -> wall time of its end, or None
lists = {}  # name -> addresses
mode = "auto"
tally = {}


def say(text):
    print("# " + text, flush=True)


def ok(good, name):
    global tests, failed
    tests += 1
    failed += not good
    print(("ok " if good else "not ok ") + "%d - %s" % (tests, name), flush=True)


# ---- strazhd ----


class Daemon:
    def __init__(self):
        self.process = None
        self.link = self.socket = None

    def up(self):
        log = open(TMP + "/strazhd.log", "a")
        self.process = subprocess.Popen([OUT + "/strazhd", "--state-dir", STATE], stdout=log, stderr=log)
        for _ in range(400):
            try:
                self.connect()
                return
            except OSError:
                time.sleep(0.05)
        raise SystemExit("strazhd does not come up")

    def connect(self):
        link = socket.socket(socket.AF_UNIX)
        link.settimeout(60)
        link.connect(SOCKET)
        self.socket = link
        self.link = link.makefile("rwb")

    def down(self, how):
        self.link.close()
        self.socket.close()
        self.process.send_signal(how)
        self.process.wait(60)

    def send(self, command, **args):
        self.link.write(json.dumps({"command": command, "args": args}).encode() + b"\n")
        self.link.flush()

    def send_with(self, fd, command, **args):
        line = json.dumps({"command": command, "args": args}).encode() + b"\n"
        self.socket.sendmsg([line], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))])

    def answer(self):
        rows = []
        while True:
            line = self.link.readline()
            if not line:
                raise SystemExit("strazhd hung up")
            row = json.loads(line)
            if "result" in row:
                return row, rows
            rows.append(row)

    def ask(self, command, **args):
        self.send(command, **args)
        return self.answer()


strazhd = Daemon()

# ---- what is done ----


def canonical(text):
    net = ipaddress.ip_network(text)
    return str(net.network_address) if net.prefixlen == net.max_prefixlen else str(net)


def some_prefix():
    kind = rnd.random()
    if kind < 0.6:
        return "10.7.%d.%d" % (rnd.randrange(2), rnd.randrange(60))
    if kind < 0.75:
        return "10.7.%d.%d/%d" % (rnd.randrange(4), rnd.randrange(16) * 16, 28)
    if kind < 0.8:
        return "10.%d.0.0/16" % rnd.randrange(7, 10)
    if kind < 0.92:
        return "2001:db8::%x" % rnd.randrange(1, 40)
    return "2001:db8:%x::/48" % rnd.randrange(6)


def ends(seconds):
    return time.time() + seconds if seconds else None


def some_time():
    return rnd.choice((None, None, 2, 3, 3600, 86400, 40000000))


VERBS = {  # command -> table, adds?
    "ban": ("deny", True),
    "unban": ("deny", False),
    "allow": ("allow", True),
    "disallow": ("allow", False),
}


def learn(table, prefix, adds, seconds):
    if adds:
        model[table][canonical(prefix)] = ends(seconds)
    else:
        model[table].pop(canonical(prefix), None)


def some_change():
    """A single change: command, arguments, and what it means when it is done."""
    prefix, seconds = some_prefix(), some_time()
    command = rnd.choices(("ban", "unban", "allow", "disallow", "never", "unnever"), (8, 5, 2, 2, 1, 1))[0]
    args = {"prefix": prefix}
    if command in ("ban", "allow", "never") and seconds:
        args["for"] = "%ds" % seconds
    if command == "ban" and rnd.random() < 0.3:
        args["reason"] = "because of %d" % rnd.randrange(1000)
    if command.endswith("never"):
        table, adds = "never", command == "never"
        if not adds:
            args["remove"] = True
        return "never", args, lambda: learn(table, prefix, adds, seconds)
    table, adds = VERBS[command]
    return command, args, lambda: learn(table, prefix, adds, seconds)


def change():
    command, args, learned = some_change()
    result, _ = strazhd.ask(command, **args)
    if result["code"] == 0:
        learned()


def lines():
    """Many bans as one request; which lines were refused its rows say."""
    wanted = [(some_prefix(), some_time()) for _ in range(rnd.randrange(2, 40))]
    text = "\n".join(p + (" %ds" % s if s else "") for p, s in wanted)
    _, rows = strazhd.ask("ban-lines", lines=text, first=1)
    refused = {row["line"] for row in rows}
    for number, (prefix, seconds) in enumerate(wanted, 1):
        if number not in refused:
            learn("deny", prefix, True, seconds)
    return len(wanted)


def pipelined():
    """Requests that do not wait for each other, on one link."""
    changes = [some_change() for _ in range(rnd.randrange(2, 12))]
    for command, args, _ in changes:
        strazhd.send(command, **args)
    for _, _, learned in changes:
        if strazhd.answer()[0]["code"] == 0:
            learned()
    return len(changes)


def flush():
    table = rnd.choice(TABLES)
    result, _ = strazhd.ask("flush", table=table, yes=True)
    if result["code"] == 0:
        model[table].clear()
        if table == "deny":
            lists.clear()


def load():
    """A list comes, is replaced or goes; what is done beside it does not wait. Its addresses are its own."""
    name = rnd.choice(("one", "two", "three"))
    if name in lists and rnd.random() < 0.3:
        if strazhd.ask("unload", list=name)[0]["code"] == 0:
            del lists[name]
        return
    first = rnd.randrange(200)
    wanted = {"10.77.%d.%d" % divmod(n, 100) for n in range(first, first + rnd.randrange(1, 300))}
    records = sorted(ipaddress.IPv4Address(a).packed + bytes(12) + b"\x04\x20" for a in wanted)
    fd = os.memfd_create("records", os.MFD_ALLOW_SEALING)
    os.write(fd, b"".join(records))
    fcntl.fcntl(fd, 1033, 0x2 | 0x4 | 0x8)  # F_ADD_SEALS: shrink, grow, write
    strazhd.send_with(fd, "load", file="-", list=name)
    os.close(fd)
    if strazhd.answer()[0]["code"] == 0:
        lists[name] = wanted


def setting():
    global mode
    value = rnd.choice(("auto", "observe", "enforce"))
    result, _ = strazhd.ask("set", name="rate.mode", value=value)
    if result["code"] == 0:
        mode = value


def while_down():
    """strazhctl alone."""
    command, args, learned = some_change()
    words = [CTL, "-q", command, args["prefix"]]
    words += ["--remove"] if "remove" in args else []
    words += ["--for", args["for"]] if "for" in args else []
    if subprocess.run(words, capture_output=True, timeout=60).returncode == 0:
        learned()


def restart():
    how = rnd.choice((signal.SIGTERM, signal.SIGKILL))
    strazhd.down(how)
    for _ in range(rnd.randrange(4)):
        while_down()
    if rnd.random() < 0.5:
        shutil.rmtree(PINS)
        tally["reboot"] = tally.get("reboot", 0) + 1
    strazhd.up()


def journaled():
    return os.path.exists(JOURNAL) and os.path.getsize(JOURNAL) > 0


def outage():
    """The store is away; the journal has it, perhaps over a kill."""
    holder = sqlite3.connect(DB, timeout=20, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    done = 0
    least = rnd.randrange(5, 30)
    while done < least or not journaled() and done < 200:
        change()
        done += 1
    tally["journaled"] = tally.get("journaled", 0) + journaled()
    if rnd.random() < 0.5:
        strazhd.down(signal.SIGKILL)
        strazhd.up()
        change()
        done += 1
    holder.close()
    return done


# ---- what is there ----


def settled():
    for _ in range(600):
        if not journaled():
            time.sleep(1.5)  # a pass after an outage
            return True
        time.sleep(0.1)
    return False


def listed():
    """Entries that an operator put there, as strazhctl shows them: with strazhd or without it."""
    there = {}
    now = time.time()
    for table in TABLES:
        there[table] = {}
        said = subprocess.run([CTL, "list", table, "--json"], capture_output=True, timeout=60, check=True)
        for line in said.stdout.splitlines():
            row = json.loads(line)
            if "prefix" in row and "operator" in row.get("lists", row.get("reasons", [])):
                left = row.get("left_s")
                there[table][row["prefix"]] = None if left is None else now + left
    return there


def listed_lists():
    """The loaded lists, as their entries name them."""
    there = {}
    said = subprocess.run([CTL, "list", "deny", "--json"], capture_output=True, timeout=60, check=True)
    for row in map(json.loads, said.stdout.splitlines()):
        for name in row.get("lists", ()) if "prefix" in row else ():
            if name in ("one", "two", "three"):
                there.setdefault(name, set()).add(row["prefix"])
    return there


def stored_lists():
    base = sqlite3.connect(DB, timeout=20)
    there = {name for (name,) in base.execute("SELECT name FROM address_list WHERE origin = 'operator'")}
    base.close()
    return there


def stored():
    there = {table: {} for table in TABLES}
    base = sqlite3.connect(DB, timeout=20)
    for cidr, until in base.execute("SELECT cidr, until_ms FROM ban WHERE origin = 'operator'"):
        there["deny"][canonical(cidr)] = until and until / 1000
    for cidr, until in base.execute("SELECT cidr, until_ms FROM allowed"):
        there["allow"][canonical(cidr)] = until and until / 1000
    for name, value in base.execute("SELECT name, value FROM setting WHERE name LIKE 'gate.never.%'"):
        there["never"][canonical(name[len("gate.never.") :])] = json.loads(value)["until"] / 1000 or None
    base.close()
    return there


def audited():
    """The tables as the records tell them from the beginning; None where the chain is broken."""
    there = {table: set() for table in TABLES}
    base = sqlite3.connect(DB, timeout=20)
    rows = base.execute("SELECT seq, at_ms, actor, action, subject, cause, detail, hash FROM audit ORDER BY seq")
    last = bytes(32)
    for number, (seq, at, actor, action, subject, cause, detail, link) in enumerate(rows, 1):
        text = b"strazh audit 1\0" + seq.to_bytes(8, "big") + at.to_bytes(8, "big")
        for part in (actor, action, subject, cause, detail):
            text += len(part.encode()).to_bytes(4, "big") + part.encode()
        last = hashlib.sha256(last + text).digest()
        if seq != number or last != link:
            return None
        if action in ("ban", "unban", "allow", "disallow"):
            table = "deny" if action.endswith("ban") else "allow"
            (there[table].add if action in ("ban", "allow") else there[table].discard)(subject)
        elif action in ("set", "reset") and subject.startswith("gate.never."):
            (there["never"].add if action == "set" else there["never"].discard)(subject[len("gate.never.") :])
        elif action == "flush":
            there["never" if subject.startswith("gate.never") else subject].clear()
    base.close()
    return there


def live(entries):
    now = time.time()
    return {p: u for p, u in entries.items() if u is None or u > now - EDGE_S}


def differ(table, name, ours, theirs):
    """What is in one and not in the other, or ends at another time; not what is about to end."""
    now = time.time()
    faults = []
    for prefix in set(ours) | set(theirs):
        a, b = ours.get(prefix, 0), theirs.get(prefix, 0)
        if any(u and abs(u - now) <= 2 * EDGE_S for u in (a, b)):
            continue
        if (a or now + 1) <= now and (b or now + 1) <= now and a != b:
            continue
        if a == 0 and b != 0 and b is not None and b <= now or b == 0 and a != 0 and a is not None and a <= now:
            continue
        if prefix not in ours or prefix not in theirs:
            faults.append("%s: model %s, %s %s" % (prefix, prefix in ours, name, prefix in theirs))
        elif (a is None) != (b is None) or a is not None and abs(a - b) > EDGE_S:
            faults.append("%s: ends %s in the model, %s in %s" % (prefix, a, b, name))
    for fault in faults[:5]:
        say("%s %s" % (table, fault))
    return not faults


def checkpoint(when):
    ok(settled(), "%s: the journal is empty" % when)
    seen, held = listed(), listed_lists()
    value = [row for row in strazhd.ask("set", name="rate.mode")[1]][0]["value"]
    strazhd.down(signal.SIGTERM)
    views = (("strazhd", seen), ("the maps", listed()), ("the store", stored()))
    for name, view in views:
        good = [differ(table, name, live(model[table]), live(view[table])) for table in TABLES]
        ok(all(good), "%s: the model and %s agree" % (when, name))
    ok(held == lists and listed_lists() == lists, "%s: loaded lists are as the model has them" % when)
    ok(stored_lists() == set(lists), "%s: the store has the same ones" % when)
    told = audited()
    ok(told is not None, "%s: the audit's chain is whole" % when)
    rows = stored()
    good = told is not None and all(told[t] == set(rows[t]) for t in TABLES)
    for table in TABLES if told and not good else ():
        both = set(rows[table])
        say("%s: only told %s, only stored %s" % (table, told[table] - both, both - told[table]))
    ok(good, "%s: the audit tells what the store has" % when)
    ok(value == mode, "%s: the setting is as it was set" % when)
    say("%s: %s" % (when, ", ".join("%s %d" % (t, len(live(model[t]))) for t in TABLES)))
    strazhd.up()


def main():
    say("seed %d, %d operations" % (seed, count))
    begin = time.time()
    kinds = (change, lines, pipelined, flush, load, setting, restart, outage)
    weights = (1000, 150, 100, 2, 30, 20, 5, 1)
    strazhd.up()
    done = 0
    for quarter in range(CHECKPOINTS):
        begin_at, end_at = (count * i // CHECKPOINTS for i in (quarter, quarter + 1))
        # By their weights alone one quarter in two would have no outage.
        due = {kind: rnd.randrange(begin_at, max(end_at, begin_at + 1)) for kind in (restart, outage)}
        while done < end_at or due:
            kind = next((k for k, at in due.items() if done >= at), None) or rnd.choices(kinds, weights)[0]
            due.pop(kind, None)
            done += kind() or 1
            tally[kind.__name__] = tally.get(kind.__name__, 0) + 1
        checkpoint("after %d" % done)
        ok(tally.get("journaled", 0) > quarter, "the store was away, and the journal had acts meanwhile")
    strazhd.down(signal.SIGTERM)
    say("%s, in %.0f s" % (", ".join("%s %d" % item for item in sorted(tally.items())), time.time() - begin))
    print("1..%d" % tests)
    if failed:
        say("seed %d" % seed)
    return failed != 0


try:
    sys.exit(main())
finally:
    if strazhd.process and strazhd.process.poll() is None:
        strazhd.process.kill()
