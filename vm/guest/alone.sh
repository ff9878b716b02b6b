# SPDX-License-Identifier: AGPL-3.0-or-later
# shellcheck shell=bash
# A machine on its own: gate tests, builds.sh, company.sh, machine.sh and clock.sh, or its share of them.
# shellcheck source=vm/guest/lib.sh
. /guest/lib.sh

export CMOCKA_MESSAGE_OUTPUT=TAP
# strazh.share=I/N: programs number I, I + N, I + 2N and so on. The slowest come first, dealt so that
# two machines end at about the same time (6.1, emulated: 128 s, 58, -, clock.sh, 42; all the others 220).
read -r SHARE SHARES < <(sed -n 's|.*strazh\.share=\([0-9]*\)/\([0-9]*\).*|\1 \2|p' /proc/cmdline)
SLOW=(/tests/gate/test_{attach,load_list,act} /guest/clock.sh /tests/gate/test_adopt)
NUMBER=0 DEALT=
for test in "${SLOW[@]}" /tests/gate/test_* /guest/builds.sh /guest/company.sh /guest/machine.sh; do
	case $DEALT in *" $test "*) continue ;; esac
	DEALT="$DEALT $test "
	NUMBER=$((NUMBER + 1))
	[ $((NUMBER % SHARES)) = $((SHARE % SHARES)) ] || continue
	case $test in
	*/clock.sh) PROGRAM_SECONDS=330 program clock bash "$test" ;; # it waits for bans to end
	*.sh) test_name=${test##*/} && program "${test_name%.sh}" bash "$test" ;;
	*) program "${test##*/}" "$test" ;;
	esac
done
