#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# A full map: told with the fill level, and the last good state stays in force.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
net_up

strazhd_up --interface sv0 --max-hosts 1000
ctl ban 10.66.0.66 >/dev/null
for ((i = 0; i < 2000; i++)); do echo "101.$((i / 250)).$((i % 250)).9"; done >"$E2E_TMP/many"
said=$(ctl load "$E2E_TMP/many" --list many 2>&1)
is $? 5 "a list that does not fit: exit code 5"
like "$said" "1[, ]?000" "the capacity is told"
is "$(ctl list deny --json | jq -s '[.[] | select(.prefix)] | length')" 1 "nothing of it stays"
ok "$(blocked4 10.66.0.66; echo $?)" "the last good state stays in force"
head -999 "$E2E_TMP/many" | ctl ban - >/dev/null
is $? 0 "filled to the brim"
said=$(ctl ban 102.0.0.1 2>&1)
is $? 5 "one more: exit code 5"
like "$said" "full" "and says so"
ctl unban 101.0.0.9 >/dev/null
ctl ban 102.0.0.1 >/dev/null
is $? 0 "room again after an unban"
like "$(ctl status)" "1[, ]?000" "status shows the capacity"
finish
