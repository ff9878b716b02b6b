#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# What `make up` shows: the demo holds, leaves nothing behind, and says so when it does not hold.
set -u
TOP=$(cd "$(dirname "$0")/../.." && pwd)
O=${O:-$TOP/build}
case $O in /*) ;; *) O=$TOP/$O ;; esac
if [ "$(id -u)" != 0 ]; then
	echo "1..0 # SKIP needs root"
	exit 0
fi
TMP=$(mktemp -d)
trap 'rm -rf "$TMP"' EXIT
N=0 BAD=0
ok() {
	N=$((N + 1))
	if [ "$1" = 0 ]; then
		echo "ok $N - $2"
	else
		BAD=1
		echo "not ok $N - $2"
		tail -n 40 "$TMP/said" | sed 's/^/# /'
	fi
}
has() { grep -qE -- "$1" "$TMP/said"; }
left() { pgrep -f "^$1/(strazhd|tests/tools/)" >/dev/null; }

O=$O "$TOP/scripts/demo" --plain --seconds 18 >"$TMP/said" 2>&1
ok $? "the demo ends well"
[[ $(tail -n 1 "$TMP/said") == 'strazh held: '* ]]
ok $? "its last line is the verdict"
has '^ +[0-9]+ s +attack .* dropped/s [1-9][0-9]{3,} .*deny-net=[1-9]'
ok $? "the attack is seen, and dropped by reason"
has 'leaked +0 '
ok $? "an independent count behind the gate finds no leak"
for phase in before during; do
	has "^  $phase +[1-9][0-9]+ +(100|99)\.[0-9] %"
	ok $? "the honest client is served $phase the attack"
done

joined() { tr '\n' ' ' <"$TMP/said" | tr -s ' '; }
joined | grep -qE ' a stranger, .* banned at [0-9]+ s, .* remembered at [0-9]+ s, lifted at [0-9]+ s'
ok $? "whom nobody configured is banned, also by a strazhd that was killed, and let go"
joined | grep -qE 'because: [0-9]+ handshake failures in'
ok $? "and why says because of what"
WIDE=$(sed -n '/^strazh demo/,$p' "$TMP/said" | sed '$d' | awk 'length($0) > 80 || / $/')
[[ -z $WIDE ]]
ok $? "what it says at the end is for 80 columns: ${WIDE:-no line is wider}"

# The same build, except that its gate only observes and its strazhd has a name of its own.
mkdir "$TMP/o"
ln -s "$O/tests" "$TMP/o/tests"
cp "$O/strazhd" "$TMP/o/strazhd"
cat >"$TMP/o/strazhctl" <<-CTL
	#!/bin/sh
	"$O/strazhctl" "\$@" || exit
	[ "\$1" != set ] || exec "$O/strazhctl" mode observe >/dev/null
CTL
chmod +x "$TMP/o/strazhctl"
O=$TMP/o "$TOP/scripts/demo" --plain --seconds 9 >"$TMP/said" 2>&1
[ $? = 1 ]
ok $? "a gate that drops nothing fails the demo"
has '^FAILED: [1-9][0-9,]* packets of listed sources passed the gate'
ok $? "and it says why"

: >"$TMP/said" # what the second one said is no sign of the third
O=$TMP/o "$TOP/scripts/demo" --plain >>"$TMP/said" 2>&1 &
DEMO=$!
for ((i = 0; i < 200; i++)); do
	has '^ +2 s' && break
	sleep 0.1
done
left "$TMP/o"
ok $? "a third demo runs"
kill -KILL "$DEMO"
wait "$DEMO" 2>/dev/null
for ((i = 0; i < 50; i++)); do
	left "$TMP/o" || break
	sleep 0.1
done
! left "$TMP/o"
ok $? "killed, it takes strazhd and its namespaces with it"
echo "1..$N"
exit "$BAD"
