#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# Test mode: one host may load the server as it likes, everybody is told so, and a reload ends it.
# Besides, what strazhd says of the machine it runs on.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/guarded.bash
. "$HERE/guarded.bash"
net_up
BAD=10.66.0.66

gate() { ctl status --json 2>/dev/null | jq -r "select(.kind == \"gate\") | .$1"; }
gate_is() { [ "$(gate "$1")" = "$2" ]; }
send() { cl timeout 100 /usr/bin/python3 "$HERE/prefix_send.py" "$@" | jq -c .; }
# held N: connections of one host that say nothing; how many the server keeps
held() { cl timeout 30 /usr/bin/python3 "$HERE/hold_send.py" 10.66.0.2 "$1"; }
# conf TEST_MODE
conf() {
	server_conf 'max_per_source = 4' 'max_half_open_per_source = 3' '[daemon]' "test_mode = $1" \
		'[guard]' 'mode = enforce'
}

server_keys
conf off
is "$("$O/strazhd" --check --json --config "$CONF" --test-mode 2>&1 |
	jq -r '.. | objects | select(.key? == "daemon.test_mode") | .value')" on "--test-mode is daemon.test_mode = on"

conf on
# What systemd would be told.
/usr/bin/python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
while True:
    print(s.recv(4096).decode(), flush=True)
' "$E2E_TMP/notify" >"$E2E_TMP/notified" &
NOTIFIED=$!
wait_for 5 test -S "$E2E_TMP/notify"
NOTIFY_SOCKET=$E2E_TMP/notify strazhd_up --interface sv0 --config "$CONF"
wait_for 5 listening
ok $? "it listens"
said 'warning: TEST MODE.*server\.max_per_source is server\.max_connections.*guard\.ban is 98'
ok $? "the log warns, and says what is relaxed"
is "$(ctl status 2>/dev/null | head -n 1)" "TEST MODE: limits are relaxed for a load test" "the first line of status"
is "$(gate test_mode)" true "a field of its --json"
wait_for 5 grep -q '^STATUS=TEST MODE, ' "$E2E_TMP/notified"
ok $? "and systemd is told"
is "$(held 20)" 20 "one host has more connections than max_per_source"
is "$(send 10.66.0.1 60 $BAD)" '{"made":60,"lost":0}' "sixty failed handshakes: nobody is dropped"
like "$(ctl why $BAD 2>/dev/null)" "HandshakeFailure" "though the guard has seen them"

echo "# a reload ends it"
conf off
kill -HUP "$STRAZHD_PID"
wait_for 5 gate_is test_mode false
ok $? "test mode is off"
said 'test mode is over'
ok $? "the log says so"
like "$(ctl status 2>/dev/null | head -n 1)" "^gate " "status begins as ever"
wait_for 5 grep -q '^STATUS=enforcing' "$E2E_TMP/notified"
ok $? "systemd is told"
is "$(held 20)" 3 "one host has three half-open connections"
send 10.66.0.1 60 $BAD >/dev/null
wait_for 5 banned $BAD
ok $? "and garbage is banned"

echo "# the machine"
like "$(ctl status 2>/dev/null)" "^machine +[^ ]" "status says what it runs on"
is "$(ctl status --json 2>/dev/null | jq -r 'select(.kind == "machine") |
	(.hypervisor != "") and (.virtual == (.hypervisor != "none seen"))')" true "as a fact with its reason"
is "$(grep -c 'machine: hypervisor: ' "$E2E_TMP/strazhd.log")" 1 "and the log once"

strazhd_kill TERM
kill $NOTIFIED
wait $NOTIFIED 2>/dev/null
finish
