# SPDX-License-Identifier: AGPL-3.0-or-later
# shellcheck shell=bash
# A machine on its own: gate tests, builds.sh and company.sh, or its share of them.
# shellcheck source=vm/guest/lib.sh
. /guest/lib.sh

export CMOCKA_MESSAGE_OUTPUT=TAP
# strazh.share=I/N: programs number I, I + N, I + 2N and so on
read -r SHARE SHARES < <(sed -n 's|.*strazh\.share=\([0-9]*\)/\([0-9]*\).*|\1 \2|p' /proc/cmdline)
NUMBER=0
for test in /tests/gate/test_* /guest/builds.sh /guest/company.sh; do
	NUMBER=$((NUMBER + 1))
	[ $((NUMBER % SHARES)) = $((SHARE % SHARES)) ] || continue
	case $test in
	*.sh) test_name=${test##*/} && program "${test_name%.sh}" bash "$test" ;;
	*) program "${test##*/}" "$test" ;;
	esac
done
