#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Send SYNs of many kinds and print the answers, but for what a clock or a secret makes of them.

usage: syn_answers.py IFACE SERVER_MAC PORT [odd|bare|big]
"""
import itertools
import sys
import time

from scapy.all import (AsyncSniffer, Dot1Q, Ether, IP, IPOption_NOP, IPv6, Padding, Raw, TCP, conf, fragment,
                       get_if_hwaddr, sendp)

IFACE, MAC, PORT = sys.argv[1], sys.argv[2], int(sys.argv[3])
ENDS = ((IP, "10.66.0.2", "10.66.0.1"), (IPv6, "fd66::2", "fd66::1"))
conf.verb = 0


def base():
    return Ether(src=get_if_hwaddr(IFACE), dst=MAC)


def option_sets():
    mss = ([], [("MSS", 1460)], [("MSS", 536)], [("MSS", 9000)])
    sack = ([], [("SAckOK", b"")])
    stamp = ([], [("Timestamp", (0x12345678, 0))])
    scale = ([], [("NOP", None), ("WScale", 7)], [("WScale", 14)])
    for parts in itertools.product(mss, sack, stamp, scale):
        yield sum(parts, [])


def padded(frame):
    """As Ethernet pads it, and with room for an MSS where the SYN brings none."""
    length = len(frame)
    return frame / Padding(b"\0" * max(60 - length, 4))


def bare():
    """SYNs without an MSS and without room for one."""
    sport = 40000
    for layer, src, dst in ENDS:
        for options in option_sets():
            if not any(name == "MSS" for name, _ in options):
                sport += 1
                yield sport, layer, base() / layer(src=src, dst=dst) / TCP(
                    sport=sport, dport=PORT, seq=1000 + sport, flags="S", window=64240, options=options)


def big():
    """SYNs that bring data: the last one too much to be answered."""
    ip = IP(src="10.66.0.2", dst="10.66.0.1")
    for sport, data in ((41001, 44), (41002, 80), (41003, 81), (41004, 1000)):
        yield sport, IP, base() / ip / TCP(sport=sport, dport=PORT, seq=7, flags="S",
                                           options=[("MSS", 1460)]) / Raw(b"x" * data)


def syns():
    sport = 20000
    for layer, src, dst in ENDS:
        for options in option_sets():
            for flags in ("S", "SEC"):
                sport += 1
                yield sport, layer, padded(base() / layer(src=src, dst=dst) / TCP(
                    sport=sport, dport=PORT, seq=1000 + sport, flags=flags, window=64240, options=options))


def odd():
    ip = IP(src="10.66.0.2", dst="10.66.0.1")
    tcp = {"dport": PORT, "flags": "S", "seq": 5}
    whole = ip / TCP(sport=30001, **tcp) / Raw(b"x" * 64)
    yield 30001, IP, base() / fragment(whole, fragsize=40)[0]
    with_options = IP(src="10.66.0.2", dst="10.66.0.1", options=[IPOption_NOP()] * 4)
    yield 30002, IP, base() / with_options / TCP(sport=30002, **tcp)
    cut = base() / ip / TCP(sport=30003, **tcp)
    yield 30003, IP, Ether(bytes(cut)[:48])


def text_of(answer, layer):
    ip, tcp = answer[layer], answer[TCP]
    if layer is IP:
        head = "ttl %d tos %d flags %s id %d ihl %d len %d" % (ip.ttl, ip.tos, ip.flags, ip.id, ip.ihl, ip.len)
    else:
        head = "hops %d class %d len %d" % (ip.hlim, ip.tc, ip.plen)
    options = []
    for name, value in tcp.options:
        if name == "Timestamp":  # the lower six bits are the cookie's, the rest is a clock
            value = (value[0] & 63, value[1])
        options.append("%s=%s" % (name, value))
    sums = answer.__class__(bytes(answer))
    del sums[TCP].chksum
    right = sums.__class__(bytes(sums))[TCP].chksum == tcp.chksum
    if layer is IP:
        del sums[IP].chksum
        right = right and sums.__class__(bytes(sums))[IP].chksum == ip.chksum
    return "%s ports %d %s ack %d window %d urgent %d [%s] sums %s" % (
        head, tcp.sport, tcp.flags, tcp.ack, tcp.window, tcp.urgptr, " ".join(options), right)


def main():
    kind = (sys.argv[4:] or ["syns"])[0]
    wanted = list({"syns": syns, "odd": odd, "bare": bare, "big": big}[kind]())
    sniffer = AsyncSniffer(iface=IFACE, lfilter=lambda p: TCP in p and p[TCP].sport == PORT and p[TCP].flags.S)
    sniffer.start()
    time.sleep(0.5)
    sendp([frame for _, _, frame in wanted], iface=IFACE, inter=0.002)
    time.sleep(0.7)
    answers = {}
    for answer in sniffer.stop():
        answers.setdefault(answer[TCP].dport, answer)
    if kind == "odd":
        # What the kernel makes of them is its business: the gate's answers have no IP id and no tail.
        print(" ".join("no answer" if port not in answers or port == 30002 else "answer" for port, _, _ in wanted))
        return
    for port, layer, _ in wanted:
        print(port, text_of(answers[port], layer) if port in answers else "no answer")


main()
