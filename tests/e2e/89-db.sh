#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# strazhctl db: the store of a strazhd at work is checked, exported, imported, and copied to the other
# database and back; what is wrong is found and named, and a copy that is killed goes on.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
command -v sqlite3 >/dev/null || skip_all 'no sqlite3: sudo ./scripts/setup test'
net_up
export ORM_PG_OWNER=$$
PG=$HERE/../orm/pg
PGDIR=$E2E_TMP/pg
chmod 711 "$E2E_TMP"
trap '"$PG" drop "$PGDIR" 2>/dev/null; e2e_remove' EXIT
"$PG" start "$PGDIR" >"$E2E_TMP/pg.log" 2>&1
case $? in 0) ;; 3) skip_all 'no PostgreSQL: sudo ./scripts/setup test' ;; *) sed 's/^/# /' "$E2E_TMP/pg.log" ;; esac
SERVER=$("$PG" url "$PGDIR")
# server NAME: the URL of a database of its own, made now
server() {
	"$PG" psql "$PGDIR" -qc "CREATE DATABASE $1 OWNER strazh" >/dev/null 2>&1
	sed -E "s#(/)[^/?]*(\?.*)?\$#\1$1\2#" <<<"$SERVER"
}
STORE=sqlite://$E2E_TMP/state/strazh.db
db() { ctl db "$@"; }
many() { awk -v n="$1" 'BEGIN { for (i = 0; i < n; i++) printf "100.64.%d.%d of many\n", i / 250, i % 250 + 1 }'; }
export_of() { db export - --url "$1" 2>/dev/null; }
bans_of() { export_of "$1" | grep -c '^{"ban":'; }

echo "# wrong words"
refuses 2 "check\|export\|import\|copy" db
refuses 2 "export wants a file" db export
refuses 2 "copy wants a target" db copy
refuses 2 "are for copy" db check --final
refuses 2 "check takes no file: 'x'" db check x
refuses 4 "strazh\.db': No such file" db check
refuses 1 "'foo' is no database URL" db check --url foo:bar
refuses 4 "No such file" db copy --to "sqlite:$E2E_TMP/x.db"
refuses 1 "store 'postgresql://strazh:\*\*\*@127\.0\.0\.1:1/" db check --url postgresql://strazh:secret@127.0.0.1:1/none
refuses 4 "nosuchfile" db import /nosuchfile --url "sqlite:$E2E_TMP/x.db"
[ ! -e "$E2E_TMP/x.db" ]
ok $? "nothing is made of what is not there"

echo "# check"
ctl attach sv0 >/dev/null 2>&1
strazhd_up
many 2000 | ctl ban - >/dev/null 2>&1
is $? 0 "2,000 bans"
like "$(db check 2>&1)" "^ban +2000$" "while strazhd runs: rows are counted"
like "$(db check 2>&1)" "good; the audit is whole, records 1 to [0-9]+, head [0-9a-f]{64}$" "the audit verified"
is "$(db check --json | jq -s 'map(select(.table == "ban"))[0].rows')" 2000 "as JSON too"
is "$(db check --json | jq -sr '.[-1].result')" 'done' "with a result"
ctl ban 192.0.2.1 --reason "by hand" >/dev/null 2>&1

echo "# export and import"
db export "$E2E_TMP/all.json" >/dev/null 2>&1
is "$? $(stat -c %a "$E2E_TMP/all.json")" "0 600" "export, for its owner alone"
is "$(grep -c '^{"ban":' "$E2E_TMP/all.json")" 2001 "has every ban"
cmp -s <(export_of "$STORE") "$E2E_TMP/all.json"
ok $? "and is the same each time"
refuses 3 "rows already" db import "$E2E_TMP/all.json"
refuses 3 "rows already" db import "$E2E_TMP/all.json" --url "$STORE"
P=$(server imported)
db import - --url "$P" <"$E2E_TMP/all.json" >/dev/null 2>&1
is $? 0 "import into PostgreSQL"
cmp -s <(export_of "$P") "$E2E_TMP/all.json"
ok $? "which gives the same file back"
head -n 50 "$E2E_TMP/all.json" >"$E2E_TMP/torn.json"
refuses 1 "torn\.json': line 51, .*nothing was imported" db import "$E2E_TMP/torn.json" --url "sqlite:$E2E_TMP/torn.db"
sed '7s/"cidr":"[^"]*"/"cidr":"nonsense"/; 7s/^{"a[a-z_]*":{/&"none":1,/' "$E2E_TMP/all.json" >"$E2E_TMP/bad.json"
refuses 1 "line 7, column [0-9]+: .*nothing was imported" db import "$E2E_TMP/bad.json" --url "sqlite:$E2E_TMP/torn.db"
is "$(bans_of "sqlite:$E2E_TMP/torn.db")" 0 "and so it is"

