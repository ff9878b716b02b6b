#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# small
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/scenes.bash
. "$(dirname "$0")/scenes.bash"
scene_up
guests honest --from 20.0.0.1 --sources 200 --step 511 --guests 200 --arrive 1000 --rate 5 --new 20 --seconds 11
sleep 2
watch
flood bad --kind ack --as 45.0.0.66 --rate 200000 --seconds 4
unwatch
ended honest
unhurt honest
wait_for 30 calm
ok $? "all is calm"
figures small "$(detected bad rate-host rate-net)" honest
scene_down
