#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# Random queries through the builders: each is refused with a reason, or both databases take it,
# PostgreSQL's parser reads from it what we meant, and the SELECTs have one answer on both.
# PROPERTY_COUNT and PROPERTY_SECONDS change how many and how long.
# shellcheck source=tests/orm/lib.sh
. "$(dirname "$0")/lib.sh"

TOOL=$O/tests/orm-property
COUNT=${PROPERTY_COUNT:-100000}
SECONDS_MAX=${PROPERTY_SECONDS:-240}
[ -x "$TOOL" ] || skip_all "$TOOL is not built: make tests"

# run NAME ARGUMENT...: nothing failed; what it counted, as comments
run() {
	local name=$1 status
	shift
	timeout "$SECONDS_MAX" "$TOOL" "$@" >"$TMP/out" 2>&1
	status=$?
	[ "$status" != 124 ] || echo "# it took more than $SECONDS_MAX seconds"
	grep -E '^# [0-9]+ |never|too many' "$TMP/out"
	ok "$status" "$name"
	[ "$status" = 0 ] || grep -vE '^# [0-9]+ ' "$TMP/out" | cut -c1-600 | head -n 30 | sed 's/^/# /'
}

SEED=${PROPERTY_SEED:-1}
if [ -z "${ORM_TEST_PG:-}" ]; then
	run "$COUNT queries: SQLite and the parser" --seed "$SEED" --count "$COUNT"
	skip 'PostgreSQL prepares them too' 'ORM_TEST_PG is not set (tests/run orm sets it)'
	skip 'one answer on both databases' 'ORM_TEST_PG is not set (tests/run orm sets it)'
	finish
fi

# Order and case of text are the database's: SQLite's are those of the locale C.
NAME=orm_property_$$
psql -XqAt -d "$ORM_TEST_PG" -c "CREATE DATABASE $NAME TEMPLATE template0
	ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"
ok $? 'a database with the locale C'
URL=$(sed -E "s#^([a-z]+://[^/]*/)[^?]*#\1$NAME#" <<<"$ORM_TEST_PG")
run "$COUNT queries: both databases and the parser" --seed "$SEED" --count "$COUNT" \
	--postgresql "$URL"
run "$((COUNT / 4)) queries: one answer on both databases" --execute --seed "$SEED" \
	--count "$((COUNT / 4))" --postgresql "$URL"
psql -XqAt -d "$ORM_TEST_PG" -c "DROP DATABASE $NAME" >/dev/null 2>&1
finish
