#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# The runner counts what fails: programs that fail, die, hang, say nothing or were never built.
set -u
RUN=$(cd "$(dirname "$0")/.." && pwd)/run
TMP=$(mktemp -d)
trap 'rm -rf "$TMP"' EXIT
N=0 BAD=0
mkdir -p "$TMP/tests/e2e" "$TMP/tests/unit/room" "$TMP/tests/fuzz/corpus/full"
export TESTS_TOP=$TMP O=$TMP/o TEST_SECONDS=2

# says BODY WANTED NAME: run one script of that body, compare the runner's last line and status
says() {
	local got status
	printf '#!/bin/sh\n%s\n' "$1" >"$TMP/tests/e2e/x.sh"
	chmod +x "$TMP/tests/e2e/x.sh"
	got=$("$RUN" e2e 2>&1)
	status=$?
	judge "$(tail -n 1 <<<"$got")" "$status" "$2" "$3"
}
# judge GOT STATUS WANTED NAME [STATUS-WANTED]
judge() {
	local want_status=${5:-1}
	case $3 in *" 0 failed"*) want_status=0 ;; esac
	N=$((N + 1))
	if [ "$1 status $2" = "$3 status $want_status" ]; then
		echo "ok $N - $4"
	else
		BAD=1
		printf "not ok %d - %s\n# got '%s' status %d, wanted '%s' status %d\n" "$N" "$4" \
			"$1" "$2" "$3" "$want_status"
	fi
}
# group GROUP WANTED NAME
group() {
	local got status
	got=$("$RUN" "$1" 2>&1)
	status=$?
	judge "$(tail -n 1 <<<"$got")" "$status" "$2" "$3"
}

says 'echo ok 1 - a; echo ok 2 - b; echo 1..2' '2 passed, 0 failed, 0 skipped' 'two that pass'
says 'echo 1..1; echo not ok 1 - a; exit 1' '0 passed, 1 failed, 0 skipped' 'one that fails'
says 'echo 1..1; echo not ok 1 - a' '0 passed, 1 failed, 0 skipped' 'a failure with exit 0'
says 'echo ok 1 - a; echo 1..1; exit 3' '1 passed, 1 failed, 0 skipped' 'a bad exit status'
says 'echo ok 1 - a' '1 passed, 1 failed, 0 skipped' 'no plan'
says 'echo 1..3; echo ok 1 - a' '1 passed, 1 failed, 0 skipped' 'fewer than planned'
says 'echo 1..1; echo ok 1 - a; kill -SEGV $$' '1 passed, 1 failed, 0 skipped' 'death by a signal'
says 'echo 1..1; echo ok 1 - a; sleep 60' '1 passed, 1 failed, 0 skipped' 'out of time'
says 'exit 0' '0 passed, 1 failed, 0 skipped' 'silence'
says 'echo "1..0 # SKIP why"' '0 passed, 0 failed, 1 skipped' 'skipped as a whole'
says 'echo 1..2; echo ok 1 - a; echo "ok 2 - b # SKIP why"' '1 passed, 0 failed, 1 skipped' 'a skip'
says 'echo 1..1; echo "not ok 1 # SKIP a"' '0 passed, 0 failed, 1 skipped' 'a skip as cmocka says it'
echo '' >"$TMP/tests/unit/room/test_gone.c"
group unit '0 passed, 1 failed, 0 skipped' 'a unit test that was not built'
group gate '0 passed, 1 failed, 0 skipped' 'a group without tests'
echo '' >"$TMP/tests/fuzz/fuzz_empty.c"
group fuzz '0 passed, 1 failed, 0 skipped' 'a fuzzer without a corpus'

# The group orm: its server is started before the tests and dropped after them, whatever happens.
mkdir -p "$TMP/tests/orm"
# server START-STATUS: a tests/orm/pg that notes in $TMP/calls what it was asked
server() {
	cat >"$TMP/tests/orm/pg" <<-SH
		#!/bin/sh
		echo "\$1" >>"$TMP/calls"
		case \$1 in
		start) echo why; exit $1 ;;
		url) echo postgresql://here ;;
		drop) rmdir "\$2" ;;
		esac
	SH
	chmod +x "$TMP/tests/orm/pg"
	rm -f "$TMP/calls"
}
# databases BODY WANTED CALLS NAME [STATUS]: the group with one script of that body, and what its server saw
databases() {
	local got status calls
	printf '#!/bin/sh\n%s\n' "$1" >"$TMP/tests/orm/x.sh"
	chmod +x "$TMP/tests/orm/x.sh"
	got=$("$RUN" orm 2>&1)
	status=$?
	calls=$(tr '\n' ' ' <"$TMP/calls")$(find "$TMP" -maxdepth 1 -name 'strazh-pg*')
	judge "$(tail -n 1 <<<"$got"), $calls" "$status" "$2, $3" "$4" "${5:-1}"
}
export TMPDIR=$TMP ORM_TEST_PG=postgresql://somebody
# shellcheck disable=SC2016 # for the script's shell
SAYS_URL='echo 1..1; [ "$ORM_TEST_PG" = postgresql://here ] || printf "not "; echo ok 1 - url'
server 0
databases "$SAYS_URL" '1 passed, 0 failed, 0 skipped' 'start url drop ' 'the tests have the URL'
server 0
databases 'kill -KILL $$' '0 passed, 2 failed, 0 skipped' 'start url drop ' 'a dead test, a dropped server'
server 0
# shellcheck disable=SC2016
databases 'kill -INT $(ps -o ppid= -p $PPID); sleep 60' '0 passed, 1 failed, 0 skipped' \
	'start url drop ' 'interrupted, the server is dropped' 130
server 3
# shellcheck disable=SC2016
databases 'echo 1..1; [ -z "${ORM_TEST_PG:-}" ] || printf "not "; echo ok 1 - none' \
	'1 passed, 0 failed, 0 skipped' 'start drop ' 'no PostgreSQL installed is no failure'
server 1
databases 'echo "1..1"; echo "ok 1 - x"' '1 passed, 1 failed, 0 skipped' 'start drop ' \
	'one that does not start is'

"$RUN" nonsense >/dev/null 2>&1
judge "" $? "" 'an unknown group is refused' 2
echo "1..$N"
exit "$BAD"
