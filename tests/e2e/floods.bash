# SPDX-License-Identifier: AGPL-3.0-or-later
# shellcheck shell=bash
# Floods against a protected echo service, and an honest client who must not notice. Sourced after
# lib.sh.
#
# The honest client holds one connection (and one UDP session) to the server over each of IPv4 and
# IPv6 through all the floods of a test and opens new connections meanwhile. The attacker sends
# under a hardware address of his own, so that nftables behind the gate tells whose packets came
# through, whatever their sources say. No decision of the gate is taken from the gate's word alone:
# what came out must be what went in less what the gate says that it dropped and answered.
#
# Counters are compared to the packet. So for each look the honest client is stopped for a moment,
# neighbours are static (nothing resolves in between), and nothing on the way merges packets.

FLOOD_MAC=02:00:00:00:00:66
HELD_SPORT=5000 HELD_RATE=500 UDP_RATE=250 NEW_RATE=100
HONEST_DEADLINE_MS=500
BANNED_RATE=2000
# Frames/s: what two cores send, judge and count without starving each other.
FLOOD_RATE=${FLOOD_RATE:-200000}
FLOOD_SECONDS=${FLOOD_SECONDS:-4}
# Limits in packets/s, of a source and of a service over all of them.
EST_LIMIT=20000 UDP_LIMIT=5000 FRAG_LIMIT=2000
# ns a packet in the gate, all of its work included. A cookie costs most (two SipHashes and the
# look for the listener); the rest is room for a machine that does other things meanwhile.
NS_MOST=${NS_MOST:-2000}

floods_up() {
	local server_mac client_mac
	net_up
	client_native
	server_mac=$(ip -j link show sv0 | jq -r '.[0].address')
	client_mac=$(cl ip -j link show cl0 | jq -r '.[0].address')
	MAC=$server_mac
	sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.sv0.rp_filter=0
	# The offer of window scale and SACK in a cookie needs it; see strazhctl service add.
	sysctl -qw net.ipv4.tcp_timestamps=2
	ethtool -K sv0 gro off >/dev/null 2>&1
	cl ethtool -K cl0 tso off gso off >/dev/null 2>&1
	# A full pair makes the sender wait: what is lost, the gate has dropped, and not a ring.
	tc qdisc add dev sv0 root pfifo limit 10000
	cl tc qdisc add dev cl0 root pfifo limit 10000
	for address in 10.66.0.2 10.66.0.66 fd66::2 fd66::66; do
		ip neigh replace "$address" lladdr "$client_mac" dev sv0 nud permanent
	done
	for address in 10.66.0.1 fd66::1; do
		cl ip neigh replace "$address" lladdr "$server_mac" dev cl0 nud permanent
	done
	# Answers to spoofed sources leave as they would on the internet, and end at the client.
	ip neigh replace 10.66.0.254 lladdr "$FLOOD_MAC" dev sv0 nud permanent
	ip neigh replace fd66::254 lladdr "$FLOOD_MAC" dev sv0 nud permanent
	ip route replace default via 10.66.0.254
	ip -6 route replace default via fd66::254 dev sv0
	nft -f - <<-NFT
		table netdev behind {
			counter attack {}
			counter banned {}
			counter honest {}
			counter held {}
			counter datagram {}
			chain in {
				type filter hook ingress device sv0 priority 0;
				ip saddr 10.66.0.66 counter name banned
				ip6 saddr fd66::66 counter name banned
				ether saddr $FLOOD_MAC counter name attack accept
				counter name honest
				tcp sport $HELD_SPORT counter name held
				udp sport $HELD_SPORT counter name datagram
			}
		}
	NFT
	cl nft -f - <<-NFT
		table inet before {
			counter honest {}
			counter held {}
			counter datagram {}
			chain out {
				type filter hook output priority 0;
				oifname cl0 counter name honest
				oifname cl0 tcp sport $HELD_SPORT counter name held
				oifname cl0 udp sport $HELD_SPORT counter name datagram
			}
		}
	NFT
	strazhd_up --interface sv0
	[ -n "$(xdp_id sv0)" ] || {
		sed 's/^/# /' "$E2E_TMP/strazhd.log"
		echo "Bail out! the gate is not attached"
		exit 1
	}
	quiet service add 7777/tcp
	quiet service add 7777/udp
	quiet set rate.mode enforce
	# What an operator of such a service would say: a source has little reason for more.
	quiet rate set established --pps "$EST_LIMIT" --burst 2000
	quiet rate set udp --pps "$UDP_LIMIT" --burst 1000
	quiet rate set established --port 7777/tcp --pps "$EST_LIMIT" --burst 2000
	quiet rate set udp --port 7777/udp --pps "$UDP_LIMIT" --burst 1000
	quiet rate set fragment --port 7777/udp --pps "$FRAG_LIMIT" --burst 1000
	quiet rate set fragment --port other --pps "$FRAG_LIMIT" --burst 1000
	quiet ban 10.66.0.66
	quiet ban fd66::66
	quiet ban 45.66.0.0/16
	count_time
	raise_honest
}

