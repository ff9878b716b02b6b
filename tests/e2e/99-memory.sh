#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# What the guard decided and knows outlives strazhd: its end, its death, a reboot, a store that is
# away or has no room. And why tells all of it.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/guarded.bash
. "$HERE/guarded.bash"
net_up
BAD=10.66.0.66
# How long PostgreSQL is away: a minute where nobody waits for it.
OUTAGE_S=${MEMORY_OUTAGE_S:-$([ "${CI:-}" = true ] && echo 60 || echo 2)}

store() { ctl status --json 2>/dev/null | jq -r "select(.kind == \"store\") | .$1"; }
store_is() { [ "$(store "$1")" = "$2" ]; }
why_says() { why "$1" | grep -qE -- "$2"; }
# conf URL LINES...: the store's, and of [guard]
conf() {
	local url=$1
	shift
	server_conf '[store]' "url = $url" '[guard]' "$@"
}
up() {
	strazhd_up --interface sv0 --config "$CONF" "$@"
	wait_for 5 listening
}
denied() { ctl list deny --json 2>/dev/null | jq -es "any(.[]; .prefix == \"$1\")" >/dev/null; }

server_keys

echo "# a wrong store"
conf "mysql://h/x"
like "$("$O/strazhd" --check --config "$CONF" 2>&1)" "store.url: 'mysql' is no database URL" "a wrong URL is a fault"
conf "postgresql://u:geheim@h/x?password=geheim"
said=$("$O/strazhd" --check --config "$CONF" 2>&1)
like "$said" "store.url = postgresql://u:\*\*\*@h/x\?password=\*\*\*" "a password is not shown"
ok "$(grep -c geheim <<<"$said")" "nowhere"

echo "# a ban, and the end of strazhd"
conf "" "mode = enforce" "ban_time = 1h"
up
like "$(ctl status 2>/dev/null)" "^store +sqlite://$E2E_TMP/state/strazh.db, ok; backlog 0 of" "status shows the store"
is "$(stat -c %a "$STORE")" 640 "which is not for everybody"
# rights: of all threads but the keeper's own, each set once
rights() {
	local task
	for task in "/proc/$STRAZHD_PID/task"/*; do
		[ "${task##*/}" = "$STRAZHD_PID" ] || awk '/^Cap(Prm|Eff)/ { print $2 }' "$task/status"
	done | sort -u
}
is "$(rights)" 0000000000000000 "its threads have no right at all, none of them"
garbage $BAD 200 >/dev/null
wait_for 5 banned $BAD
ok $? "banned"
wait_for 5 why_says $BAD "^[0-9:]+ +ban $BAD by guard: banned for 1h: [0-9]+ handshake failures in"
ok $? "why tells when, by whom and for what"
wait_for 5 rows_are "SELECT origin, offences FROM ban WHERE cidr = '$BAD/32'" "guard|1"
ok $? "the store has the ban"
KNOWN="SELECT offences, proven, score > 0.5, length(evidence) > 10 FROM source WHERE cidr = '$BAD/32'"
wait_for 5 rows_are "$KNOWN" "1|1|1|1"
ok $? "and the source with its evidence"
strazhd_kill TERM
lose_gate
up
ok $? "strazhd again, the gate made anew"
banned $BAD
ok $? "banned as soon as it answers"
like "$(why $BAD)" "HandshakeFailure: [0-9]+ handshake failures in" "its evidence is there"
like "$(why $BAD)" "1 bans? remembered" "so is its offence"
like "$(why $BAD)" "ban $BAD by guard: banned for 1h" "and its story"
is "$(rows "SELECT count(*) FROM audit WHERE action = 'ban'")" 1 "what is known already is not recorded again"
left=$(ctl list deny --json 2>/dev/null | jq -r "select(.prefix == \"$BAD\") | .left_s")
ok "$([ "$left" -gt 3400 ] && [ "$left" -le 3600 ]; echo $?)" "it ends when it would have"

