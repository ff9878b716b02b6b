#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# Things go wrong: killed in the middle of swaps and bans, two commands at once, a closed pipe, no
# room for a list more, a ban of everything, a daemon that sees another clock than the kernel.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
net_up
hosts() { awk -v n="$1" 'BEGIN { for (i = 0; i < 20000; i++) printf "%d.%d.%d.9\n", n, i / 250, i % 250 }'; }
for version in 1 2; do
	{ hosts "10$version"; echo 10.66.0.66; } >"$E2E_TMP/v$version"
done
# What the list says now: the first octets of its hosts, and how many entries.
content() {
	ctl list deny --list swap --json 2>/dev/null |
		jq -rs '[.[] | select(.prefix) | .prefix] | "\(map(split(".")[0]) | unique | join(" ")) \(length)"'
}

# Killed at another moment of a swap each round.
strazhd_up --interface sv0
ctl load "$E2E_TMP/v1" --list swap >/dev/null
before=$(passed bad4)
flood 10.66.0.66 2000 30
mixed='' lost=''
for round in $(seq 12); do
	ctl load "$E2E_TMP/v$((1 + round % 2))" --list swap >/dev/null 2>&1 &
	load=$!
	sleep "0.0$((round * 5 % 60 + 10))"
	strazhd_kill KILL
	wait "$load"
	strazhd_up
	case $(content) in
	"10 101 20001" | "10 102 20001") ;;
	*) mixed="$mixed round $round: $(content);" ;;
	esac
	ctl ban "192.0.2.$round" >/dev/null 2>&1
	strazhd_kill KILL
	ctl list deny --json 2>/dev/null | grep -q "\"192.0.2.$round\"" || lost="$lost $round"
	strazhd_up
done
is "$mixed" "" "killed in 12 swaps: the list is one version or the other"
is "$lost" "" "a ban that was acknowledged outlives a kill"
kill "$FLOOD_PID" 2>/dev/null
is $(($(passed bad4) - before)) 0 "and a source that both versions deny never got through"
ok "$(ping4 10.66.0.2; echo $?)" "the honest client passes"
ctl unload swap >/dev/null
ctl flush deny --yes >/dev/null
strazhd_kill TERM

# Without the daemon.
for n in $(seq 20); do ctl ban "198.18.0.$n" >/dev/null 2>&1 & done
wait
is "$(ctl list deny --json 2>/dev/null | jq -s '[.[] | select(.prefix)] | length')" 20 \
	"twenty commands at once: twenty bans"
for everything in 0.0.0.0/0 ::/0; do
	said=$(ctl ban "$everything" 2>&1)
	is $? 3 "a ban of $everything is refused"
	like "$said" "never" "naming what it would lock out"
done
ctl list deny 2>/dev/null | head -n 1 >/dev/null
[ "${PIPESTATUS[0]}" -le 1 ]
ok $? "a reader that went away is no crash"
ctl ban ::ffff:192.0.2.200 >/dev/null 2>&1
like "$(ctl list deny 2>/dev/null)" "^192\.0\.2\.200 " "an IPv4-mapped address is the IPv4 one"
for n in $(seq 62); do echo "203.0.113.$n" | ctl load - --list "l$n" >/dev/null 2>&1; done
said=$(echo 203.0.113.99 | ctl load - --list onemore 2>&1)
is $? 5 "a list more than there are bits is refused"
like "$said" "another list: 62" "in words"
is "$(ctl lists --json 2>/dev/null | jq -s '[.[] | select((.list // "") | test("^l[0-9]"))] | length')" 62 \
	"and the others are there"

# A daemon whose boot clock is ten days ahead: its bans end by the kernel's clock.
ctl flush deny --yes >/dev/null 2>&1
unshare --time --boottime 864000 --fork --kill-child "$O/strazhd" \
	--state-dir "$E2E_TMP/state" >>"$E2E_TMP/strazhd.log" 2>&1 &
STRAZHD_PID=$!
wait_for 10 daemon_answers
ctl ban 10.66.0.66 --for 3s >/dev/null 2>&1
ok "$(blocked4 10.66.0.66; echo $?)" "banned by a daemon in another time namespace"
ok "$(wait_for 6 ping4 10.66.0.66; echo $?)" "the ban ends on time"
pkill -KILL -P "$STRAZHD_PID" # unshare(1) itself waits for its child and ignores SIGTERM
strazhd_kill KILL
finish