quiet() { ctl "$@" >"$E2E_TMP/said" 2>&1 || sed "s/^/# strazhctl $*: /" "$E2E_TMP/said"; }
# The kernel counts what programs cost while somebody holds this open.
count_time() {
	/usr/bin/python3 - <<-'PY' &
		import ctypes, struct, time
		BPF_ENABLE_STATS, BPF_STATS_RUN_TIME, SYS_bpf = 32, 0, 321
		attr = ctypes.create_string_buffer(struct.pack("I", BPF_STATS_RUN_TIME) + bytes(124))
		if ctypes.CDLL(None).syscall(SYS_bpf, BPF_ENABLE_STATS, attr, 128) < 0:
		    raise SystemExit("BPF_ENABLE_STATS was refused")
		time.sleep(600)
	PY
}

raise_honest() {
	"$O/tests/tools/echo-server" --udp >"$E2E_TMP/echo" &
	wait_for 5 grep -q listening "$E2E_TMP/echo"
	ip netns exec cl "$O/tests/tools/honest" --to 10.66.0.1 --to fd66::1 \
		--from 10.66.0.2 --from fd66::2 --held "$HELD_RATE" \
		--udp "$UDP_RATE" --held-sport "$HELD_SPORT" --new "$NEW_RATE" \
		--timeout-ms "$HONEST_DEADLINE_MS" >"$E2E_TMP/honest" &
	HONEST_PID=$!
	HEARD=0
	wait_for 5 test -s "$E2E_TMP/honest"
}

# ---- proven flows ----

hex() { printf '%02x ' "$@"; }
word16() { hex $(($1 >> 8)) $(($1 & 255)); }
# proven put|drop: the sessions of the honest client, as a server would mark them
proven() {
	local proto key zero16
	zero16=$(printf '00 %.0s' {1..16})
	for proto in 6 17; do
		for key in "0a 42 00 02 $(printf '00 %.0s' {1..12})|04" \
			"fd 66 $(printf '00 %.0s' {1..13}) 02|06"; do
			key="${key%|*} $(word16 $HELD_SPORT) $(word16 7777) ${key#*|} $(hex $proto) 00 00"
			# shellcheck disable=SC2086 # bytes
			if [ "$1" = put ]; then
				bpftool map update pinned /sys/fs/bpf/strazh/sz_proven key hex $key \
					value hex $zero16
			else
				bpftool map delete pinned /sys/fs/bpf/strazh/sz_proven key hex $key
			fi || echo "# proven $1 failed"
		done
	done
}

# ---- looking ----

counters() { jq '[.nftables[] | .counter? // empty | {(.name): .packets}] | add'; }

