# SPDX-License-Identifier: AGPL-3.0-or-later
# shellcheck shell=bash
# Attacks on a secured server whose guard enforces, with honest clients beside them. Sourced after
# lib.sh by 98-scene-*.sh, one idea a script.
#
# The client's namespace has whole networks: honest clients are in 20.0.0.0/8 and 2a00::/16, those
# whom attackers really have in 45.0.0.0/8 and 2a45::/16; spoofed ones are in 60.0.0.0/8 and nobody
# answers there. Nothing is configured against an attack, by hand or otherwise: [guard] mode = enforce and the
# server itself are all that there is.
#
# What is asked is what is true: who was dropped, who was banned, how many honest requests were
# lost. Times are figures: they are printed, and written to $SCENE_LOG, a line of JSON a scene.
AT=10.66.0.1:8000
# shellcheck source=tests/e2e/guarded.bash
. "$HERE/guarded.bash"

quiet() { ctl -q "$@" >"$E2E_TMP/said" 2>&1 || sed "s/^/# strazhctl $*: /" "$E2E_TMP/said"; }
# bans_in PATTERN: prefixes that the guard has banned and that begin so
bans_in() {
	ctl list deny --json 2>/dev/null |
		jq -s "map(select(.prefix and (.prefix | test(\"^$1\")) and (.lists | index(\"guard\")))) | length"
}

# ---- the world ----

# scene_up [LINES...]: of [server]; GUARD has those of [guard] besides the mode
GUARD=("ban_time = 6s")
scene_up() {
	local mac
	net_up
	client_native
	MAC=$(ip -j link show sv0 | jq -r '.[0].address')
	mac=$(cl ip -j link show cl0 | jq -r '.[0].address')
	sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.sv0.rp_filter=0 net.ipv4.tcp_timestamps=2
	cl sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.cl0.rp_filter=0
	# A full pair makes the sender wait: what is lost, the gate has dropped, and not a ring.
	tc qdisc add dev sv0 root pfifo limit 10000
	cl tc qdisc add dev cl0 root pfifo limit 10000
	cl ip route add local 20.0.0.0/8 dev lo
	cl ip route add local 45.0.0.0/8 dev lo
	cl ip -6 route add local 2a00::/16 dev lo
	cl ip -6 route add local 2a45::/16 dev lo
	cl sysctl -qw net.ipv6.ip_nonlocal_bind=1
	for address in 10.66.0.2 10.66.0.66 10.66.0.254 fd66::2 fd66::254; do
		ip neigh replace "$address" lladdr "$mac" dev sv0 nud permanent
	done
	cl ip neigh replace 10.66.0.1 lladdr "$MAC" dev cl0 nud permanent
	cl ip neigh replace fd66::1 lladdr "$MAC" dev cl0 nud permanent
	ip route replace default via 10.66.0.254
	ip -6 route replace default via fd66::254 dev sv0
	server_keys
	KEY=$(base64 -d "$E2E_TMP/server.pub" | od -An -tx1 | tr -d ' \n')
	LISTEN='10.66.0.1:8000 [fd66::1]:8000'
	server_conf "$@" '[guard]' 'mode = enforce' "${GUARD[@]}"
	strazhd_up --interface sv0 --config "$CONF"
	wait_for 10 listening
	ok $? "it listens"
	wait_for 10 protects
	ok $? "the guard protects its port by itself"
	is "$(ctl status --json 2>/dev/null | jq -r 'select(.kind == "gate") | .rate_mode')" enforce "and rates act"
}
protects() { [ "$(ctl service list --json 2>/dev/null | jq -r 'select(.service == "8000/tcp") | .guard')" = true ]; }
# total CLASS: packets/s of it that all may send that is for no service
total() { ctl rate show "$1" --port other --json 2>/dev/null | jq -r '.service_pps // empty'; }
# limits CLASS: the guard has learned what is normal, and limits
limits() { [ "$(total "$1")" -lt 10000000 ]; }
scene_down() {
	strazhd_kill TERM
	finish
}

# ---- who comes ----

