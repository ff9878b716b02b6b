#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# Block lists by URL and file, and CrowdSec: what they name is dropped, what is wrong with them is said and
# costs nothing that was good; the last good copy outlives a restart without a network.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
net_up
BAD=10.66.0.66
CONF=$E2E_TMP/strazh.conf
WEB=$E2E_TMP/web
AT=http://127.0.0.1:8099
every=3600

mkdir "$WEB"
printf 'secret\n' >"$E2E_TMP/key"
chmod 600 "$E2E_TMP/key"
# feed NAME KEY: of strazhctl feeds
feed() { ctl feeds --json 2>/dev/null | jq -r "select(.feed == \"$1\") | .$2 // \"\""; }
feed_is() { [ "$(feed "$1" "$2")" = "$3" ]; }
feed_like() { feed "$1" "$2" | grep -qE -- "$3"; }
in_list() {
	ctl list deny --json 2>/dev/null |
		jq -es "any(.[]; .prefix == \"$1\" and (.lists | index(\"$2\")))" >/dev/null
}
not_in_list() { ! in_list "$@"; }
asked() { grep -cE -- "$1" "$WEB/log" 2>/dev/null; }
asked_times() { [ "$(asked "$1")" -ge "$2" ]; }
children() { pgrep -cx strazh-fetch; }
web_up() {
	/usr/bin/python3 "$HERE/feed_server.py" "$WEB" 8099 &
	WEB_PID=$!
	wait_for 10 curl -so "$E2E_TMP/curl" "$AT/none"
}
web_down() {
	kill "$WEB_PID"
	wait "$WEB_PID" 2>/dev/null
}
conf() { printf '%s\n' "$@" >"$CONF"; }
# again: the same with another schedule, so that it is fetched at once
again() {
	every=$((every + 1))
	sed -i "s/^every = .*/every = ${every}s/" "$CONF"
	kill -HUP "$STRAZHD_PID"
}
# list LINES...: what the server has for it, in one step
list() {
	printf '%s\n' "$@" >"$WEB/bad.new"
	mv "$WEB/bad.new" "$WEB/bad.txt"
}
addresses() { for i in $(seq 1 "$1"); do echo "192.0.2.$i"; done; }

web_up
ok $? "a server of lists"
list "# of a test" "$BAD ; why" "198.51.100.0/24" "2001:db8:66::/48" "10.66.0.1" "0.0.0.0/0" "10.66.0.0/16"
conf "[feed bad]" "url = $AT/bad.txt" "every = ${every}s" "max_bytes = 1M" "max_entries = 1000"
ping4 $BAD
ok $? "nobody is denied yet"
strazhd_up --interface sv0 --config "$CONF"

echo "# 200"
wait_for 10 feed_is bad state "in the gate"
ok $? "fetched and in the gate"
blocked4 $BAD
ok $? "whom it names is dropped"
ping4 10.66.0.2
ok $? "others are not"
in_list 2001:db8:66::/48 feed.bad
ok $? "IPv6, too"
is "$(feed bad left_out)" 3 "own address, everything, and a prefix around our own are left out"
like "$(feed bad left_out_first)" "10\.66\.0\.(0/16|1).*never" "and one of them is named"
like "$(ctl feeds 2>&1)" "^bad +in the gate +" "strazhctl feeds shows it"
no_children() { [ "$(children)" = 0 ]; }
wait_for 5 no_children
ok $? "no process is left"
is "$(stat -c %a "$E2E_TMP/state/feeds")" 700 "the copies are for root alone"

echo "# 304"
again
wait_for 10 asked_times '^304 /bad.txt inm="' 1
ok $? "the next time with its ETag: not changed"
wait_for 5 feed_is bad running ""
is "$(feed bad state) $(feed bad failures)" "in the gate 0" "it stays in force"

echo "# a server that does not answer, and kill -9 of who waits for it"
# fetching FILTER: of what status --security says of strazh-fetch
fetching() { ctl status --security --json 2>/dev/null | jq -r "select(.process == \"strazh-fetch\") | $1"; }
echo hang >"$WEB/mode"
again
wait_for 10 asked_times '^hang /bad.txt' 1
ok $? "it is asked"
FETCH=$(pgrep -x strazh-fetch)
is "$(fetching '[.pid, .does, .effective, .permitted, .no_new_privs, .seccomp] | tostring')" \
	"[$FETCH,\"fetches a block list\",[],[],true,\"filter\"]" "status --security shows who asks, and what it may do"
