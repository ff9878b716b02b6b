#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# The differential of truth: 10,000 random operations, kills, reboots and outages of the store among
# them; then model, strazhd, maps, store and audit agree (truth.py). TRUTH_OPS, TRUTH_SEED.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
export E2E_TMP O
/usr/bin/python3 "$HERE/truth.py" "${TRUTH_OPS:-10000}" "${TRUTH_SEED:-$RANDOM}"
status=$?
[ $status = 0 ] || sed 's/^/#   /' "$E2E_TMP/strazhd.log" | grep -vE 'by uid 0' | tail -60
exit $status
