#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# What operators do is durable before it is acknowledged: kill -9 right after an answer and a reboot
# (no pins) lose nothing, what was taken back does not come back; while the store is away the
# journal has it; what somebody did to the maps or to the store is mended.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/sqlite.bash
. "$(dirname "$0")/sqlite.bash"
DB=$E2E_TMP/state/strazh.db

# entries TABLE: prefixes that an operator put there
entries() {
	ctl list "$1" --json 2>/dev/null |
		jq -r 'select(.prefix and (.lists // .reasons // [] | index("operator"))) | .prefix' | sort
}
denied() { entries deny | tr '\n' ' '; }
is_denied() { entries deny | grep -qx "$1"; }
not_denied() { ! is_denied "$1"; }
reboot() { rm -rf /sys/fs/bpf/strazh; }
journal_empty() { [ ! -s "$E2E_TMP/state/journal" ]; }
value() { ctl set "$1" --json 2>/dev/null | jq -r 'select(.setting) | .value'; }

echo "# durable when answered"
strazhd_up
ctl ban 192.0.2.1 --for 1h --reason "knocked too often" >/dev/null 2>&1
strazhd_kill KILL
is "$(sql 'SELECT cidr, origin, actor, cause FROM ban')" \
	"192.0.2.1/32|operator|operator:root 0|knocked too often" "kill -9 after the answer: the store has it"
is "$(sql "SELECT actor, action, subject, cause FROM audit WHERE action = 'ban'")" \
	"operator:root 0|ban|192.0.2.1|knocked too often" "and its record"
strazhd_up
quiet ban 192.0.2.2
quiet ban 198.51.100.0/24 --for 2h
quiet ban 2001:db8::1
quiet unban 192.0.2.2
quiet allow 203.0.113.1 --for 1d
quiet allow 203.0.113.2
quiet disallow 203.0.113.2
quiet never 203.0.113.3 --reason "ours"
quiet set rate.mode enforce
quiet rate set syn --pps 77
quiet rate source 192.0.2.50 --slow 4
quiet service add 443/tcp
printf '%s\n' 10.1.0.0/24 10.2.2.2 >"$E2E_TMP/mine"
printf '%s\n' 10.3.0.0/24 >"$E2E_TMP/gone"
quiet load "$E2E_TMP/mine" --list mine
quiet load "$E2E_TMP/gone" --list gone
quiet unload gone
strazhd_kill KILL
reboot
strazhd_up
is "$(denied)" "192.0.2.1 198.51.100.0/24 2001:db8::1 " "a reboot: bans are back, and what was taken back is not"
is "$(entries allow)" 203.0.113.1 "so are permissions"
is "$(entries never)" 203.0.113.3 "the never list"
is "$(value rate.mode)" enforce "settings"
like "$(ctl rate show syn 2>/dev/null)" "^syn +77 .*changed" "limits"
like "$(ctl rate show --json 2>/dev/null)" '"source": ?"192.0.2.50"' "limits of a source"
is "$(ctl service list --json 2>/dev/null | jq -r 'select(.service) | .service')" 443/tcp "services"
is "$(ctl lists --json 2>/dev/null | jq -r 'select(.entries) | "\(.list) \(.entries)"')" "mine 2" \
	"and loaded lists, from their copies"
left=$(ctl list deny --json 2>/dev/null | jq -r 'select(.prefix == "192.0.2.1") | .left_s')
ok "$([ "${left:-0}" -gt 3300 ] && [ "$left" -le 3602 ]; echo $?)" "a ban lasts as long as it had: ${left:-?} s left"
like "$(ctl why 192.0.2.1 2>/dev/null)" "knocked too often" "and has its reason"

echo "# strazhd was down"
strazhd_kill TERM
quiet unban 192.0.2.1
quiet ban 192.0.2.3
reboot
strazhd_up
is "$(denied)" "192.0.2.3 198.51.100.0/24 2001:db8::1 " "what strazhctl did meanwhile holds after a reboot"
wait_for 5 journal_empty
ok $? "its journal was imported"
is "$(sql 'SELECT cidr FROM ban ORDER BY cidr' | tr '\n' ' ')" "192.0.2.3/32 198.51.100.0/24 2001:db8::1/128 " \
	"and the store has it"