# look NAME: all counters at one moment, as one JSON object in a file
look() {
	local tries
	kill -STOP "$HONEST_PID"
	sleep 0.2
	# Again if a timer of the kernel sent something in between.
	for ((tries = 0; tries < 10; tries++)); do
		look_once >"$E2E_TMP/$1"
		[ "$(jq '[.gate[] | .packets + .observed] | add' "$E2E_TMP/$1")" != "$(gate_total)" ] || break
		sleep 0.05
	done
	kill -CONT "$HONEST_PID"
}
look_once() {
	{
		ctl stats --all --json 2>/dev/null |
			jq -s '{gate: map(select(.reason)
				| {(.reason): {class, packets, observed: .observed_packets}}) | add,
				tally: map(select(.tally) | {(.tally): .packets}) | add}'
		nft -j list counters table netdev behind | counters | jq '{behind: .}'
		cl nft -j list counters table inet before | counters | jq '{before: .}'
		bpftool -j prog show id "$(xdp_id sv0)" | jq '{ns: (.run_time_ns // 0), runs: (.run_cnt // 0)}'
		cl ip -s -j link show cl0 | jq '{wire: .[0].stats64.tx.packets, dropped: .[0].stats64.tx.dropped}'
		ctl list --json 2>/dev/null | jq -s '{bans: map(select(.prefix)
			| {table, prefix, lists, until}) | sort_by(.prefix)}'
	} | jq -s add
}
gate_total() { ctl stats --json 2>/dev/null | jq -s 'map(select(.reason) | .packets + .observed_packets) | add'; }

# What the honest client has said since the last call, as one sum.
hear() {
	local lines
	# His next line tells of all that was sent before the look, and a deadline ago.
	lines=$(wc -l <"$E2E_TMP/honest")
	wait_for 3 honest_says $((lines + 1))
	lines=$(wc -l <"$E2E_TMP/honest")
	sed -n "$((HEARD + 1)),${lines}p" "$E2E_TMP/honest" | jq -s 'def total(f): map(f) | add;
		{held: {ok: total(.held.ok), lost: total(.held.lost), broken: total(.held.broken),
			segments: total(.held.segments), again: total(.held.again)},
		udp: {ok: total(.udp.ok), lost: total(.udp.lost)},
		new: {ok: total(.new.ok), fail: total(.new.fail)}}' >"$E2E_TMP/heard"
	HEARD=$lines
}
honest_says() { [ "$(wc -l <"$E2E_TMP/honest")" -ge "$1" ]; }

# ---- one flood ----

