#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# orm-copy: every type both ways, writers meanwhile, SIGKILL at any moment, broken rows, undoing.
# shellcheck source=tests/orm/lib.sh
. "$(dirname "$0")/lib.sh"

COPY=$O/orm-copy MIGRATE=$O/orm-migrate GEN=$O/orm-gen
[ -x "$COPY" ] || skip_all 'orm-copy is not built'
command -v sqlite3 >/dev/null || skip_all 'no sqlite3: sudo ./scripts/setup test'

# ---- wrong words ----

"$COPY" >/dev/null 2>&1
is $? 2 'no URL'
"$COPY" --to sqlite:x >/dev/null 2>&1
is $? 2 'no source'
"$COPY" --from sqlite:x --to sqlite:x >/dev/null 2>&1
is $? 2 'one database'
"$COPY" --from sqlite:x --to sqlite:y --batch 0 >/dev/null 2>&1
is $? 2 'no batch'
"$COPY" --from sqlite:x --to sqlite:y --final --verify >/dev/null 2>&1
is $? 2 'two things'
"$COPY" --from sqlite:x --to sqlite:y z >/dev/null 2>&1
is $? 2 'a word too much'
"$COPY" --from "sqlite:$TMP/none" --to "sqlite:$TMP/n" >/dev/null 2>&1
is $? 1 'a source that is not there'
[ ! -e "$TMP/none" ]
ok $? 'is not made either'
"$COPY" --help >/dev/null
is $? 0 'help'

# ---- the tables ----

cat >"$TMP/all.def" <<'DEF'
#define OWNER(X) X(i64, id, BIGINT, PK | AUTO) X(str, mail, TEXT, NN | UNIQUE) \
	X(i64, up, BIGINT, 0)
#define OWNER_KEYS(K) K(FOREIGN, up, "owner", "id")
ORM_TABLE_KEYS(owner, OWNER, OWNER_KEYS)
#define EVERY(X) X(i64, id, BIGINT, PK | AUTO) X(b, yes, BOOLEAN, 0) X(i16, small, SMALLINT, 0) \
	X(i32, middle, INTEGER, 0) X(f32, half, REAL, INDEX) X(f64, wide, DOUBLE, 0) \
	X(str, exact, NUMERIC, 0) X(str, text, TEXT, 0) X(bytes, raw, BYTES, 0) \
	X(i64, at_ms, TIMESTAMP_MS, 0) X(uuid, uid, UUID, 0) X(str, ip, INET, 0) \
	X(str, net, CIDR, 0) X(str, doc, JSON, 0) X(str, docb, JSONB, 0) X(i64s, ints, BIGINTS, 0) \
	X(f64s, doubles, DOUBLES, 0) X(strs, texts, TEXTS, 0) X(i64, owner_id, BIGINT, 0)
#define EVERY_KEYS(K) K(FOREIGN, owner_id, "owner", "id CASCADE") K(DEFAULT, middle, "-7", "") \
	K(CHECK, every_wide, "wide IS NULL OR wide <> 3", "") K(INDEX, every_by, "at_ms, id", "")
ORM_TABLE_KEYS(every, EVERY, EVERY_KEYS)
#define PAIR(X) X(str, a, TEXT, PK) X(str, b, INET, PK) X(str, c, NUMERIC, PK) X(str, v, TEXT, 0)
ORM_TABLE(pair, PAIR)
#define BYKEY(X) X(uuid, id, UUID, PK) X(bytes, b, BYTES, PK) X(f64, f, DOUBLE, PK) \
	X(b, yes, BOOLEAN, PK)
