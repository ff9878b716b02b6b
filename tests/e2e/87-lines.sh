#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# Lines of `ban -` and its like: many at once, one in hours, while strazhd comes and goes; what is
# wrong is told by its number and costs nobody else.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
net_up

count() { ctl list "$1" --json 2>/dev/null | jq -s 'map(select(.prefix)) | length'; }
count_is() { [ "$(count "$1")" = "$2" ]; }
is_banned() { ctl list deny --json 2>/dev/null | jq -es "any(.[]; .prefix == \"$1\")" >/dev/null; }
many() { awk 'BEGIN { for (i = 0; i < 10000; i++) printf "100.64.%d.%d 1h of many\n", i / 250, i % 250 + 1 }'; }
# lines COMMAND...: what it says and its code, "code words"
lines() {
	local said code
	said=$("$O/strazhctl" "$@" 2>"$E2E_TMP/errors")
	code=$?
	echo "$code $said"
}

all_of_it() {
	is "$(many | lines ban -)" "0 10000 banned" "ban -: 10,000 lines"
	is "$(count deny)" 10000 "and so many entries"
	like "$(ctl why 100.64.7.7 2>/dev/null)" "of many" "with their reasons"
	is "$(many | lines unban -)" "0 10000 no longer banned" "unban - takes the same lines"
	is "$(count deny)" 0 "and nothing is left"
	is "$(many | head -100 | lines allow - --for 2h)" "0 100 allowed" "allow -"
	is "$(count allow)" 100 "and so many entries"
	like "$(many | sed -n '100,101p' | lines ban -)" "^7 $" "what is allowed is refused, its neighbour not"
	like "$(tail -n 1 "$E2E_TMP/errors")" "1 banned, 1 not$" "which is summed up"
	like "$(cat "$E2E_TMP/errors")" "line 1: 100\.64\.0\.100 is refused" "and named with its line"
	is "$(many | head -100 | lines disallow -)" "0 100 no longer allowed" "disallow -"
	like "$(many | sed -n '101,102p' | lines unban -)" "^7 $" "unban - of what is not banned"
	like "$(cat "$E2E_TMP/errors")" "line 2: 100\.64\.0\.102 is not banned" "is told by its line"

	{
		printf '# a comment\n\n192.0.2.1\n'
		head -c 20000 /dev/zero | tr '\0' 7
		printf ' 192.0.2.66\n192.0.2.2 5y\n192.0.2.3 10m \xff\xfe\n192.0.2.4 tail'
	} | lines ban - --json >"$E2E_TMP/result"
	is "$(sed 's/^[0-9]* //' "$E2E_TMP/result" | jq -c '[.line, .code, .done, .failed]')" \
		"$(printf '[4,2,null,null]\n[5,2,null,null]\n[null,7,3,2]')" \
		"a line that is too long and a time that is none: by their numbers, as JSON"
	is_banned 192.0.2.4
	ok $? "a last line without its end counts"
	is_banned 192.0.2.66
	is $? 1 "the end of a line that is too long is no line"
	yes x | head -10000 >"$E2E_TMP/x"
	is "$(lines ban - <"$E2E_TMP/x")" "2 " "10,000 bad lines"
	is "$(tail -n 1 "$E2E_TMP/errors")" "strazhctl: 0 banned, 10000 not" "are summed up"
	like "$(tail -n 2 "$E2E_TMP/errors" | head -n 1)" "line 10000: 'x'" "and told to the last"
	is "$(lines ban - </dev/null)" "0 0 banned" "nothing is nothing"
	ctl flush deny --yes >/dev/null 2>&1
}

ctl attach sv0 >/dev/null 2>&1
echo "# directly on the maps"
all_of_it
is "$(jq -s 'map(select(.act == "add" and .table == "deny")) | length' "$E2E_TMP/state/journal")" 10004 \
	"each ban is in the journal"

echo "# via strazhd"
strazhd_up
all_of_it

echo "# a pipe that stays open"
mkfifo "$E2E_TMP/pipe"
ctl ban - --reason piped <"$E2E_TMP/pipe" >"$E2E_TMP/piped" 2>&1 &
PIPED=$!
exec 9>"$E2E_TMP/pipe"
echo 192.0.2.1 >&9
wait_for 5 is_banned 192.0.2.1
ok $? "a line is in force when it is written"
like "$(ctl why 192.0.2.1 2>/dev/null)" "piped" "with the reason of the command line"
printf '192.0.2.2\n192.0' >&9
wait_for 5 is_banned 192.0.2.2
ok $? "so is the next"
echo .2.3 >&9
wait_for 5 is_banned 192.0.2.3
ok $? "and one that came in two pieces"
strazhd_kill KILL
echo 192.0.2.4 >&9
wait_for 10 is_banned 192.0.2.4
ok $? "strazhd is killed: the same pipe goes on"
strazhd_up
echo 192.0.2.5 >&9
wait_for 10 is_banned 192.0.2.5
ok $? "strazhd is back: so it does"
kill -STOP "$STRAZHD_PID"
many >&9 &
sleep 0.5
kill -KILL "$STRAZHD_PID"
wait "$STRAZHD_PID" 2>/dev/null
wait_for 30 count_is deny 10005
ok $? "killed over lines that it has not answered: they are done all the same"
exec 9>&-
wait $PIPED
is $? 0 "and the end is good"
like "$(cat "$E2E_TMP/piped")" "^10005 banned$" "each counted once"
finish
