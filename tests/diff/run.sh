#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# The differential test of the gate: 100,000 frames against a model in C and against nftables.
# Prints TAP. Needs root; works in network and mount namespaces of its own, on links that end there.
# Environment: O (build folder), SEED (default fixed; the same seed gives the same frames).
set -u
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
O=${O:-$HERE/../../build}
SEED=${SEED:-20260101}
DIFF=$O/tests/diff/diff
WORK=

give_up() {
	echo "Bail out! $1"
	exit 1
}

links() {
	local pair
	for pair in in pass drop; do
		ip link add "${pair}0" type veth peer name "${pair}1" || return 1
		for end in "${pair}0" "${pair}1"; do
			# No neighbour discovery of the links' own among the frames.
			echo 1 >"/proc/sys/net/ipv6/conf/$end/disable_ipv6" || return 1
			ip link set "$end" mtu 9000 up || return 1
		done
	done
}

if [ "${1:-}" != inside ]; then
	[ "$(id -u)" = 0 ] || give_up "needs root: namespaces and BPF_PROG_TEST_RUN"
	[ -x "$DIFF" ] || give_up "not built: $DIFF (make tests)"
	exec unshare -n -m "$0" inside
fi

WORK=$(mktemp -d) || give_up "no temporary folder"
trap 'rm -rf "$WORK"' EXIT
echo "# SEED=$SEED"
ip link set lo up
links || give_up "cannot make veth links"
"$DIFF" addresses "$SEED" >"$WORK/addresses" || give_up "no addresses"
"$DIFF" ruleset "$SEED" >"$WORK/ruleset" || give_up "no ruleset"
nft -f "$WORK/ruleset" || give_up "nftables refuses the ruleset"
/usr/bin/python3 "$HERE/frames.py" "$SEED" "$WORK/addresses" "$WORK/frames" ||
	give_up "scapy made no frames"
"$DIFF" run "$SEED" "$O/gate.bpf.o" "$WORK/frames"
