#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# orm-gen and orm-migrate as a person uses them, on SQLite and PostgreSQL.
# shellcheck source=tests/orm/lib.sh
. "$(dirname "$0")/lib.sh"

GEN=$O/orm-gen MIGRATE=$O/orm-migrate EXEC=$O/orm-exec

cat >"$TMP/one.def" <<'DEF'
#include <strazh/orm/table.h>

#define AUTHOR(X) \
	X(i64, id, BIGINT, PK | AUTO) \
	X(str, name, TEXT, NN | UNIQUE) \
	X(i64, born_ms, TIMESTAMP_MS, 0)
ORM_TABLE(author, AUTHOR)

#define BOOK(X) \
	X(i64, id, BIGINT, PK | AUTO) \
	X(i64, author_id, BIGINT, NN | INDEX) \
	X(uuid, tag, UUID, 0) \
	X(f64, price, DOUBLE, NN)
#define BOOK_KEYS(K) \
	K(CHECK, book_price, "price >= 0", "") \
	K(FOREIGN, author_id, "author", "id CASCADE") \
	K(DEFAULT, price, "1.5", "")
ORM_TABLE_KEYS(book, BOOK, BOOK_KEYS)
DEF
# The second form: a column more, one not NULL any more, a table less.
sed -e '/^#define BOOK/,$d' -e 's/born_ms, TIMESTAMP_MS, 0/&) \\\n\tX(i32, age, INTEGER, 0/' \
	-e 's/TEXT, NN | UNIQUE/TEXT, UNIQUE/' "$TMP/one.def" >"$TMP/two.def"
# What orm-gen says of a database, without its first comment.
lists() { "$GEN" --url "$1" | sed 1d; }

# on KIND URL: the whole way, on one database
on() {
	local kind=$1 url=$2 dir=$TMP/m-$1 out
	mkdir "$dir"
	run() { "$MIGRATE" --url "$url" --dir "$dir" "$@" 2>&1; }

	like "$(run --tables "$TMP/one.def" --name library diff)" "0001_library.up.$kind.sql" \
		"$kind: diff writes the first step"
	is "$(ls "$dir")" "0001_library.down.$kind.sql
0001_library.up.$kind.sql" "$kind: up and down"
	like "$(run status)" '^0001  pending +library$' "$kind: it is pending"
	like "$(run --tables "$TMP/one.def" diff)" 'apply it first' "$kind: no diff meanwhile"
	is "$(run up)" '1 applied' "$kind: up"
	is "$(run up)" '0 applied' "$kind: once"
	is "$(run --tables "$TMP/one.def" diff)" 'nothing to do' "$kind: then nothing is to do"
	is "$(lists "$url")" "$(cat "$TMP/one.def")" "$kind: orm-gen gives the lists back"
	"$EXEC" -q --url "$url" - >/dev/null <<<"INSERT INTO author (name) VALUES ('a'), ('b')"
	ok $? "$kind: rows"
	out=$(run --tables "$TMP/two.def" --name age diff)
	like "$out" "left alone: table 'book' is not in the lists" "$kind: no table is dropped unasked"
	is "$(run up)" '1 applied' "$kind: the second step"
	is "$("$GEN" --url "$url" --table author | sed 1d)" "$(sed '$d' "$TMP/two.def")" \
		"$kind: the table is as it shall be" # the last line is empty
	like "$(run --json status)" '"state": "applied"' "$kind: status as JSON"
	is "$("$EXEC" --json --url "$url" - <<<'SELECT count(*) AS n FROM author')" '{"n":2}' \
		"$kind: the rows stayed"
	out=$(run --tables "$TMP/two.def" --name less --drop diff)
	like "$out" 'destroys data' "$kind: --drop says what it does"
	is "$(run up)" '1 applied' "$kind: the third step"
	is "$(run down)" '1 undone' "$kind: down"
	is "$(run down 0)" '2 undone' "$kind: down to nothing"
	is "$(lists "$url" | grep -c ORM_TABLE)" 0 "$kind: nothing is left"
	is "$(run up 2)" '2 applied' "$kind: up to a version"
	echo >>"$dir/0001_library.up.$kind.sql"
	like "$(run up)" "version 1 'library' was changed after it was applied" \
		"$kind: a changed step is refused"
	out=$(run status)
	is $? 1 "$kind: status says so"
	like "$out" '^0001  changed' "$kind: and where"
	rm "$dir/0001_library.up.$kind.sql"
	like "$(run status)" '0001_library has no up for this database' "$kind: so is one that is gone"
}

on sqlite "sqlite:$TMP/db"
if "$PG" start "$TMP/pg"; then
	on postgresql "$("$PG" url "$TMP/pg")"
else
	skip postgresql 'no PostgreSQL server is installed: sudo ./scripts/setup test'
fi

# ---- wrong words ----

"$MIGRATE" >/dev/null 2>&1
is $? 2 'no URL'
"$MIGRATE" --url "sqlite:$TMP/db" --dir "$TMP" sideways >/dev/null 2>&1
is $? 2 'no such command'
"$MIGRATE" --url "sqlite:$TMP/db" --dir "$TMP" up two >/dev/null 2>&1
is $? 2 'no version'
"$MIGRATE" --url "sqlite:$TMP/db" --dir "$TMP/m-sqlite/nowhere" up >/dev/null 2>&1
is $? 1 'no folder'
"$GEN" --url "sqlite:$TMP/db" --table nope >/dev/null 2>&1
is $? 1 'no table'
"$GEN" >/dev/null 2>&1
is $? 2 'orm-gen without a URL'
mkdir "$TMP/empty"
printf '#define A(X) X(i64, a, BIGGER, 0)\nORM_TABLE(a, A)\n' >"$TMP/bad.def"
like "$("$MIGRATE" --url sqlite::memory: --dir "$TMP/empty" --tables "$TMP/bad.def" diff 2>&1)" \
	"bad.def:1:24: 'BIGGER' is no SQL type" 'a wrong list is told by its place'
finish
