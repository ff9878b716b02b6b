# SPDX-License-Identifier: AGPL-3.0-or-later
# shellcheck shell=bash
# The gate in a real driver (virtio_net), native, below the dispatcher; a second machine sends.
# shellcheck source=vm/guest/lib.sh
. /guest/lib.sh

HONEST=10.77.0.2 BAD=10.77.0.66 HONEST6=fd77::2 BAD6=fd77::66 US=10.77.0.1 US6=fd77::1
FLOOD_PACKETS=6000 REPLACEMENTS=5

exec 3<>"$(echo /dev/vport*)"
# peer COMMAND...: run it on the other machine; its output and status
peer() {
	local line
	printf '%s\n' "$*" >&3
	while IFS= read -t 60 -r line <&3; do
		case $line in
		'. '*) return "${line#. }" ;;
		?*) printf '%s\n' "$line" ;;
		esac
	done
	echo "the other machine is gone"
	return 99
}
peer_there() { peer true; }
answers() { peer "ping -nq -c1 -W2 -I $1 $2"; }
silent() { ! peer "ping -nq -c2 -i0.1 -W1 -I $1 $2"; }
# udp SOURCE COUNT PAUSE-US: datagrams
udp() { peer "hping3 -q -n -2 -a $1 -p 9 -c $2 -i u$3 $US"; }
# arrives SOURCE COUNTER: do its datagrams get past the gate?
arrives() {
	local before
	before=$(counted "$2")
	udp "$1" 10 1000
	[ "$(counted "$2")" -gt "$before" ]
}
kept_out() { ! arrives "$@"; }

ip addr add $US/24 dev eth0
ip addr add $US6/64 dev eth0 nodad
ip link set eth0 up
nft -f - <<-NFT
	table inet seen {
		chain pre {
			type filter hook prerouting priority -400;
			ip saddr $BAD counter comment "bad"
			ip saddr $HONEST counter comment "honest"
		}
	}
NFT
holds "the other machine is there" soon peer_there
holds "the wire carries" soon answers $HONEST $US
holds "IPv6 as well" soon answers $HONEST6 $US6
holds "nobody is banned" answers $BAD $US

holds "attached to eth0, native" strazhctl attach eth0 --mode native
holds "ip and bpftool say native" native eth0
like "$(readlink "/sys/class/net/eth0/device/driver")" virtio_net "in virtio_net"
like "$(below eth0)" "$GATE" "the gate alone below the dispatcher"
holds "pings pass" answers $HONEST $US
holds "IPv6 pings pass" answers $HONEST6 $US6
holds "UDP passes" arrives $BAD bad

holds "ban" strazhctl ban $BAD
before=$(dropped deny-host)
holds "pings stop" silent $BAD $US
holds "UDP stops" kept_out $BAD bad
more "$(dropped deny-host)" $((before + 12)) "all of it counted"
holds "the other address still passes" answers $HONEST $US
holds "ban of an IPv6 address" strazhctl ban $BAD6
holds "its pings stop" silent $BAD6 $US6
holds "the other IPv6 address still passes" answers $HONEST6 $US6
holds "unban" strazhctl unban $BAD
holds "pings are back" answers $BAD $US
holds "UDP is back" arrives $BAD bad

# Replacement, under a flood of a banned source and pings of an honest one.
holds "ban again" strazhctl ban $BAD
bad=$(counted bad) drops=$(dropped deny-host) first=$(xdp_id eth0)
peer "hping3 -q -n -2 -a $BAD -p 9 -c $FLOOD_PACKETS -i u500 $US >/run/flood 2>&1 &" \
	"ping -nq -i0.02 -c200 -W2 -I $HONEST $US >/run/ping 2>&1 &" | sed 's/^/# /'
for ((i = 0; i < REPLACEMENTS; i++)); do
	sleep 0.5
	holds "replaced under traffic, $((i + 1))" strazhctl replace eth0
done
peer 'while pidof hping3 ping >/dev/null; do sleep 0.1; done; cat /run/flood /run/ping' >/run/sent
[ "$(xdp_id eth0)" != "$first" ]
ok $? "another program is attached"
holds "native as before" native eth0
like "$(below eth0)" "$GATE" "still alone"
like "$(cat /run/sent)" "^$FLOOD_PACKETS packets tran?smitted" "the flood was sent"
more "$(($(dropped deny-host) - drops))" $((FLOOD_PACKETS * 9 / 10)) "and came to the gate"
is "$(($(counted bad) - bad))" 0 "none of it got past"
like "$(cat /run/sent)" ' 200 received, 0% packet loss' "no ping of the honest address was lost"

# The keeper adopts it, dies, and the gate filters on.
strazhd --state-dir /run/state >/run/strazhd.log 2>&1 &
KEEPER=$!
via_strazhd() { strazhctl status --json | jq -es 'any(.[]; .via? == "strazhd")'; }
holds "strazhd adopts it" soon via_strazhd
holds "bans hold" silent $BAD $US
kill -KILL $KEEPER
wait $KEEPER 2>/dev/null
holds "they hold when strazhd is killed" silent $BAD $US
holds "and others pass" answers $HONEST $US

# Somebody else's program in the same driver.
holds "xdp-filter joins, native" xdp-filter load -m native -f ipv4 eth0
holds "with a rule of its own" xdp-filter ip -m src $HONEST
is "$(below eth0 | wc -w)" 2 "two below the dispatcher"
holds "its rule holds" silent $HONEST $US
holds "and so does our ban" silent $BAD $US
holds "it leaves" xdp-filter unload eth0
holds "its rule goes with it" answers $HONEST $US
holds "our ban stays" silent $BAD $US
holds "native as before" native eth0
holds "detached" strazhctl detach eth0
is "$(xdp_id eth0)" '' "nothing is attached"
holds "all pass" answers $BAD $US
peer leave
finish
