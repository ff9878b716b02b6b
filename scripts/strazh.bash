# SPDX-License-Identifier: AGPL-3.0-or-later
# shellcheck shell=bash
# Completion of strazh: commands and options are those that its own --help shows.

_strazh() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
	local command='' word
	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		case $word in
		ping | echo | chat | tunnel | bench | keygen)
			command=$word
			break
			;;
		esac
	done
	COMPREPLY=()
	case $previous in
	--identity | --passphrase | --config | --sign | --known | -I)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		return 0
		;;
	esac
	case $current in
	@*)
		mapfile -t COMPREPLY < <(compgen -P @ -f -- "${current#@}")
		;;
	-*)
		# shellcheck disable=SC2086 # no word when there is no command
		mapfile -t COMPREPLY < <(compgen -W "$(strazh $command --help 2>/dev/null |
			sed -n 's/^  \(-., \|    \)\(--[a-z-]*\).*/\2/p')" -- "$current")
		;;
	*)
		if [ -z "$command" ]; then
			mapfile -t COMPREPLY < <(compgen -W "$(strazh --help 2>/dev/null |
				sed -n '/^commands:/,/^$/s/^  \([a-z]*\) .*/\1/p')" -- "$current")
		elif [ "$command" = keygen ]; then
			compopt -o filenames 2>/dev/null
			mapfile -t COMPREPLY < <(compgen -f -- "$current")
		fi
		;;
	esac
	return 0
}
complete -F _strazh strazh
