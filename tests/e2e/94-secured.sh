#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# The secured server behind the gate, spoken to by implementations that share no line with it: all
# four handshakes, flows of sessions marked in the gate, keys rotated under it, a ban, a stop.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
net_up
PEERS=$TOP/tests/peers
SECRET=$(openssl rand -hex 32)

# A field of a key file, in hexadecimal.
public_of() { sed -n 's/^public: //p' "$1" | base64 -d | od -An -tx1 | tr -d ' \n'; }
# python SECONDS KEY [ARGUMENT...]: the client of tests/peers
python() { cl timeout "$1" "$PEERS/phantom.py" client 10.66.0.1 8000 "${@:2}" 2>&1; }
proven() { bpftool map dump pinned /sys/fs/bpf/strazh/sz_proven 2>/dev/null | grep -c '"key"'; }
has_proven() { [ "$(proven)" = "$1" ]; }

ctl keys new --server "$E2E_TMP/server.key" >/dev/null
ctl keys new --root "$E2E_TMP/root.key" >/dev/null
ctl keys sign --root "$E2E_TMP/root.key" --name strazh --days 2 "$E2E_TMP/server.key" >/dev/null
is $? 0 'keys and a certificate'
cat >"$E2E_TMP/strazh.conf" <<-CONF
	[server]
	enable = on
	listen = 10.66.0.1:8000
	suites = nk1 xk1 nx xx
	key = $E2E_TMP/server.key
	certificate = $E2E_TMP/server.key.cert
CONF
KEY=$(public_of "$E2E_TMP/server.key")
strazhd_up --interface sv0 --config "$E2E_TMP/strazh.conf"
ok "$(wait_for 5 listening; echo $?)" 'it listens'

is "$(python 30 "$KEY")" '1000 messages came back, NK1' 'NK1, from the specification, in Python'
is "$(python 30 "$KEY" --secret "$SECRET")" '1000 messages came back, XK1' 'XK1, the same'
if command -v go >/dev/null && GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE=$E2E_TMP/go \
	go build -o "$E2E_TMP/peer" "$PEERS/peer.go" 2>"$E2E_TMP/go.log"; then
	ROOT=$(public_of "$E2E_TMP/root.key")
	for suite in nx xx; do
		is "$(cl timeout 30 "$E2E_TMP/peer" "$suite" 10.66.0.1:8000 "$ROOT" strazh 1000 2>&1)" \
			"1000 messages came back, $suite" "$suite, on flynn/noise, in Go"
	done
else
	skip 'NX and XX on flynn/noise' "no Go: $(head -n 1 "$E2E_TMP/go.log" 2>/dev/null)"
fi
like "$(python 10 "$KEY" --name other)" 'closed|authenticate' 'another name of the server is refused'
like "$(python 10 "$(openssl rand -hex 32)")" 'closed|authenticate' 'another key of it as well'

# A flow is marked in the gate as long as its session lives.
is "$(proven)" 0 'no flow is marked'
python 30 "$KEY" --count 1 --hold 3 >"$E2E_TMP/held" &
held=$!
ok "$(wait_for 5 has_proven 1; echo $?)" 'a session: its flow is marked'
# A reader is forked while the server's threads are held, and they go on after it.
answers=0
for _ in {1..20}; do timeout 10 "$O/strazhctl" list >/dev/null 2>&1 && answers=$((answers + 1)); done
is $answers 20 'long answers beside a session'

# The key is rotated under it: the session lives, both keys are good for those who come.
ctl keys rotate "$E2E_TMP/server.key" --root "$E2E_TMP/root.key" >/dev/null
is $? 0 'the key is rotated'
NEW=$(public_of "$E2E_TMP/server.key")
kill -HUP "$STRAZHD_PID"
got=
for _ in {1..50}; do
	got=$(python 10 "$NEW" --count 5)
	[ "$got" = '5 messages came back, NK1' ] && break
	sleep 0.1
done
is "$got" '5 messages came back, NK1' 'the new key is served'
is "$(python 10 "$KEY" --say-key --count 5)" '5 messages came back, NK1' 'so is the old one'
wait "$held"
is "$(cat "$E2E_TMP/held")" '1 messages came back, NK1' 'and the session of before went on'
ok "$(wait_for 5 has_proven 0; echo $?)" 'it is over: its mark is gone'

# A ban ends what a session sends, in the network path.
python 6 "$NEW" --count 1 --hold 2 >"$E2E_TMP/banned" &
held=$!
ok "$(wait_for 5 has_proven 1; echo $?)" 'one more session'
ctl ban 10.66.0.2 >/dev/null
wait "$held"
is "$(grep -c 'came back' "$E2E_TMP/banned")" 0 'its source is banned: nothing came back any more'
ctl unban 10.66.0.2 >/dev/null
is "$(python 10 "$NEW" --count 5)" '5 messages came back, NK1' 'and after the ban it does again'

# What is wrong in the files does not take away what there was.
echo nonsense >"$E2E_TMP/server.key"
kill -HUP "$STRAZHD_PID"
sleep 1
is "$(python 10 "$NEW" --count 5)" '5 messages came back, NK1' 'a broken key file changes nothing'
like "$(cat "$E2E_TMP/strazhd.log")" "strazh.conf:5: server.key: '.*server.key', line 1: " 'and is told'

strazhd_kill TERM
ok "$(! listening; echo $?)" 'stopped: nobody listens'
finish
