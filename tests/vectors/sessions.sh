#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# Noise's and Phantom's vectors through build/tests/run-vectors: all pass, and a changed one does not.
set -u
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TOP=$(cd "$HERE/../.." && pwd)
RUN=${O:-$TOP/build}/tests/run-vectors
TMP=$(mktemp -d)
trap 'rm -rf "$TMP"' EXIT
N=0 BAD=0

# tap STATUS NAME SAID
tap() {
	N=$((N + 1))
	if [ "$1" = 0 ]; then
		echo "ok $N - $2"
	else
		BAD=1
		printf 'not ok %d - %s\n' "$N" "$2"
		printf '%s\n' "$3" | head -n 20 | sed 's/^/# /'
	fi
}

# passes MODE FILE PATTERN: of the last line
passes() {
	local said
	said=$("$RUN" "$1" "$HERE/$2" 2>&1) && grep -qE "$3" <<<"$said"
	tap $? "$2: ${said##*$'\n'}" "$said"
}
passes --noise noise_25519_AESGCM_SHA256.json '^12 passed, 0 failed, 0 skipped$'
passes --phantom phantom_v1.json '^[1-9][0-9]* passed, 0 failed, 0 skipped$'

# changed MODE FILE MEMBER: its first digit in each vector
changed() {
	local said status
	sed -E "s/(\"$3\": \")[0-9]/\1a/; t; s/(\"$3\": \")[a-f]/\10/" "$HERE/$2" >"$TMP/changed.json"
	said=$("$RUN" "$1" "$TMP/changed.json" 2>&1)
	status=$?
	[ "$status" = 1 ] && grep -qE '[1-9][0-9]* failed, ' <<<"$said"
	tap $? "$2: a changed $3 fails" "status $status: $said"
}
changed --noise noise_25519_AESGCM_SHA256.json handshake_hash
changed --noise noise_25519_AESGCM_SHA256.json ciphertext
changed --phantom phantom_v1.json server_hello
changed --phantom phantom_v1.json h

said=$(printf '{"vectors": [{"protocol_name": "Noise_NN_448_ChaChaPoly_BLAKE2b"},
	{"protocol_name": "Noise_KK_25519_AESGCM_SHA256", "init_prologue": ""}]}' >"$TMP/other.json" &&
	"$RUN" --noise "$TMP/other.json" 2>&1) && [ "$said" = '0 passed, 0 failed, 2 skipped' ]
tap $? 'what the protocol does not use is skipped' "$said"

echo "1..$N"
exit "$BAD"
