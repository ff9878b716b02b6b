#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# Keys of the secured server: made, shown, signed, rotated; what is refused; that no secret is shown.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$E2E_TMP" || exit 1
umask 022

# of FILE KEY: a field of `keys show`
of() { ctl --json keys show "$1" 2>/dev/null | jq -r "select(.path) | .$2"; }
# line FILE KEY: a field of the file itself
line() { sed -n "s/^$2: //p" "$1"; }
# id of a public key by other programs
id_of() { base64 -d <<<"$1" | sha256sum | cut -c 1-16; }

# ---- new ----
ctl keys new --name front server.key >said 2>&1
is $? 0 "new"
is "$(stat -c %a server.key)" 600 "only its owner may read it"
is "$(of server.key kind) $(of server.key name) $(of server.key valid)" "server front true" "show"
is "$(of server.key id)" "$(id_of "$(line server.key public)")" "the id is of the public key"
ctl keys new --client client.key >/dev/null 2>&1
is "$(of client.key kind)" client "--client"
ctl keys new --root root.key >/dev/null 2>&1
is "$(of root.key kind)" root "--root"
secret=$(line server.key secret)
is "${#secret}" 44 "the file holds a secret"
ctl keys show server.key >>said 2>&1
ctl --json keys show server.key >>said 2>&1
! grep -qF "$secret" said
ok $? "which is never shown"
before=$(cat server.key)
refuses 3 "not overwritten" keys new server.key
is "$(cat server.key)" "$before" "and stays as it was"
is "$(find . -name '.strazh*')" "" "no half-made file is left"

# OpenSSL knows the public key of a secret as well.
for key in server:302e020100300506032b656e04220420 root:302e020100300506032b657004220420; do
	{
		xxd -r -p <<<"${key#*:}"
		line "${key%%:*}.key" secret | base64 -d
	} | openssl pkey -inform DER -pubout -outform DER 2>/dev/null | tail -c 32 | base64 >public
	is "$(line "${key%%:*}.key" public)" "$(cat public)" "OpenSSL agrees on the public key: ${key%%:*}"
done

# ---- sign ----
ctl keys sign --root root.key --name front.example --days 30 server.key >/dev/null 2>&1
is $? 0 "sign"
is "$(of server.key.cert name) $(of server.key.cert root) $(of server.key.cert id)" \
	"front.example $(of root.key id) $(of server.key id)" "the certificate says whose it is"
is $(($(of server.key.cert until) - $(of server.key.cert from))) $((30 * 86400 + 300)) "and how long"
# The signature by OpenSSL, over all but its own 64 bytes.
line server.key.cert certificate | base64 -d >cert
head -c -64 cert >signed
tail -c 64 cert >signature
{
	xxd -r -p <<<302a300506032b6570032100
	line root.key public | base64 -d
} | openssl pkey -pubin -inform DER -out root.pem 2>/dev/null
openssl pkeyutl -verify -pubin -inkey root.pem -rawin -in signed -sigfile signature >/dev/null 2>&1
is $? 0 "OpenSSL verifies it"
is "$(head -c 9 cert)" "PHS1 cert" "it begins as the protocol wants"
ctl keys show --root root.key server.key.cert >/dev/null 2>&1
is $? 0 "show --root"
ctl keys new --root other.key >/dev/null 2>&1
refuses 1 "not signed by 'other.key'" keys show --root other.key server.key.cert
refuses 3 "not overwritten" keys sign --root root.key --name front server.key
ctl keys sign --root root.key --name front --out again.cert server.key >/dev/null 2>&1
is $? 0 "sign --out"
refuses 2 "by whom" keys sign server.key
refuses 2 "certificates are of servers" keys sign --root root.key --name x client.key
refuses 1 "signed by a root" keys sign --root client.key --name x --out x.cert server.key
refuses 2 "no value for --days" keys sign --root root.key --days 0 --out x.cert server.key
refuses 2 "no value for --days" keys sign --root root.key --days 1x --out x.cert server.key

