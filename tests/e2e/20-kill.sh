#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# strazhd dies under traffic: the gate goes on, and what happened meanwhile is kept.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
net_up

strazhd_up --interface sv0
ctl ban 10.66.0.66 --reason "kill test" >/dev/null
ctl ban fd66::66 >/dev/null
ok "$(blocked4 10.66.0.66; echo $?)" "banned over IPv4"
ok "$(blocked6 fd66::66; echo $?)" "banned over IPv6"
before=$(passed bad4)
flood 10.66.0.66 4000 5
strazhd_kill KILL
sleep 1
ok "$(blocked6 fd66::66; echo $?)" "the gate enforces with the daemon dead"
ok "$(ping4 10.66.0.2; echo $?)" "the honest client passes with the daemon dead"
like "$(ctl status 2>&1)" "not running" "status says that strazhd is down"
ctl ban 10.66.0.77 --for 1h >/dev/null 2>&1
is $? 0 "a ban without the daemon"
ctl unban fd66::66 >/dev/null 2>&1
is $? 0 "an unban without the daemon"
ok "$(wait_for 2 ping6 fd66::66; echo $?)" "the unbanned host passes at once"
strazhd_up
ok "$(ping6 fd66::66; echo $?)" "the unban survives the daemon's return"
like "$(ctl list deny)" "10\.66\.0\.77" "the ban survives the daemon's return"
like "$(ctl list deny)" "kill test" "the reason of an older ban survives"
sent=$(flood_sent)
is $(($(passed bad4) - before)) 0 "not one of $sent packets of the banned host leaked"
[ "$sent" -gt 10000 ]
ok $? "the flood was one ($sent packets)"
like "$(cat "$E2E_TMP/strazhd.log")" "journal" "the daemon says what it imported"

strazhd_kill TERM
ok "$(blocked4 10.66.0.66; echo $?)" "SIGTERM leaves the gate enforcing"
finish
