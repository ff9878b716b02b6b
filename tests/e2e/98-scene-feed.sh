#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# A block list names the server, its gateway and the whole networks around them, and a client who is
# allowed. None of these is dropped, which is told; the rest of the list holds.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/scenes.bash
. "$(dirname "$0")/scenes.bash"
scene_up
quiet allow 20.0.0.1
printf '%s\n' 10.66.0.1 10.66.0.254 fd66::1 10.66.0.0/16 45.0.0.0/24 20.0.0.1 45.0.1.7 >"$E2E_TMP/feed"
listed() { ctl list deny --list feed --json 2>/dev/null | jq -r 'select(.prefix) | .prefix' | grep -cxE "$1"; }
ctl load "$E2E_TMP/feed" --list feed >"$E2E_TMP/said" 2>&1
is $? 7 "that something was left out is no success"
for address in 10.66.0.1 10.66.0.254 fd66::1; do
	like "$(cat "$E2E_TMP/said")" "^strazhctl: $address is left out: never entry" "$address is refused, and told"
done
is "$(listed '10\.66\.0\.1|10\.66\.0\.254|fd66::1')" 0 "it is on no list"
is "$(listed '45\.0\.0\.0/24|45\.0\.1\.7')" 2 "the rest of the list holds"
guests honest --from 20.0.0.1 --guests 4 --rate 20 --new 10 --seconds 5
pest listed --kind connect --from 45.0.0.9 --rate 10 --seconds 2
is "$(of listed .answered)" 0 "who is listed is dropped"
ping4 10.66.0.2
ok $? "who is not, in a network that is: the server's own is spared"
ended honest
unhurt honest
figures feed null honest
scene_down
