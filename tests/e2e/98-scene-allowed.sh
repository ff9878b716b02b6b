#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# Who is on the allow list sends garbage: nothing is dropped, but an alarm tells of it. Nor does it hurt
# those who are on no list.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/scenes.bash
. "$(dirname "$0")/scenes.bash"
BAD=45.0.0.66
scene_up
quiet allow $BAD
guests honest --from 20.0.0.1 --sources 200 --step 511 --guests 200 --arrive 1000 --rate 5 --new 20 --seconds 9
sleep 2.5 # the allow list is looked at every two seconds
watch
pest bad --kind garbage --from $BAD --rate 100 --seconds 2
unwatch
is "$(of bad '"\(.sent) \(.unanswered)"')" "$(of bad .sent) 0" "all of its connections were answered"
is "$(dropped deny-host rate-host rate-net)" 0 "nothing was dropped"
wait_for 5 said "guard: $BAD on the never or allow list, not acted on: alarm"
ok $? "an alarm tells of it"
like "$(why $BAD)" "HandshakeFailure: [0-9]+ handshake failures in" "why names the cause"
free $BAD
ok $? "it is not banned"
ended honest
unhurt honest
is "$(bans_in 20)" 0 "nor is anybody honest"
wait_for 15 calm
ok $? "all is calm"
figures allowed null honest
scene_down