is "$(feed bad running) $(feed bad failures)" "true 0" "strazhctl feeds as well"
kill -9 "$FETCH"
wait_for 10 feed_like bad fault "it ended without an answer"
ok $? "killed: that is said"
is "$(feed bad failures) $(($(feed bad next_s) <= 33))" "1 1" "it is tried again soon, not when it would be due"
is "$(fetching .pid)" "" "nobody asks meanwhile"
blocked4 $BAD
ok $? "the last good copy holds"
in_list 2001:db8:66::/48 feed.bad
ok $? "all of it"
echo ok >"$WEB/mode"
list "# of a test, newer" "$BAD" "198.51.100.0/24" "2001:db8:66::/48" "198.51.102.1"
wait_for 60 in_list 198.51.102.1 feed.bad
ok $? "and then the new one comes"
is "$(feed bad failures) $(feed bad fault)" "0 " "all is well again"

echo "# what goes wrong"
echo 500 >"$WEB/mode"
again
wait_for 10 feed_like bad fault "not reached: HTTP status 500"
ok $? "500 is said"
like "$(ctl status 2>/dev/null)" "^feed +bad: in the gate, .*HTTP status 500" "by status as well"
blocked4 $BAD
ok $? "the last good copy holds"
list "$BAD" "192.0.2.77" "$(addresses 40)"
echo truncated >"$WEB/mode"
again
wait_for 10 feed_like bad fault "not reached: .*(remaining|outstanding|closed)"
ok $? "a truncated one is said"
not_in_list 192.0.2.77 feed.bad
ok $? "and nothing of it taken"
echo bomb >"$WEB/mode"
again
wait_for 10 feed_like bad fault "larger than allowed: more than max_bytes"
ok $? "a bomb of gzip ends at max_bytes"
echo gzip >"$WEB/mode"
again
wait_for 10 in_list 192.0.2.77 feed.bad
ok $? "an honest one in gzip is taken"
is "$(feed bad failures) $(feed bad fault)" "0 " "and all is well again"
not_in_list 198.51.100.0/24 feed.bad
ok $? "what it names no more is free"
echo away >"$WEB/mode"
list "$BAD" "192.0.2.78" "$(addresses 40)"
again
wait_for 10 in_list 192.0.2.78 feed.bad
ok $? "a redirect is followed"
ip address add 203.0.113.9/32 dev lo
sed -i "s,^url = .*,url = http://203.0.113.9:8099/bad.txt," "$CONF"
echo inwards >"$WEB/mode"
before=$(asked /moved)
again
wait_for 10 feed_like bad fault "not reached: it leads to an address of this network"
ok $? "one from outside to 127.0.0.1 is not"
is "$(asked /moved)" "$before" "and nothing is asked there"
in_list 192.0.2.78 feed.bad
ok $? "what there was holds"
sed -i "s,^url = .*,url = $AT/bad.txt," "$CONF"
echo ok >"$WEB/mode"
list "$BAD"
again
wait_for 10 feed_like bad fault "refused: 1 entries where [0-9]+ were: it shrank by more than 90 %"
ok $? "a list that shrinks to nothing is refused"
list "$BAD" "<html>" "<body>" "$(addresses 2)"
again
wait_for 10 feed_like bad fault "refused: 2 of 5 lines are wrong; .*line 2, '<html>': "
ok $? "so is one of nonsense, with place and cause"
list "$(seq -f '172.20.%g.1' 1 250)" "$(seq -f '172.21.%g.1' 1 250)" "$(seq -f '172.22.%g.1' 1 250)" \
	"$(seq -f '172.23.%g.1' 1 251)"
again
wait_for 10 feed_like bad fault "larger than allowed: more than max_entries, 1000"
ok $? "and one that is too long"
in_list 192.0.2.78 feed.bad
ok $? "the last good copy holds all the time"

