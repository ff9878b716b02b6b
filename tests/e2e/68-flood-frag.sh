#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# Fragment floods: the honest client does not notice; see floods.bash.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/floods.bash
. "$HERE/floods.bash"
floods_up

dropped='([.gate[] | select(.class != "pass") | .packets] | add) > .flood.total * 0.9'
survives_dropped() {
	survives "$@"
	sessions_unharmed
	holds "$dropped" "most of it is dropped"
}

survives_dropped "fragments, one source" --kind frag "${ONE_SOURCE[@]}"
survives_dropped "fragments, 10 M sources" --kind frag
survives_dropped "fragments, under the honest address" --kind frag "${AS_HONEST[@]}"
proven put
survives_dropped "fragments, under the honest address, flow proven" --kind frag "${AS_HONEST[@]}"
quiet service add 7777/udp --fragments drop
survives_dropped "fragments, to a service that takes none" --kind frag --port 7777
holds '.gate["frag-policy"].packets > .flood.total * 0.4' "its first fragments are dropped for that"

# What these tests would say of a gate that only looks on.
quiet set rate.mode observe
case_of "fragments, 10 M sources, observed" --kind frag
holds '.behind.attack > .flood.total * 0.4' "the flood comes through"
adds_up
keeps_bans
finish