echo "# kill -9"
quiet unban $BAD
wait_for 5 rows_are "SELECT count(*) FROM ban WHERE cidr = '$BAD/32' AND origin = 'guard'" 0
ok $? "unban: the store forgets the ban"
wait_for 5 why_says $BAD "unban $BAD by operator:root 0: forgiven by an operator"
ok $? "and why tells"
garbage $BAD 200 >/dev/null
wait_for 5 rows_are "SELECT count(*) FROM ban WHERE cidr = '$BAD/32' AND origin = 'guard'" 1
ok $? "banned again, and in the store"
strazhd_kill KILL
lose_gate
up
banned $BAD
ok $? "strazhd killed: banned"
like "$(why $BAD)" "1 bans? remembered" "its offence is remembered"
is "$(rows "SELECT count(*) FROM audit WHERE action = 'ban'")" 2 "two bans in the audit"

echo "# a ban that ended meanwhile"
strazhd_kill TERM
rows "UPDATE ban SET since_ms = since_ms - 7200000, until_ms = until_ms - 7200000"
lose_gate
up
free $BAD
ok $? "over: not banned"
wait_for 5 why_says $BAD "unban $BAD by guard: its time ended while strazhd was away"
ok $? "and lifted"
strazhd_kill TERM

echo "# a clock that was set"
conf "" "mode = enforce" "ban_time = 1h"
up
garbage $BAD 200 >/dev/null
wait_for 5 rows_are "SELECT count(*) FROM ban WHERE cidr = '$BAD/32'" 1
strazhd_kill TERM
rows "UPDATE ban SET since_ms = since_ms - 86400000, until_ms = until_ms - 86400000"
up
banned $BAD
ok $? "a day ahead: banned as long as the gate, which goes by another clock, says"
like "$(why $BAD)" "banned for another (1h|5[0-9]m)" "and the guard knows it"
LEFT="SELECT until_ms / 1000 - strftime('%s') BETWEEN 3000 AND 43200 FROM ban WHERE cidr = '$BAD/32'"
wait_for 10 rows_are "$LEFT" 1
ok $? "and the store learns when it ends by the clock as it is"
quiet unban $BAD
wait_for 5 rows_are "SELECT count(*) FROM ban WHERE cidr = '$BAD/32'" 0
strazhd_kill TERM

rows "INSERT INTO ban SELECT '$BAD/32', $(date +%s)000 + 86400000, $(date +%s)000 + 86460000, 1, 'guard', 'guard', 'x'"
lose_gate
up
banned $BAD
ok $? "a ban of tomorrow for a minute: banned"
left=$(ctl list deny --json 2>/dev/null | jq -r "select(.prefix == \"$BAD\") | .left_s")
ok "$([ "$left" -le 60 ]; echo $?)" "for a minute, not for a day"
quiet unban $BAD
strazhd_kill TERM

echo "# what is learned"
conf "" "mode = learn"
up
garbage $BAD 40 >/dev/null
wait_for 5 why_says $BAD "would-ban $BAD by guard: banned for 10m \(not carried out: learning\)"
ok $? "learning: the audit has what would have been done"
wait_for 20 rows_are "SELECT proven FROM source WHERE cidr = '$BAD/32'" 1
ok $? "the store has the source"
strazhd_kill TERM
up
like "$(why $BAD)" "HandshakeFailure: [0-9]+ handshake failures in" "and after a restart it is known"
free $BAD
ok $? "and not banned"
strazhd_kill TERM

echo "# more sources than the guard has room for"
rows "DELETE FROM source"
rows "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 74999)
	INSERT INTO source (cidr, evidence, pressure, good, scored_ms, first_ms, last_ms, offences, score, ban_over_h,
		good_ago_d, share, days, sessions, proven)
	SELECT printf('11.%d.%d.%d/32', i / 65536, i / 256 % 256, i % 256), '[0,1,0.5,7,1000,0,0]', 0, 0,
		$(date +%s)000 - 3600000, 0, $(date +%s)000 - 3600000 + i, 1, 0.4, 1, 0, 1024, 0, 0, 1 FROM n"
