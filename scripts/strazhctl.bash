# SPDX-License-Identifier: AGPL-3.0-or-later
# shellcheck shell=bash
# Completion of strazhctl: it knows its own words, the shell adds interfaces, lists and files.

# _strazhctl_expand PLACEHOLDER: words for <IFACE>, <NAME>; nothing for what only a person knows
_strazhctl_expand() {
	case $1 in
	'<IFACE>') for iface in /sys/class/net/*; do
		[ "${iface##*/}" = lo ] || echo "${iface##*/}"
	done ;;
	'<NAME>') strazhctl --json lists 2>/dev/null |
		sed -n 's/.*"list": *"\([^"]*\)".*/\1/p' ;;
	'<PORT/PROTO>') strazhctl --json service list 2>/dev/null |
		sed -n 's/.*"service": *"\([0-9][^"]*\)".*/\1/p' ;;
	'<60s>') printf '%s\n' 60s 5m ;;
	'<10m>') printf '%s\n' 10m 1h 1d ;;
	'<FILE>') compgen -f -- "${COMP_WORDS[COMP_CWORD]}" ;;
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
		words=$(_strazhctl_words places "$command")
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
	[ "$command" = load ] && compopt -o filenames 2>/dev/null
	return 0
}
complete -F _strazhctl strazhctl
