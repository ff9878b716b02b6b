#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# SYN cookies of the gate: the kernel's own answers, packet by packet; real connections through
# them while a spoofed flood goes on; on and off by pressure.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

PORT=7777
net_up
client_native
# The kernel makes its own checksums, so that they can be compared.
ethtool -K sv0 tx off >/dev/null 2>&1
MAC=$(ip -j link show sv0 | jq -r '.[0].address')
# Spoofed sources are routed somewhere, as on the internet, and are nobody.
ip route add default via 10.66.0.254
ip neigh replace 10.66.0.254 lladdr 02:00:00:00:00:99 dev sv0 nud permanent
sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.sv0.rp_filter=0
sysctl -qw net.ipv4.tcp_syncookies=2 net.ipv4.tcp_timestamps=2 net.ipv4.tcp_ecn=1
setsid echo-server --port $PORT >"$E2E_TMP/echo" 2>&1 &
wait_for 5 grep -q listening "$E2E_TMP/echo"
ctl attach sv0 --mode native >/dev/null 2>&1
ok $? "attached"

count() { ctl stats --json 2>/dev/null | jq -s --arg r "$1" 'map(select(.reason == $r)) | .[0].packets // 0'; }
tally() { ctl stats --json --all 2>/dev/null | jq -s --arg r "$1" 'map(select(.tally == $r)) | .[0].packets // 0'; }
# Kernel's counters: none that nstat keeps, each asked for its whole value
kernel() { nstat -asz "$1" | awk -v name="$1" '$1 == name { print $2 }'; }
cookies_now() {
	ctl service list --json 2>/dev/null |
		jq -rs --arg p "$PORT/tcp" 'map(select(.service == $p)) | .[0].cookies_on'
}

# The same SYNs once to the kernel, which answers each with a cookie (tcp_syncookies 2), and once to
# the gate; what may differ is the sequence number and the clock in the timestamp.
answers() { cl /usr/bin/python3 "$HERE/syn_answers.py" cl0 "$MAC" $PORT "$@"; }
for timestamps in 2 0; do
	sysctl -qw net.ipv4.tcp_timestamps=$timestamps
	ctl service remove $PORT/tcp >/dev/null 2>&1
	answers >"$E2E_TMP/kernel.$timestamps"
	before=$(count syn-cookie)
	ctl service add $PORT/tcp --cookies always >/dev/null 2>&1
	answers >"$E2E_TMP/gate.$timestamps"
	lines=$(wc -l <"$E2E_TMP/kernel.$timestamps")
	is "$(($(count syn-cookie) - before))" "$lines" "timestamps $timestamps: the gate answered all of $lines SYNs"
	[ "$lines" -ge 40 ]
	ok $? "timestamps $timestamps: there were enough of them"
	is "$(diff "$E2E_TMP/kernel.$timestamps" "$E2E_TMP/gate.$timestamps" | head -6)" "" \
		"timestamps $timestamps: every answer is the kernel's own"
done
sysctl -qw net.ipv4.tcp_timestamps=1
ctl service remove $PORT/tcp >/dev/null 2>&1
like "$(ctl service add $PORT/tcp --cookies always 2>&1)" "tcp_timestamps is 1" \
	"with a secret offset on timestamps there is a warning"
grep -q "Timestamp" <(answers)
is $? 1 "and no timestamp is promised, so no scale and no SACK that the kernel could not read back"

# The frame keeps its length: an MSS that has no room in it, since the SYN brings none, is left out.
sysctl -qw net.ipv4.tcp_timestamps=2
ctl service remove $PORT/tcp >/dev/null 2>&1
answers bare >"$E2E_TMP/kernel.bare"
ctl service add $PORT/tcp --cookies always >/dev/null 2>&1
before=$(count syn-cookie)
answers bare >"$E2E_TMP/gate.bare"
but_mss() { sed -E 's/ len [0-9]+ / /; s/MSS=[0-9]+ ?//' "$E2E_TMP/$1.bare"; }
lines=$(wc -l <"$E2E_TMP/kernel.bare")
is "$(($(count syn-cookie) - before))" "$lines" "without room for an MSS: all of $lines SYNs are answered"
is "$(grep -c MSS "$E2E_TMP/gate.bare")" 10 "without room for an MSS: it is in no more answers than have room"
is "$(diff <(but_mss kernel) <(but_mss gate) | head -6)" "" \
	"without room for an MSS: the kernel's answers but for that"
