# SPDX-License-Identifier: AGPL-3.0-or-later
# shellcheck shell=bash
# A server and a client in network namespaces of the test's own, TAP on stdout.
#
# Sourced first: re-executes the test in fresh network and mount namespaces (private bpffs and
# /run), so a test sees no gate but its own and leaves nothing behind. The test itself runs on the
# server; `cl` runs a command on the client.
#
#   client: cl0  10.66.0.2 honest, .66 bad; fd66::2, fd66::66      server: sv0  10.66.0.1, fd66::1
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/tap.sh
. "$HERE/../tap.sh"

if [ "${E2E_INSIDE:-}" != yes ]; then
	[ "$(id -u)" = 0 ] || skip_all needs root
	E2E_INSIDE=yes exec unshare --net --mount --pid --fork --kill-child --mount-proc \
		--propagation private bash "$0" "$@"
fi

mount -t tmpfs tmpfs /run
mount -t bpf bpf /sys/fs/bpf
mkdir -p /run/strazh
E2E_TMP=$(mktemp -d)
# What is mounted below it is let go first, or the folder stays: what a bind shows is somebody else's.
e2e_remove() {
	local at
	while read -r _ _ _ _ at _; do
		case $at in "$E2E_TMP"/*) umount -R -l "$at" 2>/dev/null ;; esac
	done < <(tac /proc/self/mountinfo)
	if grep -qF " $E2E_TMP/" /proc/self/mountinfo; then
		echo "# $E2E_TMP stays: something is mounted there" >&2
	else
		rm -rf "$E2E_TMP"
	fi
}
trap e2e_remove EXIT
# strazhctl keeps its journal there while no strazhd runs.
export STRAZH_STATE_DIR=$E2E_TMP/state
export PATH="$O:$O/tests/tools:$PATH"
ctl() { "$O/strazhctl" "$@"; }
cl() { ip netns exec cl "$@"; }

# refuses CODE PATTERN ARGS...: strazhctl ARGS ends soon, with CODE, and says PATTERN
refuses() {
	local code=$1 pattern=$2 said
	shift 2
	said=$(timeout 30 "$O/strazhctl" "$@" 2>&1 </dev/null)
	is $? "$code" "exit $code: strazhctl $*"
	like "$said" "$pattern" "says /$pattern/: strazhctl $*"
}

# Poll CMD until it succeeds, at most about SECONDS.
wait_for() {
	local tries=$(($1 * 20))
	shift
	while ! "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		sleep 0.05
	done
}

net_up() {
	ip link set lo up
	ip netns add cl
	ip link add sv0 type veth peer name cl0 netns cl
	sysctl -qw net.ipv6.conf.sv0.accept_dad=0
	cl sysctl -qw net.ipv6.conf.cl0.accept_dad=0
	ip addr add 10.66.0.1/24 dev sv0
	ip addr add fd66::1/64 dev sv0 nodad
	cl ip addr add 10.66.0.2/24 dev cl0
	cl ip addr add 10.66.0.66/24 dev cl0
	cl ip addr add fd66::2/64 dev cl0 nodad
	cl ip addr add fd66::66/64 dev cl0 nodad
	cl ip link set lo up
	# The peer of a native program must have GRO on, or be native itself.
	cl ethtool -K cl0 gro on >/dev/null 2>&1
	cl ip link set cl0 up
	ip link set sv0 up
	# What came through the gate, by source: read by passed().
	nft -f - <<-'NFT'
		table inet seen {
			counter bad4 {}
			counter bad6 {}
			counter good4 {}
			chain pre {
				type filter hook prerouting priority -400;
				ip saddr 10.66.0.66 counter name bad4
				ip6 saddr fd66::66 meta l4proto != ipv6-icmp counter name bad6
				ip saddr 10.66.0.2 counter name good4
			}
		}
	NFT
	wait_for 5 ping4 10.66.0.2 || echo "# the veth pair carries nothing"
	# IPv6 forwards some moments later than IPv4 after a link came up.
	wait_for 5 ping6 fd66::2
}
# The client's end becomes native too: what the gate answers (XDP_TX) arrives there only then.
client_native() { cl ip link set dev cl0 xdpdrv obj "$O/tests/tools/pass.bpf.o" sec xdp; }
# ping4 SRC: does the client, as SRC, get an answer from the server?
ping4() { cl ping -nq -c1 -W1 -I "$1" 10.66.0.1 >/dev/null 2>&1; }
ping6() { cl ping -nq -c1 -W1 -I "$1" fd66::1 >/dev/null 2>&1; }
blocked4() { ! cl ping -nq -c2 -i0.2 -W1 -I "$1" 10.66.0.1 >/dev/null 2>&1; }
blocked6() { ! cl ping -nq -c2 -i0.2 -W1 -I "$1" fd66::1 >/dev/null 2>&1; }

# passed NAME: packets counted behind the gate
passed() { nft -j list counter inet seen "$1" | jq '.nftables[1].counter.packets'; }

# Daemon: strazhd_up [ARGS], strazhd_kill SIGNAL. LOADER runs it with other libraries.
STRAZHD_PID=
LOADER=()
strazhd_up() {
	"${LOADER[@]}" "$O/strazhd" --state-dir "$E2E_TMP/state" "$@" >>"$E2E_TMP/strazhd.log" 2>&1 &
	STRAZHD_PID=$!
	wait_for 10 daemon_answers || {
		echo "# strazhd did not come up:"
		sed 's/^/#   /' "$E2E_TMP/strazhd.log"
	}
}
daemon_answers() { ctl status --json 2>/dev/null | jq -es 'any(.[]; .via == "strazhd")'; }
strazhd_kill() {
	kill "-$1" "$STRAZHD_PID" 2>/dev/null
	wait "$STRAZHD_PID" 2>/dev/null
	STRAZHD_PID=
}

# flood SRC RATE SECONDS: UDP from the client in the background; flood_sent prints how many, once the
# time is over, flood_stop at once
flood() {
	ip netns exec cl /usr/bin/python3 "$HERE/udp_send.py" "$@" >"$E2E_TMP/flood" &
	FLOOD_PID=$!
	sleep 0.3
}
# Called as $(flood_sent): a subshell, which cannot wait for the flood as for a child.
flood_stop() {
	kill -TERM "$FLOOD_PID"
	flood_sent
}
flood_sent() {
	tail --pid="$FLOOD_PID" -f /dev/null
	cat "$E2E_TMP/flood"
}
xdp_id() { ip -j link show dev "$1" | jq -r '.[0].xdp.prog.id // empty'; }

# ---- what several tests ask ----

quiet() { ctl -q "$@" >/dev/null 2>&1; }
log() { cat "$E2E_TMP/strazhd.log"; }
# said PATTERN: in the log of strazhd
said() { grep -qE -- "$1" "$E2E_TMP/strazhd.log"; }
listening() { [ -n "$(ss -Hltn 'sport = :8000')" ]; }
# guard KEY: of strazhctl status
guard() { ctl status --json 2>/dev/null | jq -r "select(.kind == \"guard\") | .$1"; }
guard_is() { [ "$(guard "$1")" = "$2" ]; }
# banned PREFIX: by the guard, in the gate
banned() {
	ctl list deny --json 2>/dev/null |
		jq -es "any(.[]; .prefix == \"$1\" and (.lists | index(\"guard\")))" >/dev/null
}
free() { ! banned "$1"; }
# through: of 1,500 or so packets of the bad client in half a second, those that pass
through() {
	local before
	sleep 0.6 # its meter is empty again
	before=$(passed bad4)
	flood 10.66.0.66 3000 0.5
	wait "$FLOOD_PID"
	echo $(($(passed bad4) - before))
}
