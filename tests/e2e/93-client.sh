#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# strazh against strazhd over the wire: ping, echo, chat, tunnel, bench; peers that others wrote;
# keys that change while sessions are up.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$E2E_TMP" || exit 1
net_up
PEERS=$TOP/tests/peers
CONF=$E2E_TMP/strazh.conf
AT=10.66.0.1:8000
export HOME=$E2E_TMP XDG_CONFIG_HOME=

# key FILE: its public key
key() { sed -n 's/^public: //p' "$1"; }
hex() { sed -n "s/^$2: //p" "$1" | base64 -d | od -An -tx1 | tr -d ' \n'; }
# st COMMAND ARGS...: strazh on the client, at the server, with its key
st() { cl timeout 150 "$O/strazh" "$@" -s "$AT" -k @server.pub; }
# ends CODE PATTERN ARGS...: strazh ARGS, on the client, ends with CODE and says PATTERN
ends() {
	local code=$1 pattern=$2 said
	shift 2
	said=$(cl timeout 60 "$O/strazh" "$@" 2>&1 </dev/null)
	is $? "$code" "exit $code: strazh $*"
	like "$said" "$pattern" "says /$pattern/"
}
# of FILE KEY: the values of a key in lines of JSON
of() { jq -r "select(.$2 != null) | .$2" "$1"; }

ctl keys new server.key >/dev/null 2>&1
ctl keys new --root root.key >/dev/null 2>&1
ctl keys sign --root root.key --name strazh server.key >/dev/null 2>&1
key server.key >server.pub
cat >"$CONF" <<-CONF
	[server]
	enable = on
	listen = 0.0.0.0:8000
	key = $E2E_TMP/server.key
	certificate = $E2E_TMP/server.key.cert
	suites = nk1 xk1 nx xx
	[service.relay]
	welcome = be kind
	[service.tunnel]
	enable = on
	web = 127.0.0.1:8080
	turn = 127.0.0.1:8081
	nobody = 127.0.0.1:9
CONF
strazhd_up --config "$CONF"

# ---- ping ----
st ping -c 20 -i 0.01 --json >ping.out 2>&1
is $? 0 "ping"
is "$(of ping.out suite) $(of ping.out sent) $(of ping.out received) $(of ping.out loss)" "NK1 20 20 0" \
	"all came back"
like "$(st ping -c 1)" "PING $AT: NK1, server key $(base64 -d server.pub | sha256sum | cut -c 1-8)" \
	"the first line says who it is"
"$O/strazh" keygen ann.id >ann.pub
is "$(stat -c %a ann.id) $(cat ann.pub)" "600 $(key ann.id)" "keygen writes a key and prints the public one"
ends 3 "not overwritten" keygen ann.id
like "$(st ping -c 1 -I ann.id)" "XK1" "with an identity it is XK1"
like "$(cl "$O/strazh" ping -c 1 -s "$AT" -r @root.key)" "NX" "with a root it is NX"
like "$(cl "$O/strazh" ping -c 1 -s "$AT" -r @root.key -I ann.id --strict)" "XX" "and XX"
echo "correct horse" >pass
chmod 600 pass
"$O/strazh" keygen --passphrase pass locked.id >/dev/null
ends 3 "passphrase FILE" ping -c 1 -s "$AT" -k @server.pub -I locked.id
like "$(st ping -c 1 -I locked.id --passphrase pass)" "XK1" "an identity under a passphrase"

st ping -i 0.01 2>reader.err | head -2 >/dev/null
is "${PIPESTATUS[0]}" 1 "it ends with whoever reads it"
like "$(cat reader.err)" "^strazh: standard output cannot be written$" "and says so once"