rows "INSERT INTO source SELECT '$BAD/32', evidence, pressure, good, trust_until_ms, scored_ms, first_ms, last_ms - 1,
	3, banned_until_ms, score, ban_over_h, good_ago_d, share, days, sessions, proven FROM source
	WHERE cidr = '11.0.0.0/32'"
: >"$E2E_TMP/strazhd.log"
conf "" "mode = enforce"
started=$(date +%s%N)
up
echo "# it answers after $((($(date +%s%N) - started) / 1000000)) ms"
wait_for 20 said "guard: 75000 sources and 0 bans are remembered"
ok $? "75,000 sources come back"
like "$(ctl status 2>/dev/null)" "^guard +enforce: 7[0-9]{4} sources known" "the guard knows them"
like "$(why $BAD)" "$BAD: nothing is known about it" "but not the oldest"
garbage $BAD 1 >/dev/null
wait_for 5 why_says $BAD "3 bans remembered"
ok $? "who comes back is read from the store, with its past"
like "$(store dropped)" "^0$" "and no state of a source was lost"
strazhd_kill TERM

echo "# no room on the disk"
mkdir -p "$E2E_TMP/small"
mount -t tmpfs -o size=1m,mode=750 tmpfs "$E2E_TMP/small"
conf "sqlite://$E2E_TMP/small/strazh.db" "mode = enforce" "ban_time = 1h"
STORE=$E2E_TMP/small/strazh.db
lose_gate
up
store_is degraded false
ok $? "the store is there"
dd if=/dev/zero of="$E2E_TMP/small/full" bs=4k >/dev/null 2>&1
garbage $BAD 200 >/dev/null
wait_for 5 banned $BAD
ok $? "the disk is full: banned all the same"
wait_for 10 store_is degraded true
ok $? "status says that the store is degraded"
like "$(ctl status 2>/dev/null)" "^store .*degraded since .*(disk|full)" "and why"
wait_for 5 said "the store is away: .*; what is decided waits"
ok $? "the log says it"
is "$(grep -c 'the store is away' "$E2E_TMP/strazhd.log")" 1 "once"
like "$(why $BAD)" "what was done before is not known: the store is away" "why does not wait for it"
rm "$E2E_TMP/small/full"
wait_for 20 store_is degraded false
ok $? "there is room: it is well again"
wait_for 5 rows_are "SELECT count(*) FROM ban WHERE cidr = '$BAD/32'" 1
ok $? "and the ban is in it"
is "$(store missed) $(store undone)" "0 0" "nothing was lost"
strazhd_kill TERM

echo "# somebody else holds the store"
STORE=$E2E_TMP/state/held.db
conf "sqlite://$STORE" "mode = enforce" "ban_time = 1h"
lose_gate
up
store_is degraded false
ok $? "the store is there"
/usr/bin/python3 -c 'import sqlite3, sys, time
c = sqlite3.connect(sys.argv[1], timeout=10, isolation_level=None)
c.execute("BEGIN EXCLUSIVE")
open(sys.argv[2], "w").close()
time.sleep(600)' "$STORE" "$E2E_TMP/held" &
HOLDER=$!
wait_for 15 test -e "$E2E_TMP/held"
ok $? "another process has locked it"
garbage $BAD 200 >/dev/null
wait_for 5 banned $BAD
ok $? "banned all the same"
like "$(timeout 60 "$O/strazhctl" ban 192.0.2.7 2>&1)" "written to the journal" \
	"an operator's act is answered: journaled"
denied 192.0.2.7
ok $? "and in force"
timeout 60 "$O/strazhctl" -q ban 192.0.2.8 >/dev/null 2>&1
timeout 60 "$O/strazhctl" -q unban 192.0.2.8 >/dev/null 2>&1
denied 192.0.2.8
is $? 1 "so is one that takes another back"
wait_for 30 store_is degraded true
ok $? "status says that the store is degraded"
kill "$HOLDER"
wait "$HOLDER" 2>/dev/null
wait_for 60 store_is degraded false
ok $? "it is let go: well again"
HELD="SELECT group_concat(cidr) FROM
	(SELECT cidr FROM ban WHERE cidr LIKE '192.0.2.%' OR cidr = '$BAD/32' ORDER BY cidr)"