echo "# restart without a server"
strazhd_kill TERM
web_down
ctl unload feed.bad >"$E2E_TMP/unload" 2>&1
not_in_list 192.0.2.78 feed.bad
ok $? "the gate has lost it"
strazhd_up --interface sv0 --config "$CONF"
wait_for 10 in_list 192.0.2.78 feed.bad
ok $? "it comes back from the disk"
blocked4 $BAD
ok $? "and drops"
wait_for 10 feed_like bad fault "not reached: .*connect"
ok $? "the missing server is said"
strazhd_kill KILL
touch -d '8 days ago' "$E2E_TMP/state/feeds/bad"
strazhd_up --interface sv0 --config "$CONF"
wait_for 5 said "feed 'bad': its last good copy is over"
ok $? "after its expiry it is not taken any more"
is "$(feed bad state)" "not in force" "and strazhctl feeds says so"
strazhd_kill TERM
printf 'x' >"$E2E_TMP/state/feeds/bad"
strazhd_up --interface sv0 --config "$CONF"
wait_for 5 said "feed 'bad': its last good copy is not taken: too short for its head"
ok $? "a broken copy is no copy"

echo "# weight, file, reload"
web_up
list "$BAD" "192.0.2.79"
conf "[guard]" "mode = enforce" "[feed.bad]" "url = $AT/bad.txt" "every = ${every}s" "weight = 40" \
	"[feed csv]" "url = file:$E2E_TMP/list.csv" "format = csv" "every = ${every}s"
printf 'address,score\n"203.0.113.9",3\n203.0.113.64/26,4\n' >"$E2E_TMP/list.csv"
kill -HUP "$STRAZHD_PID"
wait_for 10 feed_is bad state weighed
ok $? "below guard.ban it only weighs"
wait_for 10 in_list 203.0.113.64/26 feed.csv
ok $? "a file, its first column"
wait_for 5 ping4 $BAD
ok $? "who is weighed is not dropped"
ctl rate set udp --pps 100 --burst 50 >"$E2E_TMP/rate" 2>&1
flood $BAD 3000 2
listed() { ctl why "$BAD" 2>/dev/null | grep -q "FeedListed"; }
wait_for 10 listed
ok $? "but the guard holds it against whom it meets"
echo "# the flood sent $(flood_sent)"
quiet_why() { ctl why 10.66.0.2 2>/dev/null | grep -q "FeedListed"; }
quiet_why
is $? 1 "and against nobody else"
conf "[feed csv]" "url = file:$E2E_TMP/list.csv" "every = ${every}s" "weight = 100"
kill -HUP "$STRAZHD_PID"
wait_for 10 said "feed 'bad' is no more"
ok $? "a feed that is taken out of the configuration ends"
is "$(ctl feeds --json 2>/dev/null | jq -r '.feed // empty' | tr '\n' ' ')" "csv " "the other stays"
printf '203.0.113.10\n' >"$E2E_TMP/list.csv"
again
wait_for 10 in_list 203.0.113.10 feed.csv
ok $? "the file has changed"
ctl flush deny --yes >"$E2E_TMP/flush" 2>&1 || ctl flush deny >"$E2E_TMP/flush" 2>&1
wait_for 15 said "feed 'csv': its list was taken out of the gate"
ok $? "a flush is noticed"

echo "# CrowdSec"
# decision ID TYPE SCOPE VALUE DURATION
decision() {
	printf '{"id":%s,"type":"%s","scope":"%s","value":"%s","duration":"%s",' "$@"
	printf '"origin":"test","scenario":"x"}'
}
# answer FILE NEW DELETED: in one step
answer() {
	printf '{"new":%s,"deleted":%s}' "$2" "$3" >"$WEB/$1.new"
	mv "$WEB/$1.new" "$WEB/$1"
}
crowd() { conf "[crowdsec]" "url = $AT" "key_file = $E2E_TMP/key" "every = ${1}s"; }
answer all.json "[$(decision 1 ban Ip $BAD 1h), $(decision 2 ban Ip $BAD 3h59m12.3s),
	$(decision 3 ban Range 198.51.100.0/24 2h), $(decision 4 captcha Ip 192.0.2.9 1h),
	$(decision 5 ban Ip 10.66.0.1 1h), $(decision 6 ban Country XX 1h)]" null
