#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# 10,000 bans, enforced: by Debian's fail2ban with its action of nftables, and by `strazhctl ban -` through
# strazhd, whose store is on the disk. The first column of a line on stdout is who: `NAME BANS SECONDS CPU`,
# CPU being that of every process that had to do with it. `skip REASON` where that cannot be measured.
# Both begin when the command that has all the addresses is started and end when the last is enforced:
# both commands return then, and what is enforced is counted. fail2ban is stopped after 180 seconds.
[ "$(id -u)" = 0 ] || { echo "skip needs root"; exit 0; }
command -v fail2ban-server >/dev/null || { echo "skip no fail2ban: scripts/setup test"; exit 0; }
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../../e2e/lib.sh"
net_up
BANS=10000
BUDGET_S=180
PIECE=1000
F=$E2E_TMP/f2b
TICKS=$(getconf CLK_TCK)

now() { local t=${EPOCHREALTIME}; echo "${t/./}"; } # us
# cpu_of PID: ticks of the process and of its children that ended
cpu_of() {
	local stat
	stat=$(<"/proc/$1/stat")
	# shellcheck disable=SC2086 # fields after the name
	set -- ${stat##*) }
	echo $((${12} + ${13} + ${14} + ${15}))
}
# What the ended children of the script took, in ticks.
cpu_of_ours() {
	local stat
	stat=$(<"/proc/$$/stat")
	# shellcheck disable=SC2086
	set -- ${stat##*) }
	echo $((${14} + ${15}))
}
seconds() { awk -v n="$1" -v by="$2" 'BEGIN { printf "%.4f\n", n / by }'; }
wrong() {
	echo "fail2ban.sh: $*" >&2
	exit 1
}
addresses() { awk -v n=$BANS 'BEGIN { for (i = 0; i < n; i++) printf "100.64.%d.%d\n", i / 250, i % 250 + 1 }'; }

# ---- fail2ban ----

f2b() { fail2ban-client -c "$F" -s "$F/sock" -p "$F/pid" --timeout 600 "$@"; }
f2b_pings() { f2b ping; }
mkdir -p "$F"/{filter.d,jail.d,fail2ban.d}
cp -r /etc/fail2ban/action.d "$F/"
printf '[Definition]\nfailregex = ^ refused <HOST>$\n' >"$F/filter.d/door.conf"
cat >"$F/fail2ban.conf" <<-CONF
	[Definition]
	loglevel = WARNING
	logtarget = $F/log
	syslogsocket = auto
	socket = $F/sock
	pidfile = $F/pid
	dbfile = $F/db.sqlite3
	dbmaxmatches = 10
	dbpurgeage = 1d
	[Thread]
CONF
: >"$F/door.log"
cat >"$F/jail.conf" <<-CONF
	[door]
	enabled = true
	filter = door
	backend = polling
	logpath = $F/door.log
	bantime = 1h
	action = nftables[type=allports, name=door, protocol=tcp]
CONF
fail2ban-server -c "$F" -s "$F/sock" -p "$F/pid" -f >"$F/out" 2>&1 &
JAIL=$!
wait_for 20 f2b_pings || wrong "fail2ban does not start: $(tail -n 3 "$F/out")"
mapfile -t ALL < <(addresses)
cpu=$(($(cpu_of $JAIL) + $(cpu_of_ours)))
begin=$(now)
banned=0
while [ "$banned" -lt "$BANS" ] && [ $(($(now) - begin)) -lt $((BUDGET_S * 1000000)) ]; do
	f2b set door banip "${ALL[@]:banned:PIECE}" >/dev/null || wrong "fail2ban refuses"
	banned=$((banned + PIECE))
done
took=$(($(now) - begin))
cpu=$(($(cpu_of $JAIL) + $(cpu_of_ours) - cpu))
held=$(nft -j list set inet f2b-table addr-set-door | jq '.nftables[1].set.elem | length')
[ "$held" = "$banned" ] || wrong "fail2ban: $held of $banned are in nftables: $(tail -n 3 "$F/log")"
echo "fail2ban $banned $(seconds $took 1000000) $(seconds $cpu "$TICKS")"
disown $JAIL # or the shell tells of its end
kill -KILL $JAIL
nft delete table inet f2b-table

# ---- strazh ----

strazhd_up --interface sv0 >&2
addresses | sed 's/$/ 1h door/' >"$E2E_TMP/lines"
for _ in {1..5}; do
	cpu=$(($(cpu_of "$STRAZHD_PID") + $(cpu_of_ours)))
	begin=$(now)
	ctl -q ban - <"$E2E_TMP/lines" || wrong "strazhctl refuses"
	took=$(($(now) - begin))
	cpu=$(($(cpu_of "$STRAZHD_PID") + $(cpu_of_ours) - cpu))
	held=$(ctl list deny --json 2>/dev/null | jq -s 'map(select(.prefix)) | length')
	[ "$held" = "$BANS" ] || wrong "strazh: $held of $BANS are in the gate"
	echo "strazh $BANS $(seconds $took 1000000) $(seconds $cpu "$TICKS")"
	ctl -q flush deny --yes
done
strazhd_kill TERM
