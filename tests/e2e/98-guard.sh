#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# The guard: who sends garbage to the secured server is banned in the gate, by nobody's word; who is
# framed is not. Learning says so and does nothing; bans end on time; an operator has the last word.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/guarded.bash
. "$HERE/guarded.bash"
net_up
AT=10.66.0.1:8000
BAD=10.66.0.66

# st COMMAND ARGS...: strazh on the client, at the server
st() { cl timeout 100 "$O/strazh" "$@" -s "$AT" -k "@$E2E_TMP/server.pub"; }
of() { jq -r "select(.$2 != null) | .$2" "$1"; }
denials() { ctl stats --json 2>/dev/null | jq -s 'map(select(.reason == "deny-host") | .packets) | add // 0'; }

server_keys
conf "ban_time = 1h" "ban_time_most = 5m" "limit = 80" "ban = 60"
like "$("$O/strazhd" --check --config "$CONF" 2>&1)" "guard.limit: above guard.ban, 60" "limit and ban stay in order"
like "$("$O/strazhd" --check --config "$CONF" 2>&1)" "guard.ban_time: more than guard.ban_time_most, 5m" \
	"and so are the times"

echo "# off"
conf "mode = off"
strazhd_up --interface sv0 --config "$CONF" --max-hosts 16
wait_for 5 listening
ok $? "it listens"
like "$(ctl status 2>/dev/null)" "^guard +off" "off"
is "$(garbage $BAD 40 | jq -c .)" '{"sent":40,"lost_ms":null}' "garbage, and nobody minds"
is "$(ctl why $BAD --json 2>/dev/null | jq -r 'select(.kind == "guard") | .text')" "" "why tells of no guard"

refuses 3 "nobody weighs reports: guard\.mode is off" report 192.0.2.50

echo "# learn"
reload learn
is "$(garbage $BAD 40 | jq -c .)" '{"sent":40,"lost_ms":null}' "learning: nothing is dropped"
wait_for 5 said "guard: $BAD banned for 10m \(not carried out: learning\): [0-9]+ handshake failures in "
ok $? "it says what it would do, and why"
free $BAD
ok $? "the gate knows nothing of it"
like "$(ctl why $BAD 2>/dev/null)" "banned for another (10m|9m[0-9]+s), but not carried out: learning" \
	"why says so too"
like "$(ctl status 2>/dev/null)" "^guard +learn: [0-9]+ sources known, 1 would be banned" "and status"
like "$(ctl report 192.0.2.50 --reason "said so" 2>&1)" "192\.0\.2\.50: reported, said so: held against it" \
	"an operator's report: nothing is done"
like "$(ctl why 192.0.2.50 2>/dev/null)" "would be banned for another" "but would be"

echo "# enforce"
reload enforce "ban_time = 4s"
like "$(ctl status 2>/dev/null | tr '\n' ' ')" "guard +enforce: .* 0 banned, .*attack state normal" \
	"nobody is banned for what was learned"
