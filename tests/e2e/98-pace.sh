#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# What the load asks for: the attack state rises, limits shrink, puzzles are asked for, cookies are
# on; the load is gone, or strazhd is, and all is as the operator set it.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/guarded.bash
. "$HERE/guarded.bash"
net_up
client_native
cl ip addr add 10.66.0.77/24 dev cl0
AT=10.66.0.1:8000
# What is asked for is renewed, and ends by itself after three seconds.
HOLD=8

st() { cl timeout 100 "$O/strazh" "$@" -s "$AT" -k "@$E2E_TMP/server.pub"; }
# of KIND FILTER: of strazhctl guard
of() { ctl guard --json 2>/dev/null | jq -r "select(.kind == \"$1\") | $2"; }
of_is() { [ "$(of "$1" "$2")" = "$3" ]; }
limit() { ctl rate show --json 2>/dev/null | jq -r 'select(.class == "udp") | .host_pps'; }
unlimited() { [ -z "$(ctl rate show --json 2>/dev/null | jq -r 'select(.source == "10.66.0.66") | .tier')" ]; }
cookies() { ctl stats --json 2>/dev/null | jq -s 'map(select(.reason == "syn-cookie") | .packets) | add // 0'; }
# below LESS MORE NAME: by a tenth at least
below() {
	[ $(($1 * 10)) -lt $(($2 * 9)) ]
	ok $? "$3: $1 to $2"
}
# hold N: so many connections that say nothing, until HELD is killed
hold() {
	: >"$E2E_TMP/held"
	ip netns exec cl /usr/bin/python3 - "$1" >"$E2E_TMP/held" <<-'PY' &
		import socket, sys, time
		held = [socket.create_connection(("10.66.0.1", 8000)) for _ in range(int(sys.argv[1]))]
		print(len(held), flush=True)
		time.sleep(100)
	PY
	HELD=$!
	wait_for 10 grep -q . "$E2E_TMP/held"
}
let_go() {
	kill "$HELD" 2>/dev/null
	wait "$HELD" 2>/dev/null
}
# conf LINES...: of [guard]. Pressure is that of all who work on this machine.
conf() {
	server_conf 'max_half_open = 10' 'max_half_open_per_source = 10' 'hello_timeout = 60s' \
		'[guard]' 'psi = 0' "$@"
}
reload() {
	conf "$@"
	kill -HUP "$STRAZHD_PID"
}
up() {
	strazhd_up --interface sv0 --config "$CONF"
	wait_for 5 listening
	ok $? "it listens"
}

sysctl -qw net.ipv4.tcp_syncookies=2 net.ipv4.tcp_timestamps=2
server_keys
conf "mode = enforce"
up
quiet set rate.mode enforce
quiet rate set udp --pps 1000 --burst 100
quiet service add 8000/tcp --cookies auto

echo "# nothing is the matter"
is "$(of guard .state) $(of guard .acts) $(of gate .scaled)" "normal true false" "normal, and nothing is scaled"
like "$(ctl guard 2>/dev/null)" "^gate +limits as they were set" "as text, too"
st ping -c 1 >/dev/null 2>&1
is "$? $(of guard .puzzle_now) $(cookies)" "0 0 0" "a session without a puzzle, without a cookie"
base=$(through)
echo "# $base packets of 1,500 are within the limit"

echo "# nearly all slots are in use"
hold 9
wait_for 10 of_is guard .state critical
ok $? "the state is critical"
is "$(of gate .all)" 1 "smaller limits would make no slot free: they stay"
like "$(log)" "guard: .*critical" "the log tells"
is "$(of gate .cookies)" true "cookies are on"
before=$(cookies)
st ping -c 1 >/dev/null 2>&1
is $? 0 "a new session is opened"
ok "$([ "$(cookies)" -gt "$before" ]; echo $?)" "by a SYN cookie"
wait_for 5 of_is guard ".puzzle_now >= 14" true
ok $? "and a puzzle: $(of guard .puzzle_now)"
let_go

echo "# a service gets more than it may"
quiet service add 9/udp
quiet rate set udp --port 9/udp --pps 100
quiet rate set udp --pps 100000
: >"$E2E_TMP/flood"
flood 10.66.0.77 6000 8
wait_for 8 of_is guard .state under-attack
ok $? "most is lost: under attack"
admits_less() { [ "$(of guard '.admission < 0.95')" = true ]; }
wait_for 8 admits_less
ok $? "less is admitted"
wait_for 8 of_is gate '.all <= 0.6' true
ok $? "the gate's limits are scaled, by half or so"
like "$(ctl status 2>/dev/null)" "^ +attack state under-attack, limits [1-6][0-9] %" "status tells"
below "$(of gate '.limited * 1000 | floor')" "$(of gate '.all * 1000 | floor')" "who is limited gives way first"
ok "$(of gate '.trusted >= .all' | grep -qx true; echo $?)" "and who is trusted last"
wait "$FLOOD_PID"
quiet rate set udp --port 9/udp --pps none
quiet rate set udp --pps 1200
is "$(limit)" 1200 "an operator changes a limit meanwhile: it is the new base"
quiet rate set udp --pps 1000 --burst 100
below "$(through)" "$base" "fewer packets pass"

echo "# strazhd is killed in the middle"
is "$(of gate .scaled)" true "limits are scaled still"
strazhd_kill KILL
wait_for $HOLD of_is gate .scaled false
ok $? "the gate is back at its base by itself"
wait_for 15 unlimited
ok $? "so is a limit that the guard gave to the source"
again=$(through)
below $((again * 3 / 4)) "$base" "no more than before"
below $((base * 3 / 4)) "$again" "and as much"

echo "# and comes back"
conf "mode = enforce" "pace = off"
up
hold 9
wait_for 10 of_is guard .state critical
ok $? "without guard.pace the state is shown"
is "$(of guard .acts) $(of gate .scaled)" "false false" "and nothing is done"
like "$(ctl guard 2>/dev/null)" "nothing of it is done" "which is said"
reload "mode = enforce"
wait_for 5 of_is gate .cookies true
ok $? "guard.pace by a reload"
reload "mode = learn"
wait_for 5 of_is gate .scaled false
ok $? "learning: taken back at once"
is "$(of guard .acts)" false "and shown"
let_go
reload "mode = enforce"

wait_for 60 st ping -c 1
ok $? "a session is opened"

echo "# the load is gone"
wait_for 90 of_is guard .state normal
ok $? "normal"
wait_for 200 of_is gate .scaled false
ok $? "the gate's limits are as they were set"
wait_for 60 of_is guard .admission 1
ok $? "and all are admitted"
st ping -c 1 >/dev/null 2>&1
wait_for 5 of_is guard .puzzle_now 0
ok $? "without a puzzle: $(of guard .puzzle_now)"
is "$(of guard '.changes >= 2')" true "each change was counted"
strazhd_kill TERM
finish
