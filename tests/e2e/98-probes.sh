#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# SYNs to ports where nobody listens are told to the guard, but not by a machine that passes packets or
# frames on: what is no socket's here may be somebody's behind it.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# That of this network namespace.
mount -t sysfs sysfs /sys && mount -t bpf bpf /sys/fs/bpf
net_up
ip link add br9 type bridge
forward() { sysctl -qw "net.ipv4.ip_forward=$1" "net.ipv6.conf.all.forwarding=$1"; }
probes() { ctl guard --json 2>/dev/null | jq -r 'select(.kind == "guard") | .probes'; }
# tells TRUE|FALSE NAME: a strazhd that begins now
tells() {
	strazhd_up --interface sv0
	if [ "$1" = true ]; then
		wait_for 10 probes_are true
		ok $? "$2: told"
	else
		wait_for 10 ticked
		is "$(probes)" false "$2: not told"
	fi
	strazhd_kill TERM
}
probes_are() { [ "$(probes)" = "$1" ]; }
# The state is as old as the first tick.
ticked() { [ "$(ctl guard --json 2>/dev/null | jq -r 'select(.kind == "guard") | .state_s')" -ge 1 ]; }

forward 0
tells true "a host"
forward 1
tells false "a router"
forward 0
ip link set sv0 master br9
tells false "the port of a bridge"
ip link set sv0 nomaster
tells true "it is none any more"
finish
