#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# What an operator types, right and wrong: exit codes and what is said, with a daemon and without.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

# denied ARGS...: the denied prefixes of `list deny ARGS`, sorted, in one line
denied() {
	ctl list deny --json "$@" 2>/dev/null |
		jq -rs '[.[] | select(.prefix) | .prefix] | sort | join(" ")'
}

# helps: what every --help says
helps() {
	local name
	ctl --help
	for name in $(ctl --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'); do ctl help "$name"; done
	"$O/strazhd" --help
	"$O/strazh" --help
	for name in $("$O/strazh" --help | sed -n '/^commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
		"$O/strazh" "$name" --help
	done
}
helps >"$E2E_TMP/helps" 2>&1
is "$(grep -c '^strazhctl capture \|^strazhctl set \|^strazhctl keys \|^usage: strazh tunnel' "$E2E_TMP/helps")" 4 \
	"helps of the commands"
is "$(awk 'length($0) > 80' "$E2E_TMP/helps")" '' "no help is wider than 80 columns"

refuses 6 "not loaded|no gate" ban 192.0.2.1
refuses 6 "not loaded|no gate" list
refuses 2 "did you mean|nearest|ban" bna 192.0.2.1
net_up

both_ways() {
	refuses 2 "10\.0\.0\.0/8" ban 10.0.0.1/8
	refuses 2 "300\.1\.1\.1" ban 300.1.1.1
	refuses 2 "/33|0 to 32|length" ban 10.0.0.0/33
	refuses 2 "duration|for example|10m" ban 192.0.2.9 --for soon
	refuses 2 "ADDR" ban
	refuses 4 "192\.0\.2\.200" unban 192.0.2.200
	refuses 3 "127\.0\.0\.0/8|never" ban 127.0.0.1
	refuses 3 "10\.66\.0\.1" ban 10.66.0.1
	refuses 2 "is no host" report 192.0.2.0/24
	refuses 2 "observe.*enforce|enforce.*observe" mode maybe
	refuses 2 "strazhctl rate set" set rate.pps 5
	refuses 2 "strazhctl rate set" set rate.burst
	refuses 2 "strazhctl rate set" set rate.pbs 5
	refuses 2 "did you mean rate\.mode" set rate.mod enforce
	refuses 2 "did you mean bogon\.private" set bogon.privat on
	refuses 2 "observe or enforce" set rate.mode off
	refuses 2 "native" attach sv0 --mode fast
	refuses 1 "nosuchfile" load /nosuchfile

	ctl ban 192.0.2.1 --for 10m --reason "tried doors" >/dev/null 2>&1
	is $? 0 "ban"
	like "$(ctl list deny 2>/dev/null)" "192\.0\.2\.1 .*(9m|10m).*tried doors" "list shows time left and reason"
	like "$(ctl why 192.0.2.1 2>/dev/null)" "tried doors" "why tells the reason"
	ctl allow 198.51.100.0/24 >/dev/null 2>&1
	refuses 3 "198\.51\.100\.0/24" ban 198.51.100.7
	ctl disallow 198.51.100.0/24 >/dev/null 2>&1
	is $? 0 "disallow"
	ctl never 203.0.113.5 >/dev/null 2>&1
	refuses 3 "203\.0\.113\.5" ban 203.0.113.0/24
	ctl never 203.0.113.5 --remove >/dev/null 2>&1
	is $? 0 "never --remove"
	printf '%s\n' 192.0.2.10 "192.0.2.11 10m from a line" nonsense 2001:db8::9 |
		ctl ban - >"$E2E_TMP/lines" 2>&1
	is $? 7 "ban -: partly done"
	like "$(cat "$E2E_TMP/lines")" "line 3.*nonsense" "names the line"
	is "$(denied)" "192.0.2.1 192.0.2.10 192.0.2.11 2001:db8::9" "the other lines are in force"
	is "$(denied --match 192.0.2.8/29)" "192.0.2.10 192.0.2.11" "list --match"
	for command in status stats lists "list never" "why 192.0.2.1" mode set; do
		# shellcheck disable=SC2086
		ctl $command --json 2>/dev/null | jq -es 'length > 0' >/dev/null
		is $? 0 "JSON: strazhctl $command --json"
	done
	ctl unban 192.0.2.1 >/dev/null 2>&1
	is $? 0 "unban"
	ctl flush deny --yes >/dev/null 2>&1
	is $? 0 "flush"
	is "$(denied)" "" "nothing is left"

	cat >"$E2E_TMP/drop.txt" <<-'LIST'
		; Spamhaus DROP List
		1.10.16.0/20 ; SBL256894
		10.66.0.0/24 ; would deny our own network
		add fire 5.188.10.0/23 timeout 300
		5.6.7.8-5.6.7.11
	LIST
	ctl load "$E2E_TMP/drop.txt" --list drop >"$E2E_TMP/load" 2>&1
	is $? 7 "load: partly done, because of a never-ban address"
	like "$(cat "$E2E_TMP/load")" "10\.66\.0\.0/24" "naming the refused entry"
	is "$(denied --list drop)" "1.10.16.0/20 5.188.10.0/23 5.6.7.8/30" "and the others are loaded"
	ctl unload drop >/dev/null 2>&1
	is $? 0 "unload"
}

ctl attach sv0 >/dev/null 2>&1
echo "# directly on the maps"
both_ways
refuses 3 "strazhd is not running" report 192.0.2.1
echo "# via strazhd"
strazhd_up
both_ways

ctl ban 10.66.0.66 >/dev/null
timeout 5 "$O/strazhctl" events --follow --json >"$E2E_TMP/events" 2>/dev/null &
sleep 0.5
blocked4 10.66.0.66
sleep 1
like "$(cat "$E2E_TMP/events")" "deny-host.*10\.66\.0\.66|10\.66\.0\.66.*deny-host" \
	"events --follow shows the drop as it happens"
like "$(ctl events)" "10\.66\.0\.66" "events shows recent ones"
like "$(ctl stats)" "deny-host +[0-9]" "stats counts it"
like "$(ctl why 10.66.0.66)" "denied|dropped" "why says the verdict in words"
# completes WORDS...: what is offered for the last one, in one line
completes() {
	COMP_WORDS=(strazhctl "$@") COMP_CWORD=$# COMPREPLY=()
	_strazhctl
	echo "${COMPREPLY[*]}"
}
# shellcheck source=scripts/strazhctl.bash
. "$TOP/scripts/strazhctl.bash"
ctl -q service add 443/tcp 2>/dev/null
ctl -q rate source 192.0.2.9 --slow 2 2>/dev/null
is "$(completes ex)" "explain" "completion: a command"
is "$(completes rep)" "report replace" "and two of them"
is "$(completes report 192.0.2.9 --w)" "--weight" "options of one"
is "$(completes --json to)" "top" "behind an option"
is "$(completes rate "")" "show set source forget" "verbs"
is "$(completes rate set u)" "udp" "classes"
is "$(completes rate forget "")" "192.0.2.9" "sources with limits of their own"
is "$(completes rate source "")" "" "nothing for what only a person knows"
is "$(completes rate set udp --p)" "--pps --prefix --port --pin-dir" "options"
is "$(completes rate set udp --port "")" "443/tcp other" "services"
is "$(completes profile show "")" "443/tcp" "at their place"
is "$(completes profile learn --for 5m "")" "443/tcp" "behind an option as well"
is "$(completes top --by "")" "packets drops bytes" "choices"
is "$(completes capture --reason deny-)" "deny-host deny-net" "reasons"
is "$(completes capture --reason bogon,deny-n)" "bogon,deny-net" "several of them"
is "$(cd "$TOP" && completes capture -w READ)" "README.md" "files"
is "$(cd "$TOP" && completes explain --pcap READ)" "README.md" "for explain too"
is "$(completes keys "")" "new show rotate sign" "verbs of keys"
is "$(cd "$TOP" && completes keys show READ)" "README.md" "and files"
is "$(completes set rate)" "rate.mode" "settings"
is "$(completes detach --a)" "--all" "flags"
setpriv --reuid 65534 --regid 65534 --clear-groups "$O/strazhctl" status >"$E2E_TMP/nobody" 2>&1
is $? 6 "a stranger's uid is not served"
finish
