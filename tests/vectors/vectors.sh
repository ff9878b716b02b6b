#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# The vectors that lie here through build/tests/run-vectors: of each file some are ours and all of
# those pass; one that was changed is noticed, what the protocol does not use is skipped.
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/../tap.sh"
cd "$(dirname "$0")" || exit 1
RUN=$O/tests/run-vectors
TMP=$(mktemp -d) || exit 1
trap 'rm -rf "$TMP"' EXIT

# ends CODE PATTERN NAME ARGS...: run-vectors, with PATTERN in its last line
ends() {
	local code=$1 pattern=$2 name=$3 said status
	shift 3
	said=$("$RUN" "$@" 2>&1)
	status=$?
	like "$status: ${said##*$'\n'}" "^$code: $pattern" "$name: ${said##*$'\n'}"
}
ALL='[1-9][0-9]* passed, 0 failed, 0 skipped$'
OURS='[1-9][0-9]* passed, 0 failed, [0-9]+ skipped$'
ends 0 '12 passed, 0 failed, 0 skipped$' noise --noise noise_25519_AESGCM_SHA256.json
ends 0 "$ALL" phantom --phantom phantom_v1.json
for file in wycheproof_*.json; do
	ends 0 "$OURS" "${file%.json}" --wycheproof "$file"
done
ends 0 "$OURS" 'wycheproof, in one run' --wycheproof wycheproof_*.json

# changed MODE FILE MEMBER: the first digit of this member is another, in every vector of a file
changed() {
	sed -E "s/(\"$3\": \")[0-9]/\1a/; t; s/(\"$3\": \")[a-f]/\10/" "$2" >"$TMP/changed.json"
	ends 1 '[0-9]+ passed, [1-9][0-9]* failed, ' "$2, $3 changed" "$1" "$TMP/changed.json"
}
changed --noise noise_25519_AESGCM_SHA256.json handshake_hash
changed --noise noise_25519_AESGCM_SHA256.json ciphertext
changed --phantom phantom_v1.json server_hello
changed --phantom phantom_v1.json h

# changed_once FILE MEMBER DIGIT: of the first that is not empty, and nothing else
changed_once() {
	sed -E "0,/\"$2\": \"[0-9a-f]/s/(\"$2\": \")([0-9a-f])/\1$3/" "$1" >"$TMP/changed.json"
	is "$(diff "$1" "$TMP/changed.json" | grep -c '^>')" 1 "$1: one $2 is changed"
	ends 1 '[0-9]+ passed, 1 failed, ' "$1, one $2 changed" --wycheproof "$TMP/changed.json"
}
changed_once wycheproof_x25519.json shared 5
changed_once wycheproof_hkdf_sha256.json okm 4
changed_once wycheproof_hmac_sha256.json tag a

echo '{"vectors": [{"protocol_name": "Noise_NN_448_ChaChaPoly_BLAKE2b"},
	{"protocol_name": "Noise_KK_25519_AESGCM_SHA256", "init_prologue": ""}]}' >"$TMP/other.json"
ends 0 '0 passed, 0 failed, 2 skipped$' 'patterns and ciphers of others' --noise "$TMP/other.json"
echo '{"testGroups": 3}' >"$TMP/other.json"
ends 2 '' 'a file of another format' --wycheproof "$TMP/other.json"
finish
