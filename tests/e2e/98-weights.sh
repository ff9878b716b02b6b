#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# What the guard weighs and bears is the configuration's to say: each key of [guard] by a reload, the
# rooms by a start, and what is wrong is refused with its place. And what the store keeps.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/guarded.bash
. "$HERE/guarded.bash"
net_up

why_says() { why "$1" | grep -qE -- "$2"; }
MORE=('[store]' 'backlog = 100' 'bans_keep = 1h')
# reload LINES...: and wait until it holds; another number of trust_sessions says that it is this one
RELOADS=20
reload() {
	RELOADS=$((RELOADS + 1))
	conf "mode = enforce" "trust_sessions = $RELOADS" "$@"
	kill -HUP "$STRAZHD_PID"
	wait_for 10 said "'guard\.trust_sessions' is '$RELOADS'"
	ok $? "reload: $*"
}
# next: $BAD is an address of which nothing is known, here and in the store
LAST=200 BAD=
next() {
	LAST=$((LAST + 1))
	BAD=10.66.8.$LAST
	cl ip addr add "$BAD/32" dev cl0
}
# heard: what was done before is known by now, for what is done after it is
heard() {
	local bad=$BAD marker
	next
	marker=$BAD
	BAD=$bad
	garbage "$marker" 1 >/dev/null
	wait_for 10 why_says "$marker" "has answered us"
}
# refused LINE: what --check says of it
refused() {
	conf "$1"
	"$O/strazhd" --check --config "$CONF" 2>&1
	echo "status $?"
}
# keys FILTER: of [guard] but its mode, with their values
keys() {
	"$O/strazhd" --check --json --config "$CONF" 2>/dev/null | jq -r ".values[]
		| select((.key | startswith(\"guard.\")) and .key != \"guard.mode\" and ($1)) | \"\(.key) \(.value)\""
}

server_keys

echo "# what is wrong"
conf "the line of a fault"
line=$(wc -l <"$CONF")
like "$(refused "weight_bad_record = 100")" "^$CONF:$line: guard\.weight_bad_record: '100': a number from 1 to 99$" \
	"a weight above 99 hundredths: its place, and what is right"
like "$(refused "weight_bad_record = 100")" "^status 2$" "nothing runs with it"
like "$(refused "weight_bad_recrod = 50")" "did you mean 'weight_bad_record'\?" "a key that there is not"
like "$(refused "high = 80")" "guard\.high: not below guard\.critical, 80" "high is below critical"
like "$(refused "handshake_failures_every = 11m")" "guard\.handshake_failures_every: '11m': a time from 1s to 10m" \
	"a time too long"
like "$(refused "sources = 1")" "guard\.sources: '1': a number from 64 to 4000000" "no room for anybody"
like "$(STRAZH_STORE_AUDIT_KEEP=11y refused "")" "store\.audit_keep: '11y': a time from 0 to 3650d" "and of the store"

echo "# each of them by a reload"
conf "mode = enforce" "sources = 64"
strazhd_up --interface sv0 --config "$CONF"
wait_for 10 listening
ok $? "it listens"
is "$(ctl status --json 2>/dev/null | jq -r 'select(.kind == "store") | .backlog_max')" 100 "store.backlog = 100"
keys '.restart | not' >"$E2E_TMP/live"
is "$(grep -c "weight_" "$E2E_TMP/live")" 12 "weights of twelve kinds"
other=()
while read -r key value; do
	case $value in
	on) value=off ;;
	*[smhd]) value=${value%?}0${value: -1} ;; # ten times as long
	*) value=$((value + 1)) ;;
	esac
	other+=("${key#guard.} = $value")
done < <(grep -vE "handshake_failures_every|trust_sessions" "$E2E_TMP/live")
other+=("handshake_failures_every = 20s")
reload "sources = 65" "${other[@]}"
changed() { [ "$(grep -cE "'guard\.[a-z_]+' is '.*', and was '.*'$" "$E2E_TMP/strazhd.log")" -ge "$1" ]; }
wait_for 5 changed "$(wc -l <"$E2E_TMP/live")"
ok $? "all $(wc -l <"$E2E_TMP/live") are taken"
while read -r key value; do
	said "'${key//./\\.}' is '.*', and was '$value'$" || echo "# not taken: $key"