# case_of NAME ATTACK-OPTIONS...: flood, and leave what happened in $CASE; see figure()
case_of() {
	local name=$1 banned
	shift
	sleep 0.2
	hear
	look before
	ip netns exec cl "$O/tests/tools/attack" --dev cl0 --mac "$MAC" --to 10.66.0.1 --to fd66::1 \
		--kind banned:10.66.0.66 --kind banned:fd66::66 --rate "$BANNED_RATE" \
		--seconds 600 >"$E2E_TMP/banned" &
	banned=$!
	cl "$O/tests/tools/attack" --dev cl0 --mac "$MAC" --from-mac "$FLOOD_MAC" --to 10.66.0.1 \
		--to fd66::1 --rate "$FLOOD_RATE" --seconds "$FLOOD_SECONDS" "$@" >"$E2E_TMP/flood"
	kill -TERM "$banned"
	wait "$banned"
	sleep 0.6
	look after
	hear
	CASE=$(jq -n --slurpfile b "$E2E_TMP/before" --slurpfile a "$E2E_TMP/after" \
		--slurpfile flood "$E2E_TMP/flood" --slurpfile banned "$E2E_TMP/banned" \
		--slurpfile heard "$E2E_TMP/heard" --arg name "$name" "$CASE_FILTER")
	jq -r '"# \(.name): \(.flood.total) frames at \(.flood.total / .flood.seconds | round)/s, " +
		"\(.ns) ns each; held \(.heard.held.ok) ok \(.heard.held.lost) lost " +
		"\(.heard.held.again) again, new \(.heard.new.ok) ok \(.heard.new.fail) failed, udp " +
		"\(.heard.udp.ok) ok \(.heard.udp.lost) lost; " +
		(.gate | to_entries | map(select(.value.packets + .value.observed > 0)
			| "\(.key) \(.value.packets)" +
			if .value.observed > 0 then " (+\(.value.observed) observed)" else "" end)
			| join(", "))' <<<"$CASE"
	[ -z "${FLOOD_LOG:-}" ] || jq -c . <<<"$CASE" >>"$FLOOD_LOG"
}
# shellcheck disable=SC2016 # jq's own variables
CASE_FILTER='$b[0] as $b | $a[0] as $a
	| def minus($x; $y): $x | with_entries(.value -= ($y[.key] // 0));
	{name: $name, flood: $flood[0], banned: $banned[0], heard: $heard[0],
	gate: ($a.gate | with_entries(.key as $k | .value |= {class,
		packets: (.packets - $b.gate[$k].packets), observed: (.observed - $b.gate[$k].observed)})),
	tally: minus($a.tally; $b.tally), behind: minus($a.behind; $b.behind),
	before: minus($a.before; $b.before), wire: ($a.wire - $b.wire), dropped: ($a.dropped - $b.dropped),
	ns: (if $a.runs > $b.runs then ($a.ns - $b.ns) / ($a.runs - $b.runs) | round else 0 end),
	runs: ($a.runs - $b.runs), bans_kept: ($a.bans == $b.bans), bans: ($a.bans | length)}'

figure() { jq -r "$1" <<<"$CASE"; }
# holds FILTER NAME: is this true of the case?
holds() {
	local got
	got=$(figure "$1")
	if [ "$got" = true ]; then
		ok 0 "$(figure .name): $2"
	else
		ok 1 "$(figure .name): $2"
		echo "# not true: $1"
		figure '"# \(del(.name, .tally) | .gate |= map_values(select(.packets + .observed > 0)) | tojson)"'
	fi
}

# What is asked of every flood.
unharmed() {
	established_unharmed
	holds '.heard.new | .ok > 100 and .fail * 100 < .ok + .fail' "more than 99 % of the new connections are made"
}
established_unharmed() {
	holds ".flood.seconds as \$s | .heard.held | .broken == 0 and .ok >= $HELD_RATE * 2 * \$s * 0.9 and
		.lost * 1000 < .ok + .lost" \
		"the established connections lose less than 0.1 % of their requests"
	# Not what the kernel sends again: it does so for an answer that is merely late.
	holds '(.before.held - .behind.held) * 1000 < .before.held and .before.held > 1000' "and of their packets"
}
sessions_unharmed() {
	holds '.heard.udp | .ok > 1000 and .lost * 1000 < .ok + .lost' \
		"the UDP sessions lose less than 0.1 % of their requests"
}
adds_up() {
	holds '([.gate[] | .packets + .observed] | add) == .flood.total + .banned.total + .before.honest' \
		"the gate has counted every packet that was sent, and no other"
	holds '([.gate[] | select(.class == "pass") | .packets] + [.gate[].observed] | add)
		== .behind.attack + .behind.honest' "what it says it passed is what came out"
	holds '([.gate[] | select(.class != "pass") | .packets] | add)
		== .flood.total - .behind.attack + .banned.total + .before.honest - .behind.honest' \
		"sent = passed + dropped + answered"
}
keeps_bans() {
	holds '.bans_kept and .bans == 3' "the bans of the operator are as they were"
	holds '.behind.banned == 0 and .banned.total > 1000 and
		.gate["deny-host"].packets == .banned.total' "each packet of a banned source was dropped for that"
}
bounded() {
	holds ".ns > 0 and .ns < $NS_MOST and .runs >= .flood.total" "less than $NS_MOST ns a packet"
}
# survives NAME ATTACK-OPTIONS...
survives() {
	case_of "$@"
	unharmed
	adds_up
	keeps_bans
	bounded
}

# shellcheck disable=SC2034 # for the tests
AS_HONEST=(--as 10.66.0.2 --as fd66::2)
# shellcheck disable=SC2034 # for the tests
ONE_SOURCE=(--as 41.1.2.3 --as 2a00:41::7)
