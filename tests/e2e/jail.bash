# SPDX-License-Identifier: AGPL-3.0-or-later
# shellcheck shell=bash
# A fail2ban of the test's own: folders, socket, database, and one jail, door, on one log file. Sourced
# after lib.sh.
F=$E2E_TMP/f2b
DOOR_LOG=$E2E_TMP/door.log
F2B=(fail2ban-client -c "$F" -s "$F/sock" -p "$F/pid")
f2b() { timeout 20 "${F2B[@]}" "$@"; }
f2b_pings() { f2b ping; }

mkdir -p "$F"/{action.d,filter.d,fail2ban.d,jail.d}

# jail_make LEVEL REGEX LINES...: what it logs, what a failure looks like behind the time, and what else the
# jail has
jail_make() {
	local level=$1 regex=$2
	shift 2
	: >"$DOOR_LOG"
	printf '[Definition]\nfailregex = %s\n' "$regex" >"$F/filter.d/door.conf"
	cat >"$F/fail2ban.conf" <<-CONF
		[Definition]
		loglevel = $level
		logtarget = $F/log
		syslogsocket = auto
		socket = $F/sock
		pidfile = $F/pid
		dbfile = $F/db.sqlite3
		dbmaxmatches = 10
		dbpurgeage = 1d
		[Thread]
	CONF
	printf '%s\n' '[door]' 'enabled = true' 'filter = door' 'backend = polling' "logpath = $DOOR_LOG" \
		"$@" >"$F/jail.conf"
}
# jail_start: JAIL is its process
jail_start() {
	fail2ban-server -c "$F" -s "$F/sock" -p "$F/pid" -f >"$F/out" 2>&1 &
	# shellcheck disable=SC2034 # those who source this ask for it
	JAIL=$!
	wait_for 20 f2b_pings
}
