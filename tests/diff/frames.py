#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Frames for the differential test, built and mutated by scapy.

frames.py SEED ADDRESSES OUT [COUNT]

Sources come from the file ADDRESSES (one a line), most of the time. OUT gets COUNT frames (20,000),
each behind its length (two bytes, network order). The same seed gives the same frames; a machine too
slow for all of them within a minute gives the first ones and says so.
"""
import logging
import random
import struct
import sys
import time

logging.getLogger("scapy").setLevel(logging.ERROR)
from scapy.config import conf

conf.ipv6_enabled = False  # no look at the routes of this machine
from scapy.all import (AH, ARP, ESP, GRE, ICMP, IP, SCTP, TCP, UDP, Dot1AD, Dot1Q, Ether, IPOption,
                       IPOption_LSRR, IPOption_NOP, IPOption_RR, IPOption_Timestamp, Raw,
                       SCTPChunkInit, VXLAN, corrupt_bits, corrupt_bytes, fuzz)
from scapy.layers.dns import DNS, DNSQR
from scapy.layers.inet6 import (HBHOptUnknown, ICMPv6DestUnreach, ICMPv6EchoRequest,
                                ICMPv6MLQuery, ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6ND_RA,
                                ICMPv6ND_RS, ICMPv6ND_Redirect, ICMPv6NDOptSrcLLAddr,
                                ICMPv6PacketTooBig, IPv6, IPv6ExtHdrDestOpt,
                                IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, Jumbo,
                                PadN, RouterAlert)

LENGTH_MAX = 2000
SECONDS_MAX = 60
MAC = {"dst": "02:00:00:00:00:02", "src": "02:00:00:00:00:01"}
HERE = {4: "20.30.40.50", 6: "2600:1234::80"}


class Maker:
    def __init__(self, seed, addresses):
        self.rng = random.Random(seed)
        self.sources = {4: [a for a in addresses if ":" not in a],
                        6: [a for a in addresses if ":" in a]}

    def source(self, family):
        if self.rng.random() < 0.85:
            return self.rng.choice(self.sources[family])
        if family == 4:
            return ".".join(str(self.rng.randrange(256)) for _ in range(4))
        return ":".join(f"{self.rng.randrange(65536):x}" for _ in range(8))

    def payload(self, most=64):
        return Raw(self.rng.randbytes(self.rng.randrange(most)))

    def port(self):
        return self.rng.choice([0, 22, 53, 80, 443, 4789, self.rng.randrange(65536)])

    # ---- layers from the outside in

    def ether(self):
        frame = Ether(**MAC)
        for _ in range(self.rng.choices([0, 1, 2, 3, 4], [60, 20, 14, 4, 2])[0]):
            tag = self.rng.choice([Dot1Q, Dot1Q, Dot1AD])
            frame = frame / tag(vlan=self.rng.randrange(4096), prio=self.rng.randrange(8))
        return frame

    def ip4_options(self):
        kinds = [IPOption_NOP(), IPOption_RR(routers=["1.2.3.4"] * self.rng.randrange(1, 6)),
                 IPOption_LSRR(routers=["5.6.7.8"]), IPOption_Timestamp(),
                 IPOption(b"\x94\x04\x00\x00"), IPOption(b"\x83\x03\x10")]
        return self.rng.sample(kinds, self.rng.randrange(1, 3))

    def ip4(self, **fields):
        fields.setdefault("src", self.source(4))
        fields.setdefault("dst", HERE[4])
        if self.rng.random() < 0.25:
            fields["options"] = self.ip4_options()
        return IP(id=self.rng.randrange(65536), ttl=self.rng.choice([1, 64, 255]), **fields)

    def extension(self):
        rng = self.rng
        kind = rng.randrange(7)
        if kind == 0:
            return IPv6ExtHdrHopByHop(options=[rng.choice([RouterAlert(), PadN(optdata=b"\0" * 4),
                                                           Jumbo(jumboplen=70000),
                                                           HBHOptUnknown(optdata=b"abcd")])])
        if kind == 1:
            return IPv6ExtHdrRouting(type=rng.choice([0, 2, 4, 253]),
                                     addresses=["2600::7"] * rng.randrange(3))
        if kind == 2:
            return IPv6ExtHdrFragment(offset=0, m=rng.choice([0, 0, 1]), id=rng.getrandbits(32))
        if kind == 3:
            return AH(spi=1, seq=2, icv=rng.randbytes(12), payloadlen=4)
        if kind == 4:  # mobility, HIP, shim6: the same frame around them as destination options
            return IPv6ExtHdrDestOpt(options=[PadN(optdata=b"\1" * 12)])
        return IPv6ExtHdrDestOpt(options=[PadN(optdata=rng.randbytes(rng.randrange(0, 40)))])

    def ip6(self, **fields):
        fields.setdefault("src", self.source(6))
        fields.setdefault("dst", HERE[6])
        packet = IPv6(hlim=self.rng.choice([1, 64, 255]), fl=self.rng.getrandbits(20), **fields)
        for _ in range(self.rng.choices(range(12), [50, 10, 8, 6, 4, 3, 3, 3, 6, 4, 2, 1])[0]):
            packet = packet / self.extension()
        return packet

    def network(self, family):
        return self.ip4() if family == 4 else self.ip6()

    # ---- what others send

    def l4(self, family):
        rng = self.rng
        return rng.choice([
            lambda: TCP(sport=self.port(), dport=self.port(), flags=rng.choice(
                ["S", "SA", "A", "PA", "FA", "R", "RA", "PAU", "SEC"]),
                options=rng.choice([[], [("MSS", 1460), ("SAckOK", b""), ("Timestamp", (1, 0)),
                                         ("NOP", None), ("WScale", 7)]])) / self.payload(),
            lambda: UDP(sport=self.port(), dport=self.port()) / self.payload(),
            lambda: UDP(sport=53, dport=5353) / DNS(qd=DNSQR(qname="example.org")),
            lambda: UDP(dport=4789) / VXLAN() / Ether() / IP() / UDP(),
            # The times are the clock's unless they are given.
            (lambda: ICMP(type=rng.randrange(20), ts_ori=1, ts_rx=2, ts_tx=3) /
             self.payload()) if family == 4 else
            (lambda: ICMPv6EchoRequest(data=rng.randbytes(20))),
            lambda: GRE() / IP(src="9.9.9.9", dst="8.8.8.8") / UDP(),
            lambda: ESP(spi=7, seq=1, data=rng.randbytes(24)),
            lambda: SCTP(sport=self.port(), dport=self.port()) / SCTPChunkInit(),
            lambda: IP(src="9.9.9.9", dst="8.8.8.8") / TCP(),
            lambda: IPv6(src="2600::9", dst="2600::8") / UDP(),
            lambda: self.payload(),
        ])()

    def ordinary(self):
        family = self.rng.choice([4, 6])
        return self.ether() / self.network(family) / self.l4(family)

    def unknown_protocol(self):
        proto = self.rng.randrange(256)
        if self.rng.random() < 0.5:
            return self.ether() / self.ip4(proto=proto) / self.payload()
        packet = IPv6(src=self.source(6), dst=HERE[6], nh=proto)
        return self.ether() / packet / self.payload()

    def scan(self):
        """nmap -sN -sX -sF -sA -sW -sM -sS and hping3 with odd flags, window and ports."""
        flags = self.rng.choice(["", "FPU", "F", "A", "FA", "S", "SF", "SR", "SFPU", "FSRPAUEC",
                                 "E", "C", "U", "P", "SRF", "RF", self.rng.randrange(512)])
        family = self.rng.choice([4, 6])
        tcp = TCP(sport=self.port(), dport=self.port(), flags=flags,
                  window=self.rng.choice([0, 1, 512, 1024, 65535]),
                  seq=self.rng.getrandbits(32), urgptr=self.rng.choice([0, 1, 65535]))
        if self.rng.random() < 0.3:
            tcp.dataofs = self.rng.randrange(16)
        return self.ether() / self.network(family) / tcp

    def hping(self):
        rng = self.rng
        packet = self.ip4(flags=rng.randrange(8), frag=rng.choice([0, 1, 2, 185, 8191, 8189]),
                          tos=rng.randrange(256))
        return self.ether() / packet / self.l4(4)

    def land(self):
        family = self.rng.choice([4, 6])
        address = self.source(family)
        layer = (self.ip4 if family == 4 else self.ip6)(src=address, dst=address)
        return self.ether() / layer / self.l4(family)

    def fragment6(self):
        """ipv6toolkit's frag6: first, later, tiny, overlapping, atomic and oversized ones."""
        rng = self.rng
        head = IPv6ExtHdrFragment(offset=rng.choice([0, 0, 0, 1, 2, 181, 8191, rng.randrange(8192)]),
                                  m=rng.randrange(2), id=rng.getrandbits(32),
                                  nh=rng.choice([6, 17, 58, 60, 44]))
        body = Raw(rng.randbytes(rng.choice([0, 4, 8, 12, 16, 24, 40, rng.randrange(100)])))
        packet = IPv6(src=self.source(6), dst=HERE[6])
        if rng.random() < 0.3:
            packet = packet / IPv6ExtHdrDestOpt(options=[PadN(optdata=b"\0" * 4)])
        return self.ether() / packet / head / body

    def fragment4(self):
        rng = self.rng
        packet = self.ip4(flags=rng.choice([0, 1, 1, 3]),
                          frag=rng.choice([0, 0, 1, 2, 8191, rng.randrange(8192)]),
                          proto=rng.choice([1, 6, 17, 47, 50, 132]))
        body = rng.randbytes(rng.choice([0, 4, 8, 16, 24, 40, 64, rng.randrange(100)]))
        return self.ether() / packet / Raw(body)

    def chain6(self):
        """Extension headers by hand: any order, any number, lengths that lie."""
        rng = self.rng
        kinds = [rng.choice([0, 43, 44, 51, 60, 135, 139, 140, 60, 59, 50, 253])
                 for _ in range(rng.randrange(1, 12))]
        after = kinds[1:] + [rng.choice([6, 17, 58, 59, 47, 132])]
        body = b""
        for kind, follow in zip(kinds, after):
            units = rng.choice([0, 0, 1, 2])
            if kind == 51:
                body += bytes([follow, units * 2]) + rng.randbytes(6 + 8 * units)
            elif kind == 44:
                body += bytes([follow, 0, 0, rng.choice([0, 0, 0, 1])]) + rng.randbytes(4)
            else:
                lie = rng.choice([0] * 12 + [1, 30, 255])
                body += bytes([follow, min(255, units + lie)]) + rng.randbytes(6 + 8 * units)
        end = bytes(rng.choice([TCP(sport=1, dport=80), UDP(sport=1, dport=53) / b"abcd",
                                ICMPv6EchoRequest()]))
        if rng.random() < 0.2:
            end = end[:rng.randrange(len(end))]
        packet = IPv6(src=self.source(6), dst=HERE[6], nh=kinds[0])
        return self.ether() / packet / Raw(body + end)

    def neighbour(self):
        rng = self.rng
        packet = IPv6(src=self.source(6), dst="ff02::1", hlim=rng.choice([255, 255, 255, 64, 1]))
        if rng.random() < 0.15:
            packet = packet / self.extension()
        message = rng.choice([ICMPv6ND_NS(tgt=HERE[6]), ICMPv6ND_NA(tgt=HERE[6]), ICMPv6ND_RS(),
                              ICMPv6ND_RA(), ICMPv6ND_Redirect(), ICMPv6MLQuery(),
                              ICMPv6PacketTooBig(), ICMPv6DestUnreach()])
        message.code = rng.choice([0, 0, 0, 1])
        return self.ether() / packet / message / ICMPv6NDOptSrcLLAddr(lladdr="02:00:00:00:00:09")

    def not_ip(self):
        kind = self.rng.randrange(3)
        if kind == 0:
            return self.ether() / ARP(psrc=self.source(4), pdst=HERE[4])
        return Ether(type=self.rng.choice([0x88cc, 0x8863, 0x0600, 46, 0x8847]), **MAC) / \
            self.payload()

    def lying(self):
        rng = self.rng
        if rng.random() < 0.5:
            packet = self.ip4()
            setattr(packet, *rng.choice([("len", rng.randrange(200)), ("ihl", rng.randrange(16)),
                                         ("version", rng.randrange(16)), ("len", 0)]))
            return self.ether() / packet / self.l4(4)
        packet = IPv6(src=self.source(6), dst=HERE[6])
        setattr(packet, *rng.choice([("plen", rng.randrange(200)), ("version", rng.randrange(16)),
                                     ("plen", 0)]))
        return self.ether() / packet / self.l4(6)

    def udp_length(self):
        family = self.rng.choice([4, 6])
        udp = UDP(sport=self.port(), dport=self.port(),
                  len=self.rng.choice([0, 7, 8, 9, 20, 65535, self.rng.randrange(100)]))
        return self.ether() / self.network(family) / udp / self.payload(40)

    def fuzzed(self):
        """scapy's own idea of nonsense: every field that was not set is drawn."""
        rng = self.rng
        layer = rng.choice([TCP, UDP, ICMP, SCTP, GRE])
        if rng.random() < 0.5:
            return self.ether() / fuzz(IP(src=self.source(4), version=4, ihl=None, len=None,
                                          options=[])) / fuzz(layer())
        return self.ether() / fuzz(IPv6(src=self.source(6), version=6, plen=None)) / fuzz(layer())

    BASES = [(ordinary, 24), (unknown_protocol, 6), (scan, 14), (hping, 8), (land, 4),
             (fragment6, 10), (fragment4, 8), (chain6, 14), (neighbour, 6), (not_ip, 2),
             (lying, 8), (udp_length, 6), (fuzzed, 6)]

    def base(self):
        make = self.rng.choices([b for b, _ in self.BASES], [w for _, w in self.BASES])[0]
        return bytes(make(self))

    def mutated(self, frame):
        kind = self.rng.randrange(6)
        if kind == 0:
            return frame[:self.rng.randrange(14, max(15, len(frame)))]
        if kind == 1:
            return frame + self.rng.randbytes(self.rng.randrange(1, 60))
        # Behind the MAC addresses: the gate does not read those.
        tail = frame[12:]
        if kind < 4:
            return frame[:12] + bytes(corrupt_bits(tail, n=self.rng.randrange(1, 5)))
        return frame[:12] + bytes(corrupt_bytes(tail, n=min(len(tail), self.rng.randrange(1, 4))))


def main():
    seed, addresses, out = int(sys.argv[1], 0), sys.argv[2], sys.argv[3]
    count = int(sys.argv[4]) if len(sys.argv) > 4 else 20000
    random.seed(seed)  # scapy's own draws (fuzz, corrupt_*) use the module's generator
    with open(addresses, encoding="ascii") as lines:
        maker = Maker(seed, lines.read().split())
    began = time.monotonic()
    made = 0
    with open(out, "wb") as file:
        while made < count and time.monotonic() - began < SECONDS_MAX:
            base = maker.base()
            for frame in [base] + [maker.mutated(base) for _ in range(3)]:
                frame = frame[:LENGTH_MAX]
                if len(frame) >= 14 and made < count:
                    file.write(struct.pack("!H", len(frame)) + frame)
                    made += 1
    took = time.monotonic() - began
    print(f"# {made} frames from scapy in {took:.1f} s" +
          ("" if made == count else f", of {count}: out of time"))


main()
