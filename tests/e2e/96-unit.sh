#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# What is installed, started as the systemd unit starts it: with its capabilities and its system calls
# alone the gate, the secured server in its own process, downloads, guard and store work.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/guarded.bash
. "$HERE/guarded.bash"
command -v systemd-analyze >/dev/null || skip_all "needs systemd-analyze"
UNIT=$TOP/scripts/strazhd.service
BAD=10.66.0.66

# The tree that `make install` makes, as far as strazhd needs it.
mkdir -p "$E2E_TMP/sbin" "$E2E_TMP/lib/strazh"
cp "$O/strazhd" "$O/strazhctl" "$E2E_TMP/sbin"
cp "$O/strazh-db" "$O/strazh-fetch" "$E2E_TMP/lib/strazh"
there() { "$E2E_TMP/sbin/strazhctl" "$@" 2>/dev/null; }

# expand NAME: calls of a group of systemd's, and of the groups in it; fails when it knows no such one
expand() {
	local word words
	[ "${1#@}" != "$1" ] || {
		echo "$1"
		return
	}
	systemd-analyze syscall-filter "$1" >"$E2E_TMP/group" 2>&1 || return 1
	mapfile -t words < <(sed -n 's/^    \([^#].*\)/\1/p' "$E2E_TMP/group")
	for word in "${words[@]}"; do expand "$word" || return 1; done
}
# calls: what the unit's SystemCallFilter lines allow, in their order
calls() {
	local line word
	expand @default
	while read -r line; do
		for word in ${line#\~}; do expand "$word" || echo "$word" >>"$E2E_TMP/unknown"; done >"$E2E_TMP/line"
		if [ "${line#\~}" = "$line" ]; then cat "$E2E_TMP/line"; else sed 's/^/~/' "$E2E_TMP/line"; fi
	done < <(sed -n 's/^SystemCallFilter=//p' "$UNIT")
}
: >"$E2E_TMP/unknown"
calls | awk '/^~/ { delete has[substr($0, 2)]; next } { has[$0] = 1 } END { for (name in has) print name }' \
	>"$E2E_TMP/calls"
is "$(cat "$E2E_TMP/unknown")" "" "this systemd knows every name in SystemCallFilter"
ok "$([ "$(wc -l <"$E2E_TMP/calls")" -gt 200 ]; echo $?)" "which are some hundred calls"
CAPS=$(sed -n 's/^CapabilityBoundingSet=//p' "$UNIT" | tr '[:upper:] ' '[:lower:],')

net_up
server_keys
mkdir "$E2E_TMP/www"
printf '198.51.100.0/24\n' >"$E2E_TMP/www/list"
/usr/bin/python3 -m http.server 8099 --bind 127.0.0.1 --directory "$E2E_TMP/www" >/dev/null 2>&1 &
WEB=$!
wait_for 10 curl -sf http://127.0.0.1:8099/list
conf 'mode = enforce' '[feed test]' 'url = http://127.0.0.1:8099/list'
setpriv --bounding-set "-all,${CAPS//cap_/+}" --no-new-privs "$O/tests/tools/only-calls" \
	"$E2E_TMP/sbin/strazhd" --interface sv0 --config "$CONF" --state-dir "$E2E_TMP/state" \
	<"$E2E_TMP/calls" >>"$E2E_TMP/strazhd.log" 2>&1 &
STRAZHD_PID=$!
wait_for 10 daemon_answers
ok $? "strazhd starts"
st() { cl timeout 20 "$O/strazh" "$@" -s 10.66.0.1:8000 -k "@$E2E_TMP/server.pub"; }
wait_for 10 st ping -c 1
ok $? "the secured server answers"
is "$(there status --json | jq -r 'select(.kind == "server") | .restarts')" 0 "its process was never killed"
wait_for 20 eval "there why 198.51.100.9 | grep -q 'is denied'"
ok $? "a block list was fetched, by strazh-fetch of lib/strazh, and is in force"
cl timeout 60 /usr/bin/python3 "$HERE/garbage_send.py" $BAD 200 >/dev/null
wait_for 10 eval "there why $BAD | grep -q 'is denied.*because: [0-9]* handshake failures'"
ok $? "the guard bans, and why says because of what"
like "$(there --state-dir "$E2E_TMP/state" db check --config "$CONF")" "good; the audit is whole" \
	"db check, by strazh-db of lib/strazh"
like "$(there db switch --to "sqlite:$E2E_TMP/state/two.db")" "the store was moved" "the store is moved"
kill -HUP "$STRAZHD_PID"
wait_for 10 grep -q "the configuration is as it was" "$E2E_TMP/strazhd.log"
ok $? "it reads its configuration anew"
kill "$STRAZHD_PID"
wait "$STRAZHD_PID"
is $? 0 "and ends well"
kill "$WEB"
finish
