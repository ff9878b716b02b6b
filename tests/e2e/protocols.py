# SPDX-License-Identifier: AGPL-3.0-or-later
"""protocols.py SERVER-MAC: one well-formed frame of every kind from the bad host; prints how many.

All frames carry the source MAC 02:00:00:00:00:66, by which the test counts them."""
import logging
import sys

logging.getLogger("scapy").setLevel(logging.ERROR)
from scapy.all import (  # noqa: E402
    AH, ESP, GRE, ICMP, IP, SCTP, TCP, UDP, Dot1AD, Dot1Q, Ether, ICMPv6EchoRequest,
    IPOption_RR, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting, Raw, conf, sendp)

conf.verb = 0
mac = sys.argv[1]
ether = Ether(src="02:00:00:00:00:66", dst=mac)
four = IP(src="10.66.0.66", dst="10.66.0.1")
six = IPv6(src="fd66::66", dst="fd66::1")
load = Raw(b"strazh" * 8)
upper4 = [TCP(dport=80) / load, UDP(dport=9) / load, ICMP() / load, GRE() / load,
          ESP(spi=7, seq=1, data=b"x" * 32), SCTP(dport=80) / load]
upper6 = [TCP(dport=80) / load, UDP(dport=9) / load, ICMPv6EchoRequest(data=b"x"), GRE() / load,
          ESP(spi=7, seq=1, data=b"x" * 32), SCTP(dport=80) / load]

packets = [four / up for up in upper4]
packets += [six / up for up in upper6]
packets += [four.__class__(src=four.src, dst=four.dst, proto=253) / load,
            six.__class__(src=six.src, dst=six.dst, nh=253) / load]
packets += [IP(src=four.src, dst=four.dst, options=[IPOption_RR(length=39, routers=["0.0.0.0"] * 9)])
            / UDP(dport=9) / load]
packets += [IP(src=four.src, dst=four.dst, flags="MF", proto=17) / Raw(b"a" * 64),
            IP(src=four.src, dst=four.dst, frag=8, proto=17) / Raw(b"b" * 64)]
packets += [six / IPv6ExtHdrFragment(m=1, offset=0, nh=17) / Raw(b"a" * 64),
            six / IPv6ExtHdrFragment(m=0, offset=8, nh=17) / Raw(b"b" * 64)]
for depth in range(1, 9):
    packet = six
    for n in range(depth):
        packet = packet / (IPv6ExtHdrHopByHop() if n == 0 else IPv6ExtHdrDestOpt())
    packets.append(packet / UDP(dport=9) / load)
packets.append(six / IPv6ExtHdrRouting(type=4, segleft=0, addresses=["fd66::1"]) / UDP(dport=9) / load)
packets.append(six / AH(nh=17, payloadlen=4, spi=1, seq=1, icv=b"x" * 12) / UDP(dport=9) / load)

frames = [ether / packet for packet in packets]
frames += [ether / Dot1Q(vlan=7) / packet for packet in packets]
frames += [ether / Dot1AD(vlan=7) / Dot1Q(vlan=8) / packet for packet in packets]
sendp(frames, iface="cl0")
print(len(frames))
