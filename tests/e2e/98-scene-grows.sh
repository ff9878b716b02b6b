#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# A service of UDP that nobody has named grows to thirty times of what it was, within a minute: nothing
# of it is dropped. What is normal then outlives a strazhd that is killed, also where the store knows
# nothing of it; and the store learns of it within minutes. A flood that comes on top is dropped.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/scenes.bash
. "$(dirname "$0")/scenes.bash"
HONEST=(--kind udp --from 20.0.0.0/8 --sources 3000 --port 5000)
store() { sqlite3 -cmd '.timeout 5000' "$E2E_TMP/state/strazh.db" "$1" 2>/dev/null; }
normal() { store "SELECT value FROM setting WHERE name = 'gate.normal'" | cut -d' ' -f1; }
stored_more() { [ "$(normal)" -gt "$1" ] 2>/dev/null; }
scene_up
flood first "${HONEST[@]}" --rate 1000 --seconds 62
wait_for 60 limits udp
ok $? "after its first minute what is normal is known"
least=$(total udp)
wait_for 10 stored_more 0
ok $? "the store has it: $(normal)/s"
watch
for rate in 1500 2000 3000 4000 5500 7500 10000 14000 18000 23000 30000 30000 30000; do
	flood grown "${HONEST[@]}" --rate "$rate" --seconds 4
done
unwatch
is "$(dropped rate-service rate-host)" 0 "it grows to 30,000/s, and no packet of it is dropped"
grown=$(total udp)
ok "$([ "$grown" -gt $((least * 3 / 2)) ]; echo $?)" "what may come grows with it, from $least/s to $grown/s"
wait_for 90 stored_more 5000
ok $? "the store learns of it within minutes: $(normal)/s"

echo "# strazhd is killed, and the store has lost what is normal"
strazhd_kill KILL
store "DELETE FROM setting WHERE name = 'gate.normal'"
strazhd_up --interface sv0 --config "$CONF"
wait_for 20 limits udp
ok $? "what was normal is known to the next one at once"
again=$(total udp)
ok "$([ "$again" -gt $((grown * 8 / 10)) ]; echo $?)" "it is in the gate: $again/s may come"
watch
flood after "${HONEST[@]}" --rate 30000 --seconds 4
unwatch
is "$(dropped rate-service rate-host)" 0 "the service does not notice"

watch
flood many --kind udp --from 60.0.0.0/8 --sources 60000 --rate 400000 --seconds 3
unwatch
lost=$(dropped rate-service)
ok "$([ "$lost" -gt 0 ]; echo $?)" "a flood is dropped: $lost of $(of many .total) packets"
figures grows "$(detected many rate-service)"
scene_down
