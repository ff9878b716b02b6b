#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# connect
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/scenes.bash
. "$(dirname "$0")/scenes.bash"
BAD=45.0.0.66
scene_up
guests honest --from 20.0.0.1 --sources 200 --step 511 --guests 200 --arrive 1000 --rate 5 --new 20 --seconds 9
sleep 2
watch
pest bad --kind connect --from $BAD --rate 400 --seconds 4
unwatch
banned $BAD
ok $? "it is banned"
ended honest
unhurt honest
lifted $BAD
ok $? "the ban ends"
wait_for 15 calm
ok $? "all is calm"
figures connect "$(detected bad deny-host)" honest
scene_down
