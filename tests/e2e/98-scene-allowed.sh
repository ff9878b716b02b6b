#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# Who is on the allow list sends garbage: nothing is dropped, but an alarm tells of it.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/scenes.bash
. "$(dirname "$0")/scenes.bash"
BAD=45.0.0.66
scene_up
quiet allow $BAD
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
wait_for 15 calm
ok $? "all is calm"
figures allowed null
scene_down
