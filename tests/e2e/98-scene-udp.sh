#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# UDP
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/scenes.bash
. "$(dirname "$0")/scenes.bash"
scene_up
guests honest --from 20.0.0.1 --sources 200 --step 511 --guests 200 --arrive 1000 --rate 5 --new 20 --seconds 11
sleep 2
watch
flood bad --kind udp --from 60.0.0.0/8 --sources 60000 --rate 100000 --seconds 4
cat "$E2E_TMP/bad"
unwatch
cat "$E2E_TMP/drops"
ctl status
ended honest
unhurt honest
wait_for 30 calm
ok $? "all is calm"
figures udp "$(detected bad rate-host rate-net)" honest
scene_down
