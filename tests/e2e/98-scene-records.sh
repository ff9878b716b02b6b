#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# Packets of sizes that a service has not learned, from one address: limited, and not banned, for UDP
# proves nothing. Then sessions that are opened as they should be and whose records are broken: banned.
# Who does as he should goes on beside both, and two broken records are nobody's end.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/scenes.bash
. "$(dirname "$0")/scenes.bash"
ODD=45.0.0.67 BAD=45.0.0.66 USUAL=20.0.3.1 TWICE=20.0.3.2
# The breaker waits 5 s for an answer that does not come; the ban is to be there afterwards.
GUARD=("ban_time = 20s")
sizes() { cl timeout 60 /usr/bin/python3 "$HERE/sizes_send.py" "$@"; }
breaker() {
	local name=$1
	shift
	cl timeout 100 "$O/tests/tools/breaker" --to "$AT" --key "$KEY" "$@" >"$E2E_TMP/$name"
}
# tier_is PREFIX TIER: what the gate has of that source: 2 limited
tier_is() { [ "$(ctl rate show --json 2>/dev/null | jq -r "select(.source == \"$1\") | .tier")" = "$2" ]; }
scene_up

echo "# odd sizes"
: >"$E2E_TMP/counted"
timeout 300 /usr/bin/python3 "$HERE/udp_count.py" 10.66.0.1 5353 >"$E2E_TMP/counted" &
COUNTING=$!
wait_for 5 grep -q ready "$E2E_TMP/counted"
quiet service add 5353/udp --odd enforce
quiet profile learn 5353/udp --for 2s
read -r small tiny <<<"$(sizes $USUAL 10.66.0.1 5353 3 600:100 300:40)"
wait_for 20 said '5353/udp: profile learned: 32-127 bytes'
ok $? "the service has learned its sizes"
guests honest --from 20.0.0.1 --sources 200 --step 511 --guests 200 --arrive 1000 --rate 5 --new 20 --seconds 9
sleep 2
watch
sizes $USUAL 10.66.0.1 5353 4 300:100 >"$E2E_TMP/usual" &
SENDING=$!
sizes $ODD 10.66.0.1 5353 4 2000:1200 >"$E2E_TMP/odd"
wait_for 5 tier_is $ODD 2
ok $? "who sends odd sizes gets smaller limits"
like "$(why $ODD)" "UnusualPacketSize: [0-9]+ packets of odd sizes in .*spoofable" "why names the cause"
like "$(why $ODD)" "score 0\.00, pressure 0\.[2-9]" "it is pressure, no score"
unwatch
wait "$SENDING"
ok "$([ "$(dropped size)" -gt 1000 ]; echo $?)" \
	"$(dropped size) of $(cat "$E2E_TMP/odd") packets were dropped for their size"
is "$(bans_in 45)$(bans_in 20)" 00 "nobody is banned for it"
kill -TERM $COUNTING
wait $COUNTING
came=$(sed -n '$p' "$E2E_TMP/counted")
echo "# dropped: $(jq -c "map_values(.packets)" "$E2E_TMP/drops"); came: $came"
is "$(jq ".\"$USUAL\"" <<<"$came")" $((small + tiny + $(cat "$E2E_TMP/usual"))) "of usual sizes all came"
ok "$(jq ".\"$ODD\" < $(cat "$E2E_TMP/odd") / 2 | if . then 0 else 1 end" <<<"$came")" "of odd ones few"
ended honest
unhurt honest
wait_for 60 guard_is limited 0
ok $? "nobody is limited any more"
figures odd-sizes null honest

echo "# broken records"
breaker once --from $TWICE
is "$(of once '"\(.sessions) \(.closed) \(.lost)"')" "1 1 false" "one broken record ends its session"
breaker twice --from $TWICE
is "$(of twice .sessions)" 1 "and no other one: the next is opened"
guests honest --from 20.0.0.1 --sources 200 --step 511 --guests 200 --arrive 1000 --rate 5 --new 20 --seconds 14
sleep 2
watch
breaker bad --from $BAD --count 100
banned $BAD
ok $? "who goes on with it is banned"
like "$(why $BAD)" "BadRecord: [0-9]+ forged or broken records in" "why names the cause"
wait_for 5 said "guard: $BAD banned for 20s: [0-9]+ forged or broken records in"
ok $? "and the log"
unwatch
is "$(of bad '.lost and .sessions > 2 and .closed == .sessions')" true \
	"after $(of bad .sessions) sessions, each of which ended with its record"
ok "$([ "$(dropped deny-host)" -gt 0 ]; echo $?)" "and dropped: $(dropped deny-host) packets"
free $TWICE
ok $? "who did it twice is not banned"
is "$(bans_in 20)" 0 "nor anybody honest"
ended honest
unhurt honest
lifted $BAD
ok $? "the ban ends"
wait_for 5 guard_is banned 0
ok $? "and is lifted"
breaker after --from $BAD
is "$(of after .sessions)" 1 "its next session is opened"
wait_for 45 calm # a step down in ten seconds
ok $? "all is calm"
figures records "$(detected bad deny-host)" honest
scene_down
