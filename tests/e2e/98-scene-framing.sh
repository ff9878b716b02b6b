#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# Floods of SYNs, UDP and segments that belong to nothing, all under the address of one honest client:
# its sessions live on, it opens new ones, and it is not banned.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/scenes.bash
. "$(dirname "$0")/scenes.bash"
ME=20.0.0.1
scene_up
guests honest --from $ME --guests 8 --arrive 500 --rate 50 --new 10 --seconds 14 --timeout-ms 8000
sleep 2
watch
flood bad --kind syn --kind udp --kind ack --kind malformed --kind frag --as $ME --rate 100000 --seconds 8
unwatch
echo "# drops: $(jq -c 'map_values(.packets)' "$E2E_TMP/drops")"
ok "$([ "$(dropped rate-host)" -gt 10000 ]; echo $?)" "the flood was dropped: $(dropped rate-host) packets"
like "$(why $ME)" "(HighPacketRate|SmallPacketFlood|MalformedPackets): .*spoofable" "why names the cause"
like "$(why $ME)" "score 0\.00, pressure 0\.[0-9]+" "it is pressure, no score"
free $ME
ok $? "nobody is banned for it"
is "$(bans_in 20)" 0 "nor its prefix"
ended honest
unhurt honest
is "$(of honest .held.broken)" 0 "no session was broken"
wait_for 30 calm
ok $? "all is calm"
figures framing "$(detected bad rate-host)" honest
scene_down
