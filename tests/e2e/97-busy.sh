#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# The store comes back while bans do not cease: the journal is taken in and acts go to the store
# again, store and gate are compared, and what was answered is in the store, once.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/sqlite.bash
. "$(dirname "$0")/sqlite.bash"
DB=$E2E_TMP/state/strazh.db
STREAMS=4

# stream N: bans, some in a second, until there is a file "stop"; how many, in sent.N
stream() {
	/usr/bin/python3 -c 'import os, sys, time
n, i = int(sys.argv[1]), 0
while not os.path.exists(sys.argv[2] + "/stop"):
    for _ in range(10):
        print(f"10.{n}.{i >> 8}.{i & 255}")
        i += 1
    sys.stdout.flush()
    time.sleep(0.04)
open(f"{sys.argv[2]}/sent.{n}", "w").write(f"{i}\n")' "$1" "$E2E_TMP" | ctl -q ban - --for 1h >/dev/null 2>&1
}
busy() { kill -0 "${STREAM_PIDS[@]}" 2>/dev/null; }
journaling() { [ -s "$E2E_TMP/state/journal" ]; }

strazhd_up
quiet ban 192.0.2.1
quiet ban 192.0.2.2
hold
STREAM_PIDS=()
for n in $(seq $STREAMS); do
	stream "$n" &
	STREAM_PIDS+=($!)
done
wait_for 60 said "the store is away" && wait_for 20 journaling
ok $? "the store is away: acts go to the journal"
sleep 1 # strazhd looks four times a second whether it is
bpftool map delete pinned /sys/fs/bpf/strazh/sz_dhost4 key 192 0 2 1
kill "$HOLDER"
wait "$HOLDER" 2>/dev/null
wait_for 60 said "journal: [0-9]+ acts are in the store now"
ok $? "it is there again: the journal is taken in"
wait_for 60 said "store: [0-9]+ entries are in the gate again"
ok $? "and what was lost in the gate meanwhile is back"
busy
ok $? "while bans did not cease"
touch "$E2E_TMP/stop"
wait "${STREAM_PIDS[@]}"
sent=$(cat "$E2E_TMP"/sent.* | awk '{s += $1} END {print s}')
not_journaling() { ! journaling; }
wait_for 20 not_journaling
ok $? "in the end there is no journal"
is "$(sql 'SELECT count(*) FROM ban')" $((sent + 2)) "the store has each of them"
is "$(sql "SELECT subject FROM audit WHERE action = 'ban' GROUP BY subject HAVING count(*) > 2")" "" \
	"and a record of each, or two of those that went both ways"
strazhd_kill KILL
rm -rf /sys/fs/bpf/strazh
strazhd_up
is "$(ctl list deny --json 2>/dev/null | jq -r "select(.prefix) | .prefix" | wc -l)" \
	$((sent + 2)) "killed, and rebooted: so has the gate"
ctl db check >"$E2E_TMP/check" 2>&1
ok $? "and the store is whole"
strazhd_kill TERM
finish