ORM_TABLE(bykey, BYKEY)
#define RING_A(X) X(i64, id, BIGINT, PK) X(i64, b_id, BIGINT, 0)
#define RING_A_KEYS(K) K(FOREIGN, b_id, "ring_b", "id")
ORM_TABLE_KEYS(ring_a, RING_A, RING_A_KEYS)
#define RING_B(X) X(i64, id, BIGINT, PK) X(i64, a_id, BIGINT, 0)
#define RING_B_KEYS(K) K(FOREIGN, a_id, "ring_a", "id")
ORM_TABLE_KEYS(ring_b, RING_B, RING_B_KEYS)
DEF
sqlite_source() {
	mkdir -p "$1.mig"
	"$MIGRATE" --url "sqlite:$1" --dir "$1.mig" --tables "$TMP/all.def" --name a diff >/dev/null &&
		"$MIGRATE" --url "sqlite:$1" --dir "$1.mig" up >/dev/null || return 1
	# In JSON of SQLite members and spaces are as they were written.
	sqlite3 "$1" <<-'SQL'
		PRAGMA foreign_keys=ON;
		BEGIN;
		INSERT INTO owner(id,mail,up) VALUES (1,'root',NULL);
		WITH RECURSIVE g(n) AS (SELECT 2 UNION ALL SELECT n+1 FROM g WHERE n<1000)
		INSERT INTO owner(id,mail,up) SELECT n,'m'||n||'@x.org',n-1 FROM g;
		UPDATE owner SET up = 1000 WHERE id = 2;
		WITH RECURSIVE g(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM g WHERE n<100000)
		INSERT INTO every SELECT n,n%2,n%30000,n,n*0.5,n*1.1,n||'.50','text ü '||n,
			randomblob(8),n*1001,'00000000-0000-4000-8000-'||printf('%012x',n),
			'10.0.'||(n/250%250)||'.'||(n%250),'10.'||(n%256)||'.0.0/16','{"a" :'||n||'}',
			'{"b":'||n||',"a":[1.50,"\u00fc",null],"c":{}}','['||n||','||-n||']',
			'['||n||'.5,1e300]','["a","b \"q\" '||n||'"]',1+n%1000 FROM g;
		INSERT INTO every(id) VALUES (200000);
		INSERT INTO every VALUES (-5,0,-32768,-2147483648,-3.4e38,-1.7e308,
			'-99999999999999999999999999999999.000000000000000001','',x'',-62135596800000,
			'ffffffff-ffff-ffff-ffff-ffffffffffff','::','::/0','[]','[]','[]','[]','[]',NULL),
			(9223372036854775807,1,32767,2147483647,9e999,4.9e-324,'NaN','😀' || char(10) || '\',
			x'00ff00',253402300799999,'00000000-0000-0000-0000-000000000000',
			'2001:db8::1/64','2001:db8::/32','"x"','{"a":{"a":{"a":[[[{}]]]}}}',
			'[9223372036854775807,-9223372036854775808]','[-0.0,1e-320]','["","ü"]',1);
		WITH RECURSIVE g(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM g WHERE n<400)
		INSERT INTO pair SELECT CASE n%4 WHEN 0 THEN 'a' WHEN 1 THEN 'B' WHEN 2 THEN 'ä' ELSE 'a b' END,
			'10.0.0.'||(n%200)||CASE WHEN n<200 THEN '' ELSE '/24' END,n||'.0',NULL FROM g;
		WITH RECURSIVE g(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM g WHERE n<300)
		INSERT INTO bykey SELECT '00000000-0000-4000-8000-'||printf('%012x',n%9),
			CASE n%3 WHEN 0 THEN x'' WHEN 1 THEN x'00' ELSE x'ff01' END,n-150.5,n%2 FROM g;
		PRAGMA defer_foreign_keys=ON;
		INSERT INTO ring_a VALUES (1,2); INSERT INTO ring_b VALUES (2,1);
		COMMIT;
	SQL
}
sqlite_source "$TMP/src"
ok $? 'a source'
FROM=sqlite:$TMP/src

# sums REPORT: those of the source, then of the target
sums() { sed -n 's/.*"source_sum":"\([^"]*\)","target_sum":"\([^"]*\)".*/\1\n\2/p' <<<"$1" | sort -u; }

# ---- SQLite to SQLite ----

