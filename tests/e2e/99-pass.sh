#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# Passes over store and gate that do not come to their end, and what is done while one runs: nothing is
# lost, nothing that was taken back comes back; what the guard set does not become an operator's; a journal
# that cannot be emptied is emptied later.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/sqlite.bash
. "$(dirname "$0")/sqlite.bash"
STATE=$E2E_TMP/state
DB=$STATE/strazh.db

quiet() { ctl -q "$@" >/dev/null 2>&1; }
denied() { ctl list deny --json 2>/dev/null | jq -es "any(.[]; .prefix == \"$1\")" >/dev/null; }
value() { ctl set "$1" --json 2>/dev/null | jq -r 'select(.setting) | .value'; }
lists() { ctl lists --json 2>/dev/null | jq -r 'select(.entries) | .list' | tr '\n' ' '; }
said() { grep -qE -- "$1" "$E2E_TMP/strazhd.log"; }
reboot() { rm -rf /sys/fs/bpf/strazh; }
clock() { sql "SELECT value FROM setting WHERE name = 'gate.clock'"; }
# A pass over these maps came to the end of its settings.
clock_is_new() { [ -n "$(clock)" ] && [ "$(clock)" != "$CLOCK" ]; }
journal_empty() { [ ! -s "$STATE/journal" ]; }
in_store() { [ -n "$(sql "SELECT cidr FROM ban WHERE cidr = '$1'")" ]; }
# locked COMMAND...: while another process has the database
locked() {
	hold
	"$@"
	kill "$HOLDER"
	wait "$HOLDER" 2>/dev/null
	rm -f "$E2E_TMP/held"
}

echo "# a pass that fails between entries and settings"
strazhd_up
quiet ban 192.0.2.1
quiet set rate.mode enforce
quiet rate set syn --pps 77
quiet service add 443/tcp
echo 10.1.0.0/24 >"$E2E_TMP/mine"
quiet load "$E2E_TMP/mine" --list mine
quiet load "$E2E_TMP/mine" --list zz
strazhd_kill TERM
sql "ALTER TABLE address_list RENAME TO away"
reboot
CLOCK=$(clock)
strazhd_up
wait_for 20 said "the store cannot be compared with the gate"
ok $? "lists cannot be read: the pass fails"
wait_for 10 denied 192.0.2.1
ok $? "entries are back"
strazhd_kill KILL
sql "ALTER TABLE away RENAME TO address_list"
strazhd_up
is "$(value rate.mode)" enforce "after the next start settings are"
like "$(ctl rate show syn 2>/dev/null)" "^syn +77 .*changed" "and limits"
is "$(ctl service list --json 2>/dev/null | jq -r 'select(.service) | .service')" 443/tcp "and services"
is "$(lists)" "mine zz " "and lists"
wait_for 10 clock_is_new
ok $? "now these maps are known"

# begin_pass: after a reboot, with the loop at work, a pass that has read settings and the list mine and waits
# for the copy of zz, which is a pipe
begin_pass() {
	mv "$STATE/lists/zz.list" "$E2E_TMP/zz"
	mkfifo "$STATE/lists/zz.list"
	ln "$STATE/lists/zz.list" "$E2E_TMP/pipe"
	reboot
	CLOCK=$(clock)
	: >"$E2E_TMP/strazhd.log"
	locked strazhd_up
	wait_for 30 denied 192.0.2.1
	ok $? "$1: a late pass puts entries back"
}
# end_pass: it reads on
end_pass() {
	rm -f "$STATE/lists/zz.list"
	[ "$1" = gone ] || mv "$E2E_TMP/zz" "$STATE/lists/zz.list"
	timeout 60 tee "$E2E_TMP/pipe" </dev/null
	rm -f "$E2E_TMP/pipe"
	wait_for 60 clock_is_new
	ok $? "and comes to its end"
}

strazhd_kill TERM
begin_pass "a setting is set meanwhile"
quiet set rate.mode observe
quiet rate set syn --pps 99
end_pass kept
is "$(value rate.mode)" observe "it stays as it was set"
like "$(ctl rate show syn 2>/dev/null)" "^syn +99 .*changed" "a limit too"
is "$(ctl service list --json 2>/dev/null | jq -r 'select(.service) | .service')" 443/tcp "the others are back"
all_lists() { [ "$(lists)" = "mine zz " ]; }
quiet load "$E2E_TMP/mine" --list zz
wait_for 10 all_lists
ok $? "so is the list"

strazhd_kill TERM
begin_pass "a flush meanwhile"
quiet flush deny --yes
end_pass gone
sleep 1 # for what must not come
is "$(lists)" "" "no list comes back"
not_denied() { ! denied "$1"; }
not_denied 192.0.2.1
ok $? "no ban either"
is "$(value rate.mode)" observe "settings are back all the same"
strazhd_kill TERM

echo "# what the guard set, and a new store"
printf '[guard]\nmode = enforce\n' >"$E2E_TMP/strazh.conf"
strazhd_up --config "$E2E_TMP/strazh.conf"
guards() { ctl rate show --port other --json 2>/dev/null | jq -es 'any(.[]; .guard == true)'; }
wait_for 20 guards
ok $? "the guard limits what is no service"
strazhd_kill KILL
rm -f "$DB"*
CLOCK=
strazhd_up --config "$E2E_TMP/strazh.conf"
wait_for 20 clock_is_new
is "$(sql "SELECT name FROM setting WHERE name LIKE 'gate.rate.other.%'")" "" \
	"the store does not take it for an operator's"
like "$(sql "SELECT name FROM setting WHERE name LIKE 'gate.rate.%'")" "gate.rate.0.host.syn" "but his own"
strazhd_kill TERM

echo "# a journal that cannot be emptied"
quiet ban 192.0.2.30
: >"$E2E_TMP/strazhd.log"
mount --bind "$STATE/journal" "$STATE/journal"
mount -o remount,bind,ro "$STATE/journal"
strazhd_up
wait_for 20 said "journal in .* cannot be emptied: .*; it is tried again"
ok $? "the log says so"
in_store 192.0.2.30/32
ok $? "the store has what it holds"
umount "$STATE/journal"
wait_for 20 journal_empty
ok $? "it is emptied when it can be"
is "$(sql "SELECT count(*) FROM audit WHERE action = 'ban' AND subject = '192.0.2.30'")" 1 "and was taken in once"
strazhd_kill TERM
finish
