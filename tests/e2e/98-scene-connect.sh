#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# One address opens connections and says nothing: it holds them as long as it may, and then it opens
# and closes. It is banned.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/scenes.bash
. "$(dirname "$0")/scenes.bash"
scene_up 'hello_timeout = 2s'
guests honest --from 20.0.0.1 --sources 200 --step 511 --guests 200 --arrive 1000 --rate 5 --new 20 --seconds 12
sleep 2
for kind in connect hold; do
	[ "$kind" = connect ] && BAD=45.0.0.66 || BAD=45.0.7.67
	watch
	pest "$kind" --kind "$kind" --from "$BAD" --rate 1000 --seconds 4
	unwatch
	echo "# $kind: $(cat "$E2E_TMP/$kind")"
	banned "$BAD"
	ok $? "$kind: it is banned"
	ok "$([ "$(dropped deny-host)" -gt 0 ]; echo $?)" "$kind: and dropped: $(dropped deny-host) packets"
	like "$(why "$BAD")" "ConnectionFlood: [0-9]+ connections without a session in" "$kind: why names the cause"
	figures "$kind" "$(detected "$kind" deny-host)"
	lifted "$BAD"
	ok $? "$kind: the ban ends"
done
ended honest
unhurt honest
is "$(bans_in 20)" 0 "nobody honest is banned"
wait_for 30 calm
ok $? "all is calm"
figures connections null honest
scene_down