wait_for 30 rows_are "$HELD" "$BAD/32,192.0.2.7/32"
ok $? "the store has the guard's ban and the operator's, and not what was taken back"
is "$(store missed) $(store undone)" "0 0" "nothing was lost"
strazhd_kill TERM
lose_gate
up
wait_for 20 denied 192.0.2.7
ok $? "after a reboot: denied"
banned $BAD
ok $? "and banned"
strazhd_kill TERM

echo "# a store that cannot be opened"
conf "sqlite:///nowhere/at/all.db" "mode = enforce"
up
like "$(ctl status 2>/dev/null)" "^store +sqlite:///nowhere/at/all.db, degraded since" "strazhd runs, status says so"
garbage $BAD 60 >/dev/null
wait_for 5 banned $BAD
ok $? "and the guard does its work"
strazhd_kill TERM
conf none "mode = enforce"
up
like "$(ctl status 2>/dev/null)" "^store +none: what is learned is forgotten" "none: none"
strazhd_kill TERM

echo "# PostgreSQL, and an outage of it"
PG=$(mktemp -d /tmp/strazh-memory-pg.XXXXXX)
if ORM_PG_OWNER=$$ "$HERE/../orm/pg" start "$PG" >"$E2E_TMP/pg.log" 2>&1; then
	conf "$("$HERE/../orm/pg" url "$PG")" "mode = enforce" "ban_time = 1h"
	lose_gate
	up
	like "$(ctl status 2>/dev/null)" "^store +postgresql://.*, ok" "strazhd on PostgreSQL"
	"$HERE/../orm/pg" stop "$PG" >/dev/null 2>&1
	garbage $BAD 200 >/dev/null
	wait_for 5 banned $BAD
	ok $? "its server is down: banned all the same"
	wait_for 20 store_is degraded true
	ok $? "status says so"
	ok "$([ "$(store backlog)" -gt 0 ]; echo $?)" "the ban waits"
	like "$(timeout 60 "$O/strazhctl" ban 192.0.2.9 2>&1)" "written to the journal" \
		"an operator's act is answered: journaled"
	free=0
	for ((i = 0; i < OUTAGE_S; i++)); do
		sleep 1
		{ banned $BAD && denied 192.0.2.9 && store_is degraded true; } || free=$((free + 1))
	done
	is "$free" 0 "both are in force, each second of $OUTAGE_S"
	ORM_PG_OWNER=$$ "$HERE/../orm/pg" start "$PG" >"$E2E_TMP/pg.log" 2>&1
	wait_for 20 store_is degraded false
	ok $? "it is back"
	wait_for 10 store_is backlog 0
	ok $? "nothing waits any more"
	no_journal() {
		ctl status --json 2>/dev/null |
			jq -es 'map(.kind) | index("gate") and (index("journal") | not)'
	}
	wait_for 60 no_journal
	ok $? "in the journal neither"
	is "$(store missed) $(store undone)" "0 0" "nothing was lost"
	strazhd_kill TERM
	lose_gate
	up
	banned $BAD
	ok $? "and after a restart: banned"
	like "$(why $BAD)" "ban $BAD by guard: banned for 1h" "with its story"
	wait_for 20 denied 192.0.2.9
	ok $? "denied: the operator's act as well"
	strazhd_kill TERM
	"$HERE/../orm/pg" stop "$PG" >/dev/null 2>&1
else
	skip "what PostgreSQL remembers, and its outage" "no PostgreSQL: $(tail -n 1 "$E2E_TMP/pg.log")"
fi
rm -rf "$PG"
umount "$E2E_TMP/small"
finish
