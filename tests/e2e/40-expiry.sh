#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# Bans end on time, with and without the daemon, and hide no wider ban.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
net_up

strazhd_up --interface sv0
ctl ban 10.66.0.66 --for 4s >/dev/null
strazhd_kill KILL
begin=$(date +%s%N)
ok "$(blocked4 10.66.0.66; echo $?)" "banned for four seconds"
ok "$(wait_for 8 ping4 10.66.0.66; echo $?)" "the ban ends with the daemon dead"
took=$((($(date +%s%N) - begin) / 1000000))
[ "$took" -ge 2500 ] && [ "$took" -le 6500 ]
ok $? "on time ($took ms after the kill)"

strazhd_up
ctl ban 10.66.0.64/27 >/dev/null
ctl ban 10.66.0.66 --for 2s >/dev/null
over() { ! ctl list deny 2>/dev/null | grep -q '10\.66\.0\.66 '; }
wait_for 8 over
ok $? "a ban of two seconds is over"
ok "$(blocked4 10.66.0.66; echo $?)" "an expired host stays denied by its live prefix"
like "$(ctl why 10.66.0.66 2>&1)" "10\.66\.0\.64/27" "why names the prefix"
ctl unban 10.66.0.64/27 >/dev/null
ok "$(wait_for 2 ping4 10.66.0.66; echo $?)" "and passes when the prefix is gone"

# 54,000 entries that end in the same second.
awk 'BEGIN { for (i = 0; i < 54000; i++) printf "101.%d.%d.9\n", i / 250, i % 250 }' >"$E2E_TMP/many"
ctl load "$E2E_TMP/many" --list many --for 5s >/dev/null
is $? 0 "54,000 entries with one expiry"
loaded=$SECONDS
entries() { bpftool -j map dump pinned /sys/fs/bpf/strazh/sz_dhost4 | jq length; }
[ "$(entries)" -ge 54000 ]
ok $? "they are in the map"
# From before their end until strazhd counts none of them any more.
worst=0 left=54000
while [ "$left" -gt 0 ] && [ $((SECONDS - loaded)) -lt 40 ]; do
	begin=$(date +%s%N)
	left=$(ctl status --json 2>/dev/null | jq 'select(.table == "deny hosts IPv4") | .entries')
	took=$((($(date +%s%N) - begin) / 1000000))
	[ "$took" -gt "$worst" ] && worst=$took
	sleep 0.05
done
[ "$worst" -lt 1000 ]
ok $? "the daemon answers while it collects (slowest answer $worst ms)"
collected() { [ "$(entries)" = 0 ]; }
ok "$(wait_for 20 collected; echo $?)" "all of them are collected"
finish