# guests NAME ARGS...: honest clients in the background, who tell $E2E_TMP/NAME at their end
declare -A PIDS
guests() {
	local name=$1
	shift
	: >"$E2E_TMP/$name"
	cl timeout 100 "$O/tests/tools/guests" --to "$AT" --key "$KEY" "$@" >"$E2E_TMP/$name" &
	PIDS[$name]=$!
}
# pest NAME ARGS...: somebody hostile, to his end
pest() {
	local name=$1
	shift
	cl timeout 100 "$O/tests/tools/pest" --to 10.66.0.1 "$@" >"$E2E_TMP/$name"
}
# flood NAME ARGS...: frames with any source, to their end
flood() {
	local name=$1
	shift
	cl timeout 100 "$O/tests/tools/attack" --dev cl0 --mac "$MAC" --port 8000 --to 10.66.0.1 "$@" \
		>"$E2E_TMP/$name"
}
# ended NAME: wait for these guests
ended() {
	wait "${PIDS[$1]}" || echo "# $1: status $?"
}
# of NAME FILTER: of what somebody told
of() { jq -r "$2" "$E2E_TMP/$1"; }

# The gate's drops from here on, until unwatch.
watch() {
	: >"$E2E_TMP/drops"
	"$O/tests/tools/drops" >"$E2E_TMP/drops" &
	PIDS[drops]=$!
	wait_for 5 test -s "$E2E_TMP/drops"
}
unwatch() {
	kill -TERM "${PIDS[drops]}"
	wait "${PIDS[drops]}"
}
# dropped REASON...: packets
dropped() {
	jq -n --slurpfile d "$E2E_TMP/drops" '[$ARGS.positional[] | $d[0][.].packets // 0] | add' --args "$@"
}

# within NAME PPS BURST REASON...: something of the flood NAME ended for these reasons, and no more of it
# came through than a limit of PPS with BURST lets through (and a tenth: clocks are coarse)
within() {
	local name=$1 pps=$2 burst=$3 lost all most
	shift 3
	lost=$(dropped "$@")
	all=$(of "$name" .total)
	most=$(of "$name" "(.seconds * $pps + $burst) * 1.1 | floor")
	ok "$([ "$lost" -gt 0 ] && [ $((all - lost)) -le "$most" ]; echo $?)" \
		"$name: $lost of $all packets ended in the gate, all but $((all - lost)), at most $most"
}

# ---- what is asked of a scene, and its figures ----

# detected NAME REASON...: ms from the first packet of NAME to the first drop for one of these reasons
detected() {
	local name=$1
	shift
	jq -n --slurpfile d "$E2E_TMP/drops" --slurpfile a "$E2E_TMP/$name" \
		'[$ARGS.positional[] | $d[0][.].first_ms | values] | min
		| if . == null then null else ((. - $a[0].begin_ms) * 10 | round / 10) end' --args "$@"
}
# unhurt NAME: were honest ones? Less than 0.1 % of their requests and 1 % of new sessions are lost.
unhurt() {
	local held new
	held=$(of "$1" '.held | "\(.lost) \(.ok + .lost)"')
	new=$(of "$1" '.new | "\(.fail) \(.ok + .fail)"')
	echo "# $1: $(cat "$E2E_TMP/$1")"
	ok "$(of "$1" 'if .held.ok + .held.lost == 0 or .held.lost * 1000 < .held.ok + .held.lost then 0 else 1 end')" \
		"$1: ${held/ / of } requests of sessions lost, less than 0.1 %"
	ok "$(of "$1" 'if .new.ok > 0 and .new.fail * 100 < .new.ok + .new.fail then 0 else 1 end')" \
		"$1: ${new/ / of } new sessions failed, less than 1 %"
}
# figures SCENE DETECT_MS [GUESTS]: "null" where nothing was to be detected
figures() {
	local honest='null'
	[ $# -lt 3 ] || honest=$(of "$3" '{held_ok: .held.ok, held_lost: .held.lost, new_ok: .new.ok,
		new_fail: .new.fail, sources, jain, least}')
	jq -nc --arg scene "$1" --argjson ms "$2" --argjson honest "$honest" 'def ppm(lost; all):
		if all > 0 then lost * 1000000 / all | round else 0 end;
		{scene: $scene, detect_ms: $ms} + if $honest then $honest + {
			held_ppm: ppm($honest.held_lost; $honest.held_lost + $honest.held_ok),
			new_ppm: ppm($honest.new_fail; $honest.new_fail + $honest.new_ok)} else {} end' |
		tee -a "${SCENE_LOG:-/dev/null}" | sed 's/^/# figures: /'
}
# afterwards: nothing is left of it
lifted() { wait_for 30 free "$1"; }
calm() { guard_is state normal; }
