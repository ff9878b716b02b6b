#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# Protected services: add, list, remove with strazhd and without; restarts and lost pins; sizes
# learned from a real client, an odd flood, drift and attack told apart.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
net_up

# refuses CODE PATTERN ARGS...
# field SERVICE KEY: of `service list`
field() { ctl service list --json 2>/dev/null | jq -r "select(.service == \"$1\") | .$2"; }
# bins PORT: the usual ones
bins() { ctl profile show "$1" --json 2>/dev/null | jq -r 'select(.usual == true) | .bin' | paste -sd, -; }
said_in_log() { grep -qE -- "$1" "$E2E_TMP/strazhd.log"; }
send() { cl /usr/bin/python3 "$HERE/sizes_send.py" "$@"; }
tcp_word() {
	bpftool -j map dump pinned /sys/fs/bpf/strazh/sz_settings |
		jq -r '.[0].formatted.value.tcp // .[0].value.tcp'
}

refuses 6 "not loaded" service list
ctl attach sv0 >/dev/null 2>&1
is "$(($(tcp_word) & 1))" 0 "attach reads net.ipv4.tcp_timestamps"

both_ways() {
	refuses 2 "443/tcp" service add 443
	refuses 2 "1 to 65535" service add 70000/tcp
	refuses 2 "tcp or udp" service add 443/sctp
	refuses 2 "/etc/services" service add nosuchname/tcp
	refuses 2 "add.list.remove" service
	refuses 2 "which service" service add
	refuses 2 "of tcp" service add 53/udp --cookies auto
	refuses 2 "forwarded" service add 443/tcp --forwarded --cookies always
	refuses 2 "0 to 14" service add 443/tcp --wscale 15
	refuses 2 "64 to 65495" service add 443/tcp --mss 12x
	refuses 4 "443/tcp is no protected service" service remove 443/tcp
	refuses 4 "443/tcp" profile show 443/tcp
	like "$(ctl service list 2>/dev/null)" "no protected services" "none yet"

	sysctl -qw net.ipv4.tcp_timestamps=1
	like "$(ctl service add https/tcp 2>&1)" "tcp_timestamps=2 gives both" \
		"cookies without timestamps are warned about"
	is "$(field 443/tcp cookies)" auto "a name of /etc/services; cookies under pressure"
	is "$(field 443/tcp syn_pressure)" 1000 "above 1,000 SYN/s"
	sysctl -qw net.ipv4.tcp_timestamps=2
	like "$(ctl service add https/tcp 2>&1)" "SYN queue is full, with 2 at once" \
		"cookies that wait for the kernel's queue as well"
	sysctl -qw net.ipv4.tcp_syncookies=2
	is "$(ctl service add 443/tcp --cookies always --syn-pressure 200/s 2>&1 | grep -c warning)" 0 \
		"and not with them"
	is "$(field 443/tcp 'cookies_on, .syn_pressure' | paste -sd' ' -)" "true 200" "it is changed"
	ctl service add 443/tcp --mss 1400 >/dev/null 2>&1
	is "$(field 443/tcp 'cookies, .mss' | paste -sd' ' -)" "always 1400" "what is not named stays"
	sysctl -qw net.ipv4.tcp_syncookies=0
	refuses 3 "tcp_syncookies" service add 444/tcp --cookies auto
	like "$(ctl service add 444/tcp 2>&1)" "warning.*cookies are off" "nor are they on by default"
	is "$(field 444/tcp cookies)" off "where the kernel accepts none"
	sysctl -qw net.ipv4.tcp_syncookies=1
	ctl service add 53/udp --fragments drop --odd enforce >/dev/null 2>&1
	is "$(field 53/udp 'fragments, .odd, .cookies' | paste -sd' ' -)" "drop enforce off" "options of udp"
	like "$(ctl service list 2>/dev/null)" "443/tcp +always +on .*none" "as a table"
	for port in 443/tcp 444/tcp 53/udp; do
		ctl service remove "$port" >/dev/null 2>&1
		is $? 0 "remove $port"
	done
	is "$(ctl service list --json 2>/dev/null | jq -s 'map(select(.service)) | length')" 0 "nothing is left"
}
echo "# directly on the maps"
both_ways

# The table is full at 63, and says so.
for port in $(seq 1 63); do ctl service add "$port/udp" >/dev/null 2>&1; done
refuses 5 "63 services are the most" service add 64/udp
ctl service remove 7/udp >/dev/null 2>&1
ctl service add 64/udp >/dev/null 2>&1
is $? 0 "one removed makes room for one"
for port in $(seq 1 64); do ctl service remove "$port/udp" >/dev/null 2>&1; done