# ---- rotate ----
old=$(of server.key id)
ctl keys rotate --root root.key --overlap 1h server.key >/dev/null 2>&1
is $? 0 "rotate"
[ "$(of server.key id)" != "$old" ]
ok $? "another key"
is "$(of server.key name)" front "of the same name"
is "$(of "server.key.old-$old" id)" "$old" "the old one is beside it"
is "$(line "server.key.old-$old" secret)" "$secret" "as it was"
left=$(($(of "server.key.old-$old" until) - $(date +%s)))
[ $left -gt 3500 ] && [ $left -le 3600 ]
ok $? "until the overlap is over"
is "$(of server.key.cert id) $(of server.key.cert name)" "$(of server.key id) front.example" \
	"the certificate is of the new key"
is $(($(of server.key.cert until) - $(of server.key.cert from))) $((30 * 86400 + 300)) "for as long"
ctl keys show --root root.key server.key.cert >/dev/null 2>&1
is $? 0 "by the same root"
like "$(ctl keys rotate server.key 2>&1)" "warning: 'server.key.cert' is of the old key" \
	"rotate without the root says that the certificate is behind"
sed -i 's/^until: .*/until: 2020-01-01T00:00:00Z/' "server.key.old-$old"
is "$(of "server.key.old-$old" valid)" false "a key whose time is over is shown as that"
ctl keys rotate server.key >/dev/null 2>&1
[ ! -e "server.key.old-$old" ]
ok $? "and removed by the next rotate"

# ---- passphrases ----
echo "correct horse" >pass
echo "wrong horse" >wrong
chmod 600 pass wrong
ctl keys new --root --passphrase-file pass locked.key >/dev/null 2>&1
is "$(line locked.key secret)" "" "under a passphrase there is no secret in the file"
is "$(of locked.key passphrase)" true "show says so, and wants no passphrase"
refuses 1 "passphrase-file" keys sign --root locked.key --out l.cert server.key
refuses 1 "does not fit" keys sign --root locked.key --passphrase-file wrong --out l.cert server.key
ctl keys sign --root locked.key --passphrase-file pass --out l.cert server.key >/dev/null 2>&1
is $? 0 "with it the root signs"
ctl keys rotate --passphrase-file pass locked.key >/dev/null 2>&1
is "$(of locked.key passphrase)" true "a rotated key is under the same one"
chmod 644 pass
refuses 3 "chmod 600" keys rotate --passphrase-file pass locked.key

# ---- what is no key ----
refuses 4 "No such file" keys show nothing
chmod 640 server.key
refuses 3 "chmod 600" keys show server.key
chmod 600 server.key
sed -i 's/^created: .*/created: yesterday/' server.key
refuses 1 "line 4: a time is written 2026" keys show server.key
printf 'strazh certificate 1\ncertificate: AAAA\n' >bad.cert
refuses 1 "ends too early|no certificate" keys show bad.cert
printf 'strazh certificate 1\ncert: AAAA\n' >bad.cert
refuses 1 "line 2" keys show bad.cert
refuses 1 "no regular file" keys show <(cat bad.cert)
refuses 2 "new\|show\|rotate\|sign" keys remove server.key
refuses 2 "did you mean '--days'" keys sign --dys 3 server.key
refuses 2 "takes no --days" keys show --days 3 server.key
refuses 2 "one of --server" keys new --client --root both.key
refuses 2 "did you mean 'keys'" kyes show
if setpriv --reuid 65534 --regid 65534 --clear-groups true 2>/dev/null; then
	mkdir -m 777 nobody
	chmod 755 .
	said=$(cd nobody && setpriv --reuid 65534 --regid 65534 --clear-groups "$O/strazhctl" keys new k 2>&1)
	is "$(stat -c %u nobody/k)" 65534 "no right is needed: $(tail -n 1 <<<"$said")"
fi
finish
