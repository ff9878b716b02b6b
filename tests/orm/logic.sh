#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# The files of tests/orm/logic through the library, on both databases; and their runner, which must
# see what is wrong.
# shellcheck source=tests/orm/lib.sh
. "$(dirname "$0")/lib.sh"
RUN=$O/tests/run-sqllogictest
[ -x "$RUN" ] || {
	ok 1 "not built: $RUN"
	finish
}

# ---- the files ----

# through NAME URL: each file, which must pass to the last record
through() {
	local file said
	for file in "$HERE"/logic/*.test; do
		said=$(timeout 60 "$RUN" --url "$2" "$file" 2>&1)
		like "$said" '^[1-9][0-9]* passed, 0 failed, [0-9]+ skipped$' "$(basename "$file" .test) ($1)"
	done
}
through 'sqlite, in memory' sqlite::memory:
through 'sqlite, in a file' "sqlite://$TMP/logic.db"
is "$(echo "$TMP"/logic.db*)" '' 'the file is removed'
if [ -n "${ORM_TEST_PG:-}" ]; then
	through postgresql "$ORM_TEST_PG"
	is "$(psql -XqAtc "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'slt%'" "$ORM_TEST_PG")" '' \
		'the schemas are dropped'
else
	skip 'the files (postgresql)' 'ORM_TEST_PG is not set'
fi

# ---- the runner ----

# judged BODY PATTERN STATUS NAME: a file of that body on SQLite
judged() {
	local said status
	printf '%b' "$1" >"$TMP/x.test"
	said=$(timeout 20 "$RUN" --url sqlite::memory: "$TMP/x.test" 2>&1)
	status=$?
	like "$(tr '\n' ' ' <<<"$said")status $status" "$2.*status $3\$" "runner: $4"
}
TWO='query IT SORT LABEL\nSELECT 2 AS n, %sz%s AS t UNION ALL SELECT 1, %sa%s ORDER BY 1 DESC\n----\n'
TWO=${TWO//%s/\'}
judged "${TWO/SORT LABEL/}2\nz\n1\na\n" '^1 passed, 0 failed, 0 skipped' 0 'values as they are'
judged "${TWO/SORT LABEL/}2\nz\n1\nb\n" 'x\.test:1: wrong result .*expected: +2 +z +1 +b +got: +2 +z +1 +a' \
	1 'another value'
judged "${TWO/SORT LABEL/}2\nz\n1\n" '0 passed, 1 failed' 1 'one value too few'
judged "${TWO/SORT LABEL/}2\nz\n1\na\na\n" '0 passed, 1 failed' 1 'one too many'
judged "${TWO/SORT LABEL/rowsort}1\na\n2\nz\n" '1 passed, 0 failed' 0 'rowsort'
judged "${TWO/SORT LABEL/valuesort}1\n2\na\nz\n" '1 passed, 0 failed' 0 'valuesort'
judged "${TWO/SORT LABEL/nosort}1\na\n2\nz\n" '0 passed, 1 failed' 1 'nosort does not sort'
judged "${TWO/IT SORT LABEL/I}2\nz\n1\na\n" 'wrong number of columns' 1 'another number of columns'
HASH=$(printf '2\nz\n1\na\n' | md5sum | cut -d' ' -f1)
judged "${TWO/SORT LABEL/}4 values hashing to $HASH\n" '1 passed, 0 failed' 0 'a hash'
judged "${TWO/SORT LABEL/}4 values hashing to ${HASH/[0-9]/x}\n" "got: +4 values hashing to $HASH" 1 \
	'another hash'
judged "${TWO/SORT LABEL/rowsort same}1\na\n2\nz\n\n${TWO/SORT LABEL/rowsort same}1\na\n2\nz\n" \
	'2 passed, 0 failed' 0 'two queries of one label'
judged "${TWO/SORT LABEL/rowsort same}1\na\n2\nz\n\n${TWO/SORT LABEL/nosort same}2\nz\n1\na\n" \
	"1 passed, 1 failed" 1 'two queries of one label that differ'
judged "${TWO/SORT LABEL/rowsort same}1\na\n2\nz\n\n${TWO/SORT LABEL/nosort same}2\nz\n1\na\n" \
	"x\.test:9: the result differs from that of the same label .*'same', line 1" 1 'and it says of which'
judged 'query IRT\nSELECT 1.9, 2, 3.5\n----\n1\n2.000\n3.5\n' '1 passed' 0 'I cuts, R has three digits'
judged "query TTT\nSELECT '', NULL, 'a' || char(9) || '\xc3\xbc'\n----\n(empty)\nNULL\na@@@\n" '1 passed' 0 \
	'T: empty, NULL, what is not printable'
judged 'statement ok\nSELECT nowhat\n' 'x\.test:1: it failed .*got: SCHEMA: .*nowhat' 1 'a failure'
judged 'statement error\nSELECT 1\n' 'it succeeded' 1 'a success that should be an error'
judged 'statement error no such\nSELECT nowhat\n' '1 passed' 0 'an error as wanted'
judged 'statement error wrong words\nSELECT nowhat\n' 'the wrong error .*wrong words' 1 'another error'
judged 'statement error (\nSELECT nowhat\n' 'no regular expression' 1 'a broken expression'
judged 'query error no such\nSELECT nowhat\n' '1 passed' 0 'a query that fails as wanted'
judged 'query error\nSELECT 1\n' 'it succeeded' 1 'and one that does not'
judged 'statement error\nSELECT nowhat\n----\nno such column\n' '1 passed' 0 'a message in lines of its own'
judged 'statement error\nSELECT nowhat\n----\nsome other words\n' 'lacks a line' 1 'another message'
judged '# comment\r\nskipif sqlite\r\nstatement ok\r\nSELEKT\r\n\r\nonlyif mysql # why\r\nstatement ok\r\nSELEKT\r\n' \
	'^0 passed, 0 failed, 2 skipped' 0 'skipif and onlyif, comments, CRLF'
judged 'skipif mysql\nonlyif sqlite\nstatement ok\nSELECT 1\n' '1 passed, 0 failed, 0 skipped' 0 \
	'and who is not skipped'
judged 'onlyif mysql\nhalt\n\nstatement ok\nSELECT 1\n\nhalt\n\nstatement ok\nSELEKT\n' '1 passed, 0 failed, 0' 0 \
	'halt'
judged 'hash-threshold 1\n\nquery II\nSELECT 1, 2\n----\n1\n3\n' 'got: +2 values hashing' 1 'hash-threshold'
judged 'hash-threshold many\n' 'without a number' 1 'hash-threshold without a number'
judged 'statement maybe\nSELECT 1\n\nquery Q\nSELECT 1\n----\n1\n\nwhat is this\n\nstatement ok\nSELECT 1\n' \
	'1 passed, 3 failed' 1 'what is no record fails, and the next is read'
judged 'query I\nSELECT 1\n' 'no ---- and results' 1 'a query without results'
judged 'statement ok' 'there is no SQL' 1 'a statement without SQL'
judged '' '^0 passed, 0 failed, 0 skipped' 0 'an empty file'

"$RUN" --url sqlite::memory: >/dev/null 2>&1
is $? 2 'runner: no file'
"$RUN" x.test >/dev/null 2>&1
is $? 2 'runner: no URL'
"$RUN" --url sqlite::memory: "$TMP/nowhere.test" >/dev/null 2>&1
is $? 2 'runner: a file that is not there'
"$RUN" --url postgresql://127.0.0.1:1/x "$TMP/x.test" >/dev/null 2>&1
is $? 2 'runner: no database'
: >"$TMP/mine.db"
"$RUN" --url "sqlite://$TMP/mine.db" "$TMP/x.test" >/dev/null 2>&1
is "$? $(stat -c %s "$TMP/mine.db")" '2 0' "runner: somebody's database is left alone"
finish
