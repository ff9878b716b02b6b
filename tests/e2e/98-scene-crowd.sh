#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# 2,000 honest clients come within three seconds, each from an address of its own.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/scenes.bash
. "$(dirname "$0")/scenes.bash"
scene_up
watch
guests honest --from 20.0.0.1 --sources 2000 --step 611 --guests 2000 --arrive 3000 --rate 1 --seconds 8
ended honest
unwatch
unhurt honest
is "$(of honest .new.ok)" 2000 "all 2,000 came in"
is "$(dropped rate-host rate-net rate-service deny-host)" 0 "nothing was dropped"
is "$(bans_in 20) $(guard limited)" "0 0" "nobody is banned or limited"
figures crowd null honest
scene_down
