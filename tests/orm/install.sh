#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# The library as a stranger meets it: installed, built against as the README shows, and free of
# names that its headers do not declare.
# shellcheck source=tests/orm/lib.sh
. "$(dirname "$0")/lib.sh"

PREFIX=/opt/orm
ROOT=$TMP/root
AT=$ROOT$PREFIX
grep -qs -- '-fsanitize' "$O/flags" && skip_all "this build has sanitizers in it"
command -v pkg-config >/dev/null || skip_all "no pkg-config: sudo ./scripts/setup build"

# With the compiler and flags of the build that is there, so that it is not built anew.
read -r CC _ <"$O/flags"
DEV=$(grep -c -- ' -Werror ' "$O/flags")
env -u MAKEFLAGS make -s -C "$TOP" O="$O" CC="$CC" DEV="$DEV" DESTDIR="$ROOT" PREFIX="$PREFIX" install-orm \
	>"$TMP/make.log" 2>&1
STATUS=$?
ok "$STATUS" 'make install-orm'
[ "$STATUS" = 0 ] || {
	tail -n 20 "$TMP/make.log" | sed 's/^/# /'
	done_testing
}

# ---- what is there ----

is "$(cd "$AT/lib" && find . -type f -o -type l | sort | tr '\n' ' ')" \
	"./libstrazh-orm.a ./libstrazh-orm.so ./libstrazh-orm.so.0 ./libstrazh-orm.so.0.1.0 $(
	)./pkgconfig/strazh-orm.pc " 'archive, shared library with its links, pkg-config file'
is "$(readelf -d "$AT/lib/libstrazh-orm.so" | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p')" libstrazh-orm.so.0 \
	'the links lead to the library; its name is libstrazh-orm.so.0'
is "$(readelf -d "$AT/lib/libstrazh-orm.so" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' |
	grep -vE '^(libpq|libsqlite3|libjansson|libpg_query|libcrypto|libc|libm)\.so\.|^ld-linux' | tr '\n' ' ')" '' \
	'it needs the libraries of the databases and no others'
is "$(cd "$AT/include" && find . -name '*.h' | sort)" \
	"$(cd "$TOP/include" && find ./strazh/orm.h ./strazh/orm -name '*.h' | sort)" 'every header'
for tool in "$TOP"/orm/tools/*.c; do
	tool=$(basename "$tool" .c)
	[ -x "$AT/bin/$tool" ] && [ -e "$AT/share/man/man1/$tool.1" ]
	ok $? "$tool and its man page"
done

# ---- what it exports ----

# Functions as the compiler reads them, and data from its `extern` lines.
declared() {
	local header
	for header in "$AT"/include/strazh/orm.h "$AT"/include/strazh/orm/*.h; do
		echo "#include \"$header\""
	done | gcc -I"$AT/include" -x c -fsyntax-only -aux-info "$TMP/aux" -
	{
		sed -n 's|^/\* [^ ]*/strazh/orm[^ ]* \*/ extern .*[ *]\([a-z_0-9]*\) (.*|\1|p' "$TMP/aux"
		sed -n 's/^extern .*[ *]\([a-z_0-9]*\)\(\[.*\]\)*;.*/\1/p' "$AT"/include/strazh/orm/*.h
	} | sort -u
}
declared >"$TMP/declared"
nm -D --defined-only "$AT/lib/libstrazh-orm.so" | awk '{ print $3 }' | sort -u >"$TMP/exported"
nm -g --defined-only "$AT/lib/libstrazh-orm.a" | awk 'NF == 3 { print $3 }' | sort -u >"$TMP/global"
[ "$(wc -l <"$TMP/declared")" -gt 100 ]
ok $? 'the headers declare more than a hundred functions'
is "$(comm -13 "$TMP/declared" "$TMP/exported")" '' 'the shared library exports what they declare'
is "$(comm -23 "$TMP/declared" "$TMP/exported")" '' 'all of it'
is "$(comm -3 "$TMP/global" "$TMP/exported")" '' 'the archive has the same global names'
is "$(grep -v '^orm_' "$TMP/exported")" '' 'all of them begin with orm_'

# ---- headers, each by itself, from there ----

for header in "$AT"/include/strazh/orm.h "$AT"/include/strazh/orm/*.h; do
	for cc in gcc clang; do
		"$cc" -std=gnu11 -Wall -Wextra -Werror -Wno-unused-function -I"$AT/include" -fsyntax-only -x c \
			-include "$header" /dev/null 2>&1
	done
done >"$TMP/headers"
is "$(head -n 20 "$TMP/headers")" '' 'each header compiles alone, in gcc and clang, without a warning'

# ---- the program of the README, as shown there ----

export PKG_CONFIG_PATH=$AT/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$ROOT
is "$(pkg-config --modversion strazh-orm) $(pkg-config --libs strazh-orm | tr -s ' ')" \
	"0.1.0 -L$AT/lib -lstrazh-orm " 'pkg-config knows it'
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
		skip 'ORM_TEST_PG is not set' "$kind: it works on PostgreSQL"
	fi
done
like "$(LD_LIBRARY_PATH=$AT/lib ./bans nonsense:x y 2>&1)" '^bans: .*nonsense' 'a wrong URL is told'

# ---- man pages ----

if command -v mandoc >/dev/null; then
	for page in "$AT"/share/man/man*/*; do
		# mandoc looks for what a page refers to among those that the machine has.
		is "$(mandoc -T lint -W style "$page" 2>&1 | grep -vE 'outdated mandoc.db|manual not found')" '' \
			"${page##*/}: nothing to complain about"
	done
else
	skip 'no mandoc: sudo ./scripts/setup test' 'the man pages'
fi
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
done_testing
