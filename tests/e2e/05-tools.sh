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
# held FILTER ARGS: the sum of one figure over a run
sum_of() { cl "$O/tests/tools/honest" --to 10.66.0.1 "${@:2}" | jq -s "map($1) | add"; }
is "$(sum_of '.held.lost + .held.again + .udp.lost + .new.fail' --held 500 --udp 500 --new 50 \
	--seconds 2)" 0 "long sessions over TCP and UDP lose nothing, new connections are made"
heard=$(passed good4)
is "$(sum_of .held.ok --held 100 --from 10.66.0.66 --held-sport 5000 --seconds 1)" 90 \
	"and all of their requests are answered"
is "$(passed good4)" "$heard" "under the address that was asked for"
nft -f - <<-'NFT'
	table inet lossy {
		chain pre {
			type filter hook prerouting priority -500;
			numgen inc mod 50 1 tcp dport 7777 tcp flags & (syn | psh) == psh drop
			numgen inc mod 50 1 udp dport 7777 drop
		}
	}
NFT
like "$(sum_of '.held.again' --held 500 --seconds 2)" '^([5-9]|[1-9][0-9]+)$' \
	"a wire that loses 2 % of the packets shows in segments sent again"
like "$(sum_of '.udp.lost' --udp 500 --timeout-ms 200 --seconds 2)" '^(1[0-9]|2[0-9])$' \
	"and in datagrams without an answer"
nft delete table inet lossy
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

# Every address that came in, once.
nft -f - <<-'NFT'
	table inet census {
		set v4 { type ipv4_addr; flags dynamic; size 1000000; }
		set v6 { type ipv6_addr; flags dynamic; size 1000000; }
		chain pre {
			type filter hook prerouting priority -500;
			ether saddr 02:00:00:00:00:66 meta protocol ip update @v4 { ip saddr }
			ether saddr 02:00:00:00:00:66 meta protocol ip6 update @v6 { ip6 saddr }
		}
	}
NFT
census() {
	nft -j list set inet census "$1" | jq '.nftables[1].set.elem // [] | length'
	nft flush set inet census "$1"
}
cl_attack() {
	cl "$O/tests/tools/attack" --dev cl0 --mac "$MAC" --from-mac 02:00:00:00:00:66 --rate 200000 "$@"
}
cl_attack --to 10.66.0.1 --kind udp --kind syn --from 45.66.0.0/16 --sources 65536 --count 65536 >/dev/null
is "$(census v4)" 65536 "65,536 sources of a /16: each of its addresses, once"
said=$(cl_attack --to 10.66.0.1 --to fd66::1 --kind ack --kind frag --kind udp --sources 50000 --count 250000)
is "$(census v4) $(census v6)" "50000 50000" "spoofed sources are as many as they are said to be, IPv4 and IPv6"
is "$(jq -c '[.sources.v4, .sources.v6, .total, (.sent | add)]' <<<"$said")" "[50000,50000,250000,250000]" \
	"and the attacker counts them right"
said=$(cl_attack --to fd66::1 --kind frag --from fd77:1::/48 --sources 5000 --count 5000)
is "$(census v6)" 5000 "of an IPv6 prefix as well"
cl_attack --to 10.66.0.1 --kind ack --as 10.66.0.2 --sport 999 --count 1000 >/dev/null
is "$(census v4)" 1 "under one address, if told"
said=$(cl_attack --to fd66::1 --kind udp --from fd77:1::/48 --sources 65537 2>&1)
is $? 2 "no more sources than a prefix holds"
like "$said" "sources '65537': more than a --from prefix holds" "and it says so"
said=$(attack --dev sv0 --kind syn 2>&1)
is $? 2 "it refuses the network of process 1"
like "$said" "network namespace.*refused" "and says so"
said=$(ip netns exec cl "$O/tests/tools/attack" --dev lo --mac "$MAC" --to 10.66.0.1 --kind syn 2>&1)
is $? 2 "it floods no interface but veth"
finish
