#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# Tiny segments that belong to no connection, from one address, many times what a source may send:
# shut out for seconds, not banned, for nobody knows whose they are.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/scenes.bash
. "$(dirname "$0")/scenes.bash"
BAD=60.0.0.66
scene_up
guests honest --from 20.0.0.1 --sources 200 --step 511 --guests 200 --arrive 1000 --rate 5 --new 20 --seconds 9
sleep 2
watch
flood bad --kind ack --as $BAD --rate 200000 --seconds 3
like "$(why $BAD)" "SmallPacketFlood: [0-9]+ tiny packets in a flood in .*spoofable" "why names the cause"
like "$(why $BAD)" "score 0\.00, pressure 0\.[0-9]+" "it is pressure, no score"
unwatch
most=$(ctl rate show established --port 8000/tcp --json 2>/dev/null | jq -r ".service_pps // empty")
within bad "$most" $((most / 5)) rate-host rate-service
is "$(bans_in 60)$(bans_in 20)" 00 "spoofable: nobody is banned"
ended honest
unhurt honest
wait_for 60 guard_is limited 0
ok $? "nobody is limited any more"
wait_for 45 calm # a step down in ten seconds
ok $? "all is calm"
figures small "$(detected bad rate-host rate-service)" honest
scene_down
