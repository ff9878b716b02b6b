#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# Real packets of every kind from a banned source: the kernel behind the gate sees none of them.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
net_up
# Everything IP from the banned source, tagged or not, whatever follows; but neighbour discovery.
nft -f - <<'NFT'
table netdev behind {
	counter reached {}
	chain in {
		type filter hook ingress device sv0 priority 0;
		ether saddr 02:00:00:00:00:66 counter name reached
	}
}
NFT
count() { nft -j list counter netdev behind reached | jq '.nftables[1].counter.packets'; }
sent() { cl /usr/bin/python3 "$HERE/protocols.py" "$(ip -j link show dev sv0 | jq -r '.[0].address')"; }

strazhd_up --interface sv0
n=$(sent)
reached=$(count)
is "$reached" "$n" "unbanned, each of the $n kinds reaches the kernel"
ctl ban 10.66.0.66 >/dev/null
ctl ban fd66::66 >/dev/null
before=$(count)
n=$(sent)
is $(($(count) - before)) 0 "banned, none of $n: TCP UDP ICMP GRE ESP SCTP, options, fragments, headers, VLAN, QinQ"
ctl mode observe >/dev/null
before=$(count)
n=$(sent)
is $(($(count) - before)) "$n" "observed, all of $n"
ctl mode enforce >/dev/null
before=$(count)
n=$(sent)
is $(($(count) - before)) 0 "enforced again, none of $n"
like "$(ctl list deny --json)" '"hits": *[1-9]' "hits are counted per entry"
finish
