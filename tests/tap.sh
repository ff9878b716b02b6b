# SPDX-License-Identifier: AGPL-3.0-or-later
# shellcheck shell=bash
# TAP for scripts, on stdout. Sourced; TOP is the tree, O the build folder.
set -u

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
O=${O:-$TOP/build}
case $O in /*) ;; *) O=$TOP/$O ;; esac
export O

TAP_N=0 TAP_BAD=0
# ok STATUS NAME: one TAP line
ok() {
	TAP_N=$((TAP_N + 1))
	if [ "$1" = 0 ]; then
		echo "ok $TAP_N - $2"
	else
		TAP_BAD=$((TAP_BAD + 1))
		echo "not ok $TAP_N - $2"
	fi
}
# is GOT WANTED NAME
is() {
	if [ "$1" = "$2" ]; then
		ok 0 "$3"
	else
		ok 1 "$3"
		printf "got '%s'\nwanted '%s'\n" "$1" "$2" | head -n 40 | sed 's/^/# /'
	fi
}
# like TEXT PATTERN NAME
like() {
	if grep -qE -- "$2" <<<"$1"; then
		ok 0 "$3"
	else
		ok 1 "$3"
		printf 'no match for /%s/ in:\n%s\n' "$2" "$1" | head -n 40 | sed 's/^/# /'
	fi
}
# skip NAME WHY
skip() {
	TAP_N=$((TAP_N + 1))
	echo "ok $TAP_N - $1 # SKIP $2"
}
skip_all() {
	echo "1..0 # SKIP $*"
	exit 0
}
finish() {
	echo "1..$TAP_N"
	[ "$TAP_BAD" = 0 ]
	exit
}
