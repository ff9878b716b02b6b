#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# ACK floods: the honest client does not notice; see floods.bash.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/floods.bash
. "$HERE/floods.bash"
floods_up

dropped='([.gate[] | select(.class == "rate") | .packets] | add) > .flood.total * 0.7'

survives "ACK, one source" --kind ack "${ONE_SOURCE[@]}"
holds "$dropped" "most of it is dropped"
survives "ACK, 10 M sources" --kind ack
holds "$dropped" "most of it is dropped"
survives "ACK, under the honest address" --kind ack "${AS_HONEST[@]}"
holds "$dropped" "most of it is dropped"
holds '.gate.socket.packets > 1000' "the kernel knew the packets of the honest client"
proven put
survives "ACK, under the honest address, flow proven" --kind ack "${AS_HONEST[@]}"
holds '.gate.proven.packets > 1000' "the packets of the proven flow had a meter of their own"
survives "ACK, at the very connection of the honest client" --kind ack "${AS_HONEST[@]}" \
	--sport "$HELD_SPORT"
proven drop

# A machine that forwards for the server cannot ask its kernel; there it is the proof that counts.
quiet service add 7777/tcp --forwarded
case_of "ACK, under the honest address, forwarded" --kind ack "${AS_HONEST[@]}"
holds '(.before.held - .behind.held) * 5 > .before.held' \
	"without a proof the owner of the address loses his packets with the flood"
keeps_bans
proven put
sleep 1
case_of "ACK, under the honest address, forwarded, flow proven" --kind ack "${AS_HONEST[@]}"
established_unharmed
keeps_bans
bounded
finish
