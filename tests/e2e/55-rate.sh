#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# Limits as an operator sets them: words right and wrong, what they do to traffic, sources with
# limits of their own, restarts and lost pins; with strazhd and without.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

# limit CLASS KEYS [ARGS...]: of `rate show`, in one line
limit() {
	local class=$1 keys=$2
	shift 2
	ctl rate show --json "$@" 2>/dev/null | jq -r "select(.class == \"$class\") | $keys" | paste -sd' ' -
}
source_of() { ctl rate show --json 2>/dev/null | jq -r "select(.source == \"$1\") | .tier, .slow" | paste -sd' ' -; }
# between NUMBER LEAST MOST NAME
between() {
	[ "$1" -ge "$2" ] && [ "$1" -le "$3" ]
	ok $? "$4: $1, in $2 to $3"
}

refuses 6 "not loaded" rate show
net_up
ctl attach sv0 >/dev/null 2>&1

both_ways() {
	refuses 2 "show.set.source.forget" rate
	refuses 2 "no class 'flood'.*established, syn" rate set flood --pps 5
	refuses 2 "at least one of --pps" rate set syn
	refuses 2 "'0' is no value for --pps.*none, or default" rate set syn --pps 0
	refuses 2 "1 to 400 packets at 100" rate set syn --pps 100 --burst 100000
	refuses 2 "2k to 100G" rate set udp --bps 10X
	refuses 2 "name --bps as well" rate set udp --bytes 64k
	refuses 2 "'9' is no tier: 0 to 7" rate show --tier 9
	refuses 2 "not with --prefix or --tier" rate set udp --port other --tier 1 --pps 5
	refuses 2 "'flow' is a limit of single sources" rate set flow --prefix --pps 5
	refuses 2 "--slow is not for this: it goes with rate source" rate show --slow 3
	refuses 2 "--pps is not for this: it goes with rate set" rate source 192.0.2.1 --pps 4
	refuses 4 "443/tcp is no protected service" rate show --port 443/tcp
	refuses 2 "want --tier or --slow" rate source 192.0.2.1
	refuses 2 "'here' is no address" rate source here --slow 2
	refuses 2 "0.1 to 4095" rate source 192.0.2.1 --slow 0
	refuses 2 "hosts and of /24" rate source 192.0.0.0/16 --slow 2
	refuses 4 "192.0.2.1 has no limits of its own" rate forget 192.0.2.1

	is "$(limit udp '.host_pps, .host_burst, .host_bps, .default')" "50000 10000 null true" "the default of a class"
	is "$(limit syn .prefix_pps)" 4000 "a prefix has eight times as much"
	like "$(ctl rate set udp --pps 400 --burst 100 --bps 10M --bytes 64k 2>/dev/null)" \
		"udp: set.*rates are observed" "set, and that nothing drops yet"
	is "$(limit udp '.host_pps, .host_burst, .host_bps, .default')" "400 100 10000000 false" "is what is shown"
	between "$(limit udp .host_bytes)" 63900 64100 "bytes at once"
	is "$(limit udp '.prefix_pps')" 400000 "its prefix is as before"
	quiet rate set udp --prefix --pps 900
	is "$(limit udp '.host_pps, .prefix_pps')" "400 900" "and is set apart"
	quiet rate set udp --tier 3 --pps 7
	is "$(limit udp .host_pps) $(limit udp .host_pps --tier 3)" "400 7" "so is a tier"
	like "$(ctl rate show udp 2>/dev/null)" "^udp +400 +100 +10M +900 .*changed" "as a table"
	quiet service add 443/tcp
	quiet rate set established --port 443/tcp --pps 5000
	is "$(limit established .service_pps --port 443/tcp)" 5000 "a service over all sources"
	like "$(ctl rate show --port 443/tcp 2>/dev/null)" "ALL/s" "said as that"
	quiet service remove 443/tcp
	for args in "" --prefix "--tier 3"; do
		# shellcheck disable=SC2086
		quiet rate set all $args --pps default
	done
	is "$(ctl rate show --json 2>/dev/null | jq -s 'map(select(.default == false)) | length')" 0 \
		"default takes all back"
	is "$(limit udp .host_pps --tier 3)" 50000 "of the tier as well"

	quiet rate source 10.66.0.66 --slow 4
	is "$(source_of 10.66.0.66)" "0 4" "a source with a part of the limits"
	like "$(ctl rate source fd66::66 --tier 3 --for 1h 2>/dev/null)" "fd66::/64: tier 3" "a host of IPv6 is its /64"
	like "$(ctl rate show 2>/dev/null)" "fd66::/64 +tier 3, .*(1h|59m)" "until when"
	like "$(ctl why fd66::66 2>/dev/null)" "limits of fd66::/64: tier 3" "why tells"
	quiet rate source 10.66.0.0/24 --slow 2
	like "$(ctl why 10.66.0.2 2>/dev/null)" "limits of 10.66.0.0/24.*divided by 2" "a host has those of its prefix"
	like "$(ctl why 10.66.0.66 2>/dev/null)" "limits of 10.66.0.66.*divided by 4" "unless it has its own"
	for source in 10.66.0.66 fd66::66 10.66.0.0/24; do quiet rate forget "$source"; done
	is "$(ctl rate show --json 2>/dev/null | jq -s 'map(select(.source)) | length')" 0 "all forgotten"
}
echo "# directly on the maps"
both_ways
echo "# via strazhd"
strazhd_up --interface sv0
both_ways

