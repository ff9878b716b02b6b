#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# Who wants everything checked anew, by SIGHUP, a clock that is set or a sleep, makes nobody wait: with
# SWEEP_ENTRIES denied hosts others are answered before the round is over. In order, not in time.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
strazhd_up
/usr/bin/python3 -c 'import sys
for i in range(int(sys.argv[1])):
    print(f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}")' "${SWEEP_ENTRIES:-300000}" >"$E2E_TMP/many"
ctl load "$E2E_TMP/many" --list many >/dev/null 2>&1
ok $? "many denied hosts"
# lines PATTERN: so many of the log
lines() { grep -c -- "$1" "$E2E_TMP/strazhd.log"; }
more() { [ "$(lines "$1")" -gt "$2" ]; }
answer=1
for try in {1..10}; do
	for i in {1..50}; do echo "192.0.2.$i"; done | ctl -q ban - --for 1s >/dev/null 2>&1
	sleep 2.2 # a ban of 1 s ends at a whole second, up to 2 s later
	anew=$(lines anew) collected=$(lines "^strazhd: collected")
	kill -HUP "$STRAZHD_PID"
	wait_for 10 more anew "$anew" || break
	ctl mode >/dev/null 2>&1 || break
	more "^strazhd: collected" "$collected" || answer=0
	wait_for 30 more "^strazhd: collected" "$collected" || echo "# try $try: collected by a round of before"
	[ $answer != 0 ] || break
done
ok $answer "an answer while a round is under way"
expired() { ctl list deny --match 192.0.2.0/24 --json 2>/dev/null | jq -es 'all(.[]; .prefix == null)'; }
wait_for 30 expired
ok $? "and what was over is gone"
strazhd_kill TERM
finish
