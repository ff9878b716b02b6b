# SPDX-License-Identifier: AGPL-3.0-or-later
# shellcheck shell=bash
# TAP for the scripts of tests/orm. Sourced; TMP is a folder that is removed at the end.
set -u

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TOP=$(cd "$HERE/../.." && pwd)
O=${O:-$TOP/build}
case $O in /*) ;; *) O=$TOP/$O ;; esac
export O
PATH=$PATH:/usr/sbin:/sbin
PG=$HERE/pg
# Servers that a script starts are this shell's, wherever it calls tests/orm/pg from.
export ORM_PG_OWNER=$$

TMP=$(mktemp -d "${TMPDIR:-/tmp}/strazh-orm.XXXXXX") || exit 1
chmod 711 "$TMP" # the user postgres passes through
clean_up() {
	local dir
	for dir in "$TMP"/*/password; do "$PG" drop "${dir%/password}"; done
	rm -rf "$TMP"
}
shopt -s nullglob
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

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
		printf "no match of '%s' in:\n%s\n" "$2" "$1" | head -n 40 | sed 's/^/# /'
	fi
}
# skip WHY NAME
skip() {
	TAP_N=$((TAP_N + 1))
	echo "ok $TAP_N - $2 # SKIP $1"
}
skip_all() {
	echo "1..0 # SKIP $*"
	exit 0
}
done_testing() {
	echo "1..$TAP_N"
	[ "$TAP_BAD" = 0 ]
	exit
}
