# SPDX-License-Identifier: AGPL-3.0-or-later
# shellcheck shell=bash
# What the roles share: programs between marks that vm/run reads, and TAP.

# A program that hangs costs this much, and not the whole machine its time.
PROGRAM_SECONDS=180

# Is this program among those that vm/run -t named, or named it none?
wanted() {
	local names
	names=$(sed -n 's/.*strazh\.tests=\([^ ]*\).*/\1/p' /proc/cmdline)
	case ,$names, in ,, | *",$1,"*) true ;; *) false ;; esac
}
# program NAME COMMAND...: its TAP between "# begin NAME" and "# end NAME STATUS"
program() {
	local name=$1 begin status
	shift
	wanted "$name" || return 0
	echo "# begin $name"
	begin=$(cut -d' ' -f1 /proc/uptime)
	timeout -s KILL "$PROGRAM_SECONDS" "$@"
	status=$?
	echo "# end $name $status from $begin to $(cut -d' ' -f1 /proc/uptime)"
}

# ---- TAP for the programs of this folder ----

TAP_N=0 TAP_BAD=0
# ok STATUS NAME
ok() {
	TAP_N=$((TAP_N + 1))
	[ "$1" != 0 ] && TAP_BAD=$((TAP_BAD + 1)) && printf 'not '
	echo "ok $TAP_N - $2"
}
# holds NAME COMMAND...: it succeeds; fails NAME COMMAND...: it does not
holds() {
	local name=$1 said status
	shift
	said=$("$@" 2>&1)
	status=$?
	ok "$status" "$name"
	[ "$status" = 0 ] || { echo "status $status of '$*':"; tail -n 12 <<<"$said"; } | sed 's/^/#   /'
}
fails() {
	local name=$1
	shift
	! "$@" >/dev/null 2>&1
	ok $? "$name"
}
# is GOT WANTED NAME
is() {
	[ "$1" = "$2" ]
	ok $? "$3"
	[ "$1" = "$2" ] || echo "#   got '$1', wanted '$2'"
}
# more GOT LEAST NAME
more() {
	[ "${1:-0}" -ge "$2" ]
	ok $? "$3"
	[ "${1:-0}" -ge "$2" ] || echo "#   got '$1', wanted at least $2"
}
# like TEXT PATTERN NAME
like() {
	grep -qE -- "$2" <<<"$1"
	ok $? "$3"
	grep -qE -- "$2" <<<"$1" || printf '%s\n' "no match for /$2/ in:" "$1" | sed 's/^/#   /'
}
finish() {
	echo "1..$TAP_N"
	[ "$TAP_BAD" = 0 ]
	exit
}
# soon COMMAND...: poll until it succeeds, about 10 s at most
soon() {
	local tries=100
	while ! "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		sleep 0.1
	done
}

# ---- what the kernel says about an interface ----

# native IFACE: by rtnetlink and by bpftool, not by us
native() {
	ip -d link show dev "$1" | grep -q 'prog/xdp id' && bpftool net show dev "$1" | grep -q 'driver id'
}
# The gate and nobody else, as below() says it: either of its entries.
# shellcheck disable=SC2034 # used by those who source this
GATE='^sz_gate(_frags)?$'
xdp_id() { ip -j link show dev "$1" | jq -r '.[0].xdp.prog.id // empty'; }
# below IFACE: names of the programs below libxdp's dispatcher, in their order
below() { xdp-loader status "$1" | sed -nE 's/^ *=> +[0-9]+ +([^ ]+) .*/\1/p' | tr '\n' ' ' | sed 's/ $//'; }
# counted NAME: packets behind the gate, by the nftables rule with that comment
counted() {
	nft -j list chain inet seen pre |
		jq ".nftables[].rule? | select(.comment? == \"$1\") | .expr[].counter? | select(.) | .packets"
}
# dropped REASON: packets, as strazhctl counts them
dropped() { strazhctl stats --json 2>/dev/null | jq -s "[.[] | select(.reason? == \"$1\") | .packets] | add // 0"; }
