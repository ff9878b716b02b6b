#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# SYN floods on a protected service: the honest client does not notice; see floods.bash.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/floods.bash
. "$HERE/floods.bash"
floods_up

survives "SYN, one source" --kind syn "${ONE_SOURCE[@]}"
survives "SYN, 10 M sources" --kind syn
survives "SYN, under the honest address" --kind syn "${AS_HONEST[@]}"
proven put
survives "SYN, under the honest address, flow proven" --kind syn "${AS_HONEST[@]}"
finish