# ---- what is wrong ----
ctl keys new other.key >/dev/null 2>&1
ends 4 "during the handshake: is it the right key" ping -c 1 -s "$AT" -k "$(key other.key)"
ends 5 "not who it should be" ping -c 1 -s "$AT" -r "$(key other.key)"
ends 5 "not who it should be" ping -c 1 -s "$AT" -k @server.pub --name another
ends 4 "Connection refused" ping -s 10.66.0.1:1 -k @server.pub
ends 4 "cannot be found" ping -s '[fe80::1%nowhere0]:80' -k @server.pub
ends 4 "time is up" ping -t 0.3 -s 10.66.0.9:8000 -k @server.pub
ends 2 "which server" ping
ends 2 "who is the server" ping -s "$AT"
ends 2 "did you mean --interval" ping --intervall 3
ends 2 "did you mean 'tunnel'" tunel
ends 2 "takes no --count" echo --count 3
ends 2 "44 characters" ping -s "$AT" -k abc
ends 2 "is no address" ping -s "$AT:" -k @server.pub
ends 3 "No such file" ping -s "$AT" -k @nothing
ends 3 "kind 'root'" ping -s "$AT" -k @server.pub -I root.key
mkdir -p .config/strazh
printf '[client]\nserver = %s\nkey = @%s/server.pub\n' "$AT" "$E2E_TMP" >.config/strazh/client.conf
like "$(cl "$O/strazh" ping -c 1)" "NK1" "server and key from the configuration file"
STRAZH_SERVER=10.66.0.1:1 ends 4 "refused" ping -c 1
printf 'serv = x\n' >.config/strazh/client.conf
ends 2 "no key 'serv'; did you mean 'server'" ping -c 1
rm -r .config

# ---- echo ----
seq 1 20000 >lines
printf 'no end' >>lines
st echo <lines >back
is $? 0 "echo"
{
	cat lines
	echo
} | cmp -s - back
ok $? "20,001 lines came back as they were"

# ---- chat ----
for name in ann bob; do
	[ -e $name.id ] || "$O/strazh" keygen $name.id >$name.pub
	"$O/strazh" keygen --signing $name.sign >$name.spub
	echo "$name $(cat $name.pub) $(cat $name.spub)"
done >known
mkfifo bob.in
st chat --json --known known -I bob.id hall <bob.in >bob.out 2>bob.err &
BOB=$!
exec 5>bob.in # and nobody else has it, so that bob sees its end
joined() { [ "$(of "$1" event | grep -c joined)" = "$2" ]; }
wait_for 10 joined bob.out 1
ok $? "bob joins"
st chat --json --stay --known known hall </dev/null >carl.out 2>&1 5>&- &
CARL=$!
wait_for 10 joined carl.out 1
ok $? "carl, who has no key, joins"
seq 1 500 | sed 's/^/line /' | st chat --json --known known --sign ann.sign -I ann.id hall >ann.out 2>&1
is $? 0 "ann says 500 lines and leaves"
got() { [ "$(jq -r 'select(.event == "message") | .text' "$1" | wc -l)" -ge "$2" ]; }
wait_for 10 got bob.out 500
wait_for 10 got carl.out 500
for who in bob carl; do
	jq -r 'select(.event == "message") | .text' $who.out | cmp -s - <(seq 1 500 | sed 's/^/line /')
	ok $? "$who got all, in order"
	is "$(jq -r 'select(.event == "message") | .from + " " + .signature' $who.out | sort -u)" "ann good" \
		"$who knows that ann signed them"
done
is "$(jq -r 'select(.event == "presence" and .from == "ann") | .what' bob.out | tr '\n' ' ')" "came went " \
	"bob saw her come and go"
is "$(of ann.out welcome)" "be kind" "ann was welcomed"
echo 'hello' >&5
wait_for 10 got carl.out 501
is "$(jq -r 'select(.event == "message") | .from + ": " + .text' carl.out | tail -n 1)" "bob: hello" \
	"bob answers"
echo "ann $(cat ann.pub) $(cat bob.spub)" >liars
printf 'x\n' | st chat --json --known liars hall >dora.out 2>&1
is "$(jq -r 'select(.from == "ann") | .signature' dora.out | sort -u)" "bad" \
	"a signature that is not hers is told, in the history too"
ends 2 "1 to 64 bytes" chat -s "$AT" -k @server.pub "$(printf '%065d' 0)"

# ---- tunnel ----
mkdir www
head -c 50000000 /dev/urandom >www/big
# What comes from stdin goes back upside down, but only once it has ended.
cat >turn.py <<-'PY'
	import socket
	with socket.create_server(("127.0.0.1", 8081)) as listener:
	    while True:
	        conn, _ = listener.accept()
	        got = b""
	        while piece := conn.recv(65536):
	            got += piece
	        conn.sendall(got[::-1])
	        conn.close()
