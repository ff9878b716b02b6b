# SPDX-License-Identifier: AGPL-3.0-or-later
# shellcheck shell=bash
# The machine on the other end of the wire. It does what the guarded machine says on the line
# between them: a command a line; back go its output and ". STATUS".
# shellcheck source=vm/guest/lib.sh
. /guest/lib.sh

obey() {
	local command status told=0
	exec 3<>"$(echo /dev/vport*)"
	ip addr add 10.77.0.2/24 dev eth0
	ip addr add 10.77.0.66/24 dev eth0
	ip addr add fd77::2/64 dev eth0 nodad
	ip addr add fd77::66/64 dev eth0 nodad
	ip link set eth0 up
	# Nothing to read until the other machine opens its end.
	while :; do
		read -r command <&3 || {
			sleep 0.1
			continue
		}
		[ "$command" != leave ] || break
		told=$((told + 1))
		timeout 60 bash -c "$command" </dev/null >/run/said 2>&1 3>&-
		status=$?
		printf '%s\n. %d\n' "$(cat /run/said)" "$status" >&3
	done
	echo '. 0' >&3
	more "$told" 1 "was told what to send"
	finish
}
echo "# begin peer"
(obey)
echo "# end peer $?"
