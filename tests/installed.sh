# SPDX-License-Identifier: AGPL-3.0-or-later
# shellcheck shell=bash
# A library as a stranger meets it: what `make install-...` puts there. Sourced after tap.sh, TMP
# being a folder; then, in this order:
#
#	install_into TARGET PREFIX		ROOT is what DESTDIR was, AT the prefix in it
#	library_is NAME NEEDED			files, soname, and no needed library but /NEEDED/
#	names_are PREFIX			exported is what is in $TMP/declared, and begins so
#	headers_alone HEADER...
#	pkg_config_knows NAME			from here on pkg-config finds it, in ROOT
#	man_pages

grep -qs -- '-fsanitize' "$O/flags" && skip_all "this build has sanitizers in it"
command -v pkg-config >/dev/null || skip_all "no pkg-config: sudo ./scripts/setup build"

# With the compiler and flags of the build that is there, so that it is not built anew.
install_into() {
	local cc dev status
	ROOT=$TMP/root
	AT=$ROOT$2
	read -r cc _ <"$O/flags"
	dev=$(grep -c -- ' -Werror ' "$O/flags")
	env -u MAKEFLAGS make -s -C "$TOP" O="$O" CC="$cc" DEV="$dev" DESTDIR="$ROOT" PREFIX="$2" "$1" \
		>"$TMP/make.log" 2>&1
	status=$?
	ok "$status" "make $1"
	[ "$status" = 0 ] || {
		tail -n 20 "$TMP/make.log" | sed 's/^/# /'
		finish
	}
}

library_is() {
	local lib=lib$1
	SO=$AT/lib/$lib.so ARCHIVE=$AT/lib/$lib.a
	is "$(cd "$AT/lib" && find . -type f -o -type l | sort | tr '\n' ' ')" \
		"./$lib.a ./$lib.so ./$lib.so.0 ./$lib.so.0.1.0 ./pkgconfig/$1.pc " \
		'archive, shared library with its links, pkg-config file'
	is "$(readelf -d "$SO" | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p')" "$lib.so.0" \
		"the links lead to the library; its name is $lib.so.0"
	is "$(readelf -d "$SO" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' | grep -vE "$2|^ld-linux" | tr '\n' ' ')" '' \
		'it needs these libraries and no others'
}

# functions_in FILE: of stdin, C that includes our headers, those that headers below /FILE/ declare
functions_in() {
	gcc -I"$AT/include" -x c -fsyntax-only -aux-info "$TMP/aux" -
	sed -n "s|^/\\* [^ ]*/$1[^ ]* \\*/ extern .*[ *]\\([a-z_0-9]*\\) (.*|\\1|p" "$TMP/aux"
}

names_are() {
	nm -D --defined-only "$SO" | awk '{ print $3 }' | sort -u >"$TMP/exported"
	nm -g --defined-only "$ARCHIVE" | awk 'NF == 3 { print $3 }' | sort -u >"$TMP/global"
	is "$(comm -3 "$TMP/declared" "$TMP/exported")" '' 'the shared library exports what they declare, all of it'
	is "$(comm -3 "$TMP/global" "$TMP/exported")" '' 'the archive has the same global names'
	is "$(grep -v "^$1" "$TMP/exported")" '' "all of them begin with $1"
}

headers_alone() {
	local header cc
	for header in "$@"; do
		for cc in gcc clang; do
			"$cc" -std=gnu11 -Wall -Wextra -Werror -Wno-unused-function -I"$AT/include" -fsyntax-only \
				-x c -include "$header" /dev/null 2>&1
		done
	done >"$TMP/headers"
	is "$(head -n 20 "$TMP/headers")" '' 'each header compiles alone, in gcc and clang, without a warning'
}

pkg_config_knows() {
	export PKG_CONFIG_PATH=$AT/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$ROOT
	is "$(pkg-config --modversion "$1") $(pkg-config --libs "$1" | tr -s ' ')" \
		"0.1.0 -L$AT/lib -l$1 " 'pkg-config knows it'
}

man_pages() {
	local page
	command -v mandoc >/dev/null || {
		skip 'the man pages' 'no mandoc: sudo ./scripts/setup test'
		return
	}
	for page in "$AT"/share/man/man*/*; do
		# mandoc looks for what a page refers to among those that the machine has.
		is "$(mandoc -T lint -W style "$page" 2>&1 | grep -vE 'outdated mandoc.db|manual not found')" '' \
			"${page##*/}: nothing to complain about"
	done
}
