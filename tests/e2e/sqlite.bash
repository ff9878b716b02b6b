# SPDX-License-Identifier: AGPL-3.0-or-later
# shellcheck shell=bash
# The store in $DB, looked into and held by somebody else. Sourced after lib.sh.

# sql STATEMENT: its rows
sql() {
	/usr/bin/python3 -c 'import sqlite3, sys
c = sqlite3.connect(sys.argv[1], timeout=10)
for r in c.execute(sys.argv[2]): print(*r, sep="|")
c.commit()' "$DB" "$1"
}
# hold: the store is locked until $HOLDER ends
hold() {
	rm -f "$E2E_TMP/held"
	/usr/bin/python3 -c 'import sqlite3, sys, time
c = sqlite3.connect(sys.argv[1], timeout=10, isolation_level=None)
c.execute("BEGIN EXCLUSIVE")
open(sys.argv[2], "w").close()
while True: time.sleep(1)' "$DB" "$E2E_TMP/held" &
	# shellcheck disable=SC2034 # of whoever sources this
	HOLDER=$!
	wait_for 10 test -e "$E2E_TMP/held"
}
