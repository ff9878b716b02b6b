#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# UDP to a host that has no use for much of it: under 60,000 spoofed addresses, then all under one.
# What is above the limits is dropped; neither TCP beside it is hurt nor the answers to what this host
# asks itself by UDP, and nobody is banned.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/scenes.bash
. "$(dirname "$0")/scenes.bash"
scene_up
wait_for 120 limits udp
ok $? "after its first minute what is normal is known"
most=$(total udp)
is "$(ctl rate show udp --port other --json 2>/dev/null | jq -r 'select(.service_pps) | .guard')" true \
	"the guard limits all UDP that is for no service: $most/s"
guests honest --from 20.0.0.1 --sources 200 --step 511 --guests 200 --arrive 1000 --rate 5 --new 20 --seconds 9
: >"$E2E_TMP/answering"
cl "$HERE/answers.py" serve 20.9.9.9 53 >"$E2E_TMP/answering" &
ANSWERING=$!
wait_for 5 grep -q ready "$E2E_TMP/answering"
sleep 2
: >"$E2E_TMP/answers"
timeout 60 "$HERE/answers.py" ask 20.9.9.9 53 6 >"$E2E_TMP/answers" &
ASKING=$!
watch
flood many --kind udp --from 60.0.0.0/8 --sources 60000 --rate 100000 --seconds 2
unwatch
within many "$most" $((most / 5)) rate-service rate-host
first=$(detected many rate-service rate-host)
watch
flood one --kind udp --as 60.0.0.66 --rate 200000 --seconds 2
unwatch
within one "$most" $((most / 5)) rate-host rate-service
like "$(why 60.0.0.66)" "HighPacketRate: [0-9]+ packets above its limits in .*spoofable" "why names the cause"
is "$(bans_in 60)$(bans_in 20)" 00 "spoofable: nobody is banned"
wait "$ASKING"
kill "$ANSWERING"
wait "$ANSWERING" 2>/dev/null
is "$(of answers '"\(.ok) \(.lost)"')" "300 0" "what this host asked by UDP was answered, each time"
ended honest
unhurt honest
wait_for 45 calm # a step down in ten seconds
ok $? "all is calm"
echo "# strazhd comes back"
stored() { [ "$(sqlite3 -cmd '.timeout 5000' "$E2E_TMP/state/strazh.db" \
	"SELECT count(*) FROM setting WHERE name = 'gate.normal'" 2>/dev/null)" = 1 ]; }
wait_for 20 stored
ok $? "what is normal is in the store"
strazhd_kill TERM
strazhd_up --interface sv0 --config "$CONF"
sleep 4 # until it has looked some times: what its predecessor left in the gate is no answer
limits udp
ok $? "and known to the next one at once: there is no open minute"
figures udp-spoofed "$first" honest
figures udp-one "$(detected one rate-host rate-service)"
scene_down
