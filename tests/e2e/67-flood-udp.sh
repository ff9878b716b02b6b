#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# UDP floods: the honest client does not notice; see floods.bash.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/floods.bash
. "$HERE/floods.bash"
floods_up

dropped='([.gate[] | select(.class == "rate") | .packets] | add) > .flood.total * 0.9'
survives_dropped() {
	survives "$@"
	holds "$dropped" "most of it is dropped"
}

survives_dropped "UDP, one source" --kind udp "${ONE_SOURCE[@]}"
holds '.heard.udp | .lost * 20 > .ok' "the service has no more to give, and that is what UDP gets"
survives_dropped "UDP, 10 M sources" --kind udp
survives_dropped "UDP, under the honest address" --kind udp "${AS_HONEST[@]}"
holds '.heard.udp | .lost * 20 > .ok' "UDP without a proof goes with the flood under its address"
proven put
survives_dropped "UDP, under the honest address, flow proven" --kind udp "${AS_HONEST[@]}"
sessions_unharmed
survives_dropped "UDP, 10 M sources, flow proven" --kind udp
sessions_unharmed
finish