before=$(count syn-cookie)
answers big >/dev/null
is "$(($(count syn-cookie) - before))" 2 "a SYN with 80 bytes of data is answered, one with 81 is the kernel's"

# Nobody listens: the kernel says so, the gate answers nothing.
ctl service add 7778/tcp --cookies always >/dev/null 2>&1
before=$(count syn-cookie)
cl timeout 3 bash -c 'exec 3<>/dev/tcp/10.66.0.1/7778' 2>/dev/null
is $? 1 "a closed port refuses"
is "$(count syn-cookie)" "$before" "and gets no cookie"
like "$(cl /usr/bin/python3 "$HERE/syn_answers.py" cl0 "$MAC" $PORT odd)" "^no answer no answer no answer$" \
	"a SYN in a fragment, one with IPv4 options and one without a whole header get no cookie of the gate's making"

# The kernel does not give cookies now: its SYN queue is not full. Then it gets the SYN.
sysctl -qw net.ipv4.tcp_syncookies=1
before=$(tally cookie-failed)
is "$(cl /usr/bin/python3 "$HERE/syn_connect.py" --port $PORT --count 20 10.66.0.1 fd66::1)" "20 of 20" \
	"tcp_syncookies 1, queue not full: the kernel takes the SYNs itself"
[ $(($(tally cookie-failed) - before)) -ge 20 ]
ok $? "which is counted"
sysctl -qw net.ipv4.tcp_syncookies=2

# Connections made with cookies have the options of those without.
options() { # of one connection, seen from the server
	cl /usr/bin/python3 "$HERE/syn_connect.py" --port $PORT --hold 2 "$1" >/dev/null &
	sleep 0.7
	ss -tinH state established "sport = :$PORT" | tr '\n' ' ' |
		grep -oE 'ts|sack|ecn|wscale:[0-9,]+|advmss:[0-9]+|rcvmss:[0-9]+|pmtu:[0-9]+' | sort | tr '\n' ' '
	wait $!
}
for address in 10.66.0.1 fd66::1; do
	ctl service remove $PORT/tcp >/dev/null 2>&1
	sysctl -qw net.ipv4.tcp_syncookies=1
	without=$(options $address)
	sysctl -qw net.ipv4.tcp_syncookies=2
	ctl service add $PORT/tcp --cookies always >/dev/null 2>&1
	like "$without" "wscale" "$address: there are options"
	is "$(options $address)" "$without" "$address: the same options with and without cookies"
done

# Pressure: AUTO goes on above its limit, real connections go through the flood, off after it.
ctl service add $PORT/tcp --cookies auto --syn-pressure 1000 >/dev/null 2>&1
ctl set rate.mode enforce >/dev/null 2>&1
is "$(cookies_now)" false "without a flood cookies are off"
received=$(kernel TcpExtSyncookiesRecv) answered=$(count syn-cookie)
cl attack --dev cl0 --mac "$MAC" --to 10.66.0.1 --kind syn --port $PORT --rate 50000 --seconds 12 \
	--from 45.0.0.0/8 >"$E2E_TMP/attack" 2>&1 &
ATTACK=$!
sleep 1
is "$(cookies_now)" true "the flood switches them on"
is "$(cl /usr/bin/python3 "$HERE/syn_connect.py" --port $PORT --count 1000 10.66.0.1 fd66::1)" "1000 of 1000" \
	"1,000 real connections echo right during a spoofed flood"
wait $ATTACK
[ $(($(kernel TcpExtSyncookiesRecv) - received)) -ge 1000 ]
ok $? "the kernel made them out of cookies"
[ $(($(count syn-cookie) - answered)) -ge 400000 ]
ok $? "the gate answered the flood ($(($(count syn-cookie) - answered)) SYNs)"
is "$(cookies_now)" true "they stay on for a while"
off() { [ "$(cookies_now)" = false ]; }
wait_for 20 off
ok $? "and go off after the hold"
finish
