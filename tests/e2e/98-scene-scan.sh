#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# One address tries closed ports, a few a second, which no limit notices. It is limited for moments and
# not banned, for a lone SYN may be anybody's; who tries three is not. (Scans that take hours are in
# tests/unit/guard/test_slow_scan.c.)
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/scenes.bash
. "$(dirname "$0")/scenes.bash"
BAD=45.0.0.66
FEW=45.0.7.67
scene_up '[daemon]' 'log_level = debug' # limits are too many for the log of every day
guests honest --from 20.0.0.1 --sources 200 --step 511 --guests 200 --arrive 1000 --rate 5 --new 20 --seconds 9
sleep 2
pest few --kind touch --from $FEW --port 9000 --rate 4 --count 3
watch
pest bad --kind touch --from $BAD --port 9100 --rate 4 --count 16
unwatch
echo "# bad: $(cat "$E2E_TMP/bad")"
is "$(of few '"\(.sent) \(.refused)"')" "3 3" "these ports are closed"
is "$(of bad '"\(.sent) \(.answered)"')" "16 0" "and all of those"
# Eleven of 32 bits make a dozen by linear counting: those before were looked at and let through.
ok "$([ "$(of bad .refused)" -ge 11 ]; echo $?)" "$(of bad .refused) of them passed the gate"
is "$(dropped deny-host deny-net)" 0 "nothing was dropped for a list"
wait_for 5 said "guard: $BAD limited.*[0-9]+ ports scanned in .*spoofable"
ok $? "it is limited, for a scan"
like "$(why $BAD)" "ScanPattern: [0-9]+ ports scanned in .*spoofable" "why names the cause"
like "$(why $BAD)" "score 0\.00, pressure 0\.[0-9]+" "it is pressure, no score"
said "guard: $FEW limited"
is $? 1 "who tried three ports is not limited"
is "$(bans_in 45)$(bans_in 20)" 00 "spoofable: nobody is banned"
ended honest
unhurt honest
wait_for 60 said "guard: $BAD free again"
ok $? "the limit ends by itself"
wait_for 15 calm
ok $? "all is calm"
figures scan null honest
scene_down
