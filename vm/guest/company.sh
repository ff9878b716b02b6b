# SPDX-License-Identifier: AGPL-3.0-or-later
# shellcheck shell=bash
# Other XDP programs on our interface, below the same dispatcher: who comes first, who leaves
# first, who watches. Ours filters all the while.
# shellcheck source=vm/guest/lib.sh
. /guest/lib.sh

BAD=10.66.0.66 FILTERED=10.66.0.77 HONEST=10.66.0.2
DUMP=/run/dump
# As a client of that address: does the server answer?
answers() { ip netns exec cl ping -nq -c1 -W2 -I "$1" 10.66.0.1 >/dev/null; }
silent() { ! ip netns exec cl ping -nq -c2 -i0.1 -W1 -I "$1" 10.66.0.1 >/dev/null; }

ip netns add cl
ip link add sv0 type veth peer name cl0 netns cl
ip addr add 10.66.0.1/24 dev sv0
ip link set sv0 up
for address in $HONEST $BAD $FILTERED; do
	ip -n cl addr add "$address/24" dev cl0
done
ip netns exec cl ethtool -K cl0 gro on
ip -n cl link set cl0 up
holds "the wire carries" soon answers $HONEST

filter_up() { xdp-filter load -m native -f ipv4 sv0 && xdp-filter ip -m src "$FILTERED"; }
filter_down() { xdp-filter unload sv0; }

# strazhd and strazhctl come when xdp-filter is there already.
holds "xdp-filter is first" filter_up
holds "the gate joins it" strazhctl attach sv0 --mode native
is "$(below sv0 | wc -w)" 2 "two programs below one dispatcher"
like "$(below sv0)" sz_gate "one of them the gate"
holds "native" native sv0
holds "a ban" strazhctl ban $BAD
holds "bans hold" silent $BAD
holds "xdp-filter's rules hold" silent $FILTERED
holds "all others pass" answers $HONEST
holds "xdp-filter leaves" filter_down
like "$(below sv0)" "$GATE" "and leaves the gate alone"
holds "which still drops" silent $BAD
holds "and passes what only xdp-filter dropped" answers $FILTERED

# And it comes when the gate is there already.
holds "xdp-filter comes back" filter_up
is "$(below sv0 | wc -w)" 2 "two again"
holds "bans hold beside it" silent $BAD
holds "its rules hold beside them" silent $FILTERED
holds "the gate is replaced beside it" strazhctl replace sv0
is "$(below sv0 | wc -w)" 2 "still two"
holds "the new one drops" silent $BAD
holds "xdp-filter was not touched" silent $FILTERED
holds "the gate leaves" strazhctl detach sv0
like "$(below sv0)" '^xdpfilt[^ ]*$' "and leaves xdp-filter alone"
holds "which still drops" silent $FILTERED
holds "and our bans went with the gate" answers $BAD
holds "the gate returns" strazhctl attach sv0 --mode native
holds "with its bans" silent $BAD
holds "xdp-filter leaves for good" filter_down

# xdpdump hangs on our program's entry and exit: it sees what we drop, and the verdict.
watch() { # CAPTURE-POINTS
	rm -f $DUMP # what the last one said is no sign of this one
	xdpdump -i sv0 -p "$(below sv0)" --rx-capture "$1" >$DUMP 2>&1 &
	WATCHER=$!
	soon grep -q '^listening' $DUMP
	ok $? "xdpdump watches: $1"
}
watch_ends() {
	kill -INT "$WATCHER"
	wait "$WATCHER"
	is $? 0 "xdpdump leaves"
}
before=$(dropped deny-host)
watch entry,exit
holds "bans hold while watched" silent $BAD
holds "others pass while watched" answers $HONEST
holds "the gate is replaced while watched" strazhctl replace sv0
holds "the ban holds after that" silent $BAD
watch_ends
seen=$(cat $DUMP)
like "$seen" '@entry.*packet size 98' "it saw pings come"
like "$seen" '@exit\[DROP\].*packet size 98' "it saw the gate drop"
like "$seen" '@exit\[PASS\].*packet size 98' "and pass"
more "$(dropped deny-host)" $((before + 4)) "and the gate counted"
like "$(below sv0)" "$GATE" "the gate stays when xdpdump left"
holds "and drops" silent $BAD
watch entry
holds "others pass while watched" answers $HONEST
watch_ends
holds "detached" strazhctl detach sv0
is "$(xdp_id sv0)" '' "the dispatcher left with the last program"
holds "all pass" answers $BAD
finish