echo "# copy, while strazhd writes"
refuses 1 "no database URL" db copy --to nowhere
P=$(server moved)
# The writer ends after a round: what it does when strazhd is down would come by the journal.
while [ ! -e "$E2E_TMP/enough" ]; do
	for i in {1..200}; do echo "198.51.100.$i"; done | ctl ban - -q >/dev/null 2>&1
	for i in {1..200}; do echo "198.51.100.$i"; done | ctl unban - -q >/dev/null 2>&1
done &
WRITER=$!
db copy --to "$P" >"$E2E_TMP/copy" 2>&1
is $? 0 "SQLite to PostgreSQL"
like "$(cat "$E2E_TMP/copy")" "'postgresql://strazh:\*\*\*@.*: [0-9]+ rows" "and says how many"
like "$(db check --url "$P" 2>&1)" "the audit is whole" "its audit chain is whole, whatever moment that was"
: >"$E2E_TMP/enough"
wait $WRITER
rm "$E2E_TMP/enough"
strazhd_kill TERM
db copy --to "$P" --final >"$E2E_TMP/copy" 2>&1
is $? 0 "strazhd stopped: once more, the last time"
like "$(cat "$E2E_TMP/copy")" "proved equal" "and both are proved equal"
cmp -s <(export_of "$P") <(export_of "$STORE")
ok $? "they give the same file"

echo "# strazhd on the other one"
STRAZH_STORE_URL=$P strazhd_up
ctl ban 203.0.113.9 >/dev/null 2>&1
strazhd_kill TERM
is "$(bans_of "$P") $(($(bans_of "$STORE") + 1))" "2002 2002" "writes there, and not here"
refuses 3 "acts of its own" db copy --url "$STORE" --to "$P"
refuses 3 "acts of its own" db copy --url "$STORE" --to "$P" --final
is "$(bans_of "$P")" 2002 "the old one is not copied over the new one"
BACK=sqlite:$E2E_TMP/back.db
db copy --url "$P" --to "$BACK" --final >/dev/null 2>&1
is $? 0 "and back to a file"
cmp -s <(export_of "$P") <(export_of "$BACK")
ok $? "with all that was done meanwhile"

echo "# a strazhd at work goes over, and back"
rm -rf "$E2E_TMP/state"
strazhd_up
of_store() { ctl status --json 2>/dev/null | jq -r "select(.kind == \"store\") | .$1"; }
many 500 | ctl ban - >/dev/null 2>&1
P=$(server switched)
refuses 2 "switch wants a target" db switch
refuses 2 "takes --to alone" db switch --to "$P" --final
refuses 2 "nowhere" db switch --to nowhere
refuses 1 "stays where it is" db switch --to postgresql://strazh:secret@127.0.0.1:1/none
refuses 1 "stays where it is: .*(rows|acts)" db switch --to "$(server imported)"
is "$(of_store degraded)" false "and the store is none the worse"
# Bans all the time: each that was said to be done must be there at the end.
: >"$E2E_TMP/said"
(
	for i in {1..250}; do
		for j in 1 2 3 4; do
			ctl -q ban "203.0.$j.$i" 2>/dev/null && echo "203.0.$j.$i" >>"$E2E_TMP/said"
		done
		[ ! -e "$E2E_TMP/enough" ] || break
	done
) &
WRITER=$!
said=$(db switch --to "$P" 2>/dev/null)
is $? 0 "switch to PostgreSQL while bans come"
echo "# $said"
like "$said" "[0-9]+ rows proved equal; nothing was written for [0-9]+ ms" "and both were proved equal"
like "$(of_store url)" "^postgresql://" "status names the new one"
like "$(stat -c %a "$E2E_TMP/state/store.moved")" "^600$" "so does a file for the next start, for root alone"
refuses 3 "there already" db switch --to "$P"
sleep 0.3
said=$(db switch --to "$STORE" 2>/dev/null)
is $? 0 "back again: roll-back is the same once more"
echo "# $said"
[ ! -e "$E2E_TMP/state/store.moved" ]
ok $? "the configuration holds again"
sleep 0.3
db copy --to "$P" >/dev/null 2>&1
is $? 0 "a copy beforehand, so that less is left to do"
said=$(db switch --to "$P" 2>/dev/null)
is $? 0 "and over for good"
echo "# $said"
: >"$E2E_TMP/enough"
wait $WRITER
strazhd_kill KILL
strazhd_up
like "$(of_store url)" "^postgresql://" "kill -9: the next start takes the new one"
ctl ban 198.51.100.77 >/dev/null 2>&1
export_of "$P" >"$E2E_TMP/after.json"
[ "$(wc -l <"$E2E_TMP/said")" -gt 20 ]
ok $? "$(wc -l <"$E2E_TMP/said") bans came meanwhile"
missing=0
while read -r addr; do
	grep -q "^{\"ban\":.*\"$addr/32\"" "$E2E_TMP/after.json" || missing=$((missing + 1))
