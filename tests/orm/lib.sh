# SPDX-License-Identifier: AGPL-3.0-or-later
# shellcheck shell=bash
# Sourced by the scripts of tests/orm; TMP is a folder that is removed at the end.
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/tap.sh
. "$HERE/../tap.sh"
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
