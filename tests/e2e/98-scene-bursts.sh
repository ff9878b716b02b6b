#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# An honest client works in bursts: fifty requests at once, and many short sessions. The guard has
# nothing against it.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/scenes.bash
. "$(dirname "$0")/scenes.bash"
scene_up
watch
guests honest --from 20.0.0.1 --guests 8 --rate 100 --burst 50 --new 30 --seconds 10
ended honest
unwatch
unhurt honest
is "$(dropped rate-host deny-host)" 0 "nothing was dropped"
is "$(bans_in 20)" 0 "it is not banned"
like "$(why 20.0.0.1)" "score 0\.00, pressure 0\.00" "nothing is held against it"
is "$(guard state)" normal "and the state was normal"
figures bursts null honest
scene_down
