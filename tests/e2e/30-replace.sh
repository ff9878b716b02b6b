#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# The program is replaced, and a list swapped, under traffic of a banned source: nothing leaks.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
net_up

strazhd_up --interface sv0
ctl ban 10.66.0.66 >/dev/null
ok "$(blocked4 10.66.0.66; echo $?)" "banned"
before=$(passed bad4)
flood 10.66.0.66 5000 4
first=$(xdp_id sv0)
for _ in 1 2 3 4 5; do
	ctl replace sv0 >/dev/null || echo "# replace failed"
	sleep 0.3
done
second=$(xdp_id sv0)
[ -n "$second" ] && [ "$first" != "$second" ]
ok $? "another program is attached ($first, then $second)"
sent=$(flood_sent)
is $(($(passed bad4) - before)) 0 "replaced five times: not one of $sent packets leaked"
ctl unban 10.66.0.66 >/dev/null

# Two versions of one list, both naming the source among 20,000 others; swapped back and forth.
for version in 1 2; do
	for ((i = 0; i < 20000; i++)); do
		echo "$((100 + version)).$((i / 250)).$((i % 250)).9"
	done >"$E2E_TMP/v$version"
	echo 10.66.0.66 >>"$E2E_TMP/v$version"
done
ctl load "$E2E_TMP/v1" --list swap >/dev/null
is $? 0 "first version loaded"
ok "$(blocked4 10.66.0.66; echo $?)" "the list denies the source"
before=$(passed bad4) good=$(passed good4)
flood 10.66.0.66 5000 4
cl ping -nq -i0.02 -c150 -W1 -I 10.66.0.2 10.66.0.1 >"$E2E_TMP/ping" &
ping_pid=$!
for version in 2 1 2 1; do
	ctl load "$E2E_TMP/v$version" --list swap >/dev/null || echo "# load failed"
done
sent=$(flood_sent)
wait "$ping_pid"
is $(($(passed bad4) - before)) 0 "swapped four times: not one of $sent packets leaked"
like "$(cat "$E2E_TMP/ping")" " 0% packet loss" "no false drop of the honest client"
[ $(($(passed good4) - good)) -ge 150 ]
ok $? "the honest client's packets arrived"
is "$(ctl list deny --list swap --json | jq -s '[.[] | select(.prefix)] | length')" 20001 "the list holds one version"
ctl unload swap >/dev/null
is $? 0 "the list is unloaded"
ok "$(wait_for 2 ping4 10.66.0.66; echo $?)" "and the source passes again"
finish