echo "# via strazhd"
strazhd_up --interface sv0
both_ways
stamps() { [ "$(($(tcp_word) & 1))" = "$1" ]; }
sysctl -qw net.ipv4.tcp_timestamps=1
ok "$(wait_for 6 stamps 0; echo $?)" "strazhd follows net.ipv4.tcp_timestamps"
sysctl -qw net.ipv4.tcp_timestamps=2
ok "$(wait_for 6 stamps 1; echo $?)" "both ways"
ok "$(said_in_log 'tcp_timestamps 2'; echo $?)" "and says so"

# ---- restarts and losses ----

ctl service add 443/tcp --cookies always --mss 1300 >/dev/null 2>&1
strazhd_kill KILL
strazhd_up --interface sv0
is "$(field 443/tcp 'cookies, .mss' | paste -sd' ' -)" "always 1300" "a service survives kill -9 of strazhd"
rm /sys/fs/bpf/strazh/sz_port
ok "$(wait_for 6 test -e /sys/fs/bpf/strazh/sz_port; echo $?)" "a lost pin is made again"
# A byte of the table of ports changed behind our back: 443 is line 6, place 59.
python3 -c 'import sys; sys.stdout.write(" ".join(["0"] * 64))' >"$E2E_TMP/zeros"
# shellcheck disable=SC2046 # 64 words
bpftool map update pinned /sys/fs/bpf/strazh/sz_port key 6 0 0 0 value $(cat "$E2E_TMP/zeros")
ok "$(wait_for 6 said_in_log '1 ports did not say'; echo $?)" "a port that lost its service is mended"
strazhd_kill TERM

ctl service add 53/udp --odd enforce >/dev/null 2>&1
ctl profile set 53/udp --sizes 20-500 >/dev/null 2>&1
ctl service add 54/udp >/dev/null 2>&1
ctl service remove 54/udp >/dev/null 2>&1
is "$(bins 53/udp)" "4,5,6,7,8" "a profile by hand"
refuses 2 "one of --sizes" profile set 53/udp
refuses 2 "up to 15" profile set 53/udp --bins 3-20
ctl detach --all >/dev/null 2>&1
rm -r /sys/fs/bpf/strazh
strazhd_up --interface sv0 --size-window 1s
is "$(ctl service list --json 2>/dev/null | jq -r 'select(.service) | .service' | sort | paste -sd' ' -)" \
	"443/tcp 53/udp" "after all pins were lost services come back, also one added without strazhd, none removed"
is "$(bins 53/udp) $(field 53/udp odd)" "4,5,6,7,8 enforce" "with its profile"

# ---- sizes of a real client ----

ctl set rate.mode enforce >/dev/null 2>&1
ctl service add 5353/udp --odd enforce >/dev/null 2>&1
ctl profile learn 5353/udp --for 2s >/dev/null 2>&1
like "$(ctl profile show 5353/udp 2>/dev/null)" "learning, .* left" "learning"
send 10.66.0.2 10.66.0.1 5353 3 600:100 300:40 >/dev/null
ok "$(wait_for 10 said_in_log '5353/udp: profile learned: 32-127 bytes'; echo $?)" \
	"learned from a client: UDP of 48 and 108 bytes"
is "$(bins 5353/udp)" "5,6" "these bins"
like "$(ctl profile show 5353/udp 2>/dev/null)" "64-127 B +usual +[0-9,]+ +#+" "as bars"

before=$(passed bad4)
sent=$(send 10.66.0.66 10.66.0.1 5353 2 2000:1200)
got=$(($(passed bad4) - before))
# Its share: a burst of 200, and 100 a second for the two seconds.
ok "$([ "$got" -ge 200 ] && [ "$got" -le 500 ]; echo $?)" "odd flood: $got of $sent pass, the floor"
like "$(ctl stats 2>/dev/null)" "^size +[0-9]" "the others are dropped for their size"
before=$(passed good4)
sent=$(send 10.66.0.2 10.66.0.1 5353 1 500:100)
is "$(($(passed good4) - before))" "$sent" "an honest client loses nothing meanwhile"