done <"$E2E_TMP/live" >"$E2E_TMP/missing"
is "$(cat "$E2E_TMP/missing")" "" "and each by its name"
wait_for 5 said "'guard\.sources' is '65', and was '64': it holds after a restart"
ok $? "but for the rooms of the guard"

echo "# the rooms"
reload
ip route add 10.66.8.0/24 dev sv0
for host in $(seq -f 10.66.8.%.0f 1 100); do cl ip addr add "$host/32" dev cl0; done
# shellcheck disable=SC2046
cl timeout 100 /usr/bin/python3 "$HERE/prefix_send.py" 10.66.0.1 0 $(seq -f 10.66.8.%.0f 1 100) >"$E2E_TMP/sent"
is "$(jq -c . "$E2E_TMP/sent")" '{"made":100,"lost":0}' "a hundred sources"
heard
ok $? "all of them were heard"
known=$(guard known)
# Three quarters of the room, 48, are of who has answered.
ok "$([ "$known" -ge 48 ] && [ "$known" -le 64 ]; echo $?)" "guard.sources = 64: $known are known"

echo "# what a handshake weighs"
next
reload "weight_handshake_failure = 1"
garbage "$BAD" 60 >/dev/null
wait_for 5 why_says "$BAD" "HandshakeFailure: [0-9]+ handshake failures in"
ok $? "one hundredth: it is seen"
heard
free "$BAD"
ok $? "and sixty of them are no ban"
next
reload "weight_handshake_failure = 99"
garbage "$BAD" 8 >/dev/null
wait_for 5 banned "$BAD"
ok $? "99: eight are"
quiet unban "$BAD"
next
reload "weight_handshake_failure = 99" "handshake_failures = 100"
garbage "$BAD" 8 >/dev/null
heard
ok $? "eight more were heard"
free "$BAD"
ok $? "a hundred may fail at once: no ban"
why_says "$BAD" HandshakeFailure
is $? 1 "and nothing is held against it"

echo "# and a connection"
connect() {
	cl timeout 60 "$O/tests/tools/pest" --to 10.66.0.1 --kind connect --from "$BAD" --rate 200 --seconds 5 \
		--count "$1" | jq -r .answered
}
next
reload "connections = 1000"
answered=$(connect 100)
ok "$([ "$answered" -gt 70 ]; echo $?)" "$answered connections without a session"
heard
ok $? "they were heard"
why_says "$BAD" ConnectionFlood
is $? 1 "guard.connections = 1000: they are nothing"
next
reload "connections = 2" "connections_per_s = 1"
connect 20 >/dev/null
wait_for 5 why_says "$BAD" "ConnectionFlood: [0-9]+ connections without a session in"
ok $? "guard.connections = 2: twenty are a flood"

echo "# rates"
flood_as() {
	cl timeout 60 "$O/tests/tools/attack" --dev cl0 --mac "$MAC" --from-mac 02:00:00:00:00:66 --to 10.66.0.1 \
		--kind udp --as "$1" --rate 5000 --seconds 2 >/dev/null 2>&1
	wait_for 10 why_says "$1" "has never answered us"
}
RATES="(HighPacketRate|BurstTraffic|SmallPacketFlood): .*spoofable"
MAC=$(ip -j link show sv0 | jq -r '.[0].address')
sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.sv0.rp_filter=0
quiet rate set udp --pps 200 --burst 100
reload "high_rate = 10000000" "burst_rate = 10000000" "small_rate = 10000000"
flood_as 10.66.0.77
ok $? "a flood under an address that nobody has"
why_says 10.66.0.77 "$RATES"
is $? 1 "below the rates that are said it is none"
reload
flood_as 10.66.0.78
wait_for 5 why_says 10.66.0.78 "$RATES"
ok $? "with the usual ones it is one"

strazhd_kill TERM
finish
