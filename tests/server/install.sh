#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# libstrazh as a stranger meets it: installed, free of names that its header does not declare, and
# the example built against it alone.
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/../tap.sh"
TMP=$(mktemp -d) || exit 1
SERVER_PID=
clean_up() {
	[ -z "$SERVER_PID" ] || kill "$SERVER_PID" 2>/dev/null
	rm -rf "$TMP"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP
# shellcheck source=tests/installed.sh
. "$TOP/tests/installed.sh"

install_into install-client /opt/strazh
library_is strazh '^(libcrypto|libIPSec_MB|libc)\.so\.'
is "$(cd "$AT/include" && find . -name '*.h' | sort | tr '\n' ' ')" \
	'./strazh/client.h ./strazh/wire/phantom.h ' 'the headers'
for file in bin/strazh share/man/man1/strazh.1 share/man/man3/libstrazh.3 \
	share/bash-completion/completions/strazh; do
	[ -s "$AT/$file" ]
	ok $? "$file"
done

echo '#include <strazh/client.h>' | functions_in strazh/client | sort -u >"$TMP/declared"
[ "$(wc -l <"$TMP/declared")" -gt 12 ]
ok $? 'the header declares more than a dozen functions'
names_are strazh_
headers_alone strazh/client.h strazh/wire/phantom.h

# ---- the example, against what is installed ----

pkg_config_knows strazh
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

"$O/strazhctl" keys new server.key >/dev/null 2>&1
sed -n 's/^public: //p' server.key | base64 -d >server.pub
SECRET=$(sed -n 's/^secret: //p' server.key | base64 -d | od -An -tx1 | tr -d ' \n')
if /usr/bin/python3 -c 'import cryptography' 2>/dev/null; then
	for kind in shared static; do
		rm -f peer.log
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
	skip 'the example at work' 'no python3-cryptography: sudo ./scripts/setup test'
fi
is "$(LD_LIBRARY_PATH=$AT/lib timeout 20 ./shared server.pub 127.0.0.1:1 x 2>&1)" \
	'echo: 127.0.0.1 port 1: Connection refused' 'what fails is told'

# ---- man pages ----

man_pages
while read -r name; do
	grep -qE "Fn $name " "$AT/share/man/man3/libstrazh.3" || echo "$name"
done <declared >missing
is "$(cat missing)" '' 'libstrazh.3 has every function'
"$AT/bin/strazh" --help | sed -n 's/^  [^ ].*\(--[a-z]*\).*/\1/p; s/^      \(--[a-z]*\).*/\1/p' |
	while read -r name; do
		grep -qE "[ -]${name#--}( |$)" "$AT/share/man/man1/strazh.1" || echo "$name"
	done >missing
is "$(cat missing)" '' 'strazh.1 has every common option'
finish
