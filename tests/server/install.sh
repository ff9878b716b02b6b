#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# libstrazh as a stranger meets it: installed, free of names that its header does not declare, and
# the example built against it alone.
# shellcheck source=tests/orm/lib.sh
. "$(dirname "$0")/../orm/lib.sh"

PREFIX=/opt/strazh
ROOT=$TMP/root
AT=$ROOT$PREFIX
grep -qs -- '-fsanitize' "$O/flags" && skip_all "this build has sanitizers in it"
command -v pkg-config >/dev/null || skip_all "no pkg-config: sudo ./scripts/setup build"

# With the compiler and flags of the build that is there, so that it is not built anew.
read -r CC _ <"$O/flags"
DEV=$(grep -c -- ' -Werror ' "$O/flags")
env -u MAKEFLAGS make -s -C "$TOP" O="$O" CC="$CC" DEV="$DEV" DESTDIR="$ROOT" PREFIX="$PREFIX" \
	install-client >"$TMP/make.log" 2>&1
STATUS=$?
ok "$STATUS" 'make install-client'
[ "$STATUS" = 0 ] || {
	tail -n 20 "$TMP/make.log" | sed 's/^/# /'
	done_testing
}

# ---- what is there ----

is "$(cd "$AT/lib" && find . -type f -o -type l | sort | tr '\n' ' ')" \
	"./libstrazh.a ./libstrazh.so ./libstrazh.so.0 ./libstrazh.so.0.1.0 ./pkgconfig/strazh.pc " \
	'archive, shared library with its links, pkg-config file'
is "$(readelf -d "$AT/lib/libstrazh.so" | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p')" libstrazh.so.0 \
	'the links lead to the library; its name is libstrazh.so.0'
is "$(readelf -d "$AT/lib/libstrazh.so" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' |
	grep -vE '^(libcrypto|libIPSec_MB|libc)\.so\.|^ld-linux' | tr '\n' ' ')" '' \
	'it needs cryptography and no others'
is "$(cd "$AT/include" && find . -name '*.h' | sort | tr '\n' ' ')" \
	'./strazh/client.h ./strazh/wire/phantom.h ' 'the headers'
for file in bin/strazh share/man/man1/strazh.1 share/man/man3/libstrazh.3 \
	share/bash-completion/completions/strazh; do
	[ -s "$AT/$file" ]
	ok $? "$file"
done

# ---- what it exports ----

echo '#include <strazh/client.h>' |
	gcc -I"$AT/include" -x c -fsyntax-only -aux-info "$TMP/aux" -
sed -n 's|^/\* [^ ]*/strazh/client[^ ]* \*/ extern .*[ *]\([a-z_0-9]*\) (.*|\1|p' "$TMP/aux" |
	sort -u >"$TMP/declared"
nm -D --defined-only "$AT/lib/libstrazh.so" | awk '{ print $3 }' | sort -u >"$TMP/exported"
nm -g --defined-only "$AT/lib/libstrazh.a" | awk 'NF == 3 { print $3 }' | sort -u >"$TMP/global"
[ "$(wc -l <"$TMP/declared")" -gt 12 ]
ok $? 'the header declares more than a dozen functions'
is "$(comm -3 "$TMP/declared" "$TMP/exported")" '' 'the shared library exports what it declares'
is "$(comm -3 "$TMP/global" "$TMP/exported")" '' 'the archive has the same global names'
is "$(grep -v '^strazh_' "$TMP/exported")" '' 'all of them begin with strazh_'
for header in strazh/client.h strazh/wire/phantom.h; do
	for cc in gcc clang; do
		"$cc" -std=gnu11 -Wall -Wextra -Werror -I"$AT/include" -fsyntax-only -x c \
			-include "$header" /dev/null 2>&1
	done
done >"$TMP/headers"
is "$(cat "$TMP/headers")" '' 'each header compiles alone, in gcc and clang, without a warning'

# ---- the example, against what is installed ----

export PKG_CONFIG_PATH=$AT/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$ROOT
is "$(pkg-config --modversion strazh) $(pkg-config --libs strazh | tr -s ' ')" \
	"0.1.0 -L$AT/lib -lstrazh " 'pkg-config knows it'
cd "$TMP" || exit 1
cp "$TOP/user/client/example/echo.c" .
# shellcheck disable=SC2046 # flags
cc -std=gnu11 -Wall -Wextra -Werror -o shared echo.c $(pkg-config --cflags --libs strazh) >cc.log 2>&1
ok $? 'the example is built against the shared library'
# The sysroot is for our own paths; OpenSSL is the machine's.
# shellcheck disable=SC2046
cc -std=gnu11 -Wall -Wextra -Werror -o static echo.c $(pkg-config --cflags strazh) \
	-L"$AT/lib" -l:libstrazh.a $(env -u PKG_CONFIG_SYSROOT_DIR pkg-config --libs libcrypto) \
	-lIPSec_MB -lpthread >>cc.log 2>&1
ok $? 'and against the archive'
head -n 20 cc.log | sed 's/^/# /'

SERVER_PID=
end_server() {
	[ -z "$SERVER_PID" ] || kill "$SERVER_PID" 2>/dev/null
	clean_up
}
trap end_server EXIT
"$O/strazhctl" keys new server.key >/dev/null 2>&1
sed -n 's/^public: //p' server.key | base64 -d >server.pub
SECRET=$(sed -n 's/^secret: //p' server.key | base64 -d | od -An -tx1 | tr -d ' \n')
if /usr/bin/python3 -c 'import cryptography' 2>/dev/null; then
	for kind in shared static; do
		/usr/bin/python3 "$TOP/tests/peers/phantom.py" server 0 "$SECRET" --count 1 >peer.log 2>&1 &
		SERVER_PID=$!
		for _ in $(seq 100); do
			grep -q '^port' peer.log && break
			sleep 0.05
		done
		is "$(LD_LIBRARY_PATH=$AT/lib timeout 20 "./$kind" server.pub \
			"127.0.0.1:$(sed -n 's/^port //p' peer.log)" 'Good day' 2>&1)" 'Good day' \
			"$kind: it works"
		wait "$SERVER_PID"
		SERVER_PID=
	done
else
	skip 'no python3-cryptography: sudo ./scripts/setup test' 'the example at work'
fi
is "$(LD_LIBRARY_PATH=$AT/lib timeout 20 ./shared server.pub 127.0.0.1:1 x 2>&1)" \
	'echo: 127.0.0.1 port 1: Connection refused' 'what fails is told'

# ---- man pages ----

if command -v mandoc >/dev/null; then
	for page in "$AT"/share/man/man*/*; do
		is "$(mandoc -T lint -W style "$page" 2>&1 | grep -vE 'outdated mandoc.db|manual not found')" '' \
			"${page##*/}: nothing to complain about"
	done
else
	skip 'no mandoc: sudo ./scripts/setup test' 'the man pages'
fi
while read -r name; do
	grep -qE "Fn $name " "$AT/share/man/man3/libstrazh.3" || echo "$name"
done <declared >missing
is "$(cat missing)" '' 'libstrazh.3 has every function'
"$AT/bin/strazh" --help | sed -n 's/^  [^ ].*\(--[a-z]*\).*/\1/p; s/^      \(--[a-z]*\).*/\1/p' |
	while read -r name; do
		grep -qE "[ -]${name#--}( |$)" "$AT/share/man/man1/strazh.1" || echo "$name"
	done >missing
is "$(cat missing)" '' 'strazh.1 has every common option'
done_testing
