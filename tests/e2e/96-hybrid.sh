#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# ML-KEM-768 beside X25519, with OpenSSL 3.5: our programs fetch algorithms by name, so those built
# here run on the libraries of Debian 13 as well, which are unpacked in $O/trixie. Tests that only
# find a refusal here are run there; and strazhd and strazh on either, with each other.
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/../tap.sh"
# In the namespaces of the test there is no mirror.
if [ "${E2E_INSIDE:-}" != yes ] && [ "$(id -u)" = 0 ]; then
	"$TOP/tests/debs" --suite trixie "$O/trixie" libc6 libssl3t64 zlib1g libzstd1
fi
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

THERE=$O/trixie/usr/lib/$(gcc -print-multiarch)
THIRTEEN=("$THERE/$(readelf -l "$O/strazh" | sed -n 's|.*interpreter: .*/\(.*\)]|\1|p')"
	--library-path "$THERE")
[ -x "${THIRTEEN[0]}" ]
ok $? "libraries of Debian 13"
[ "$TAP_BAD" = 0 ] || finish

# ---- programs ----

# there PROGRAM [TEST]: it runs on those libraries, and this test is among its own
there() {
	local said status
	said=$(timeout 60 "${THIRTEEN[@]}" "$O/tests/$1" 2>&1)
	status=$?
	is "$status" 0 "$1: $(grep -c '^ok' <<<"$said") passed"
	[ "$status" = 0 ] || grep -vE '^ok' <<<"$said" | sed 's/^/# /'
	[ $# = 1 ] || like "$said" "^ok [0-9]+ - $2\$" "$1: $2"
}
export CMOCKA_MESSAGE_OUTPUT=TAP
ip link set lo up
# On OpenSSL 3.0 these find a refusal.
there unit/crypto/test_crypto kem
there unit/session/test_handshake_kem test_each_suite
there server/test_hybrid required
# What else looks at OpenSSL, and at what it leaves in memory. Valgrind is no matter of OpenSSL.
for source in "$TOP"/tests/unit/{crypto,session}/test_*.c; do
	program=${source#"$TOP/tests/"}
	case $program in */test_crypto.c | */test_handshake_kem.c | */test_consttime.c) continue ;; esac
	there "${program%.c}"
done
"$O/tests/unit/crypto/test_crypto" 2>/dev/null | grep -q ' - kem_not_there$' ||
	HAS='the OpenSSL of this machine has ML-KEM-768'

# ---- strazhd on Debian 13, clients on either ----

cd "$E2E_TMP" || exit 1
export HOME=$E2E_TMP XDG_CONFIG_HOME=
AT=127.0.0.1:8000
# conf HYBRID: strazh.conf
conf() {
	cat >strazh.conf <<-CONF
		[server]
		enable = on
		listen = $AT
		suites = nk1 xk1 nx xx
		hybrid = $1
		key = $E2E_TMP/server.key
		certificate = $E2E_TMP/server.key.cert
	CONF
}
# as PLACE ARGS...: strazh on the libraries of `here` or of `there`
as() {
	local by=()
	[ "$1" = here ] || by=("${THIRTEEN[@]}")
	shift
	timeout 30 "${by[@]}" "$O/strazh" "$@" -s "$AT" 2>&1 </dev/null
}
# served PLACE SUITE ARGS...: 20 pings come back in a session of that suite
served() {
	local place=$1 suite=$2 said
	shift 2
	said=$(as "$place" ping -c 20 -i 0.01 "$@")
	is "$?" 0 "$place: ping $*: 20 come back"
	like "$said" "^PING $AT: ${suite//+/\\+}," "in $suite"
}
# refused PLACE CODE PATTERN ARGS...
refused() {
	local place=$1 code=$2 pattern=$3 said
	shift 3
	said=$(as "$place" ping -c 1 "$@")
	is "$?" "$code" "$place: ping $*: refused"
	like "$said" "$pattern" "and told so"
}
# Where the machine has an OpenSSL 3.5 itself nothing is to be shown of one that has not.
without() {
	if [ -n "${HAS:-}" ]; then skip "$*" "$HAS"; else "$@"; fi
}

ctl keys new --server server.key >/dev/null 2>&1
ctl keys new --root root.key >/dev/null 2>&1
ctl keys sign --root root.key --name strazh server.key >/dev/null 2>&1
sed -n 's/^public: //p' server.key >server.pub
"$O/strazh" keygen ann.id >ann.pub

conf require
LOADER=("${THIRTEEN[@]}")
strazhd_up --config strazh.conf
served there NK1+ML-KEM-768 -k @server.pub --hybrid
served there XK1+ML-KEM-768 -k @server.pub --hybrid -I ann.id
served there NX+ML-KEM-768 -r @root.key --hybrid
served there XX+ML-KEM-768 -r @root.key --hybrid -I ann.id --strict
CLOSED='during the handshake: is it the right key and suite \(hybrid or not\)'
refused there 4 "$CLOSED" -k @server.pub
refused here 4 "$CLOSED" -k @server.pub
refused here 4 "$CLOSED" -r @root.key
without refused here 2 'need an OpenSSL with ML-KEM-768 \(3\.5\)' -k @server.pub --hybrid
as there bench --seconds 0.5 --handshakes --resume --hybrid --json -k @server.pub >bench.out
[ "$(jq '.done > 10 and .resumed >= .done - 1' bench.out)" = true ]
ok $? "$(jq -r '"\(.per_second) resumptions/s"' bench.out) of a hybrid session"

# reload HYBRID SAYS: into the running strazhd, and wait for what it says
reload() {
	local before
	before=$(grep -cE "$2" strazhd.log)
	conf "$1"
	kill -HUP "$STRAZHD_PID"
	told() { [ "$(grep -cE "$1" strazhd.log)" -gt "$2" ]; }
	wait_for 10 told "$2" "$before"
	ok $? "hybrid = $1: $2"
}
reload on 'hybrid'
served there NK1+ML-KEM-768 -k @server.pub --hybrid
served there NK1 -k @server.pub
served here NK1 -k @server.pub
served here XX -r @root.key -I ann.id
reload off 'hybrid'
refused there 4 "$CLOSED" -k @server.pub --hybrid
served there NK1 -k @server.pub
strazhd_kill TERM

# ---- strazhd on this machine's ----

LOADER=()
conf on
strazhd_up --config strazh.conf
served here NK1 -k @server.pub
served there NK1 -k @server.pub
in_vain() {
	refused there 4 "$CLOSED" -k @server.pub --hybrid
	reload require 'hybrid suites need an OpenSSL with ML-KEM-768'
	served here NK1 -k @server.pub
}
without in_vain
strazhd_kill TERM
finish