st ping -c 500 -i 0.01 --json >"$E2E_TMP/ping" 2>&1 &
PING=$!
sleep 0.3
before=$(denials)
# Until it is dropped: how many that takes is a matter of who gets the processor, and no figure of ours.
hit=$(garbage $BAD 100000)
echo "# from the first garbage to the first dropped packet: $hit"
is "$(jq '.lost_ms != null' <<<"$hit")" true "garbage: dropped"
is "$(jq '.sent > 4' <<<"$hit")" true "after some, and not the first"
# One look, for the ban is a short one: by whom, and for how many seconds (they are whole ones).
is "$(ctl list deny --json 2>/dev/null | jq -c "select(.prefix == \"$BAD\") |
	[.lists, (.until - .since | . == 4 or . == 5)]")" '[["guard"],true]' "a ban of the guard's in the gate, for 4 s"
ok "$([ "$(denials)" -gt "$before" ]; echo $?)" "which counts what it drops"
like "$(log)" "guard: $BAD banned for 4s: ([5-9]|[1-4][0-9]) handshake failures in [0-9]+s \(0\.[0-9]+\)" \
	"the log says why, in one line: fewer than 50 were enough"
like "$(ctl why $BAD 2>/dev/null)" "HandshakeFailure: [0-9]+ handshake failures in" "so does why"
wait_for 60 said "guard: $BAD ban lifted"
ok $? "the ban is lifted"
free $BAD
ok $? "and gone from the gate"
like "$(garbage $BAD 1)" '"sent": 1' "its next connection comes through"
wait $PING
is "$? $(of "$E2E_TMP/ping" sent) $(of "$E2E_TMP/ping" received)" "0 500 500" \
	"strazh ping from another address: not one is lost"

echo "# an operator's word"
reload enforce "ban_time = 1h" "limit = 20"
garbage $BAD 200 >/dev/null
wait_for 5 banned $BAD
ok $? "banned again"
like "$(ctl why $BAD 2>/dev/null)" "[12] bans? remembered" "a repeat offender"
quiet unban $BAD
free $BAD
ok $? "unban takes it back"
like "$(ctl status 2>/dev/null)" "^guard .* 0 banned" "and the guard knows"
garbage $BAD 200 >/dev/null
wait_for 5 banned $BAD
ok $? "its next deeds count anew"
quiet flush deny --yes
wait_for 5 guard_is banned 0
ok $? "flush deny forgives all"
# reported ARGS...: what strazhctl report says of it, on one line
reported() { ctl report "$@" 2>&1 | tr '\n' ' '; }
like "$(reported 192.0.2.51 --reason 'tried doors')" "192\.0\.2\.51: reported, tried doors: banned" "banned by its word"
banned 192.0.2.51
ok $? "in the gate, by the guard"
said_so() { ctl why 192.0.2.51 2>/dev/null | grep -qE "report 192\.0\.2\.51 by operator:root 0: tried doors"; }
wait_for 10 said_so
ok $? "why tells who said so, and why"
like "$(ctl why 192.0.2.51 2>/dev/null)" "^ +Reported: 1 reports of an operator in 1s \(0\.90\)" "and what it weighs"
like "$(reported 192.0.2.52 --weight 40)" "192\.0\.2\.52: reported: limited" "a light one limits"
like "$(reported 192.0.2.52 --weight 40)" ": limited" "twice is the same report"
free 192.0.2.52
ok $? "and bans nobody"
like "$(reported 192.0.2.53 --weight 10 --for 2h)" ": held against it" "a lighter one is held against it"
like "$(reported fd66:0:0:9::7)" "fd66:0:0:9::/64: reported: banned" "of IPv6 the /64"
banned fd66:0:0:9::/64
ok $? "is banned"
like "$(reported 10.66.0.1)" ": held against it" "our own address is not"
free 10.66.0.1
ok $? "banned"
refuses 2 "is no host" report 192.0.2.0/24
refuses 2 "'101' is no weight: 1 to 100" report 192.0.2.54 --weight 101
refuses 2 "'x' is no weight" report 192.0.2.54 --weight x
refuses 2 "ADDR" report
refuses 2 "control character at byte 2" report 192.0.2.54 --reason $'a\tb'
is "$(printf '%s\n' "192.0.2.55 1h of a line" "# none" 192.0.2.0/24 192.0.2.56 |
	ctl report - --weight 90 --reason lines 2>"$E2E_TMP/errors"; echo $?)" 7 "report - takes lines"
