#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# 500 clients share one address, behind a translator; three machines there are infested and send
# garbage. The address is not banned, the others go on, and an alarm says what is wrong.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/scenes.bash
. "$(dirname "$0")/scenes.bash"
NAT=20.0.0.1
scene_up 'max_per_source = 1000' 'max_half_open_per_source = 64'
guests honest --from $NAT --guests 497 --arrive 3000 --rate 2 --new 5 --seconds 12
sleep 5
watch
pest bad --kind garbage --from $NAT --rate 30 --seconds 4
unwatch
free $NAT
ok $? "the address is not banned"
is "$(bans_in 20)" 0 "nor its prefix"
like "$(why $NAT)" "HandshakeFailure: [0-9]+ handshake failures in" "why names the cause"
wait_for 5 said "guard: $NAT .*alarm"
ok $? "an alarm tells of it"
ended honest
unhurt honest
wait_for 15 calm
ok $? "all is calm"
figures nat null honest
scene_down