echo "# traffic"
quiet rate set udp --pps 200 --burst 100
between "$(through)" 1400 1600 "observed: all pass"
between "$(ctl stats --json 2>/dev/null | jq 'select(.tally == "over-udp") | .packets')" 1000 1600 "and are counted"
quiet set rate.mode enforce
between "$(through)" 150 350 "enforced: a burst, and the rate"
flood 10.66.0.66 3000 0.6
like "$(ctl why 10.66.0.66 2>/dev/null)" "10.66.0.66 +udp +[0-9]+ +100 +[0-9]+ +200" \
	"why shows its meter beside the limit"
wait "$FLOOD_PID"
like "$(ctl why 10.66.0.66 2>/dev/null)" "or above a limit: its own, its prefix" "and what drops"
like "$(ctl events 2>/dev/null)" "rate-host.*10.66.0.66.*class udp" "events tell the class"
between "$(ctl stats --json 2>/dev/null | jq 'select(.reason == "rate-host") | .packets')" 2500 3200 \
	"the rest is dropped"
quiet rate source 10.66.0.66 --slow 10
between "$(through)" 1 60 "a tenth for this source"
quiet rate set udp --tier 5 --pps 600 --burst 50
quiet rate source 10.66.0.66 --tier 5
between "$(through)" 250 550 "another tier"
quiet rate forget 10.66.0.66
quiet service add 9/udp
quiet rate set udp --port 9/udp --pps 100 --burst 20
between "$(through)" 40 200 "all sources of a service"
like "$(ctl events 2>/dev/null | tail -n 1)" "rate-(service|host).*service 9/udp" "events tell the service"

quiet service remove 9/udp
quiet rate set udp --pps none --bps 100k --bytes 4k
meter_of_bytes() {
	ctl why 10.66.0.66 --json 2>/dev/null |
		jq -es 'any(.[]; .kind == "bucket" and .source == "10.66.0.66" and
			.bytes_percent > 50 and .pps == null)'
}
flood 10.66.0.66 3000 60
wait_for 10 meter_of_bytes
ok $? "why shows the meter of bytes where only they are limited"
flood_stop >"$E2E_TMP/sent"
wait "$FLOOD_PID"
quiet rate set udp --pps 200 --burst 100 --bps none

echo "# restarts and losses"
quiet rate source 10.66.0.66 --slow 3
strazhd_kill KILL
strazhd_up --interface sv0
is "$(limit udp .host_pps) $(source_of 10.66.0.66)" "200 0 3" "limits and sources survive kill -9 of strazhd"
strazhd_kill TERM
quiet rate set udp --pps 300
quiet rate set syn --prefix --tier 2 --pps 70
quiet rate set fragment --port other --pps 40
quiet rate source 10.66.0.66 --slow 5 --for 1h
quiet rate source 10.66.0.2 --slow 5
quiet rate forget 10.66.0.2
quiet rate source 10.66.0.0/24 --tier 1 --for 1s
quiet detach --all
rm -r /sys/fs/bpf/strazh
sleep 2.2
strazhd_up --interface sv0
is "$(limit udp .host_pps) $(limit syn .prefix_pps --tier 2) $(limit fragment .service_pps --port other)" "300 70 40" \
	"limits set without strazhd come back after all pins were lost"
is "$(source_of 10.66.0.66)" "0 5" "and a source"
is "$(source_of 10.66.0.2)$(source_of 10.66.0.0/24)" "" "not what was forgotten or is over"
finish
