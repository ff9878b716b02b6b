#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# All kinds at once from ten million different sources; what a packet costs does not grow with them.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/floods.bash
. "$HERE/floods.bash"
floods_up

ALL=(--kind syn --kind ack --kind udp --kind frag --rate 400000)
proven put

survives "all kinds, 10,000 sources" "${ALL[@]}" --sources 5000 --seconds 60 --count 2000000
few=$(figure .ns)
survives "all kinds, 10 M sources" "${ALL[@]}" --sources 5000000 --seconds 60 --count 10000000
sessions_unharmed
holds '.flood.sources == {v4: 5000000, v6: 5000000}' "they were ten million different ones"
holds ".ns < $few * 2" "a packet costs less than twice as much as from 10,000 sources ($few ns)"
finish
