#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# Address resolution survives a ban: of the neighbour itself, and of the whole network.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
net_up
sysctl -qw net.ipv4.neigh.sv0.base_reachable_time_ms=1000 net.ipv6.neigh.sv0.base_reachable_time_ms=1000
sysctl -qw net.ipv4.neigh.sv0.delay_first_probe_time=1 net.ipv6.neigh.sv0.delay_first_probe_time=1

strazhd_up --interface sv0
ctl ban 10.66.0.66 >/dev/null
ctl ban fd66::66 >/dev/null
ctl ban 10.66.0.128/25 >/dev/null
ip neigh flush dev sv0
cl ip neigh flush dev cl0
sleep 2

# The server asks for the banned neighbour's address: its answer must come in, its echo must not.
ping -nq -c2 -i0.3 -W1 10.66.0.66 >/dev/null 2>&1
is $? 1 "the banned neighbour's echo is dropped (IPv4)"
like "$(ip neigh show 10.66.0.66 dev sv0)" "lladdr" "its ARP answer is not"
ping -nq -c2 -i0.3 -W1 fd66::66 >/dev/null 2>&1
is $? 1 "the banned neighbour's echo is dropped (IPv6)"
like "$(ip neigh show fd66::66 dev sv0)" "lladdr" "its neighbour advertisement is not"
# The banned neighbour asks for the server.
cl ping -nq -c2 -i0.3 -W1 -I fd66::66 fd66::1 >/dev/null 2>&1
like "$(cl ip neigh show fd66::1 dev cl0)" "lladdr" "the server answers the banned neighbour's solicitation"
# Long after every entry went stale the honest pair still talks.
sleep 4
ip neigh flush dev sv0
cl ip neigh flush dev cl0
ok "$(ping4 10.66.0.2; echo $?)" "IPv4 works past neighbour expiry"
ok "$(ping6 fd66::2; echo $?)" "IPv6 works past neighbour expiry"
finish
