#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# A list of a million is loaded and strazhd goes on: what is asked meanwhile is answered before it
# (load_slices.py). In order, not in time: a slow machine passes.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
strazhd_up
O="$O" LOAD_ENTRIES="${LOAD_ENTRIES:-1000000}" /usr/bin/python3 "$HERE/load_slices.py"
status=$?
strazhd_kill TERM
[ $status = 0 ] || sed 's/^/#   /' "$E2E_TMP/strazhd.log" | tail -40
exit $status
