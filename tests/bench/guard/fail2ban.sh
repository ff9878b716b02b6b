#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# 10,000 bans, enforced: by Debian's fail2ban with its action of nftables, and by `strazhctl ban -` through
# strazhd, whose store is on the disk. The first column of a line on stdout is who: `NAME BANS SECONDS CPU`,
# CPU being that of every process that had to do with it. `skip REASON` where that cannot be measured.
# Both begin when the command that has all the addresses is started and end when the last is enforced:
# both commands return then, and what is enforced is counted. fail2ban gets them by thousands and is
# stopped with that in which it has had 180 seconds: its line has fewer BANS then.
[ "$(id -u)" = 0 ] || { echo "skip needs root"; exit 0; }
command -v fail2ban-server >/dev/null || { echo "skip no fail2ban: scripts/setup test"; exit 0; }
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../../e2e/lib.sh"
# shellcheck source=tests/e2e/jail.bash
. "$HERE/jail.bash"
net_up
BANS=10000
BUDGET_S=180
PIECE=1000

cost() { /usr/bin/python3 "$TOP/tests/bench/guard/cost.py" "$@"; }
wrong() {
	echo "fail2ban.sh: $*" >&2
	exit 1
}
addresses() { awk -v n=$BANS 'BEGIN { for (i = 0; i < n; i++) printf "100.64.%d.%d\n", i / 250, i % 250 + 1 }'; }

# ---- fail2ban ----

cp -r /etc/fail2ban/action.d "$F/"
jail_make WARNING '^ refused <HOST>$' 'bantime = 1h' 'action = nftables[type=allports, name=door, protocol=tcp]'
jail_start || wrong "fail2ban does not start: $(tail -n 3 "$F/out")"
mapfile -t ALL < <(addresses)
banned=0
: >"$F/costs"
spent() { awk '{ took += $1; cpu += $2 } END { printf "%.6f %.6f\n", took, cpu }' "$F/costs"; }
has_time() { awk -v most=$BUDGET_S '{ exit !($1 < most) }' <<<"$(spent)"; }
while [ "$banned" -lt "$BANS" ] && has_time; do
	cost $JAIL "${F2B[@]}" --timeout 600 set door banip "${ALL[@]:banned:PIECE}" >>"$F/costs" ||
		wrong "fail2ban refuses"
	banned=$((banned + PIECE))
done
held=$(nft -j list set inet f2b-table addr-set-door | jq '.nftables[1].set.elem | length')
[ "$held" = "$banned" ] || wrong "fail2ban: $held of $banned are in nftables: $(tail -n 3 "$F/log")"
echo "fail2ban $banned $(spent)"
disown $JAIL # or the shell tells of its end
kill -KILL $JAIL
nft delete table inet f2b-table

# ---- strazh ----

strazhd_up --interface sv0 >&2
addresses | sed 's/$/ 1h door/' >"$E2E_TMP/lines"
for _ in {1..5}; do
	spent=$(cost "$STRAZHD_PID" "$O/strazhctl" -q ban - <"$E2E_TMP/lines") || wrong "strazhctl refuses"
	held=$(ctl list deny --json 2>/dev/null | jq -s 'map(select(.prefix)) | length')
	[ "$held" = "$BANS" ] || wrong "strazh: $held of $BANS are in the gate"
	echo "strazh $BANS $spent"
	ctl -q flush deny --yes
done
strazhd_kill TERM
