#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# Whom the guard acts on: an IPv6 /64 as one source, a /24 and a /48 for their bad hosts (eight at
# least, and a tenth of those seen), who has earned trust. And what a reload changes for them.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/guarded.bash
. "$HERE/guarded.bash"
net_up
V4=10.66.0.1 V6=fd66::1
LISTEN="$V4:8000 [$V6]:8000"

listening() { [ "$(ss -Hltn 'sport = :8000' | awk '{ print $4 }' | sort -u | wc -l)" = 2 ]; }
# bans: of the guard, in the gate, in one line
bans() { in_gate | paste -sd' '; }
banned() { case " $(bans) " in *" $1 "*) ;; *) return 1 ;; esac }
free() { ! banned "$1"; }
# tier PREFIX: what the gate has of that source: 1 trusted, 2 limited
tier() { ctl rate show --json 2>/dev/null | jq -r "select(.source == \"$1\") | .tier"; }
tier_is() { [ "$(tier "$1")" = "$2" ]; }
send() { cl timeout 100 /usr/bin/python3 "$HERE/prefix_send.py" "$@" | jq -c .; }
st() { cl timeout 30 "$O/strazh" "$@" -s "$V4:8000" -k "@$E2E_TMP/server.pub"; }
score_gone() { ctl why "$1" 2>/dev/null | grep -qE 'score 0\.0[0-9]'; }
# anew: a guard that knows nobody
anew() {
	reload off
	reload enforce "$@"
}

# hosts A B: 10.66.7.A to .B; nets A B: one host of each /64 of fd67::/48
hosts() { seq -f 10.66.7.%.0f "$1" "$2"; }
nets() { seq -f fd67:0:0:%.0f::1 "$1" "$2"; }
for host in $(hosts 1 120); do cl ip addr add "$host/32" dev cl0; done
for host in $(nets 1 9) fd68::1 fd68::2:3:4:5; do cl ip addr add "$host/128" dev cl0 nodad; done
ip route add 10.66.7.0/24 dev sv0
ip route add fd67::/48 via fd66::2
ip route add fd68::/64 via fd66::2

server_keys
conf "mode = enforce"
strazhd_up --interface sv0 --config "$CONF"
wait_for 5 listening
ok $? "it listens"

echo "# a /64 is one source"
like "$(send $V6 60 fd68::1)" '"lost":1' "garbage from a host of a /64: dropped"
wait_for 5 banned fd68::/64
ok $? "by a ban of the /64"
is "$(send $V6 1 fd68::2:3:4:5)" '{"made":0,"lost":1}' "its other addresses are no way around"
is "$(bans)" "fd68::/64" "nothing else is banned"

