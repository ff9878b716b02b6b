#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# The library as a stranger meets it: installed, built against as the README shows, and free of
# names that its headers do not declare.
# shellcheck source=tests/orm/lib.sh
. "$(dirname "$0")/lib.sh"

# shellcheck source=tests/installed.sh
. "$TOP/tests/installed.sh"

install_into install-orm /opt/orm
library_is strazh-orm '^(libpq|libsqlite3|libjansson|libpg_query|libcrypto|libc|libm)\.so\.'
is "$(cd "$AT/include" && find . -name '*.h' | sort)" \
	"$(cd "$TOP/include" && find ./strazh/orm.h ./strazh/orm -name '*.h' | sort)" 'every header'
for tool in "$TOP"/orm/tools/*.c; do
	tool=$(basename "$tool" .c)
	[ -x "$AT/bin/$tool" ] && [ -e "$AT/share/man/man1/$tool.1" ]
	ok $? "$tool and its man page"
done

# Functions as the compiler reads them, and data from its `extern` lines.
declared() {
	printf '#include "%s"\n' "$AT"/include/strazh/orm.h "$AT"/include/strazh/orm/*.h |
		functions_in strazh/orm
	sed -n 's/^extern .*[ *]\([a-z_0-9]*\)\(\[.*\]\)*;.*/\1/p' "$AT"/include/strazh/orm/*.h
}
declared | sort -u >"$TMP/declared"
[ "$(wc -l <"$TMP/declared")" -gt 100 ]
ok $? 'the headers declare more than a hundred functions'
names_are orm_
headers_alone "$AT"/include/strazh/orm.h "$AT"/include/strazh/orm/*.h

# ---- the program of the README, as shown there ----

pkg_config_knows strazh-orm
README=$TOP/orm/README.md
# shellcheck disable=SC2016
sed -n '/^```c$/,/^```$/{/^```/d;p}' "$README" >"$TMP/shown.c"
is "$(diff "$TMP/shown.c" "$TOP/orm/example/bans.c")" '' 'the README shows example/bans.c as it is'
# shown NUMBER: that command of the README's that calls cc
# shellcheck disable=SC2016 # $ is sed's
shown() { sed -n -e ':a' -e '/\\$/{N;s/\\\n//;ba}' -e '/^cc bans\.c/p' "$README" | sed -n "$1p"; }
cd "$TMP" && cp shown.c bans.c

# run URL: what bans prints, the first and the second time
run() {
	LD_LIBRARY_PATH=$AT/lib ./bans "$1" 192.0.2.0/24 2>&1
	LD_LIBRARY_PATH=$AT/lib ./bans "$1" 192.0.2.0/24 2>&1
}
WANT='192.0.2.0/24 0.5
192.0.2.0/24 0.6'
for kind in shared static; do
	rm -f bans bans.db*
	[ "$kind" = static ] && COMMAND=$(shown 2) || COMMAND=$(shown 1)
	# The sysroot is for our own paths; libpq and the others are the machine's.
	eval "${COMMAND//pkg-config --libs libpq/env -u PKG_CONFIG_SYSROOT_DIR pkg-config --libs libpq}" \
		>cc.log 2>&1
	ok $? "$kind: ${COMMAND:0:60}..."
	head -n 20 cc.log | sed 's/^/# /'
	case $kind in shared) COUNT=1 ;; *) COUNT=0 ;; esac
	is "$(LD_LIBRARY_PATH=$AT/lib ldd bans | grep -c libstrazh-orm)" "$COUNT" "$kind: linked as said"
	is "$(run sqlite:bans.db)" "$WANT" "$kind: it works on SQLite"
	if [ -n "${ORM_TEST_PG:-}" ]; then
		psql -Xqc 'DROP TABLE IF EXISTS ban' "$ORM_TEST_PG" 2>/dev/null # of the last kind
		is "$(run "$ORM_TEST_PG")" "$WANT" "$kind: it works on PostgreSQL"
		psql -Xqc 'DROP TABLE IF EXISTS ban' "$ORM_TEST_PG" 2>/dev/null
	else
		skip "$kind: it works on PostgreSQL" 'ORM_TEST_PG is not set'
	fi
done
like "$(LD_LIBRARY_PATH=$AT/lib ./bans nonsense:x y 2>&1)" '^bans: .*nonsense' 'a wrong URL is told'

# ---- man pages ----

man_pages
sed -n 's/^\.Xr \([^ ]*\) \([0-9]\).*/man\2\/\1.\2/p' "$AT"/share/man/man*/* | grep -E '/(strazh-)?orm' |
	sort -u | while read -r page; do [ -e "$AT/share/man/$page" ] || echo "$page"; done >missing
is "$(cat missing)" '' 'they refer to pages that are there'
PAGE=$AT/share/man/man3/strazh-orm.3
for header in "$AT"/include/strazh/orm/*.h; do
	grep -qF "strazh/orm/${header##*/}" "$PAGE" || echo "${header##*/}"
done >missing
is "$(cat missing)" '' 'strazh-orm.3 names every header'
is "$(grep -cE '^\.It Cm (pool_max Pq 8|durable Pq 1)$' "$PAGE") $(grep -c '^\.It Dv ORM_E_' "$PAGE")" \
	"2 $(grep -cE '^	X\([A-Z_]+, "' "$AT/include/strazh/orm/error.h")" 'its tables are filled in'
finish
