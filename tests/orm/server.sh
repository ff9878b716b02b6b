#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# tests/orm/pg: the servers that the other tests use start, crash, follow, and leave nothing behind.
# shellcheck source=tests/orm/lib.sh
. "$(dirname "$0")/lib.sh"

A=$TMP/a B=$TMP/b
ask() { psql -XqAt -d "$1" -c "$2" 2>&1; }
# ends PID NAME: it has ended within ten seconds
ends() {
	local left=100
	while kill -0 "$1" 2>/dev/null && [ $((left -= 1)) -gt 0 ]; do sleep 0.1; done
	! kill -0 "$1" 2>/dev/null
	ok $? "$2"
}

"$PG" start "$A"
STATUS=$?
[ "$STATUS" != 3 ] || skip_all "no PostgreSQL server is installed: sudo ./scripts/setup test"
ok "$STATUS" 'a server starts'
URL=$("$PG" url "$A")
is "$(ask "$URL" 'CREATE TABLE t (n int); INSERT INTO t VALUES (1); SELECT n FROM t')" 1 \
	'it answers at its URL'
is "$(ask "$("$PG" url "$A" socket)" 'SELECT n FROM t')" 1 'and at its socket'
like "$(ask "${URL/strazh:*@/strazh:wrong@}" 'SELECT 1')" 'password authentication failed' \
	'not without the password'
is "$(ask "$URL" 'SHOW fsync') $(ask "$URL" 'SHOW listen_addresses')" 'off 127.0.0.1' \
	'without fsync, on loopback alone'
"$PG" start "$A" >/dev/null 2>&1
is $? 1 'it is not started twice'

"$PG" kill9 "$A"
like "$(ask "$URL" 'SELECT 1')" 'refused' 'killed, it is gone'
"$PG" start "$A" --fsync
is "$(ask "$URL" 'SELECT n FROM t') $(ask "$URL" 'SHOW fsync')" '1 on' \
	'started again at the same port, it has what was committed'

"$PG" standby "$A" "$B"
ok $? 'a replica starts'
COPY=$("$PG" url "$B")
is "$(ask "$COPY" 'SELECT pg_is_in_recovery(), n FROM t')" 't|1' 'it follows'
like "$(ask "$COPY" 'INSERT INTO t VALUES (2)')" 'read-only' 'and takes no writes'
"$PG" promote "$B"
is "$(ask "$COPY" 'INSERT INTO t VALUES (2) RETURNING n')" 2 'promoted, it does'
"$PG" drop "$B"
[ ! -e "$B" ]
ok $? 'dropped, its folder is gone'

if "$PG" pooler "$A"; then
	POOL=$("$PG" url "$A" pooler)
	is "$(ask "$POOL" 'SELECT n FROM t')" 1 'pgbouncer answers before it'
	is "$(ask "${POOL%/*}/pgbouncer" 'SELECT 1' | grep -c 'not allowed')" 1 \
		'its console is not for us'
else
	skip 'pgbouncer answers before it' 'no pgbouncer is installed: sudo ./scripts/setup test'
fi

PIDS="$(cat "$A"/server.pid "$A"/*.keeper) $(cat "$A/pooler.pid" 2>/dev/null)"
"$PG" drop "$A"
for pid in $PIDS; do ends "$pid" "dropped, a process of it ends"; done
is "$(echo "$TMP"/*)" '' 'and nothing is left'

# Whoever owns it is killed without a chance to clean up.
sleep 300 &
OWNER=$!
disown
ORM_PG_OWNER=$OWNER "$PG" start "$A"
SERVER=$(cat "$A/server.pid")
kill -KILL "$OWNER"
ends "$SERVER" 'a server ends with its owner'
for _ in 1 2 3 4 5 6 7 8 9 10; do [ ! -e "$A" ] || sleep 0.1; done
[ ! -e "$A" ]
ok $? 'its folder goes with it'

"$PG" start "$A"
SERVER=$(cat "$A/server.pid")
kill -KILL "$(cat "$A/server.keeper")"
ends "$SERVER" 'a server ends with its keeper'
finish