PY
/usr/bin/python3 -m http.server --directory www --bind 127.0.0.1 8080 >web.log 2>&1 5>&- &
WEB=$!
/usr/bin/python3 turn.py 5>&- &
TURN=$!
cl "$O/strazh" tunnel -s "$AT" -k @server.pub -L 7080:web -L 127.0.0.1:7081:turn -L 7082:nobody \
	-L 7083:absent -L 0:web >tunnel.out 2>tunnel.err 5>&- &
TUNNEL=$!
wait_for 10 grep -q "listening on 127.0.0.1:7083" tunnel.out
ok $? "tunnel listens"
listens() { ss -ltn | grep -q "$1"; }
wait_for 10 listens 127.0.0.1:8080
wait_for 10 listens 127.0.0.1:8081
is "$(grep -c '^listening on 127.0.0.1:[1-9][0-9]* for ' tunnel.out)" 5 "on each port"
web() { cl curl -s -m 60 http://127.0.0.1:7080/big | sha256sum; }
WANT=$(sha256sum <www/big)
is "$(web)" "$WANT" "50 MB through it"
for i in 1 2 3 4; do web >sum.$i 5>&- & done
wait_for 60 sh -c 'cat sum.[1-4] | grep -c . | grep -qx 4'
is "$(sort -u sum.[1-4])" "$WANT" "and four times at once"
head -c 3000000 www/big >part
cl timeout 60 /usr/bin/python3 - <<-'PY'
	import socket
	data = open("part", "rb").read()
	with socket.create_connection(("127.0.0.1", 7081)) as sock:
	    sock.sendall(data)
	    sock.shutdown(socket.SHUT_WR)
	    got = b""
	    while piece := sock.recv(65536):
	        got += piece
	raise SystemExit(got != data[::-1])
PY
ok $? "half-close: the answer comes after the end of the question"
# 20 that do not read must not hold up another, and then get all of theirs; a reset goes through.
cat >stall.py <<-'PY'
	import socket, struct
	def ask():
	    sock = socket.create_connection(("127.0.0.1", 7080))
	    sock.sendall(b"GET /big HTTP/1.0\r\nRange: none\r\n\r\n")
	    return sock
	def drain(sock):
	    got = 0
	    while piece := sock.recv(1 << 20):
	        got += len(piece)
	    return got
	stalled = [ask() for _ in range(20)]
	size = drain(ask())
	assert size > 50000000, size
	for sock in stalled[:4]:
	    assert drain(sock) == size
	hard = struct.pack("ii", 1, 0)
	for sock in stalled[4:]:
	    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, hard)
	    sock.close()
	assert drain(ask()) == size
