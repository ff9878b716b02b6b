#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# Wycheproof through build/tests/run-vectors: each file has vectors of ours in it and all of them
# pass; a vector that was changed is noticed.
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

# what a key, nonce or message with one digit turned would look like to the code
turned() { # FILE MEMBER: the first such member that is not empty
	sed -E "0,/\"$2\": \"[0-9a-f]/s/(\"$2\": \")([0-9a-f])/\1$3/" "$1"
}

for name in x25519 aes_gcm hkdf_sha256 hmac_sha256; do
	file=$HERE/wycheproof_$name.json
	said=$("$RUN" --wycheproof "$file" 2>&1) && grep -qE '^[1-9][0-9]* passed, 0 failed, ' <<<"$said"
	tap $? "$name: ${said##*$'\n'}" "$said"
done

said=$("$RUN" --wycheproof "$HERE"/wycheproof_*.json 2>&1)
tap $? "all in one run: ${said##*$'\n'}" "$said"

# changed FILE MEMBER DIGIT
changed() {
	local status
	turned "$HERE/wycheproof_$1.json" "$2" "$3" >"$TMP/changed.json"
	! cmp -s "$HERE/wycheproof_$1.json" "$TMP/changed.json" || { tap 1 "$1: nothing to change" ''; return; }
	said=$("$RUN" --wycheproof "$TMP/changed.json" 2>&1)
	status=$?
	[ "$status" = 1 ] && grep -q ' 1 failed, ' <<<"$said"
	tap $? "$1: a changed $2 fails" "status $status: $said"
}
changed x25519 shared 5
changed hkdf_sha256 okm 4
changed hmac_sha256 tag a

echo '{"testGroups": 3}' >"$TMP/other.json"
said=$("$RUN" --wycheproof "$TMP/other.json" 2>&1)
[ $? = 2 ]
tap $? 'a file of another format is refused' "$said"

echo "1..$N"
exit "$BAD"
