#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# Nothing comes back that was taken back: of a guard that does not enforce any more no ban is left in
# gate or store, not even one that it has forgotten; a flush forgives who is in the store alone.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/guarded.bash
. "$HERE/guarded.bash"
net_up
BAD=10.66.0.66

banned() { in_gate | grep -qx -- "$1"; }
free() { ! banned "$1"; }
none_banned() { [ -z "$(in_gate)" ]; }
# conf MODE
conf() { server_conf '[guard]' "mode = $1" 'ban_time = 1h'; }
up() {
	: >"$E2E_TMP/strazhd.log"
	strazhd_up --interface sv0 --config "$CONF"
	wait_for 5 listening
}
GUARDS="SELECT count(*) FROM ban WHERE origin = 'guard'"
# Banned, in gate and store, by an enforcing guard.
ban_bad() {
	conf enforce
	up
	garbage $BAD 200 >/dev/null
	wait_for 5 banned $BAD
	ok $? "$1: banned"
	wait_for 5 rows_are "$GUARDS" 1
}
# What is in the gate in its name, and unknown to it.
forget() { rows "DELETE FROM ban; DELETE FROM source"; }

server_keys

echo "# enforce, then learn"
ban_bad "enforce"
conf learn
kill -HUP "$STRAZHD_PID"
wait_for 5 none_banned
ok $? "learn: free in the gate"
wait_for 5 rows_are "$GUARDS" 0
ok $? "and in the store"
like "$(rows "SELECT actor, action, subject, cause FROM audit WHERE action = 'flush'")" \
	"^guard\|flush\|deny guard\|taken back, for the guard's mode was changed$" "which the audit tells"
wait_for 15 rows_are "SELECT offences FROM source WHERE cidr = '$BAD/32'" 1
strazhd_kill KILL
lose_gate
conf enforce
up
ok "$(in_gate | wc -l)" "killed, the gate lost, enforced again: it does not come back"
like "$(why $BAD)" "1 bans? remembered" "but is remembered"
quiet unban $BAD
strazhd_kill TERM

for mode in learn off; do
	echo "# $mode at start, after a kill -9 of one that enforced"
	lose_gate
	ban_bad "$mode"
	strazhd_kill KILL
	conf $mode
	up
	wait_for 5 none_banned
	ok $? "free in the gate"
	wait_for 5 rows_are "$GUARDS" 0
	ok $? "and in the store"
	strazhd_kill TERM
	flushes=$(rows "SELECT count(*) FROM audit WHERE action = 'flush'")
	up
	strazhd_kill TERM
	is "$(rows "SELECT count(*) FROM audit WHERE action = 'flush'")" "$flushes" "nothing left: nothing said"

	echo "# $mode, and what the guard had forgotten"
	ban_bad "$mode"
	strazhd_kill KILL
	forget
	conf $mode
	quiet ban $BAD --for 1h
	quiet ban 192.0.2.1 --for 1h
	up
	wait_for 5 none_banned
	ok $? "free in the gate"
	wait_for 5 said "guard: 1 bans and [0-9]+ limits of before are taken back"
	ok $? "the log tells"
	like "$(ctl list deny 2>/dev/null)" "192.0.2.1" "what the operator said stays"
	like "$(ctl list deny 2>/dev/null)" "$BAD" "also of the same host"
	quiet flush deny --yes
	strazhd_kill TERM
done

echo "# a flush forgives who is in the store alone"
conf enforce
up
strazhd_kill TERM
rows "INSERT INTO source (cidr, evidence, pressure, good, scored_ms, first_ms, last_ms, offences, score, ban_over_h,
	good_ago_d, share, days, sessions, proven) VALUES ('11.0.0.1/32', '[0,1,0.9,7,1000,0,0]', 0, 3,
	$(date +%s)000, 0, $(date +%s)000, 4, 0.6, 1, 0, 1024, 9, 5, 1)"
conf off
up
quiet flush deny --yes
ok $? "flush, and there is no guard"
strazhd_kill TERM
is "$(rows "SELECT evidence, offences, score, days FROM source WHERE cidr = '11.0.0.1/32'")" "[]|0|0.0|9" \
	"what it was held to have done is gone, what speaks for it stays"

echo "# an old gate, a new store"
conf off
up
quiet rate set syn --pps 77
quiet rate set udp --pps 88 --prefix --tier 1
quiet rate source 192.0.2.50 --slow 4
quiet rate source fd66:1::1 --tier 2 --for 1h
quiet rate source 192.0.2.51 --slow 4
quiet rate forget 192.0.2.51
strazhd_kill TERM
rm -f "$STORE"*
up
settings() { rows "SELECT name FROM setting WHERE name LIKE 'gate.rate.%' ORDER BY name" | tr '\n' ' '; }
has_settings() {
	[ "$(settings)" = "gate.rate.0.host.syn gate.rate.1.prefix.udp gate.rate.source.192.0.2.50 $1 " ]
}
wait_for 10 has_settings gate.rate.source.fd66:1::/64
ok $? "limits and sources with limits of their own are taken into it"
strazhd_kill KILL
lose_gate
up
like "$(ctl rate show syn 2>/dev/null)" "^syn +77 .*changed" "the gate is lost: limits are back"
is "$(ctl rate show --json 2>/dev/null | jq -r 'select(.source) | .source' | sort | tr '\n' ' ')" \
	"192.0.2.50 fd66:1::/64 " "and the sources"
strazhd_kill TERM

echo "# who forgave"
ban_bad "enforce"
quiet unban $BAD
wait_for 5 rows_are "$GUARDS" 0
is "$(rows "SELECT DISTINCT actor FROM audit WHERE action = 'unban' AND subject = '$BAD'")" "operator:root 0" \
	"the audit names the operator"
strazhd_kill TERM

echo "# what is degraded has its line"
conf off
up
like "$(ctl status 2>/dev/null | grep -c '^journal')" "^0$" "nothing waits: no journal in status"
/usr/bin/python3 -c 'import sqlite3, sys, time
c = sqlite3.connect(sys.argv[1], timeout=10, isolation_level=None)
c.execute("BEGIN EXCLUSIVE"); open(sys.argv[2], "w"); time.sleep(600)' "$STORE" "$E2E_TMP/locked" &
LOCKER=$!
wait_for 5 test -e "$E2E_TMP/locked"
like "$(timeout 30 "$O/strazhctl" ban 192.0.2.7 2>&1)" "written to the journal" \
	"the store is locked: an act is journaled"
like "$(ctl status 2>/dev/null)" "^journal +[1-9][0-9]* bytes of acts wait for the store" "status has the journal"
is "$(ctl status --json 2>/dev/null | jq -r 'select(.kind == "journal") | .forgotten')" 0 "and nothing is forgotten"
kill $LOCKER
journal_gone() { ! ctl status 2>/dev/null | grep -q '^journal'; }
wait_for 60 journal_gone
ok $? "it is free again: the journal is empty"
is "$(rows "SELECT count(*) FROM ban WHERE cidr = '192.0.2.7/32'")" 1 "and the store has the act"
strazhd_kill TERM
echo "nonsense" >"$E2E_TMP/state/store.moved"
up
like "$(ctl status 2>/dev/null)" "^store .*, ok; .*where it was moved to is not known: 'store.moved' is not what" \
	"a nonsense store.moved: status says so"
said "the store may not be the one that it was moved to"
ok $? "so does the log"
strazhd_kill TERM
rm "$E2E_TMP/state/store.moved"
finish
