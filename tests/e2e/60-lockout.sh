#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# attach --confirm rolls itself back: by the daemon, without it, and even with every process dead.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
net_up
attached() { [ -n "$(xdp_id sv0)" ]; }
gone() { ! attached; }

strazhd_up
ctl attach sv0 --confirm 3s >/dev/null
is $? 0 "attached, to be confirmed"
ctl ban 10.66.0.66 >/dev/null
ok "$(blocked4 10.66.0.66; echo $?)" "enforcing meanwhile"
like "$(ctl status)" "confirm" "status shows the pending attach"
ok "$(wait_for 6 gone; echo $?)" "not confirmed: detached by strazhd"
ok "$(ping4 10.66.0.66; echo $?)" "and nothing is dropped any more"

ctl attach sv0 --confirm 3s >/dev/null
ctl confirm >/dev/null
is $? 0 "confirmed"
sleep 4
ok "$(attached; echo $?)" "confirmed: stays attached"
ok "$(blocked4 10.66.0.66; echo $?)" "and enforces"
ctl detach sv0 >/dev/null
is $? 0 "detached"

ctl attach sv0 --confirm 3s >/dev/null
strazhd_kill KILL
ok "$(blocked4 10.66.0.66; echo $?)" "daemon killed while an attach is pending: still enforcing"
sleep 3
ok "$(ping4 10.66.0.66; echo $?)" "then the gate itself stops dropping"
strazhd_up
ok "$(wait_for 6 gone; echo $?)" "the daemon that comes back finishes the rollback"
strazhd_kill TERM

ctl attach sv0 --confirm 2s >/dev/null 2>&1
is $? 0 "attached without a daemon"
ok "$(attached; echo $?)" "it is there"
ok "$(wait_for 6 gone; echo $?)" "not confirmed: rolled back without a daemon"
finish
