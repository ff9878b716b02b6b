#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# A block list names our own address, the gateway, and a network around an honest client who is on
# the allow list: it is refused for them, told, and taken for the rest.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/scenes.bash
. "$(dirname "$0")/scenes.bash"
scene_up
quiet allow 20.0.0.1
printf '%s\n' 10.66.0.1 10.66.0.254 fd66::1 45.0.0.0/24 45.0.1.7 >"$E2E_TMP/feed"
ctl load "$E2E_TMP/feed" --list feed >"$E2E_TMP/said" 2>&1
echo "# status $?"; sed 's/^/# /' "$E2E_TMP/said"
ctl list deny
guests honest --from 20.0.0.1 --guests 4 --rate 20 --new 10 --seconds 5
ended honest
unhurt honest
figures feed null honest
scene_down