out=$("$COPY" --from "$FROM" --to "sqlite:$TMP/two" --final 2>&1)
is $? 0 'sqlite to sqlite'
like "$out" '^every: proved; 100003 rows' 'all rows'
is "$(sqlite3 "$TMP/two" 'SELECT count(*) FROM every')" 100003 'they are there'
is "$("$GEN" --url "sqlite:$TMP/two" --table every | sed 1d)" \
	"$("$GEN" --url "$FROM" --table every | sed 1d)" 'and the table is the same, with its indexes'
like "$("$COPY" --to "sqlite:$TMP/two" --status)" '^pair: proved; 400 rows' 'status says so'

sqlite3 "$TMP/two" "UPDATE every SET text = 'broken' WHERE id = 777; DELETE FROM every WHERE id = 5;
	INSERT INTO owner(id,mail) VALUES (5000,'x')"
out=$("$COPY" --from "$FROM" --to "sqlite:$TMP/two" --verify)
is $? 1 'verify finds what was broken'
like "$out" 'DIFFERENT at id 777: changed' 'a changed row by its key'
like "$out" 'DIFFERENT at id 5: missing' 'a missing one'
like "$out" 'DIFFERENT at id 5000: not in the source' 'one too much'
out=$("$COPY" --to "sqlite:$TMP/two" --undo 2>&1)
is $? 1 'then undoing is refused'
like "$out" 'somebody has written to it' 'and says why'
out=$("$COPY" --json --from "$FROM" --to "sqlite:$TMP/two" --final)
is $? 0 'a copy that runs again repairs it'
is "$(sums "$out" | wc -l)" 6 'one sum for both sides of each of 6 tables'
"$COPY" -q --to "sqlite:$TMP/two" --undo
is $? 0 'then it is undone'
is "$(sqlite3 "$TMP/two" "SELECT count(*) FROM sqlite_master")" 0 'and nothing is left'
"$COPY" -q --from "$FROM" --to "sqlite:$TMP/two" -T owner --final >/dev/null
sqlite3 "$TMP/two" "INSERT INTO owner(id,mail) VALUES (5000,'x')"
"$COPY" -q --to "sqlite:$TMP/two" --undo --force
is $? 0 'undone by force'

# ---- refused ----

out=$("$COPY" --from "$FROM" --to "sqlite:$TMP/two" -T nope 2>&1)
like "$out" "table 'nope' is not in the source" 'a table that is not there'
out=$("$COPY" --from "$FROM" --to "sqlite:$TMP/two" -T every 2>&1)
like "$out" "refers to 'owner', which is neither copied" 'half of a foreign key'
sqlite3 "$TMP/three" 'CREATE TABLE pair(a TEXT PRIMARY KEY, v INTEGER) STRICT'
out=$("$COPY" --from "$FROM" --to "sqlite:$TMP/three" -T pair 2>&1)
like "$out" "SCHEMA: table 'pair'.* '(b|v)' is" 'a table that differs, with how'
sqlite3 "$TMP/odd" 'CREATE TABLE o(id INTEGER PRIMARY KEY, m GEOMETRY); CREATE TABLE k(a TEXT);
	INSERT INTO k VALUES (1),(1),(2)'