echo "# a /24"
# shellcheck disable=SC2046
{
	is "$(send $V4 3 $(hosts 1 7))" '{"made":21,"lost":0}' "seven hosts of a /24, three times each"
	is "$(bans)" "fd68::/64" "seven ban no prefix"
	send $V4 3 $(hosts 8 8) >/dev/null
	wait_for 5 banned 10.66.7.0/24
	ok $? "the eighth does"
	like "$(cat "$E2E_TMP/strazhd.log")" "guard: 10\.66\.7\.0/24 banned for 10m: 8 bad hosts of 8 seen, 0 good" \
		"and the log says for whom"
	is "$(send $V4 1 $(hosts 99 99))" '{"made":0,"lost":1}' "who was never seen is inside as well"
	like "$(ctl why 10.66.7.99 2>/dev/null)" "10\.66\.7\.0/24" "why names the prefix"
	ctl -q unban 10.66.7.0/24 >/dev/null 2>&1
	free 10.66.7.0/24
	ok $? "an operator takes it back"
	is "$(send $V4 0 $(hosts 99 99))" '{"made":1,"lost":0}' "and its hosts come again"

	anew
	is "$(send $V4 1 $(hosts 11 110))" '{"made":100,"lost":0}' "a hundred hosts of it, once each"
	is "$(send $V4 3 $(hosts 1 10))" '{"made":30,"lost":0}' "then ten bad ones"
	is "$(guard prefixes_banned) $(bans)" "0 " "are no tenth of it: no ban"
	send $V4 3 $(hosts 111 112) >/dev/null
	wait_for 5 banned 10.66.7.0/24
	ok $? "twelve are"

	echo "# other figures"
	anew "prefix_bad = 3"
	is "$(send $V4 3 $(hosts 1 2))" '{"made":6,"lost":0}' "guard.prefix_bad = 3: two bad hosts of a /24"
	is "$(bans)" "" "ban no prefix"
	send $V4 3 $(hosts 3 3) >/dev/null
	wait_for 5 banned 10.66.7.0/24
	ok $? "the third does"
	anew "prefix_share = 50"
	is "$(send $V4 1 $(hosts 21 40))" '{"made":20,"lost":0}' "guard.prefix_share = 50: twenty hosts, once each"
	is "$(send $V4 3 $(hosts 1 10))" '{"made":30,"lost":0}' "ten bad ones among thirty"
	is "$(guard prefixes_banned) $(bans)" "0 " "are no half of it: no ban"
	reload enforce "prefix_share = 20"
	wait_for 5 said "'guard\.prefix_share' is '20'"
	send $V4 3 $(hosts 11 11) >/dev/null
	wait_for 5 banned 10.66.7.0/24
	ok $? "with 20 per cent the next one bans it"

	echo "# a /48"
	anew
	is "$(send $V6 3 $(nets 1 7))" '{"made":21,"lost":0}' "seven /64 of a /48"
	is "$(guard prefixes_banned) $(bans)" "0 " "ban none"
	send $V6 3 $(nets 8 8) >/dev/null
	wait_for 5 banned fd67::/48
	ok $? "the eighth does"
	is "$(send $V6 1 $(nets 9 9))" '{"made":0,"lost":1}' "the whole /48 is dropped"
	reload learn
	wait_for 5 free fd67::/48
	ok $? "learning takes it back"
	is "$(send $V6 0 $(nets 9 9))" '{"made":1,"lost":0}' "and it comes through"
	like "$(cat "$E2E_TMP/strazhd.log")" "guard: fd67::/48 taken back, for the guard's mode was changed" \
		"in the log it is no operator's word"
}

echo "# from learning to enforcing"
reload off
reload learn "ban = 98"
send $V4 60 10.66.0.66 >/dev/null
is "$(guard limited) $(tier 10.66.0.66)" "1 " "learning: it would be limited, and is not"
reload enforce "ban = 98"
is "$(guard limited)" 0 "enforcing: nobody is limited for what was learned"
send $V4 60 10.66.0.66 >/dev/null
wait_for 5 tier_is 10.66.0.66 2
ok $? "its next deeds count"

echo "# what a reload changes"
is "$(bans)" "" "guard.ban = 98: garbage alone is no ban"
reload enforce "ban = 70" "ban_time = 4s" "ban_time_most = 5s"
send $V4 60 10.66.0.66 >/dev/null
wait_for 5 said "guard: 10\.66\.0\.66 banned for 4s: "
ok $? "guard.ban = 70: it is, for guard.ban_time"
wait_for 60 said "guard: 10\.66\.0\.66 ban lifted"
send $V4 60 10.66.0.66 >/dev/null
wait_for 5 said "guard: 10\.66\.0\.66 banned for 5s: "
ok $? "a second ban lasts twice as long, but guard.ban_time_most"
reload enforce "ban = 70" "half_life = 1s"
# With the ten minutes of before this would take half an hour.
wait_for 60 score_gone 10.66.0.66
ok $? "guard.half_life = 1s: it is forgotten at once"

echo "# trust"
anew "trust_days = 1" "trust_sessions = 3"
for _ in 1 2 3; do st ping -c 1 >/dev/null 2>&1; done
wait_for 5 tier_is 10.66.0.2 1
ok $? "three good sessions: the trusted tier"
like "$(cat "$E2E_TMP/strazhd.log")" "guard: 10\.66\.0\.2 trusted for 30d" "and the log says so"
reload learn
is "$(tier 10.66.0.2)" "" "learning takes it back"
reload enforce "trust_days = 1" "trust_sessions = 3"
wait_for 5 tier_is 10.66.0.2 1
ok $? "enforcing gives it again"
reload off
is "$(tier 10.66.0.2)" "" "off takes it back"

strazhd_kill TERM
finish
