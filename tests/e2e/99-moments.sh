#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# kill -9 at random moments of what operators do (moments.py). MOMENTS, MOMENTS_SEED.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
export E2E_TMP O
/usr/bin/python3 "$HERE/moments.py" "${MOMENTS:-12}" "${MOMENTS_SEED:-$RANDOM}"
status=$?
[ $status = 0 ] || sed 's/^/#   /' "$E2E_TMP/strazhd.log" | tail -60
exit $status