echo "# the store is away"
hold
/usr/bin/python3 -c 'import socket
s = socket.socket(socket.AF_UNIX)
s.connect("/run/strazh/strazhd.sock")
s.send(b"{\"command\": \"unban\", \"args\": {\"prefix\": \"192.0.2.3\"}}\n")'
wait_for 5 not_denied 192.0.2.3
ok $? "a client that does not wait for its answer: done"
answer=$(ctl ban 192.0.2.4 2>&1)
like "$answer" "192.0.2.4: banned for good" "a ban holds all the same"
like "$answer" "written to the journal: the store does not have it yet" "and the answer says where it is"
is_denied 192.0.2.4
ok $? "in the gate"
quiet ban 192.0.2.5
quiet ban 192.0.2.6
quiet unban 192.0.2.5
like "$(cat "$E2E_TMP/state/journal")" '"prefix":"192.0.2.6"' "the journal has it"
strazhd_kill KILL
reboot
strazhd_up
is "$(denied)" "192.0.2.4 192.0.2.6 " "killed, rebooted, and the store still away: the journal is done again"
kill $HOLDER
wait $HOLDER 2>/dev/null
wait_for 20 journal_empty
ok $? "the store is there again: the journal is imported"
wait_for 20 is_denied 198.51.100.0/24
ok $? "and what only the store knew is back in the gate"
is "$(denied)" "192.0.2.4 192.0.2.6 198.51.100.0/24 2001:db8::1 " "all of it, and nothing that was taken back"
is "$(sql 'SELECT cidr FROM ban ORDER BY cidr' | tr '\n' ' ')" \
	"192.0.2.4/32 192.0.2.6/32 198.51.100.0/24 2001:db8::1/128 " "the store says the same"

echo "# drift"
strazhd_kill TERM
bpftool map delete pinned /sys/fs/bpf/strazh/sz_dhost4 key 192 0 2 4
sql "DELETE FROM ban WHERE cidr = '198.51.100.0/24'"
strazhd_up
is_denied 192.0.2.4
ok $? "a ban that somebody took out of the maps is back"
in_store() { [ "$(sql "SELECT actor FROM ban WHERE cidr = '198.51.100.0/24'")" = strazhd ]; }
wait_for 10 in_store
ok $? "one that the store did not know is in the store"
quiet flush deny --yes
is "$(sql 'SELECT count(*) FROM ban')" 0 "flush: nothing is left in the store"
strazhd_kill KILL
reboot
strazhd_up
is "$(denied)" "" "nor comes back"
is "$(ctl lists --json 2>/dev/null | jq -r 'select(.entries) | .list')" "" "loaded lists neither"

echo "# the clock"
# What a machine whose wall clock was set sees: all times of the store are off by so much. Boot time is not.
# shifted SECONDS: as if the clock had been put back by so much
shifted() {
	sql "UPDATE ban SET since_ms = since_ms + $1 * 1000, until_ms = until_ms + $1 * 1000"
	/usr/bin/python3 -c 'import sqlite3, sys
c = sqlite3.connect(sys.argv[1], timeout=10)
boot, maps, *times = c.execute("SELECT value FROM setting WHERE name = ?", ("gate.clock",)).fetchone()[0].split()
c.execute("UPDATE setting SET value = ? WHERE name = ?",
	(" ".join([boot, maps] + [str(int(t) + int(sys.argv[2]) * 1000) for t in times]), "gate.clock"))
c.commit()' "$DB" "$1"
}
# left ADDR: seconds that the gate still denies it
left() { ctl list deny --json 2>/dev/null | jq -r "select(.prefix == \"$1\") | .left_s"; }
about_an_hour() { [ "${1:-0}" -gt 3000 ] && [ "$1" -le 3603 ]; }
quiet ban 192.0.2.20 --for 1h
quiet ban 192.0.2.21 --for 2s
wait_for 20 not_denied 192.0.2.21
strazhd_kill TERM
shifted -86400
strazhd_up
about_an_hour "$(left 192.0.2.20)"
ok $? "a day ahead: the ban holds as long as it had: $(left 192.0.2.20) s"
told_again() {
	about_an_hour "$(sql "SELECT until_ms / 1000 - strftime('%s') FROM ban WHERE cidr = '192.0.2.20/32'")"
}
wait_for 10 told_again
ok $? "and the store learns when it ends by the new clock"
strazhd_kill TERM
shifted 86400
strazhd_up
about_an_hour "$(left 192.0.2.20)"
ok $? "a day behind: the same"
wait_for 10 told_again
ok $? "the store too"
# As its row says it, it has two seconds again: never more than it was given.
wait_for 10 not_denied 192.0.2.21
ok $? "what was over does not come back for longer than it was given for"
strazhd_kill TERM
shifted 86400
reboot
strazhd_up
about_an_hour "$(left 192.0.2.20)"
ok $? "a day behind, and rebooted: no longer than it was given for: $(left 192.0.2.20) s"
strazhd_kill TERM
finish
