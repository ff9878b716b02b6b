# SPDX-License-Identifier: AGPL-3.0-or-later
# shellcheck shell=bash
# The wall clock is set by a day, ahead and back, while strazhd runs and while it is dead, and the
# machine sleeps: bans by an operator's word and by the guard's end when they would have, by boot
# time. None is lost, none is longer than it was given for.
# shellcheck source=vm/guest/lib.sh
. /guest/lib.sh

export STRAZH_PIN_DIR=/sys/fs/bpf/clock STRAZH_RUN_DIR=/run/clock
STATE=/run/clock.state LOG=/run/clock.log CONF=/run/clock.conf
DAY=86400 SHORT=15 SLEEP_S=18
US=10.68.0.1 BAD=10.68.0.66 HOUR_BAN=192.0.2.20 FOR_GOOD=192.0.2.21

# jump SECONDS: the wall clock is set
jump() { date -s "@$(($(date +%s) + $1))" >/dev/null; }
# What no clock setting touches.
uptime_s() { cut -d. -f1 /proc/uptime; }
denied() { strazhctl list deny --json 2>/dev/null; }
# left ADDRESS: seconds that the gate still denies it, "null" for good, nothing where it does not
left() { denied | jq -r "select(.prefix == \"$1\") | .left_s"; }
gone() { [ -z "$(left "$1")" ]; }
by_guard() { denied | jq -es "any(.[]; .prefix == \"$1\" and (.lists | index(\"guard\")))"; }
# stored ADDRESS: seconds until the store's row of it ends, by the wall
stored() {
	strazhctl db export - --url "sqlite://$STATE/strazh.db" 2>/dev/null |
		jq -r "select(.ban.cidr == \"$1/32\") | .ban.until_ms / 1000 - $(date +%s) | floor"
}
an_hour() { case $1 in '' | *[!0-9]*) false ;; *) [ "$1" -gt 3000 ] && [ "$1" -le 3602 ] ;; esac }
stored_an_hour() { an_hour "$(stored "$1")"; }

# conf TIME: for which the guard bans
conf() {
	cat >$CONF <<-CONF
		[server]
		enable = on
		listen = $US:8000
		key = /run/clock.key
		[guard]
		mode = enforce
		ban_time = $1
	CONF
}
via_strazhd() { strazhctl status --json | jq -es 'any(.[]; .via? == "strazhd")'; }
up() {
	strazhd --state-dir $STATE --interface ck0 --config $CONF >>$LOG 2>&1 &
	KEEPER=$!
	holds "strazhd: $1" soon via_strazhd
}
dies() {
	kill "-$1" $KEEPER
	wait $KEEPER 2>/dev/null
}
# As a boot leaves it; the boot id stays, which is what these clocks go by.
lose_gate() {
	xdp-loader unload ck0 --all >/dev/null 2>&1
	rm -rf $STRAZH_PIN_DIR
}
# harass ADDRESS: garbage from it, until the guard has banned it
garbage() {
	by_guard "$1" && return
	ip netns exec ck pest --to "$US" --kind garbage --from "$1" --rate 50 --seconds 1 >/dev/null
	by_guard "$1"
}
harass() { holds "the guard bans $1" soon garbage "$1"; }

# all_hold WHEN: the long ones
all_hold() {
	local address
	for address in $BAD $HOUR_BAN; do
		holds "$1: $address has an hour left, as before: $(left "$address") s" an_hour "$(left "$address")"
	done
	is "$(left $FOR_GOOD)" null "$1: $FOR_GOOD is banned for good"
}
# told WHEN: by the wall clock as it is now the store says the same
told() {
	local address
	for address in $BAD $HOUR_BAN; do
		holds "$1: the store knows when $address ends" soon stored_an_hour "$address"
	done
}
# on_time ADDRESS SINCE: its ban, made at uptime SINCE or later, ends; and not before its time
on_time() {
	local tries=600
	until gone "$1" || [ $((tries -= 1)) = 0 ]; do sleep 0.1; done
	holds "$1: its ban ends" gone "$1"
	more "$(uptime_s)" $(($2 + SHORT - 1)) "and not before its time"
}
# lifted ADDRESS: by the guard, which says so
lifted() { grep -q "guard: $1 ban lifted" "$LOG"; }

ip netns add ck
ip link add ck0 type veth peer name ck1 netns ck
ip addr add $US/24 dev ck0
ip link set ck0 up
for address in 2 66 67 68; do ip -n ck addr add 10.68.0.$address/24 dev ck1; done
ip netns exec ck ethtool -K ck1 gro on
ip -n ck link set ck1 up
holds "a key" strazhctl keys new /run/clock.key

conf 1h
up "a guard that bans for an hour"
harass $BAD
holds "an operator bans for an hour" strazhctl ban $HOUR_BAN --for 1h
holds "and for good" strazhctl ban $FOR_GOOD
told "at first"
dies TERM

conf ${SHORT}s
up "a guard that bans for $SHORT s"
all_hold "started again"

# ---- while it runs ----
# hit NAME SECONDS OPERATORS GUARDS: the clock is set; these two, banned for a short time, are let go on time
hit() {
	local since heard
	heard=$(grep -c 'the wall clock was set' "$LOG")
	since=$(uptime_s)
	harass "$4"
	holds "an operator bans for $SHORT s" strazhctl ban "$3" --for ${SHORT}s
	jump "$2"
	heard_of() { [ "$(grep -c 'the wall clock was set' "$LOG")" -gt "$heard" ]; }
	holds "$1: strazhd hears of it" soon heard_of
	all_hold "$1"
	on_time "$3" "$since"
	on_time "$4" "$since"
	holds "the guard has let it go" soon lifted "$4"
	told "$1"
}
hit "a day ahead" $DAY 192.0.2.30 10.68.0.67
dies KILL
up "killed"
all_hold "killed"
dies KILL
lose_gate
up "killed, the gate lost"
all_hold "out of the store"
holds "who was let go is not back" gone 192.0.2.30
holds "nor who the guard let go" gone 10.68.0.67
hit "a day back" -$DAY 192.0.2.31 10.68.0.68
dies KILL
lose_gate
up "killed, the gate lost"
all_hold "out of the store"
holds "who the guard let go is not back" gone 10.68.0.68
# As a row of before the step has it, its time may be to come: it lasts no longer than it was given for.
on_time 192.0.2.31 0

# ---- while it is dead ----
dies KILL
jump $DAY
up "a day ahead meanwhile"
all_hold "a day ahead meanwhile"
told "a day ahead meanwhile"
dies KILL
jump -$DAY
up "a day back meanwhile"
all_hold "a day back meanwhile"
told "a day back meanwhile"

# ---- while the machine sleeps ----
since=$(uptime_s)
holds "an operator bans for $SHORT s" strazhctl ban 192.0.2.32 --for ${SHORT}s
echo 0 >/sys/class/rtc/rtc0/wakealarm
echo +$SLEEP_S >/sys/class/rtc/rtc0/wakealarm
sleeps() { echo mem >/sys/power/state; }
holds "the machine sleeps, and wakes" sleeps
heard_sleep() { grep -qE 'the machine slept for [0-9]+ s' "$LOG"; }
holds "strazhd hears of it" soon heard_sleep
on_time 192.0.2.32 "$since"
all_hold "after a sleep"

dies TERM
lose_gate
ip link del ck0
ip netns del ck
rm -rf $STATE $STRAZH_RUN_DIR
[ "$TAP_BAD" = 0 ] || tail -n 80 $LOG | sed 's/^/# /'
finish
