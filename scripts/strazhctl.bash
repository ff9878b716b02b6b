# SPDX-License-Identifier: AGPL-3.0-or-later
# shellcheck shell=bash
# Completion of strazhctl: it knows its own words, the shell adds interfaces, lists and files.

# _strazhctl_rows COMMAND KEY: values of a key in what the command shows
_strazhctl_rows() {
	# shellcheck disable=SC2086 # a command of several words
	strazhctl --json $1 2>/dev/null | sed -n 's/.*"'"$2"'": *"\([^"]*\)".*/\1/p'
}

# _strazhctl_expand PLACEHOLDER: words for <IFACE>, <NAME>; nothing for what only a person knows
_strazhctl_expand() {
	local current=${COMP_WORDS[COMP_CWORD]} head=''
	case $1 in
	'<IFACE>') for iface in /sys/class/net/*; do
		[ "${iface##*/}" = lo ] || echo "${iface##*/}"
	done ;;
	'<NAME>') _strazhctl_rows lists list ;;
	'<PORT/PROTO>') _strazhctl_rows 'service list' service ;;
	'<PORT/PROTO|other>')
		_strazhctl_rows 'service list' service
		echo other
		;;
	'<CLASS|ADDR>')
		case " ${COMP_WORDS[*]} " in
		*' source '*) ;;
		*' forget '*) _strazhctl_rows 'rate show' source ;;
		*)
			strazhctl complete-words classes
			echo all
			;;
		esac
		;;
	'<NAME,...>') # the last one of a list
		[[ $current != *,* ]] || head=${current%,*},
		strazhctl complete-words reasons | sed "s/^/$head/"
		;;
	'<60s>') printf '%s\n' 60s 5m ;;
	'<10m>' | '<DURATION>') printf '%s\n' 10m 1h 1d ;;
	'<FILE>' | '<PATH>' | '<ROOT>') compgen -f -- "${COMP_WORDS[COMP_CWORD]}" ;;
	'<'*) ;;
	*) echo "$1" ;;
	esac
}

_strazhctl_words() {
	local word
	strazhctl complete-words "$@" 2>/dev/null | while IFS= read -r word; do
		_strazhctl_expand "$word"
	done
}

# _strazhctl_place COMMAND FROM: how many places are taken by words from there on
_strazhctl_place() {
	local i taken=0 word
	for ((i = $2; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		case $word in
		-w | --run-dir | --pin-dir | --state-dir) i=$((i + 1)) ;;
		--*) [ -z "$(strazhctl complete-words values "$1" "${word#--}")" ] || i=$((i + 1)) ;;
		-?*) ;;
		*) taken=$((taken + 1)) ;;
		esac
	done
	echo "$taken"
}

_strazhctl() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
	local command='' i words
	local global='--json --quiet --run-dir --pin-dir --state-dir --help --version'

	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--run-dir | --pin-dir | --state-dir) i=$((i + 1)) ;;
		-*) ;;
		*)
			command=${COMP_WORDS[i]}
			break
			;;
		esac
	done
	case $previous in
	--run-dir | --pin-dir | --state-dir)
		mapfile -t COMPREPLY < <(compgen -d -- "$current")
		return
		;;
	esac
	[ "$previous" != -w ] || previous=--write
	if [ -z "$command" ]; then
		words="$(_strazhctl_words commands) help $global"
	elif [ "$command" = help ]; then
		words=$(_strazhctl_words commands)
	elif [ "$command" = set ] && [ "$previous" = set ]; then
		words=$(_strazhctl_words settings)
	elif [ "$command" = set ]; then
		words='on off observe enforce'
	elif [[ $previous == --* ]] && [ -n "$(_strazhctl_words values "$command" "${previous#--}")" ]; then
		words=$(_strazhctl_words values "$command" "${previous#--}")
	elif [[ $current == -* ]]; then
		words="$(_strazhctl_words options "$command") $global"
	else
		words=$(_strazhctl_words place "$command" "$(_strazhctl_place "$command" $((i + 1)))")
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
	case $command in load | explain | capture | keys | db) compopt -o filenames 2>/dev/null ;; esac
	return 0
}
complete -F _strazhctl strazhctl