crowd 1
kill -HUP "$STRAZHD_PID"
wait_for 10 in_list $BAD feed.crowdsec
ok $? "its decisions come"
blocked4 $BAD
ok $? "and drop"
wait_for 10 in_list 198.51.100.0/24 feed.crowdsec
ok $? "ranges, too"
asked_times 'dedup=false' 1
ok $? "each decision is asked for, not the longest about an address alone"
is "$(feed crowdsec entries) $(feed crowdsec left_out) $(feed crowdsec other)" "2 1 2" \
	"another type, another scope and our own address are counted and not taken"
left=$(ctl list deny --json 2>/dev/null | jq -r "select(.prefix == \"$BAD\") | .left_s")
is "$((left > 14000 && left <= 14353))" 1 "of two decisions the longer one holds: $left s"
answer delta.json null "[$(decision 2 ban Ip $BAD -1s)]"
left_of() { ctl list deny --json 2>/dev/null | jq -r "select(.prefix == \"$1\") | .left_s"; }
shorter() { [ "$(left_of "$BAD")" -le 3600 ]; }
wait_for 10 shorter
ok $? "the longer one is deleted: the other still holds"
answer delta.json "[$(decision 7 ban Ip 192.0.2.200 1h)]" "[$(decision 1 ban Ip $BAD -1s)]"
wait_for 10 not_in_list $BAD feed.crowdsec
ok $? "both are: it is free"
wait_for 5 in_list 192.0.2.200 feed.crowdsec
ok $? "and a new one came with the same answer"
ping4 $BAD
ok $? "its packets pass"
for mode in 500 truncated; do
	echo $mode >"$WEB/lapi"
	want='not what was asked for: no JSON'
	[ $mode = 500 ] && want='HTTP status 500'
	wait_for 20 feed_like crowdsec fault "$want"
	ok $? "$mode is said"
	in_list 192.0.2.200 feed.crowdsec
	ok $? "and what holds, holds"
done
before=$(asked 'startup=true')
answer all.json "[$(decision 3 ban Range 198.51.100.0/24 2h)]" null
echo slow >"$WEB/lapi"
wait_for 40 asked_times 'startup=true' $((before + 1))
ok $? "after a failure it asks for everything"
wait_for 20 not_in_list 192.0.2.200 feed.crowdsec
ok $? "a slow answer is an answer: what is no more goes"
cut_off() {
	pkill -9 -x strazh-fetch
	feed_like crowdsec fault "it ended without an answer"
}
wait_for 20 cut_off
ok $? "killed while it waits for one: that is said"
in_list 198.51.100.0/24 feed.crowdsec
ok $? "and what holds, holds"
wait_for 40 feed_is crowdsec fault ""
ok $? "it is tried again by itself"
in_list 198.51.100.0/24 feed.crowdsec
ok $? "with the same end"
echo ok >"$WEB/lapi"
strazhd_kill KILL
answer all.json "[$(decision 9 ban Ip 192.0.2.201 1h)]" null
strazhd_up --interface sv0 --config "$CONF"
wait_for 10 in_list 192.0.2.201 feed.crowdsec
ok $? "kill -9: it syncs anew"
wait_for 10 not_in_list 198.51.100.0/24 feed.crowdsec
ok $? "and what went meanwhile goes"
printf 'wrong\n' >"$E2E_TMP/key"
wait_for 10 feed_like crowdsec fault "the server refuses us: HTTP status 403"
ok $? "a wrong key is said"
chmod 644 "$E2E_TMP/key"
wait_for 30 feed_like crowdsec fault "for its owner alone"
ok $? "a key that all may read is not used"
conf "[gate]"
kill -HUP "$STRAZHD_PID"
wait_for 10 not_in_list 192.0.2.201 feed.crowdsec
ok $? "without [crowdsec] its list is gone"
no_feeds() { ! ctl lists 2>/dev/null | grep -q 'feed\.'; }
wait_for 10 no_feeds
ok $? "and no list of a feed is left"
strazhd_kill TERM
is "$(children)" 0 "no process is left"
web_down
finish
