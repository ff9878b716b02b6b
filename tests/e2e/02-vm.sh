#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# What vm/judge makes of a machine's results and of its kernel's log: nothing bad may pass.
set -u
cd "$(dirname "$0")/../.." || exit 2
DIR=$(mktemp -d)
trap 'rm -rf "$DIR"' EXIT
COUNT=0 BAD=0

BOOT='[    0.000000] Linux version 6.1.0-56-cloud-amd64 (debian-kernel@lists.debian.org)'
GOOD='# begin a\n1..2\nok 1 - x\nok 2 - y\n# end a 0 from 1 to 2\n'
END='# the end, 3 s after boot\n'

# judged RESULTS CONSOLE STATUS WANTED-OK WANTED-NOT-OK NAME
judged() {
	local got
	printf '%b' "$1" >"$DIR/results"
	printf '%b\n' "$2" >"$DIR/console"
	got=$(vm/judge m "$DIR/results" "$DIR/console" "$3")
	COUNT=$((COUNT + 1))
	if [ "$(grep -c '^ok - ' <<<"$got") $(grep -c '^not ok - ' <<<"$got")" = "$4 $5" ]; then
		echo "ok $COUNT - $6"
	else
		BAD=$((BAD + 1))
		echo "not ok $COUNT - $6"
		printf '# wanted %d ok, %d not ok, got:\n' "$4" "$5"
		printf '#   %s\n' "${got//$'\n'/$'\n'#   }"
	fi
}

judged "$GOOD$END" "$BOOT" 0 3 0 'a good machine'
judged "$GOOD$GOOD$END" "$BOOT" 0 5 0 'two programs'
judged "# begin a\n1..1\nnot ok 1 - x\n# end a 1\n$END" "$BOOT" 0 1 1 'a test that fails'
judged "# begin a\n1..1\nok 1 - x # SKIP why\n# end a 0\n$END" "$BOOT" 0 1 1 'a skip fails'
judged "# begin a\n1..1\nnot ok 1 # SKIP x\n# end a 0\n$END" "$BOOT" 0 1 1 'a skip as cmocka says it'
judged "# begin a\n1..0 # SKIP why\n# end a 0\n$END" "$BOOT" 0 1 1 'a program that skips all'
judged "# begin a\n# end a 0\n$END" "$BOOT" 0 1 1 'no plan'
judged "# begin a\n1..3\nok 1 - x\n# end a 0\n$END" "$BOOT" 0 2 1 'fewer than planned'
judged "# begin a\n1..1\nok 1 - x\n# end a 137\n$END" "$BOOT" 0 2 1 'a bad exit status'
judged "# begin a\n1..1\nok 1 - x\n$GOOD$END" "$BOOT" 0 4 1 'a program without an end'
judged "$END" "$BOOT" 0 1 1 'a machine that ran nothing'
judged "$GOOD" "$BOOT" 0 3 1 'a machine that did not reach its end'
judged '' '' 0 0 3 'silence'
judged "$GOOD$END" "$BOOT" 124 2 1 'out of time'
judged "$GOOD$END" "$BOOT" 1 2 1 'qemu failed'
for said in 'WARNING: CPU: 0 PID: 7 at net/core/dev.c:1' 'BUG: kernel NULL pointer dereference' \
	'Oops: 0000 [#1] PREEMPT SMP' 'Kernel panic - not syncing: x' \
	'rcu: INFO: rcu_preempt self-detected stall on CPU' 'watchdog: BUG: soft lockup - CPU#1' \
	'INFO: task ip:9 blocked for more than 120 seconds.' 'test_x[9]: segfault at 0 ip 0' \
	'Out of memory: Killed process 9'; do
	judged "$GOOD$END" "$BOOT\n[    9.1] $said" 0 2 1 "the kernel says: ${said%%:*}"
done
echo "1..$COUNT"
[ "$BAD" = 0 ]
