#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# Who may speak to strazhd, and what a bad or slow client costs it: nothing that others notice.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
net_up
SOCK=/run/strazh/strazhd.sock
as() { # UID GID COMMAND...
	local uid=$1 gid=$2
	shift 2
	setpriv --reuid "$uid" --regid "$gid" --clear-groups "$@"
}
rss() { awk '/VmRSS/ { print $2 }' "/proc/$STRAZHD_PID/status"; }
# talk SCRIPT: python with a connected socket s
talk() {
	/usr/bin/python3 - <<-P
		import json, os, socket, sys, time
		s = socket.socket(socket.AF_UNIX)
		s.connect("$SOCK")
		s.settimeout(5)
		$1
	P
}

# A group of this test's own, in a copy of /etc/group that only this mount namespace sees.
cp /etc/group "$E2E_TMP/group"
echo 'strazh:x:4242:' >>"$E2E_TMP/group"
mount --bind "$E2E_TMP/group" /etc/group
cp "$O/strazhctl" "$E2E_TMP/strazhctl"
chmod 755 "$E2E_TMP" "$E2E_TMP/strazhctl"
CTL=$E2E_TMP/strazhctl

strazhd_up --interface sv0
ctl ban 10.66.0.66 >/dev/null 2>&1
as 1234 4242 "$CTL" list >"$E2E_TMP/out" 2>&1
is $? 0 "a member of the group may look"
like "$(cat "$E2E_TMP/out")" "10\.66\.0\.66" "and sees"
as 1234 4242 "$CTL" set >/dev/null 2>&1
is $? 0 "settings too"
as 1234 4242 "$CTL" unban 10.66.0.66 >"$E2E_TMP/out" 2>&1
is $? 6 "but may not change"
like "$(cat "$E2E_TMP/out")" "not permitted" "and is told so"
as 1234 4242 "$CTL" mode observe >/dev/null 2>&1
is $? 6 "neither the mode"
as 1234 1234 "$CTL" status >"$E2E_TMP/out" 2>&1
is $? 6 "a stranger may not even look"
like "$(cat "$E2E_TMP/out")" "not permitted" "and is told so"
ok "$(blocked4 10.66.0.66; echo $?)" "nothing has changed"
is "$(awk '/CapEff/ { print $2 }' "/proc/$STRAZHD_PID/status")" 000000c000201000 \
	"strazhd holds four capabilities and no other"
is "$(awk '/CapBnd/ { print $2 }' "/proc/$STRAZHD_PID/status")" 000000c000201000 "for ever"

# Nonsense on the socket.
is "$(talk 's.sendall(b"nonsense\n"); print(json.loads(s.recv(4096))["result"])')" usage "no JSON: told"
is "$(talk '
s.sendall(b"""{"command":"ban","args":{"prefix":"10.0.0.1/8"}}\n""")
print(json.loads(s.recv(4096))["result"])')" \
	usage "a wrong prefix: checked again by strazhd"
is "$(talk '
try:
    s.sendall(b"x" * 200000)
except OSError:
    pass
try:
    print(json.loads(s.recv(4096))["result"])
except OSError:
    print("reset")')" usage "an endless line: told, and shown out"
is "$(talk '
f = os.memfd_create("x")
os.write(f, b"y" * 36)
socket.send_fds(s, [b"""{"command":"load","args":{"file":"x","list":"x"}}\n"""], [f])
print(json.loads(s.recv(4096))["message"])')" \
	"load: the descriptor is no sealed memfd" "a list that is not sealed is refused"
before=$(rss)
is "$(talk '
try:
    s.sendall(b"{\"command\":\"status\",\"args\":{}}\n" * 20000)
    print("all taken")
except TimeoutError:
    print("not read further")')" "not read further" "20,000 requests from a client that reads no answers"
[ $(($(rss) - before)) -lt 2048 ]
ok $? "cost little memory"
ok "$(timeout 2 "$O/strazhctl" status >/dev/null 2>&1; echo $?)" "strazhd answers others"

# More clients than there is room for.
like "$(talk '
more = []
for i in range(100):
    c = socket.socket(socket.AF_UNIX)
    c.connect("/run/strazh/strazhd.sock")
    more.append(c)
c.settimeout(2)
print(c.recv(4096))')" "too many clients" "the 65th client is shown out with a word"
ok "$(wait_for 3 timeout 2 "$O/strazhctl" status; echo $?)" "and there is room again when they leave"

# A list of 300,000 entries to one who does not read, and an event for followers who do not read.
for ((i = 0; i < 300000; i++)); do echo "101.$((i / 65536)).$((i / 256 % 256)).$((i % 256))"; done >"$E2E_TMP/big"
ctl load "$E2E_TMP/big" --list big >/dev/null 2>&1
before=$(rss)
talk 's.sendall(b"{\"command\":\"list\",\"args\":{}}\n"); time.sleep(4)' &
slow=$!
talk 's.sendall(b"{\"command\":\"events\",\"args\":{\"follow\":true}}\n"); time.sleep(8)' &
deaf=$!
timeout 9 "$O/strazhctl" events --follow --json >"$E2E_TMP/events" 2>/dev/null &
follower=$!
ctl set events.per_second 100000 >/dev/null 2>&1
sleep 0.5
flood 10.66.0.66 8000 4
worst=0
for _ in 1 2 3 4 5 6 7 8; do
	begin=$(date +%s%N)
	ctl status >/dev/null 2>&1
	took=$((($(date +%s%N) - begin) / 1000000))
	[ "$took" -gt "$worst" ] && worst=$took
	sleep 0.3
done
[ "$worst" -lt 500 ]
ok $? "others are answered meanwhile (slowest $worst ms)"
wait "$slow"
sleep 2
grew=$(($(rss) - before))
[ "$grew" -lt 4096 ]
ok $? "memory does not grow ($grew KiB)"
[ "$(grep -c deny-host "$E2E_TMP/events")" -gt 1000 ]
ok $? "a follower who reads gets the events"
wait "$deaf" "$follower"
is "$(ctl list --json 2>/dev/null | jq -c 'select(.prefix)' | wc -l)" 300001 "a whole list streams"
is "$(pgrep -c -P "$STRAZHD_PID")" 0 "no reader is left behind"
strazhd_kill TERM; sed "s/^/#LOG /" $E2E_TMP/strazhd.log | grep -A12 -iE "runtime|sanitizer" >&2
finish
