# SPDX-License-Identifier: AGPL-3.0-or-later
# shellcheck shell=bash
# A secured server on the test's address and the guard behind it: its configuration, who sends garbage to
# it, and what the store has. Sourced after lib.sh, also by scenes.bash.
CONF=$E2E_TMP/strazh.conf
STORE=$E2E_TMP/state/strazh.db
LISTEN=10.66.0.1:8000

# server_keys: in server.key, and in server.pub for who pins it
server_keys() {
	ctl keys new "$E2E_TMP/server.key" >/dev/null 2>&1
	sed -n 's/^public: //p' "$E2E_TMP/server.key" >"$E2E_TMP/server.pub"
}
# server_conf LINES...: into $CONF, of [server] and of what sections they begin
server_conf() {
	printf '%s\n' '[server]' 'enable = on' "listen = $LISTEN" "key = $E2E_TMP/server.key" "$@" >"$CONF"
}
# conf LINES...: of [guard]; MORE has those before it
MORE=()
conf() { server_conf "${MORE[@]}" '[guard]' "$@"; }
# reload MODE LINES...: and wait until it holds
reload() {
	local mode=$1
	shift
	conf "mode = $mode" "$@"
	kill -HUP "$STRAZHD_PID"
	wait_for 5 guard_is mode "$mode"
	ok $? "reload: guard.mode = $mode $*"
}
# lose_gate: it is gone, as after a boot of the machine
lose_gate() {
	ip link set dev sv0 xdp off
	rm -rf /sys/fs/bpf/strazh
}

# garbage ADDRESS N ...: see garbage_send.py
garbage() { cl timeout 60 /usr/bin/python3 "$HERE/garbage_send.py" "$@"; }
why() { ctl why "$@" 2>/dev/null; }
# rows STATEMENT: of the store; rows_are STATEMENT TEXT
rows() { sqlite3 -cmd '.timeout 5000' "$STORE" "$1"; }
rows_are() { [ "$(rows "$1" 2>/dev/null)" = "$2" ]; }
# in_gate: prefixes that the guard has banned there
in_gate() { ctl list deny --json 2>/dev/null | jq -r 'select(.prefix and (.lists | index("guard"))) | .prefix' | sort; }
