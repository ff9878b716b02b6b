#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# The cast of the demo tells the truth: the honest client about a server that is well, silent or
# lying, the attacker about what it sent and where it may.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
net_up

# honest ARGS: sums of one run, "ok fail"
honest_sums() {
	cl "$O/tests/tools/honest" --to 10.66.0.1 --rate 100 "$@" |
		jq -rs '[(map(.ok) | add), (map(.fail) | add)] | @tsv'
}
"$O/tests/tools/echo-server" --udp >"$E2E_TMP/echo" &
ECHO=$!
wait_for 5 grep -q listening "$E2E_TMP/echo"
read -r good bad < <(honest_sums --to fd66::1 --seconds 2)
[ "$good" -ge 150 ]
ok $? "a server that is well answers ($good of 200)"
is "$bad" 0 "and nothing fails"
kill -STOP "$ECHO"
read -r good bad < <(honest_sums --seconds 3 --timeout-ms 500)
is "$good" 0 "a silent server answers nothing"
[ "$bad" -ge 150 ]
ok $? "and costs nearly every request of the rate ($bad of 300)"
kill -KILL "$ECHO"
wait "$ECHO" 2>/dev/null
read -r good bad < <(honest_sums --seconds 1)
is "$good" 0 "no server, no answer"
[ "$bad" -gt 0 ]
ok $? "a refused connection is a failure"

/usr/bin/python3 - <<'PY' &
import socketserver

class Liar(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(4096):
            self.request.sendall(data[:-1] + bytes([data[-1] ^ 1]))

socketserver.ThreadingTCPServer.allow_reuse_address = True
with socketserver.ThreadingTCPServer(("", 7778), Liar) as server:
    server.serve_forever()
PY
LIAR=$!
wait_for 5 cl bash -c 'exec 3<>/dev/tcp/10.66.0.1/7778'
read -r good bad < <(honest_sums --port 7778 --seconds 1)
is "$good" 0 "one wrong bit in an answer is no success"
[ "$bad" -gt 50 ]
ok $? "but a failure ($bad)"
kill "$LIAR"

MAC=$(ip -j link show sv0 | jq -r '.[0].address')
attack() { "$O/tests/tools/attack" --mac "$MAC" --to 10.66.0.1 --seconds 1 "$@"; }
before=$(passed bad4)
sent=$(attack_json=$(cl "$O/tests/tools/attack" --dev cl0 --mac "$MAC" --to 10.66.0.1 --seconds 1 \
	--kind banned:10.66.0.66 --rate 2000) && jq '.sent["banned:10.66.0.66"]' <<<"$attack_json")
[ "$sent" -ge 1000 ] && [ "$sent" -le 2000 ]
ok $? "the attacker keeps to its rate ($sent in a second at 2000/s)"
is $(($(passed bad4) - before)) "$sent" "and every frame it claims arrives"
said=$(attack --dev sv0 --kind syn 2>&1)
is $? 2 "it refuses the network of process 1"
like "$said" "network namespace.*refused" "and says so"
said=$(ip netns exec cl "$O/tests/tools/attack" --dev lo --mac "$MAC" --to 10.66.0.1 --kind syn 2>&1)
is $? 2 "it floods no interface but veth"
finish
