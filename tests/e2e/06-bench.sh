#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# The bench is no friend of ours: a scene that is missing ends it, what is over its budget is said, and is
# a failure where that is asked for; fail2ban is measured as we are.
# shellcheck source=tests/tap.sh
. "$(cd "$(dirname "$0")/.." && pwd)/tap.sh"
TMP=$(mktemp -d)
trap 'rm -rf "$TMP"' EXIT
cd "$TOP" || exit 1
unset BENCH_PARTS BENCH_STRICT

# told: what all the scenes tell when all is well
told() {
	local scene
	for scene in connect framing garbage grows hold keys records rotate-24 rotate-64 small syn-spoofed \
		udp-one udp-spoofed; do
		printf '{"scene":"%s","detect_ms":20.5,"held_ppm":10,"new_ppm":0,"jain":0.99}\n' "$scene"
	done
	for scene in allowed bursts connections crowd feed nat odd-sizes scan; do
		printf '{"scene":"%s","detect_ms":null,"held_ppm":0,"new_ppm":0,"jain":1}\n' "$scene"
	done
}
# with SED: the same but for that; its rows into $TMP/rows, what it says into $TMP/said. Its status
with() {
	told | sed "$1" >"$TMP/log"
	BENCH_SCENES=$TMP/log "$O/tests/bench/bench-guard" "$O" scenes >"$TMP/rows" 2>"$TMP/said"
}
value() { awk -F'\t' -v name="$1" '$1 == name { print $2 }' "$TMP/rows"; }

with ''
is $? 0 "all is well"
is "$(value guard.detect_ms) $(value guard.scene_jain)" "20.5 0.99" "the worst of them are the figures"
is "$(grep -c 'OVER BUDGET' "$TMP/said")" 0 "nothing is over"

echo "# what is not there"
with '/udp-one/s/20.5/null/'
is $? 1 "an attack that was not stopped ends it"
like "$(cat "$TMP/said")" "scene 'udp-one': no detect_ms" "by its name"
is "$(wc -l <"$TMP/rows")" 0 "and there are no figures of the others"
with '/"keys"/d'
is $? 1 "so does a scene that is missing"
like "$(cat "$TMP/said")" "scene 'keys' told no figures" "by its name"
with 's/"nat"/"new"/'
is $? 1 "and one that nobody thought of"
like "$(cat "$TMP/said")" "scene 'new' is not known here" "by its name"

echo "# over budget"
# over SED ROW VALUE
over() {
	with "$1"
	is "$? $(value "$2")" "0 $3" "$2 $3 is a figure"
	like "$(cat "$TMP/said")" "OVER BUDGET: $2 is $3" "and said to be over budget"
	BENCH_STRICT=1 with "$1"
	is "$? $(value "$2")" "3 $3" "and with BENCH_STRICT=1 a failure"
}
over '/garbage/s/20.5/200.5/' guard.detect_ms 200.5
like "$(cat "$TMP/said")" "garbage: 200\.5 ms, OVER BUDGET" "the scene is named"
over '/crowd/s/"held_ppm":0/"held_ppm":1001/' guard.honest_loss_ppm 1001
over '/crowd/s/"new_ppm":0/"new_ppm":10001/' guard.honest_new_loss_ppm 10001
over '/feed/s/"jain":1/"jain":0.9/' guard.scene_jain 0.9
BENCH_STRICT=1 with ''
is $? 0 "all is well: with BENCH_STRICT=1 as well"

echo "# the bench as a whole"
mkdir -p "$TMP/o/tests/bench"
# ends STATUS: the bench whose only program ends so
ends() {
	printf '#!/bin/sh\nprintf "a.row\\t1\\ts\\t-\\t-\\t1\\t1\\t1\\t1\\n"\nexit %s\n' "$1" \
		>"$TMP/o/tests/bench/bench-wire"
	chmod +x "$TMP/o/tests/bench/bench-wire"
	rm -f "$TMP/o/bench.json"
	O=$TMP/o tests/bench/run wire >"$TMP/table" 2>&1
}
ends 0
is "$? $(jq -r '.[0].name' "$TMP/o/bench.json")" "0 a.row" "its table is written"
ends 3
is "$? $(jq -r '.[0].name' "$TMP/o/bench.json")" "1 a.row" "over budget: also, and the bench fails"
ends 1
is "$? $(find "$TMP/o" -name bench.json | wc -l)" "1 0" "a program that dies ends it"

echo "# fail2ban"
COST=$TOP/tests/bench/guard/cost.py
# Less than a tick of the clock, and not nothing.
read -r took cpu < <("$COST" $$ true)
is "$(jq -n "$took > 0 and $cpu > 0")" true "what true costs: $cpu s"
"$COST" $$ sh -c 'exit 7' >"$TMP/cost"
is $? 7 "it ends as the command does"
sleep 1000 &
IDLE=$!
sh -c 'while :; do :; done' &
BUSY=$!
read -r _ idle < <("$COST" $IDLE sleep 1)
read -r _ busy < <("$COST" $BUSY sleep 1)
kill $IDLE $BUSY
is "$(jq -n "$busy > $idle")" true "what another process does meanwhile is counted: $busy s, $idle s"
mkdir -p "$TMP/tree/tests/bench/guard"
# by_script LINES...: the bench, told that by its script
by_script() {
	printf '#!/bin/sh\n' >"$TMP/tree/tests/bench/guard/fail2ban.sh"
	printf 'echo "%s"\n' "$@" >>"$TMP/tree/tests/bench/guard/fail2ban.sh"
	chmod +x "$TMP/tree/tests/bench/guard/fail2ban.sh"
	(cd "$TMP/tree" && exec "$O/tests/bench/bench-guard" "$O" fail2ban) >"$TMP/rows" 2>"$TMP/said"
}
by_script 'fail2ban 10000 100 50' 'strazh 10000 0.5 0.000125'
is "$? $(value guard.ban_10k_cpu_s)" "0 0.000125" "a fraction of a tick is a figure"
is "$(grep -c stopped "$TMP/said" "$TMP/rows" | cut -d: -f2 | tr '\n' ' ')" "0 0 " "it did all of them"
by_script 'fail2ban 7000 181 90' 'strazh 10000 0.5 0.2'
is $? 0 "it did not"
like "$(cat "$TMP/said")" "fail2ban was stopped then: it had no time for the other 3000" "that is said"
like "$(cat "$TMP/rows")" "fail2ban, stopped at 7000 bans" "and in the rows"
finish
