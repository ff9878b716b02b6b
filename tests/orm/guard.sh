#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# The guard on corpora that nobody made for it (guard-corpus): what it finds and where it errs, in
# figures; and orm-guard's options. A payload counts as found when it is flagged in the quotes it was
# made to leave; a harmless line counts as flagged when it is in any.
# shellcheck source=tests/orm/lib.sh
. "$(dirname "$0")/lib.sh"

GUARD=$O/orm-guard
CORPUS=$TMP/corpus

# lines FILE... and flagged ARGS -- FILE...: counts
lines() { cat "$@" | wc -l; }
flagged() {
	local args=()
	while [ "$1" != -- ]; do
		args+=("$1")
		shift
	done
	shift
	cat "$@" | "$GUARD" --quiet --json "${args[@]}" >"$TMP/sum" || echo "$*" >>"$TMP/died"
	grep -oE '"flagged":[0-9]+' "$TMP/sum" | grep -oE '[0-9]+' || echo 0
}
# rate PART ALL: in thousandths of a percent, rounded down
rate() { echo $(($1 * 100000 / ($2 > 0 ? $2 : 1))); }
percent() { printf '%d.%03d %%' $(($1 / 1000)) $(($1 % 1000)); }

# found HALF...: payloads found in their own context, and in any, of "all"
found() {
	local half context file own=0 any=0 all=0
	for half in "$@"; do
		for context in bare single double; do
			file=$CORPUS/attack-$half-$context.txt
			own=$((own + $(flagged --context "$context" -- "$file")))
			any=$((any + $(flagged -- "$file")))
			all=$((all + $(lines "$file")))
		done
	done
	echo "$own $any $all"
}

# at_least WANTED NAME HALF...: 95000 is 95 %
at_least() {
	local wanted=$1 name=$2 own any all
	shift 2
	read -r own any all <<<"$(found "$@")"
	[ "$all" -gt 1000 ] && [ "$(rate "$own" "$all")" -gt "$wanted" ]
	ok $? "$name: $own of $all in their own quotes, $(percent "$(rate "$own" "$all")")"
	echo "# in any quotes: $any, $(percent "$(rate "$any" "$all")")"
}

corpora() {
	local file name n all low='' scripts=0
	if ! "$HERE/guard-corpus" "$CORPUS" 2>"$TMP/why"; then
		skip 'rates' "the corpora cannot be made here: $(tail -n 1 "$TMP/why")"
		return
	fi
	at_least 95000 'sqlmap, the half that rules were made on' dev
	at_least 95000 'sqlmap, the half held out' held
	at_least 95000 'sqlmap, all' dev held
	for name in bare single double; do
		file="$CORPUS/attack-dev-$name.txt $CORPUS/attack-held-$name.txt"
		# shellcheck disable=SC2086 # two names
		{
			n=$(flagged --context "$name" -- $file)
			all=$(lines $file)
		}
		[ "$(rate "$n" "$all")" -gt 95000 ]
		ok $? "sqlmap, context $name: $n of $all, $(percent "$(rate "$n" "$all")")"
	done
	file=$CORPUS/harmless-apt.txt
	n=$(flagged -- "$file") all=$(lines "$file")
	[ "$all" -gt 10000 ] && [ "$(rate "$n" "$all")" -lt 100 ]
	ok $? "apt's descriptions: $n of $all flagged, $(percent "$(rate "$n" "$all")")"
	# How much of it each way of disguising takes away. base64 is decoded by nobody but the program.
	for file in "$CORPUS"/tamper-*-single.txt; do
		name=${file##*/tamper-}
		name=${name%-single.txt}
		[ "$name" != base64encode ] || continue
		n=$(flagged --context single -- "$file") all=$(lines "$file")
		scripts=$((scripts + 1))
		[ "$(rate "$n" "$all")" -gt 90000 ] || low="$low $name ($(percent "$(rate "$n" "$all")"))"
	done
	[ ! -e "$TMP/died" ]
	ok $? 'orm-guard lived through all of it'
	[ "$scripts" -gt 40 ] && [ "$(wc -w <<<"$low")" -le 6 ]
	ok $? "$scripts of sqlmap's tamper scripts, inside '...': above 90 % for all but:${low:- none}"
}

# What the tool prints and how it exits.
tool() {
	local text
	text=$(printf '%s\n' "O'Brien" "x' OR 'a'='a" | "$GUARD")
	like "$text" '^injection [0-9.]+ single tautology: closes .* fixed: x. OR' 'a finding in words'
	like "$text" '^harmless  0\.00 - -: O.Brien$' 'a harmless line in words'
	like "$text" '^2 lines, 1 flagged, 50\.000 %$' 'the sum'
	text=$(printf '%s\n' "x' OR 'a'='a" | "$GUARD" --json)
	like "$(head -n 1 <<<"$text")" \
		'"verdict":"injection".*"contexts":\["single"\].*"class":"tautology"' 'a finding in JSON'
	like "$(tail -n 1 <<<"$text")" '^\{"sum":\{"lines":1,"flagged":1,"percent":100\.0' 'the sum in JSON'
	is "$(printf '%s\n' "x' OR 'a'='a" | "$GUARD" -q --context double | head -n 1)" \
		'1 lines, 0 flagged, 0.000 %' 'a context alone'
	is "$(printf '%s\n' '1 OR 1=1' | "$GUARD" -q --context number | head -n 1)" \
		'1 lines, 1 flagged, 100.000 %' 'the context number is bare'
	like "$(printf 'a\xff\x00\x01b' | "$GUARD")" '^harmless  0\.00 - -: a.xff.x00.x01b$' 'bytes that are no text'
	like "$(head -c 1000000 /dev/zero | tr '\0' 'a' | "$GUARD" --quiet)" 'were cut' 'a line of a megabyte'
	is "$(printf '' | "$GUARD")" '0 lines, 0 flagged, 0.000 %' 'no input'
	"$GUARD" --fail <<<'1 OR 1=1' >/dev/null
	is $? 1 '--fail tells by its exit status'
	"$GUARD" --fail <<<'x' >/dev/null
	is $? 0 '--fail with nothing found'
	"$GUARD" <<<'1 OR 1=1' >/dev/null
	is $? 0 'findings are no failure'
	text=$("$GUARD" --context triple </dev/null 2>&1)
	is "$?: $text" "2: orm-guard: no context 'triple'; there are: bare, single, double, all" 'a wrong context'
	text=$("$GUARD" --threshold 2 </dev/null 2>&1)
	is "$?: $text" "2: orm-guard: threshold '2'; it is above 0 and up to 1" 'a wrong threshold'
	"$GUARD" --no-such </dev/null 2>/dev/null
	is $? 2 'a wrong option'
	"$GUARD" file </dev/null 2>/dev/null
	is $? 2 'an argument'
	like "$("$GUARD" --help)" '^usage: orm-guard' '--help'
	like "$("$GUARD" --version)" '^orm-guard [0-9]' '--version'
	"$GUARD" -q <<<x >/dev/full 2>/dev/null
	is $? 2 'a full disk'
}

corpora
tool
finish