# A connection whose sizes its service does not know, far above the limit: the kernel has it.
ctl service add 8080/tcp --odd enforce >/dev/null 2>&1
like "$(ctl profile set 8080/tcp --sizes 100-200 2>&1)" "warning.*20 to 60" "TCP's own sizes are missed"
ctl profile set 8080/tcp --bins 4-6 >/dev/null 2>&1
timeout 20 /usr/bin/python3 -c '
import socket
s = socket.create_server(("10.66.0.1", 8080))
c = s.accept()[0]
n = 0
while got := c.recv(65536):
    n += len(got)
print(n)' >"$E2E_TMP/received" &
server=$!
wait_for 5 sh -c 'ss -ltn | grep -q :8080'
timeout 20 ip netns exec cl /usr/bin/python3 -c '
import socket
c = socket.create_connection(("10.66.0.1", 8080))
c.sendall(bytes(4000000))
c.close()'
wait "$server"
is "$(cat "$E2E_TMP/received")" 4000000 "an upload of odd sizes far above the limit is not cut"
like "$(ctl stats 2>/dev/null)" "^socket +[0-9]" "because the kernel has the connection"
is "$(field 8080/tcp 'odd_packets > 500')" true "though its packets are odd"
is "$(field 8080/tcp 'odd_over < 20')" true "and they are not taken for an attack"

# ---- attack or drift ----

# window 1 s: one source far above its limit, for four of them
send 10.66.0.2 10.66.0.1 5353 5 1000:100 >/dev/null &
send 10.66.0.66 10.66.0.1 5353 5 2000:1200 >/dev/null
wait $!
ok "$(said_in_log '5353/udp: odd sizes far above .*attack'; echo $?)" "an odd flood is told as an attack"
is "$(bins 5353/udp) $(field 5353/udp alarm)" "5,6 null" "the profile stays, no alarm"
said_in_log '5353/udp: alarm'
is $? 1 "nor in the log"

# Two sources, each within its limit, a tenth of all: a new version of the client.
sleep 1
send 10.66.0.66 10.66.0.1 5353 12 50:1200 >/dev/null &
first=$!
send fd66::2 fd66::1 5353 12 50:1200 >/dev/null &
second=$!
send 10.66.0.2 10.66.0.1 5353 12 900:100 >/dev/null &
ok "$(wait_for 10 said_in_log '5353/udp: alarm.*being widened'; echo $?)" "drift raises an alarm"
like "$(ctl status 2>/dev/null)" "5353/udp.*alarm" "status shows it"
like "$(ctl service list 2>/dev/null)" "5353/udp.*[0-9]:[0-9]" "service list as well"
ok "$(wait_for 10 said_in_log 'learned: 32-127, 1024-2047'; echo $?)" "and the profile is widened by itself"
is "$(bins 5353/udp)" "5,6,10" "what was usual stays usual"
wait "$first" "$second" $!

# What the operator set is told, and stays.
ctl profile set 5353/udp --bins 5-6 --odd observe >/dev/null 2>&1
: >"$E2E_TMP/strazhd.log"
send 10.66.0.66 10.66.0.1 5353 6 50:1200 >/dev/null &
send 10.66.0.2 10.66.0.1 5353 6 400:100 >/dev/null
wait $!
ok "$(wait_for 3 said_in_log '5353/udp: alarm.*set by hand and stays'; echo $?)" "drift against a profile by hand"
is "$(bins 5353/udp)" "5,6" "does not change it"

# Watching goes on where it was: the windows are in the maps, not in strazhd.
ctl profile learn 5353/udp --for 1s >/dev/null 2>&1
strazhd_kill KILL
send 10.66.0.2 10.66.0.1 5353 1.5 1000:400 >/dev/null
strazhd_up --interface sv0 --size-window 1s
ok "$(wait_for 5 said_in_log '5353/udp: profile learned: 256-511'; echo $?)" \
	"learning goes on while strazhd is dead, and ends when it is back"
strazhd_kill TERM

# Without strazhd: whoever shows ends the learning.
like "$(ctl profile learn 5353/udp --for 1s 2>&1)" "no strazhd runs" "learning without strazhd is warned about"
sleep 1
like "$(ctl profile show 5353/udp 2>&1)" "too few packets" "too few packets: learning goes on"
send 10.66.0.2 10.66.0.1 5353 1.5 1000:100 >/dev/null
sleep 0.5
is "$(bins 5353/udp)" "6" "learned"
like "$(tail -n 1 "$STRAZH_STATE_DIR/journal")" '"usual":64' "and in the journal"
finish
