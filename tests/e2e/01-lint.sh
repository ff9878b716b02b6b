#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# The lint finds what it is there to find: one offence of each kind in a small tree.
set -u
shopt -s lastpipe # finds() counts behind a pipe
LINT=$(cd "$(dirname "$0")/../lint" && pwd)/run
TMP=$(mktemp -d)
trap 'rm -rf "$TMP"' EXIT
export LINT_TOP=$TMP
N=0 BAD=0
AGPL='/* SPDX-License-Identifier: AGPL-3.0-or-later */'
GPL='/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */'

# finds CHECK FILE PATTERN NAME: stdin becomes FILE; the check must fail and say PATTERN, and
# must be clean again without the file
finds() {
	local said status
	mkdir -p "$TMP/$(dirname "$2")"
	cat >"$TMP/$2"
	said=$("$LINT" "$1" 2>&1)
	status=$?
	rm "$TMP/$2"
	N=$((N + 1))
	if [ "$status" = 1 ] && grep -qE -- "$3" <<<"$said" && "$LINT" "$1" >/dev/null 2>&1; then
		echo "ok $N - $1: $4"
	else
		BAD=1
		printf 'not ok %d - %s: %s\n' "$N" "$1" "$4"
		printf 'status %s\n%s\n' "$status" "$said" | sed 's/^/# /'
	fi
}

cp "$(dirname "$LINT")/../../.clang-format" "$TMP"
mkdir -p "$TMP/user/gate" "$TMP/user/base" "$TMP/include/strazh/abi" "$TMP/bpf/lib"
printf '%s\n' "$AGPL" >"$TMP/user/gate/gate.h"
printf '%s\n#include <linux/types.h>\n' "$GPL" >"$TMP/include/strazh/abi/a.h"

printf '%s\n#include <user/gate/gate.h>\n' "$AGPL" |
	finds layers user/base/x.h 'user/base/x.h:2: user/base may not include' 'base includes gate'
printf '%s\n#include <stdint.h>\n' "$GPL" |
	finds layers include/strazh/abi/x.h 'abi may include' 'abi includes a system header'
printf '%s\n#include <user/base/x.h>\n' "$AGPL" |
	finds layers user/base/x.h 'header cycle' 'a header that includes itself'
printf '%s\n#include "gate.c"\n' "$AGPL" | finds layers user/gate/x.c '\.c file' 'a .c file included'
printf '%s\nint x;\n' "$AGPL" | finds spdx bpf/lib/x.h 'GPL-2.0-only' 'the wrong licence in bpf/'
printf 'int x;\n' | finds spdx user/base/x.c 'SPDX' 'no licence'
{ printf '%s\n' "$AGPL"; yes '' | head -n 600; } | finds sizes user/base/x.c '601 lines' 'a long file'
printf '%s\n\t\t\t/* %083d */\n' "$AGPL" 0 | finds sizes user/base/x.c ':2: 113 columns' 'a long line'
printf '%s\nint f(char *a);\nint f(char *a)\n{\n\treturn sprintf(a, "b");\n}\n' "$AGPL" |
	finds banned user/base/x.c 'x.c:5:.*banned' 'sprintf'
printf '%s\nint f(void) { return system("b"); }\n' "$AGPL" |
	finds banned user/base/x.c 'outside tests' 'system() outside tests'
printf '%s\n/* TO''DO: later */\n' "$AGPL" | finds unfinished user/base/x.c 'x.c:2' 'unfinished work'
printf '%s\nint x; \n' "$AGPL" | finds space user/base/x.c 'x.c:2' 'space at the end of a line'
printf '%s\nint x;' "$AGPL" | finds space user/base/x.c 'no newline' 'no newline at the end'
# with TOOL ...: finds, or a skip where the lint's packages are not installed
with() {
	if command -v "$1" >/dev/null; then
		shift
		finds "$@"
	else
		cat >/dev/null
		N=$((N + 1))
		echo "ok $N - $2: $5 # SKIP no $1: scripts/setup lint"
	fi
}
{ printf '%s\nvoid f(void)\n{\n' "$AGPL"; yes '	f();' | head -n 80; echo '}'; } |
	with ctags functions user/base/x.c 'f\(\) has 83 lines' 'a long function'
printf '%s\nint f(void);\nint f(void)\n{\n\tint a[2] = {0};\n\n\treturn a[2];\n}\n' "$AGPL" |
	with cppcheck cppcheck user/base/x.c 'x.c:7: Array' 'an index out of bounds'
printf '%s\nint f(int *p);\nint f(int *p)\n{\n\tp = 0;\n\treturn *p;\n}\n' "$AGPL" |
	with clang-tidy tidy user/base/x.c 'x.c:6.*null pointer' 'a null pointer followed'
printf '%s\nint  x;\n' "$AGPL" | with clang-format format user/base/x.c 'x.c:2: 1 places' 'ill-formatted code'
# shellcheck disable=SC2016 # the offence itself
printf '#!/bin/sh\nrm $1\n' | with shellcheck shellcheck scripts/x 'x:2:4: note: Double quote' 'a bare variable'
printf '%s\nu32 x;\n' "$AGPL" | finds headers user/base/x.h "unknown type name" 'a header that needs another'
echo "1..$N"
exit "$BAD"
