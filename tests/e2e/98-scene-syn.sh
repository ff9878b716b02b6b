#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# SYNs at the secured server, which is a protected service: under 60,000 spoofed addresses, then all
# under one. None but the first reaches the kernel: the gate answers with cookies, and who is honest
# comes in by them; nobody is banned.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/scenes.bash
. "$(dirname "$0")/scenes.bash"
scene_up
quiet service add 8000/tcp
guests honest --from 20.0.0.1 --sources 200 --step 511 --guests 200 --arrive 1000 --rate 5 --new 20 \
	--seconds 13 --timeout-ms 8000
sleep 2
watch
flood many --kind syn --from 60.0.0.0/8 --sources 60000 --rate 50000 --seconds 3
unwatch
ok "$([ "$(dropped syn-cookie)" -gt "$(of many '.total * 0.9 | floor')" ]; echo $?)" \
	"many sources: $(dropped syn-cookie) of $(of many .total) SYNs ended in the gate, by a cookie"
first=$(detected many syn-cookie)
watch
flood one --kind syn --as 60.0.0.66 --rate 50000 --seconds 3
unwatch
ok "$([ "$(dropped syn-cookie rate-host)" -gt "$(of one '.total * 0.99 | floor')" ]; echo $?)" \
	"one source: $(dropped syn-cookie rate-host) of $(of one .total) SYNs ended there"
is "$(bans_in 60)$(bans_in 20)" 00 "spoofable: nobody is banned"
ended honest
unhurt honest
wait_for 30 calm
ok $? "all is calm"
figures syn-spoofed "$first" honest
scene_down