out=$("$COPY" --from "sqlite:$TMP/odd" --to "sqlite:$TMP/two" -T o 2>&1)
like "$out" "column 'm' is of type 'GEOMETRY', and cannot be copied" 'a type that nobody knows'
out=$("$COPY" --from "sqlite:$TMP/odd" --to "sqlite:$TMP/two" -T k 2>&1)
like "$out" "'k' has no primary key" 'no key, online'
out=$("$COPY" --from "sqlite:$TMP/odd" --to "sqlite:$TMP/two" -T k --final)
is $? 0 'no key, finally'
sqlite3 "$TMP/odd" "DELETE FROM k WHERE rowid = 1"
"$COPY" --from "sqlite:$TMP/odd" --to "sqlite:$TMP/two" -T k --verify >/dev/null
is $? 1 'one of two equal rows less is seen'
"$COPY" -q --from "sqlite:$TMP/odd" --to "sqlite:$TMP/two" -T k --final
is "$?$(sqlite3 "$TMP/two" 'SELECT count(*) FROM k')" 02 'and copied again'
cp "$TMP/odd" "$TMP/odd2"
out=$("$COPY" --from "sqlite:$TMP/odd2" --to "sqlite:$TMP/two" -T k --final 2>&1)
like "$out" 'is from another source' 'another source'
sqlite3 "$TMP/odd" 'ALTER TABLE k ADD COLUMN z TEXT'
out=$("$COPY" --from "sqlite:$TMP/odd" --to "sqlite:$TMP/two" -T k --final 2>&1)
like "$out" 'is not what it was when its copy was' 'a source that was changed'
sqlite3 "$TMP/four" 'CREATE TABLE s(id INTEGER PRIMARY KEY, u TEXT);
	CREATE UNIQUE INDEX s_u_key ON s(u); INSERT INTO s VALUES (1,"a"),(2,"b"),(3,"c"),(4,"d")'
"$COPY" -q --from "sqlite:$TMP/four" --to "sqlite:$TMP/five" --batch 1
sqlite3 "$TMP/four" 'UPDATE s SET u = "x" WHERE id = 1; UPDATE s SET u = "a" WHERE id = 2;
	UPDATE s SET u = "b" WHERE id = 1; DELETE FROM s WHERE id = 4; UPDATE s SET u = "d" WHERE id = 3'
"$COPY" -q --from "sqlite:$TMP/four" --to "sqlite:$TMP/five" --final --batch 1
is $? 0 'unique values that rows have swapped, and taken over from deleted rows'
sqlite3 "$TMP/five" 'INSERT INTO s VALUES (9,"z")'
sqlite3 "$TMP/five" 'DELETE FROM orm_copy'
out=$("$COPY" --from "sqlite:$TMP/four" --to "sqlite:$TMP/five" 2>&1)
like "$out" 'has rows that no copy has put there' 'a table with rows of others'
"$COPY" -q --from "sqlite:$TMP/four" --to "sqlite:$TMP/five" --force --final
is "$?$(sqlite3 "$TMP/five" 'SELECT count(*) FROM s')" 03 'but not with --force'

# killed NAME FROM TO: SIGKILL at ten moments, and on, and on
killed() {
	local i r=137 n=0
	for i in 1 2 3 4 5 6 7 8 9 10; do
		# In a shell of its own, which says nothing of the signal.
		(timeout -s KILL "0.$((RANDOM % 90 + 10))" "$COPY" -q --from "$2" --to "$3" --batch 1000
			exit $?) >/dev/null 2>&1
		r=$?
		[ $r = 137 ] && n=$((n + 1))
	done
	echo "# $1: killed $n times"
	[ $n -gt 0 ]
	ok $? "$1: killed"
	out=$("$COPY" --json --from "$2" --to "$3" --final 2>&1)
	is $? 0 "$1: and it goes on to the end"
	is "$(sums "$out" | wc -l)" 6 "$1: with equal sums"
	"$COPY" -q --to "$3" --undo
	is $? 0 "$1: and is undone"
}
killed 'sqlite to sqlite' "$FROM" "sqlite:$TMP/killed"

# ---- PostgreSQL ----

if ! "$PG" start "$TMP/pg"; then
	skip postgresql 'no PostgreSQL server is installed: sudo ./scripts/setup test'
	finish
fi
URL=$("$PG" url "$TMP/pg")
psql() { "$PG" psql "$TMP/pg" -At "$@"; }
out=$("$COPY" --json --from "$FROM" --to "$URL" --final 2>&1)
is $? 0 'sqlite to postgresql'
is "$(sums "$out" | wc -l)" 6 'with equal sums'
like "$(psql -c "INSERT INTO owner(mail) VALUES ('new') RETURNING id")" '^1001$' \
	'the next number is behind the last'
