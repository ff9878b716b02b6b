#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# One address tries client keys, one after the other, at a server that knows its clients.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/scenes.bash
. "$(dirname "$0")/scenes.bash"
BAD=45.0.0.66
"$O/strazh" keygen -h >/dev/null 2>&1
head -c 32 /dev/urandom | base64 >"$E2E_TMP/clients"
scene_up "clients = $E2E_TMP/clients"
guests honest --from 20.0.0.1 --sources 200 --step 511 --guests 200 --arrive 1000 --rate 5 --new 20 --seconds 9
sleep 2
watch
cl timeout 100 "$O/tests/tools/guests" --to "$AT" --key "$KEY" --from $BAD --new 50 --strangers --seconds 4 \
	--timeout-ms 500 >"$E2E_TMP/bad"
banned $BAD
ok $? "it is banned"
unwatch
ok "$([ "$(dropped deny-host)" -gt 0 ]; echo $?)" "and dropped: $(dropped deny-host) packets"
like "$(why $BAD)" "AuthFailure: [0-9]+ keys that nobody here has \(brute force\) in" "why names the cause"
ended honest
unhurt honest
is "$(bans_in 20)" 0 "nobody honest is banned"
lifted $BAD
ok $? "the ban ends"
wait_for 15 calm
ok $? "all is calm"
figures keys "$(detected bad deny-host)" honest
scene_down
