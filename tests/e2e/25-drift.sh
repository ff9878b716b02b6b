#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# strazhd finds things changed behind its back, and a journal of acts on maps that are lost.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
net_up
attached() { [ -n "$(xdp_id "$1")" ]; }
times() { grep -cE -- "$1" "$E2E_TMP/strazhd.log"; }

strazhd_up --interface sv0 --interface later0
like "$(log)" "'later0' is not there" "an interface of the options that is not there yet is said"
ctl ban 10.66.0.66 >/dev/null 2>&1
ip link set dev sv0 xdp off
ok "$(wait_for 6 attached sv0; echo $?)" "taken off by ip: attached again"
ok "$(blocked4 10.66.0.66; echo $?)" "and enforcing"
is "$(times "'sv0': attached, it had been taken off")" 1 "logged once"

ip link add later0 type veth peer name later1
ip link set later0 up
ok "$(wait_for 6 attached later0; echo $?)" "attached when the interface comes"
like "$(log)" "'later0': attached, which can be done now" "and said"
ip link del later0
sleep 3
ip link add later0 type veth peer name later1
ip link set later0 up
ok "$(wait_for 6 attached later0; echo $?)" "and when it comes back under another index"
ctl detach later0 >/dev/null 2>&1

rm /sys/fs/bpf/strazh/sz_dhost4
ok "$(wait_for 6 test -e /sys/fs/bpf/strazh/sz_dhost4; echo $?)" "a removed pin is made again"
is "$(bpftool -j map dump pinned /sys/fs/bpf/strazh/sz_dhost4 2>/dev/null | jq length)" 1 "the same map"
like "$(log)" "sz_dhost4' was gone" "and said"

ip addr add 10.66.0.9/24 dev sv0
ok "$(wait_for 6 sh -c "'$O/strazhctl' list never 2>/dev/null | grep -q '10\.66\.0\.9 '"; echo $?)" \
	"a new address of this machine cannot be banned"
ip addr del 10.66.0.9/24 dev sv0

kill -HUP "$STRAZHD_PID"
ok "$(wait_for 6 grep -q anew "$E2E_TMP/strazhd.log"; echo $?)" "SIGHUP checks everything anew"
said=$("$O/strazhd" 2>&1)
is $? 1 "a second strazhd is refused"
like "$said" "another strazhd" "in words"
ok "$(ctl status 2>&1 | grep -q 'via strazhd'; echo $?)" "and the first one still answers"
# Rounds have passed since, the last one by SIGHUP.
attached later0
is $? 1 "what the operator detached stays detached"
strazhd_kill TERM

# While it is down: acts that the journal must bring back, since the maps are lost before it returns.
ctl ban 10.66.0.70 --for 1h --reason "from the journal" >/dev/null 2>&1
ctl ban 10.66.0.71 --for 1s >/dev/null 2>&1
ctl ban 10.66.0.72 >/dev/null 2>&1
ctl unban 10.66.0.72 >/dev/null 2>&1
ctl set events.per_second 1234 >/dev/null 2>&1
echo 198.51.100.0/24 | ctl load - --list lost >/dev/null 2>&1
printf '{"act":"add","table":"de' >>"$STRAZH_STATE_DIR/journal"
ctl detach --all >/dev/null 2>&1
rm -r /sys/fs/bpf/strazh
sleep 2.2 # a ban of 1 s ends at a whole second, up to 2 s later
: >"$E2E_TMP/strazhd.log"
strazhd_up --interface sv0
entries=$(ctl list deny 2>/dev/null)
like "$entries" "10\.66\.0\.70 .*(59m|1h).*from the journal" "a ban comes back with its remaining time and reason"
is "$(grep -cE '10\.66\.0\.7[12]' <<<"$entries")" 0 "not one that is over, nor one taken back"
like "$(ctl set events.per_second 2>/dev/null)" "1234" "a setting comes back"
like "$(log)" "list 'lost' was lost" "a list that cannot come back is named"
like "$(log)" "torn|hold no act" "the torn line is left out and said"
is "$(stat -c %s "$STRAZH_STATE_DIR/journal")" 0 "the journal is empty then"
strazhd_kill TERM

# The same acts on maps that are still there are not done again.
ctl ban 10.66.0.80 >/dev/null 2>&1
strazhd_up
like "$(log)" "1 acts while strazhd was down, 1 of them in force" "acts in force are left alone"
strazhd_kill TERM

# A journal that cannot be written: done all the same, and told.
mkdir "$E2E_TMP/full"
mount -t tmpfs -o size=4k tmpfs "$E2E_TMP/full"
head -c 4096 /dev/zero >"$E2E_TMP/full/fill" 2>/dev/null
said=$(ctl --state-dir "$E2E_TMP/full" ban 10.66.0.81 2>&1)
is $? 0 "a full disk does not stop a ban"
like "$said" "warning.*journal" "but it is told"
like "$(ctl list deny 2>/dev/null)" "10\.66\.0\.81" "and in force"
umount "$E2E_TMP/full"

# What systemd is told.
/usr/bin/python3 - "$E2E_TMP/notify" >"$E2E_TMP/notified" <<'P' &
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
s.settimeout(8)
said = ""
while "STOPPING=1" not in said:
    said = s.recv(4096).decode()
    print(said, flush=True)
P
listener=$!
wait_for 3 test -S "$E2E_TMP/notify"
NOTIFY_SOCKET=$E2E_TMP/notify WATCHDOG_USEC=30000000 strazhd_up --interface sv0
kill -HUP "$STRAZHD_PID"
told() { grep -q '^WATCHDOG=1' "$E2E_TMP/notified" && [ "$(grep -c '^READY=1' "$E2E_TMP/notified")" -ge 2 ]; }
wait_for 6 told
strazhd_kill TERM
wait "$listener"
for word in READY=1 'STATUS=enforcing on sv0' WATCHDOG=1 RELOADING=1 STOPPING=1; do
	like "$(cat "$E2E_TMP/notified")" "^$word" "systemd is told $word"
done
ok "$(attached sv0; echo $?)" "and the gate stays when strazhd stops"
finish