psql -c "DELETE FROM owner WHERE id = 1001"
is "$(psql -c "SELECT count(*) FROM pg_constraint WHERE contype = 'f'")" 4 'foreign keys are there'
is "$(psql -c "SELECT count(*) FROM pg_indexes WHERE tablename = 'every'")" 3 'and indexes'
"$COPY" -q --from "$URL" --to "sqlite:$TMP/back" --final
is $? 0 'postgresql to sqlite'
"$COPY" -q --from "$FROM" --to "sqlite:$TMP/back" --verify
is $? 0 'back again it is equal to the first'
psql -c 'CREATE SCHEMA two'
TWO="$URL?options=-csearch_path%3Dtwo"
"$COPY" -q --from "$URL" --to "$TWO" --final
is $? 0 'postgresql to postgresql'
psql -c "UPDATE two.every SET docb = '{\"a\": 2}' WHERE id = 99"
out=$("$COPY" --from "$URL" --to "$TWO" --verify)
is $? 1 'a broken row'
like "$out" 'DIFFERENT at id 99: changed' 'by its key'
psql -c "DELETE FROM two.owner WHERE id BETWEEN 10 AND 20 AND id NOT IN (SELECT up FROM two.owner
	WHERE up IS NOT NULL); UPDATE two.owner SET up = NULL; DELETE FROM two.owner WHERE id % 3 = 0"
"$COPY" -q --from "$URL" --to "$TWO" --final
is $? 0 'parents and all their children are repaired under foreign keys'
psql -c "DELETE FROM every WHERE id % 7 = 0; UPDATE owner SET up = NULL;
	DELETE FROM owner WHERE id % 5 = 0"
"$COPY" -q --from "$URL" --to "$TWO" --final
is $? 0 'and are deleted'
"$COPY" -q --to "$TWO" --undo
is "$?$(psql -c "SELECT count(*) FROM pg_class WHERE relnamespace = 'two'::regnamespace")" 00 \
	'undone: nothing is left'
"$COPY" -q --to "$URL" --undo --force >/dev/null
killed 'sqlite to postgresql' "$FROM" "$URL"
"$COPY" -q --from "$FROM" --to "$URL" >/dev/null
killed 'postgresql to sqlite' "$URL" "sqlite:$TMP/killed"

# writers FROM TO COMMAND...: statements go to the source, one after the other, until it is done
writers() {
	local name=$1 from=$2 to=$3 pid out
	shift 3
	(
		i=0
		while [ -e "$TMP/go" ]; do
			i=$((i + 1))
			echo "INSERT INTO owner(id,mail) VALUES ($((100000 + i)),'w$i');
				INSERT INTO every(id,text,owner_id) VALUES ($((1000000 + i)),'w',$((100000 + i)));
				UPDATE every SET text = 'changed $i' WHERE id = $((i * 37 % 100000 + 1));
				DELETE FROM every WHERE id = $((i * 91 % 100000 + 1));"
		done | "$@" >"$TMP/writer.log" 2>&1
	) &
	pid=$!
	"$COPY" -q --from "$from" --to "$to" --batch 5000 --passes 3
	is $? 0 "$name: while others write"
	rm "$TMP/go"
	wait $pid
	out=$("$COPY" --from "$from" --to "$to" --final)
	is $? 0 "$name: proved when they have ended"
	like "$out" '^every: proved' "$name: and says so"
	"$COPY" -q --from "$from" --to "$to" --verify
	is $? 0 "$name: equal"
	out=$("$COPY" --json --from "$from" --to "$to" --status)
	[ "$(sed -n '/"owner"/s/.*"rows":\([0-9]*\).*/\1/p' <<<"$out")" -gt 1000 ]
	ok $? "$name: with what they wrote"
}
touch "$TMP/go"
writers 'sqlite to postgresql, written' "$FROM" "$TWO" sqlite3 -cmd '.timeout 20000' "$TMP/src"
touch "$TMP/go"
writers 'postgresql to sqlite, written' "$URL" "sqlite:$TMP/six" "$PG" psql "$TMP/pg" -At
finish
