#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# SYNs at the secured server, which is a protected service: under 60,000 spoofed addresses, then all
# under one. But for the first thousands the gate answers them with cookies, and who is honest comes in
# by these; nobody is banned.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/scenes.bash
. "$(dirname "$0")/scenes.bash"
scene_up
guests honest --from 20.0.0.1 --sources 200 --step 511 --guests 200 --arrive 1000 --rate 5 --new 20 \
	--seconds 13 --timeout-ms 8000
sleep 2
watch
flood many --kind syn --from 60.0.0.0/8 --sources 60000 --rate 50000 --seconds 3
unwatch
# The kernel takes back a cookie only where a listener's queue was full: there are two, of 1,024.
within many 1000 2048 syn-cookie
first=$(detected many syn-cookie)
watch
flood one --kind syn --as 60.0.0.66 --rate 50000 --seconds 3
unwatch
within one 1000 2048 syn-cookie rate-host
is "$(bans_in 60)$(bans_in 20)" 00 "spoofable: nobody is banned"
ended honest
unhurt honest
wait_for 30 calm
ok $? "all is calm"
figures syn-spoofed "$first" honest
scene_down
