#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# An attacker changes his address within what is his: a /24, and an IPv6 /64, which is one source.
# Both are banned as a whole; the neighbours are not.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/scenes.bash
. "$(dirname "$0")/scenes.bash"
GUARD=("ban_time = 10s")
scene_up
guests honest --from 20.0.0.1 --sources 200 --step 511 --guests 200 --arrive 1000 --rate 5 --new 20 --seconds 12
sleep 2
watch
pest four --kind garbage --from 45.0.0.10 --sources 200 --rate 3000 --seconds 3
unwatch
banned 45.0.0.0/24
ok $? "the /24 is banned"
first=$(detected four deny-net deny-host)
like "$(why 45.0.0.250)" "its prefix 45.0.0.0/24: [0-9]+ hosts seen, [0-9]+ bad, 0 good; banned for" \
	"why names the cause, of whatever address in it"
pest neighbour --kind connect --from 45.0.1.10 --count 1 --seconds 1
is "$(of neighbour .answered)" 1 "the next /24 is not hurt"
watch
cl timeout 100 "$O/tests/tools/pest" --to fd66::1 --kind garbage --from 2a45::10 --sources 200 --rate 200 --seconds 3 \
	>"$E2E_TMP/six"
unwatch
banned 2a45::/64
ok $? "the /64 is banned"
is "$(bans_in 2a45)" 1 "by one entry"
like "$(why 2a45::10)" "HandshakeFailure: [0-9]+ handshake failures in" "why names the cause"
ended honest
unhurt honest
is "$(bans_in 20)" 0 "nobody honest is banned"
lifted 45.0.0.0/24
lifted 2a45::/64
ok $? "the bans end"
wait_for 15 calm
ok $? "all is calm"
figures rotate-24 "$first" honest
figures rotate-64 "$(detected six deny-net deny-host)"
scene_down
