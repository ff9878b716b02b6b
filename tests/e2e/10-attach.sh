#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# The three ways to attach, and adoption of each by strazhd, under traffic of a banned source.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
net_up
ip link add sv1 type veth peer name cl1 netns cl

# By strazhctl, with no daemon anywhere.
ctl attach sv0 --mode native >/dev/null 2>&1
is $? 0 "strazhctl attaches without a daemon"
ctl ban 10.66.0.66 >/dev/null 2>&1
is $? 0 "and bans"
ok "$(blocked4 10.66.0.66; echo $?)" "the ban holds"
ok "$(ping4 10.66.0.2; echo $?)" "the honest client passes"
first=$(xdp_id sv0)
strazhd_up
is "$(xdp_id sv0)" "$first" "strazhd adopts the very program that strazhctl attached"
ok "$(blocked4 10.66.0.66; echo $?)" "and its bans"
ctl attach sv1 --mode generic >/dev/null
is $? 0 "a second interface, generic mode"
like "$(ctl status)" "sv1 .*generic" "status tells the modes"
like "$(ctl status)" "sv0 .*native" "of both interfaces"
ctl detach sv1 >/dev/null
is "$(xdp_id sv1)" "" "detached"
ctl attach lo >/dev/null 2>&1
is $? 3 "lo is refused"
said=$(ctl attach nosuch0 2>&1)
is $? 4 "an interface that is not there"
like "$said" "nosuch0" "is named"
# A driver without native XDP. A bridge has none on any kernel.
no_native() { # VIA
	local said
	said=$(ctl attach br0 --mode native 2>&1)
	is $? 8 "$1: no native XDP has an exit code of its own"
	like "$said" "driver of 'br0' has no native XDP.*--mode generic" "$1: and is told as that"
	is "$(xdp_id br0)" "" "$1: nothing is attached"
	like "$(ctl attach br0 2>/dev/null)" "br0: attached, generic mode" \
		"$1: left to itself it goes behind the driver"
	said=$(ctl attach br0 --mode native 2>&1)
	is $? 3 "$1: attached generic, native demanded"
	like "$said" "generic mode already.*detach br0" "$1: is not told to be done"
	like "$(ctl attach br0 --mode generic 2>/dev/null)" "attached already, generic" "$1: what is there is"
	ctl detach br0 >/dev/null 2>&1
	said=$(ctl detach br0 2>&1)
	is $? 4 "$1: detached twice"
	like "$said" "carries no gate" "$1: is told"
}
ip link add br0 type bridge
no_native strazhd
ctl detach sv0 >/dev/null
strazhd_kill TERM
no_native direct
ip link del br0

# By ip and by xdp-loader: programs on maps of their own, holding bans made with bpftool.
foreign_ban() { # MAP-ID of dhost4, of present4: deny 10.66.0.66 as bpftool would
	bpftool map update id "$1" key 10 66 0 66 value \
		1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
	# 10.66/16, bit 0 of its 32 bytes: third octet 0. An array is indexed in host order.
	bpftool map update id "$2" key hex 42 0a 00 00 value \
		1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
}
map_of() { # PROG-ID NAME
	local id
	for id in $(bpftool -j prog show id "$1" | jq '.map_ids[]'); do
		[ "$(bpftool -j map show id "$id" | jq -r .name)" = "$2" ] && echo "$id" && return
	done
}
adoption() { # WAY
	local id dhost present before sent
	id=$(xdp_id sv0)
	[ -n "$id" ]
	ok $? "$1 attaches the object"
	ok "$(ping4 10.66.0.66; echo $?)" "$1: nothing is banned yet"
	dhost=$(map_of "$id" sz_dhost4) present=$(map_of "$id" sz_present4)
	foreign_ban "$dhost" "$present"
	ok "$(blocked4 10.66.0.66; echo $?)" "$1: a ban made with bpftool holds"
	like "$(bpftool map dump id "$dhost")" '"?lists"?: 1' "$1: bpftool shows named fields"
	before=$(passed bad4)
	flood 10.66.0.66 4000 60
	strazhd_up
	like "$(ctl list deny)" "10\.66\.0\.66" "$1: the ban is imported"
	like "$(ctl status)" "sv0" "$1: strazhd has adopted it"
	[ "$(xdp_id sv0)" != "$id" ]
	ok $? "$1: the program is ours now"
	sent=$(flood_stop)
	is $(($(passed bad4) - before)) 0 "$1: not one of $sent packets leaked on the way"
	ctl unban 10.66.0.66 >/dev/null
	ok "$(wait_for 2 ping4 10.66.0.66; echo $?)" "$1: our maps decide now"
	ctl detach sv0 >/dev/null
	ctl flush deny --yes >/dev/null
	strazhd_kill TERM
	rm -rf /sys/fs/bpf/strazh
}

ip link set dev sv0 xdpdrv obj "$O/gate.bpf.o" sec xdp
adoption "ip"
ip link set dev sv0 xdp off 2>/dev/null
xdp-loader load -m native sv0 "$O/gate.bpf.o" >/dev/null
adoption "xdp-loader"

# Somebody else's program is left alone.
cat >"$E2E_TMP/other.c" <<'C'
#include <linux/bpf.h>
__attribute__((section("xdp"), used)) int other(struct xdp_md *ctx) { (void)ctx; return XDP_PASS; }
char _license[] __attribute__((section("license"), used)) = "GPL";
C
clang -target bpf -O2 -g -isystem "/usr/include/$(gcc -print-multiarch)" -c "$E2E_TMP/other.c" -o "$E2E_TMP/other.o"
ip link set dev sv0 xdpdrv obj "$E2E_TMP/other.o" sec xdp
id=$(xdp_id sv0)
said=$(ctl attach sv0 2>&1)
is $? 3 "an interface with another program is refused"
like "$said" "other" "naming the program"
is "$(xdp_id sv0)" "$id" "and the program stays"
finish