like "$(cat "$E2E_TMP/errors")" "line 3: '192\.0\.2\.0/24' is no host" "and names what is wrong"
like "$(tail -n 1 "$E2E_TMP/errors")" "2 reported, 1 not" "and sums up"
banned 192.0.2.55 && banned 192.0.2.56
ok $? "the others are banned"
is "$(ctl report --json 192.0.2.56 | jq -r .result)" "done" "as JSON"
quiet unban 192.0.2.51
free 192.0.2.51
ok $? "unban takes it back"
like "$(ctl why 192.0.2.51 2>/dev/null)" "score 0\.00" "and the report with it"
quiet flush deny --yes
wait_for 5 guard_is banned 0
ok $? "and flush deny all of them"
quiet allow $BAD
sleep 2.5 # the allow list is looked at every two seconds
is "$(garbage $BAD 60 | jq -c .)" '{"sent":60,"lost_ms":null}' "who is allowed is not dropped"
wait_for 5 said "guard: $BAD on the never or allow list, not acted on: alarm.* \(not carried out: on the allow list\)"
ok $? "but raises an alarm"
free $BAD
ok $? "and is not banned"
quiet disallow $BAD
again() { garbage "$BAD" 20 >/dev/null && banned "$BAD"; }
wait_for 20 again
ok $? "allowed no longer, it is banned for its next deeds, not in an hour"
# Or the next guard would get it back from the store, for the rest of the hour.
quiet unban $BAD
reload off

echo "# a full table"
reload enforce
for i in {1..16}; do quiet ban "192.0.2.$i"; done
garbage $BAD 60 >/dev/null
wait_for 5 said "guard: $BAD cannot be banned: the table of denied hosts or prefixes is full"
ok $? "a ban that does not fit is said"
free $BAD
ok $? "and is not there"
like "$(ctl status 2>/dev/null)" "^guard .* 1 not taken by the gate yet" "status tells"
quiet unban 192.0.2.1
wait_for 5 banned $BAD
ok $? "there is room: it is tried again"
like "$(log)" "guard: the gate takes bans again" "and that is said"
is "$(guard undone) $(guard lost)" "0 0" "nothing waits any more, and nothing was given up"
reload learn
wait_for 5 free $BAD
ok $? "from enforce to learn: what was done is taken back"
is "$(ctl list deny --json 2>/dev/null | jq -s 'map(select(.prefix)) | length')" 15 "and nothing of the operator's"
quiet flush deny --yes
reload off

echo "# framing"
reload enforce
quiet set rate.mode enforce
quiet rate set udp --pps 200 --burst 100
quiet rate set syn --pps 100 --burst 100
mac=$(ip -j link show sv0 | jq -r '.[0].address')
sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.sv0.rp_filter=0
st ping -c 600 -i 0.01 --json >"$E2E_TMP/framed" 2>&1 &
PING=$!
sleep 0.3
cl "$O/tests/tools/attack" --dev cl0 --mac "$mac" --from-mac 02:00:00:00:00:66 --to 10.66.0.1 --kind syn \
	--kind udp --as 10.66.0.2 --rate 20000 --seconds 4 >"$E2E_TMP/attack" 2>&1
is $? 0 "SYNs and UDP under an honest address, 20,000 a second"
like "$(ctl why 10.66.0.2 2>/dev/null)" "(HighPacketRate|ConnectionFlood|BurstTraffic|SmallPacketFlood): .*spoofable" \
	"the guard has seen it"
free 10.66.0.2
ok $? "and bans nobody for it"
like "$(ctl why 10.66.0.2 2>/dev/null)" "score 0\.00, pressure 0\.[0-9]+" "it is pressure, no score"
wait $PING
is "$? $(of "$E2E_TMP/framed" sent) $(of "$E2E_TMP/framed" received)" "0 600 600" \
	"the session under it lives, without a loss"
is "$(guard unheard)" 0 "no fact was lost"
like "$(ctl status 2>/dev/null)" "attack state (high|critical|under-attack)" "the attack state tells of it"
wait_for 20 st ping -c 1
ok $? "and a new session is opened"

reload off
is "$(ctl rate show --json 2>/dev/null | jq -c 'select(.source)')" "" "off: its limits are gone"
strazhd_kill TERM
finish
