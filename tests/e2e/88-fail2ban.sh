#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# fail2ban drives us: a jail on a log file bans in the gate by action.d/strazh.conf, packets are dropped,
# and the ban goes by fail2ban's word, by its time, and never touches whom an operator allowed. The
# fail2ban is Debian's, with folders, socket and database of this test's own.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/jail.bash
. "$HERE/jail.bash"
command -v fail2ban-server >/dev/null || skip_all 'no fail2ban: sudo ./scripts/setup test'
net_up
BAD=10.66.0.66

# doors ADDR N: so many failures, as its log would have them
doors() { for ((i = 0; i < $2; i++)); do echo "$(date '+%Y-%m-%d %H:%M:%S') door: refused $1"; done >>"$DOOR_LOG"; }
banned() { ctl list deny --json 2>/dev/null | jq -es "any(.[]; .prefix == \"$1\")" >/dev/null; }
free() { ! banned "$1"; }
in_jail() { f2b get door banip 2>/dev/null | grep -qw "$1"; }
not_in_jail() { ! in_jail "$1"; }

cp "$HERE/../../scripts/fail2ban/strazh.conf" "$F/action.d/"
jail_make INFO '^ door: refused <HOST>$' 'maxretry = 3' 'findtime = 1h' 'bantime = 1h' \
	"action = strazh[strazhctl=\"$O/strazhctl\"]"

jail() {
	sed -i "s/^bantime = .*/bantime = $1/" "$F/jail.conf"
	jail_start
}
jail_end() {
	f2b stop >/dev/null 2>&1
	wait "$JAIL" 2>/dev/null
}
tells() { sed 's/^/#   /' "$F/out" "$F/log"; }

# The same story, with strazhd and without.
story() {
	doors $BAD 2
	doors 10.66.0.2 1
	sleep 1.5
	free $BAD
	ok $? "two failures of three are none"
	ping4 $BAD
	ok $? "and it is answered"
	doors $BAD 2
	wait_for 15 banned $BAD
	ok $? "one more: banned in the gate" || tells
	blocked4 $BAD
	ok $? "its packets are dropped"
	ping4 10.66.0.2
	ok $? "those of others are not"
	like "$(ctl why $BAD 2>/dev/null)" "fail2ban: door, [34] failures" "why names the jail"
	like "$(ctl list deny 2>/dev/null)" "$BAD .*(59m|1h)" "until the jail's time is over"
	f2b set door unbanip $BAD >/dev/null
	wait_for 10 free $BAD
	ok $? "fail2ban's unban takes it back"
	ping4 $BAD
	ok $? "and it is answered again"
	f2b set door banip 2001:db8::7 192.0.2.7 >/dev/null
	wait_for 10 banned 2001:db8::7
	ok $? "IPv6 is banned too"
	wait_for 10 banned 192.0.2.7
	ctl unban 192.0.2.7 >/dev/null 2>&1
	f2b unban 192.0.2.7 >/dev/null
	wait_for 10 not_in_jail 192.0.2.7
	ctl allow 192.0.2.8 >/dev/null 2>&1
	f2b set door banip 192.0.2.8 >/dev/null
	wait_for 10 grep -q 'Ban 192.0.2.8' "$F/log"
	sleep 0.5
	free 192.0.2.8
	ok $? "whom an operator allowed is not banned"
	is "$(grep -c ' ERROR ' "$F/log")" 0 "and all that is no error" || tells
	ctl disallow 192.0.2.8 >/dev/null 2>&1
}

ctl attach sv0 >/dev/null 2>&1
echo "# without strazhd"
jail 1h
ok $? "a jail" || tells
story
jail_end
wait_for 5 free 2001:db8::7
ok $? "a jail that ends takes its bans back"

echo "# with strazhd"
strazhd_up
rm -f "$F"/db.sqlite3 "$F/log"
: >"$DOOR_LOG"
jail 1h
story
jail_end

echo "# a ban that ends by itself"
rm -f "$F"/db.sqlite3 "$F/log"
: >"$DOOR_LOG"
jail 4
doors $BAD 3
wait_for 15 banned $BAD
ok $? "banned for four seconds"
kill -KILL "$JAIL"
wait "$JAIL" 2>/dev/null
wait_for 20 free $BAD
ok $? "over, though fail2ban is dead"
is "$(nft list ruleset | grep -c f2b)" 0 "no rule of nftables was made"
strazhd_kill TERM
finish
