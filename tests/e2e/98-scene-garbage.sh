#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# One address says what is no hello, connection after connection, while honest clients work: it is
# banned, they are not hurt, and afterwards it is as before.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/scenes.bash
. "$(dirname "$0")/scenes.bash"
BAD=45.0.0.66
scene_up
guests honest --from 20.0.0.1 --sources 200 --step 511 --guests 200 --arrive 1000 --rate 5 --new 20 --seconds 9
sleep 2
watch
pest bad --kind garbage --from $BAD --rate 200 --seconds 4
banned $BAD
ok $? "it is banned"
unwatch
ok "$([ "$(dropped deny-host)" -gt 0 ]; echo $?)" "and dropped: $(dropped deny-host) packets"
like "$(why $BAD)" "HandshakeFailure: [0-9]+ handshake failures in" "why names the cause"
ended honest
unhurt honest
is "$(bans_in 20)" 0 "nobody honest is banned"
lifted $BAD
ok $? "the ban ends"
wait_for 5 guard_is banned 0
ok $? "and is lifted"
pest after --kind garbage --from $BAD --count 1 --seconds 1
is "$(of after .answered)" 1 "its next connection comes through"
wait_for 15 calm
ok $? "all is calm"
figures garbage "$(detected bad deny-host)" honest
scene_down
