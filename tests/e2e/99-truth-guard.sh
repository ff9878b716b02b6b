#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# The differential of truth for the guard: garbage from hosts at random, what operators take back,
# kill -9, a gate that is lost, a store that is away. Then these have the same bans of the guard's:
# gate, store, the audit told from its beginning, and status by number; `why` gives the scores that
# it gave before a restart. TRUTH_SEED, TRUTH_ROUNDS (each event once in four).
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/guarded.bash
. "$HERE/guarded.bash"
net_up
HOSTS=24 AT_ONCE=2 TAKEN=
SEED=${TRUTH_SEED:-$RANDOM}
RANDOM=$SEED
echo "# seed $SEED"

conf 'mode = enforce' 'ban_time = 1h'
server_keys
# Each in a /24 of its own: no prefix is banned for them.
host() { echo "10.66.$1.7"; }
for ((i = 1; i <= HOSTS; i++)); do cl ip addr add "$(host $i)/32" dev cl0; done
ip route add 10.66.0.0/16 dev sv0

up() {
	strazhd_up --interface sv0 --config "$CONF"
	wait_for 10 listening
}

# ---- the four ----

in_store() { rows "SELECT cidr FROM ban WHERE origin = 'guard'" | sed 's|/32$||' | sort; }
# The acts of the guard, and those that take its bans back, one after the other.
in_audit() {
	rows "SELECT actor, action, subject FROM audit ORDER BY seq" | awk -F'|' '
		$2 == "ban" && $1 == "guard" { held[$3] = 1 }
		$2 == "unban" { delete held[$3] }
		$2 == "flush" && $3 ~ /^deny/ { delete held }
		END { for (host in held) print host }' | sort
}
agree() {
	local gate
	gate=$(in_gate)
	[ "$gate" = "$(in_store)" ] && [ "$gate" = "$(in_audit)" ] && guard_is banned "$(grep -c . <<<"$gate")"
}
tell() {
	echo "# gate   $(in_gate | tr '\n' ' ')"
	echo "# store  $(in_store | tr '\n' ' ')"
	echo "# audit  $(in_audit | tr '\n' ' ')"
	echo "# status $(guard banned)"
}
chain_is_whole() { ctl db check --url "sqlite://$STORE" >/dev/null 2>&1; }
# scores: of all hosts, in hundredths, as `why` has them
scores() {
	local i
	for ((i = 1; i <= HOSTS; i++)); do
		ctl why "$(host $i)" 2>/dev/null | sed -nE "s/.*score ([0-9])\.([0-9]{2}).*/$i \1\2/p" | head -1
	done
}
# same_scores BEFORE AFTER: all that counted before, and hardly less now, for time passes; never more
same_scores() {
	awk 'NR == FNR { before[$1] = $2; next } { after[$1] = $2 }
		END { for (host in before) if (before[host] >= 10) {
			seen++
			if (after[host] > before[host] + 1 || after[host] * 2 < before[host]) exit 1
		} exit !seen }' <(echo "$1") <(echo "$2")
}

checkpoint() {
	local before after count
	wait_for 30 agree
	count=$?
	ok $count "$1: gate, store, audit and status have the same bans of the guard's"
	[ $count = 0 ] || tell
	if [ -n "$TAKEN" ]; then
		in_gate | grep -qxF "$TAKEN"
		is $? 1 "$1: $TAKEN, whom an operator took back, is not banned"
	fi
	count=$(in_gate | grep -c .)
	ok "$([ "$count" -gt 0 ]; echo $?)" "$1: there are some: $count"
	chain_is_whole
	ok $? "$1: the audit's chain is whole"
	before=$(scores)
	strazhd_kill TERM
	up
	after=$(scores)
	same_scores "$before" "$after"
	ok $? "$1: why gives the scores that it gave before a restart"
	same_scores "$before" "$after" ||
		printf '# %s\n' "$(tr '\n' ';' <<<"$before")" "$(tr '\n' ';' <<<"$after")"
	wait_for 30 agree
	ok $? "$1: and the bans are the same"
}

# ---- what happens ----

# free_host: the number of one that is not banned
free_host() {
	local number gate
	gate=$(in_gate)
	for number in $(shuf -i 1-$((HOSTS - AT_ONCE + 1)) --random-source=<(yes "$RANDOM")); do
		grep -qxF "$(host "$number")" <<<"$gate" || break
	done
	echo "$number"
}
# send NUMBER HOSTS EACH: garbage from so many in a row, by turns
send() {
	cl pest --to 10.66.0.1 --kind garbage --from "$(host "$1")" --sources "$2" --step 256 --rate 400 \
		--count $(($2 * $3)) --seconds 2 >/dev/null
}
# harass: garbage until somebody is banned for it; and a little from somebody else
harass() {
	local before tries=10 little
	send $((1 + RANDOM % HOSTS)) 1 3 &
	little=$!
	before=$(in_gate | grep -c .)
	until [ "$(in_gate | grep -c .)" -gt "$before" ] || [ $((tries -= 1)) = 0 ]; do
		send "$(free_host)" $AT_ONCE 40
	done
	wait $little
}
some_banned() { in_gate | shuf -n 1 --random-source=<(yes "$RANDOM"); }
# Who is taken back is not banned again before he does something.
take_back() {
	TAKEN=${1:-$(some_banned)}
	[ -z "$TAKEN" ] || quiet unban "$TAKEN"
}
# An operator's ban of the same host is another one.
both_ban() { quiet ban "$(host $((1 + RANDOM % HOSTS)))" --for 1h; }
killed() {
	strazhd_kill KILL
	up
}
lost() {
	# What is not written yet, nobody was told of.
	wait_for 30 agree
	strazhd_kill KILL
	lose_gate
	up
}
flushed() {
	quiet flush deny --yes
	TAKEN=
	harass
}
# The store is away: bans come, one that it knows is taken back, and strazhd is killed before it is there again.
outage() {
	local holder known
	harass
	wait_for 30 agree
	known=$(some_banned)
	rm -f "$E2E_TMP/held"
	/usr/bin/python3 -c 'import sqlite3, sys, time
c = sqlite3.connect(sys.argv[1], timeout=10, isolation_level=None)
c.execute("BEGIN EXCLUSIVE")
open(sys.argv[2], "w").close()
time.sleep(600)' "$STORE" "$E2E_TMP/held" &
	holder=$!
	wait_for 15 test -e "$E2E_TMP/held"
	harass
	take_back "$known"
	killed
	kill "$holder"
	wait "$holder" 2>/dev/null
}

up
ok $? "it listens"
EVENTS=(killed outage lost flushed)
for ((round = 0; round < ${TRUTH_ROUNDS:-4}; round++)); do
	harass
	[ $((RANDOM % 2)) = 0 ] || both_ban
	take_back
	"${EVENTS[round % 4]}"
	checkpoint "$((round + 1)), ${EVENTS[round % 4]}"
done
strazhd_kill TERM
[ "$TAP_BAD" = 0 ] || {
	echo "# seed $SEED"
	sed 's/^/#   /' "$E2E_TMP/strazhd.log" | tail -60
}
finish