done <"$E2E_TMP/said"
is "$missing" 0 "none of them is missing"
like "$(grep -c '"198.51.100.77/32"' "$E2E_TMP/after.json") $(bans_of "$STORE")" "^[1-9]" "it writes there"
like "$(db check 2>&1)" "'postgresql://.*the audit is whole" "one chain, whole; and db finds the moved store by itself"
refuses 3 "acts of its own" db copy --url "$STORE" --to "$P"
strazhd_kill TERM
refuses 1 "strazhd is not running: .*copy --to URL --final" db switch --to "$STORE"

echo "# a copy that is killed"
P=$(server killed)
for i in 1 2 3 4 5; do
	"$O/strazhctl" db copy --to "$P" --url "$BACK" >/dev/null 2>&1 &
	pid=$!
	sleep "0.0$((i * 2))"
	kill -KILL $pid 2>/dev/null && killed=$((${killed:-0} + 1))
	wait $pid 2>/dev/null
done
[ "${killed:-0}" -ge 1 ]
ok $? "killed ${killed:-0} times in the middle"
db copy --to "$P" --url "$BACK" --final >/dev/null 2>&1
is $? 0 "goes on to the end"
cmp -s <(export_of "$P") <(export_of "$BACK")
ok $? "and nothing is missing or twice"

echo "# not into what is another's"
P=$(server switched)
before=$(bans_of "$P")
refuses 3 "acts of its own" db copy --url "$BACK" --to "$P"
is "$(bans_of "$P")" "$before" "nothing was done to it"

echo "# a row that was damaged"
sqlite3 "$E2E_TMP/back.db" "UPDATE audit SET cause = 'nothing' WHERE seq = 17"
refuses 1 "the audit chain: record 17: " db check --url "$BACK"
is "$(db check --url "$BACK" --json 2>/dev/null | jq -sr '.[-1] | "\(.result) \(.code)"')" "failed 1" "as JSON too"
export_of "$BACK" >"$E2E_TMP/damaged.json"
refuses 1 "audit" db import "$E2E_TMP/damaged.json" --url "sqlite:$E2E_TMP/damaged.db"
sqlite3 "$E2E_TMP/back.db" "UPDATE ban SET cidr = '300.1.1.1' WHERE cidr LIKE '203.0.113.9%'"
refuses 1 "a ban: its prefix is none" db check --url "$BACK"
sqlite3 "$E2E_TMP/back.db" "DROP INDEX ban_by_until; ALTER TABLE ban DROP COLUMN offences"
refuses 1 "ban" db check --url "$BACK"
size=$(stat -c %s "$E2E_TMP/state/strazh.db")
[ "$size" -gt 200000 ]
ok $? "a file of $size bytes"
cp "$E2E_TMP/state/strazh.db" "$E2E_TMP/holed.db"
dd if=/dev/zero of="$E2E_TMP/holed.db" bs=4096 seek=20 count=12 conv=notrunc status=none
refuses 1 "." db check --url "sqlite:$E2E_TMP/holed.db"
finish