PY
cl timeout 60 /usr/bin/python3 stall.py
ok $? "readers that stall do not hold up others"
most() { [ "$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$1/status")" -lt "$2" ]; }
if grep -qs -- '-fsanitize' "$O/flags"; then
	skip "what the tunnel holds" "a sanitizer holds more"
else
	most "$(pgrep -f 'strazh tunnel -s' | tail -n 1)" 40000
	ok $? "and the tunnel holds less than 40 MB"
fi
resets() { ss -tn state established '( dport = :8080 )' | grep -c 8080; }
wait_for 10 sh -c "$(declare -f resets); [ \"\$(resets)\" = 0 ]"
ok $? "what was reset here is closed there"
# The reset may come before curl has seen that it is connected: 7 instead of 56.
cl timeout 20 curl -s http://127.0.0.1:7082/ >/dev/null
like $? "^(56|7)$" "an upstream where nobody is: a reset"
cl timeout 20 curl -s http://127.0.0.1:7083/ >/dev/null
like $? "^(56|7)$" "an upstream that there is not: the same"
like "$(cat tunnel.err)" "7083 to 'absent': .*no such upstream" "and is told"

# ---- a server that ends and comes back ----
strazhd_kill TERM
lost() { [ "$(of "$1" event | grep -c down)" -ge 1 ]; }
wait_for 10 lost bob.out
ok $? "bob is told that the session is lost"
echo 'while there is no server' >&5
strazhd_up --config "$CONF" 5>&-
wait_for 30 joined bob.out 2
ok $? "he is in the room again"
wait_for 30 joined carl.out 2
echo 'hello again' >&5
again() { jq -r .text carl.out | grep -q '^hello again$'; }
wait_for 10 again
ok $? "and what he says is heard"
exec 5>&-
wait "$BOB"
is $? 0 "he leaves with the end of the input"
wait_for 30 grep -q "connected again" tunnel.err
ok $? "the tunnel has another session, too"
is "$(web)" "$WANT" "through which new streams go"

# ---- bench ----
st bench --seconds 0.5 --depth 32 --connections 4 --json >bench.out 2>&1
is $? 0 "bench"
[ "$(jq '.done > 1000 and .us.p50 > 0 and .us.p50 <= .us.p99 and .us.p99 <= .us.max' bench.out)" = true ]
ok $? "$(jq -r '"\(.per_second) messages/s"' bench.out)"
st bench --seconds 0.5 --handshakes --resume --json >bench.out 2>&1
[ "$(jq '.done > 10 and .resumed >= .done - 1' bench.out)" = true ]
ok $? "$(jq -r '"\(.per_second) resumptions/s"' bench.out)"

# ---- peers that share no line with us ----
if /usr/bin/python3 -c 'import cryptography' 2>/dev/null; then
	PUB=$(hex server.key public)
	for secret in "" "--secret $(hex ann.id secret)"; do
		# shellcheck disable=SC2086 # none, or two words
		cl timeout 120 /usr/bin/python3 "$PEERS/phantom.py" client 10.66.0.1 8000 "$PUB" \
			$secret --count 1000 >peer.out 2>&1
		like "$(cat peer.out)" "1000 messages came back, ${secret:+XK1}" "phantom.py as client"
	done
	for suite in NK1 XK1; do
		case $suite in NK1) identity= ;; *) identity='-I ann.id' ;; esac
		rm -f peer.out
		/usr/bin/python3 "$PEERS/phantom.py" server 0 "$(hex server.key secret)" --count 1000 \
			>peer.out 2>&1 &
		PEER=$!
		wait_for 10 grep -q '^port' peer.out
		# shellcheck disable=SC2086
		timeout 120 "$O/strazh" ping -c 1000 -i 0.001 -t 20 --json $identity -k @server.pub \
			-s "127.0.0.1:$(sed -n 's/^port //p' peer.out)" >ping.out 2>&1
		is "$? $(of ping.out suite) $(of ping.out received)" "0 $suite 1000" "$suite to phantom.py as server"
		kill "$PEER" 2>/dev/null
		wait "$PEER" 2>/dev/null
	done
else
	skip "phantom.py" "no python3-cryptography: scripts/setup test"
fi
if command -v go >/dev/null && [ -d /usr/share/gocode/src/github.com/flynn/noise ]; then
	GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE=$E2E_TMP/go timeout 120 \
		go build -o peer "$PEERS/peer.go" 2>go.err
	ok $? "peer.go is built"
	for suite in nx xx; do
		like "$(cl timeout 60 ./peer $suite "$AT" "$(hex root.key public)" strazh 1000 2>&1)" \
			"1000 messages came back" "peer.go: $suite"
	done
else
	skip "peer.go" "no go with flynn/noise: golang-github-flynn-noise-dev"
fi

# ---- keys that change while sessions are up ----
st ping -i 0.05 --json >long.out 2>&1 &
LONG=$!
wait_for 10 grep -q '"seq":3,' long.out
cp server.pub old.pub
ctl keys rotate --root root.key --overlap 1s server.key >/dev/null 2>&1
rm -f server.key.old-*
key server.key >server.pub
kill -HUP "$STRAZHD_PID"
new_key() { st ping -c 1 -t 1; }
wait_for 10 new_key
ok $? "after SIGHUP there is the new key"
ends 4 "during the handshake: is it the right key" ping -c 1 -t 2 -s "$AT" -k @old.pub
LAST=$(of long.out seq | tail -n 1)
wait_for 10 grep -q "\"seq\":$((LAST + 10))," long.out
ok $? "the old session lives"
is "$(grep -c '"event":"up"' long.out)" 1 "and it is the same one"
cl kill -INT "$(pgrep -f -- 'strazh ping -i 0.05' | tail -n 1)"
wait "$LONG"
is "$(of long.out loss)" 0 "without a loss"

kill "$CARL" "$TUNNEL" "$WEB" "$TURN" 2>/dev/null
finish
