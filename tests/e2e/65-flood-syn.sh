#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# SYN floods on a protected service: the honest client does not notice; see floods.bash.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/floods.bash
. "$HERE/floods.bash"
floods_up

# Answered by the gate itself, or (its SYN queue is not full) by the kernel.
answered='.gate["syn-cookie"].packets > .flood.total / 2'

survives "SYN, one source" --kind syn "${ONE_SOURCE[@]}"
holds "$answered" "most of it is answered with cookies"
survives "SYN, 10 M sources" --kind syn
holds "$answered" "most of it is answered with cookies"
survives "SYN, under the honest address" --kind syn "${AS_HONEST[@]}"
holds "$answered and .gate[\"cookie-ack\"].packets > 100" \
	"most of it is answered with cookies, and so is the honest client, who brings them back"
proven put
survives "SYN, under the honest address, flow proven" --kind syn "${AS_HONEST[@]}"
proven drop

# What these tests would say of a gate that knows no cookies.
quiet service add 7777/tcp --cookies off
case_of "SYN, under the honest address, no cookies" --kind syn "${AS_HONEST[@]}"
established_unharmed
holds '.gate["rate-host"].packets > .flood.total * 0.9' "the flood is dropped as over the limit of its source"
holds '.heard.new | .fail * 5 > .ok' "and so are the new connections of its owner"
keeps_bans
finish
