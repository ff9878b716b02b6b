/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every way a packet can leave the gate. One list gives the code, the name that people see
 * (strazhctl, JSON, metrics), its class and its text.
 *
 * X(CODE, "name", CLASS, "text"). The order is part of the layout: add at the end of the
 * reserved room, never reorder. The class decides which mode governs the verdict.
 */
#ifndef STRAZH_ABI_REASON_H
#define STRAZH_ABI_REASON_H

enum sz_class {
	SZ_CLASS_PASS,	    /* the packet goes on to the kernel */
	SZ_CLASS_LIST,	    /* dropped: the source is on a deny list */
	SZ_CLASS_MALFORMED, /* dropped: no honest stack sends this */
	SZ_CLASS_RATE,	    /* dropped: over a limit */
	SZ_CLASS_POLICY,    /* dropped: what the operator wants for this service */
	SZ_CLASS_ANSWER,    /* answered by the gate itself */
};

#define SZ_REASONS(X)                                                                              \
	X(PASS, "pass", PASS, "nothing speaks against it")                                         \
	X(NOT_IP, "not-ip", PASS, "neither IPv4 nor IPv6: ARP, LLDP, ...")                         \
	X(ND, "nd", PASS, "IPv6 neighbour discovery from an on-link host")                         \
	X(NEVER, "never", PASS, "source is on the never-ban set")                                  \
	X(ALLOW, "allow", PASS, "source is on the allow list")                                     \
	X(STANDBY, "standby", PASS, "this program instance is not the one in charge")              \
	X(DENY_HOST, "deny-host", LIST, "source address is denied")                                \
	X(DENY_NET, "deny-net", LIST, "source is inside a denied prefix")                          \
	X(ETH_SHORT, "eth-short", MALFORMED, "frame ends inside the Ethernet or VLAN header")      \
	X(VLAN_DEEP, "vlan-deep", MALFORMED, "more than two VLAN tags")                            \
	X(IP4_SHORT, "ip4-short", MALFORMED, "frame ends inside the IPv4 header")                  \
	X(IP4_VERSION, "ip4-version", MALFORMED, "IPv4 ethertype, other version")                  \
	X(IP4_IHL, "ip4-ihl", MALFORMED, "IPv4 header length below 5")                             \
	X(IP4_LEN, "ip4-len", MALFORMED, "IPv4 total length contradicts the frame")                \
	X(IP6_SHORT, "ip6-short", MALFORMED, "frame ends inside the IPv6 header")                  \
	X(IP6_VERSION, "ip6-version", MALFORMED, "IPv6 ethertype, other version")                  \
	X(IP6_LEN, "ip6-len", MALFORMED, "IPv6 payload length contradicts the frame")              \
	X(EXT_SHORT, "ext-short", MALFORMED, "packet ends inside an IPv6 extension header")        \
	X(EXT_DEEP, "ext-deep", MALFORMED, "more than eight IPv6 extension headers")               \
	X(FRAG_LEN, "frag-len", MALFORMED, "fragment length or end that no stack produces")        \
	X(FRAG_TINY, "frag-tiny", MALFORMED, "fragment that splits the transport header")          \
	X(L4_SHORT, "l4-short", MALFORMED, "packet ends inside the transport header")              \
	X(TCP_DOFF, "tcp-doff", MALFORMED, "TCP data offset below 5 or beyond the packet")         \
	X(TCP_NULL, "tcp-null", MALFORMED, "TCP without any flag")                                 \
	X(TCP_XMAS, "tcp-xmas", MALFORMED, "TCP with FIN, PSH and URG")                            \
	X(TCP_SYN_FIN, "tcp-syn-fin", MALFORMED, "TCP with SYN and FIN")                           \
	X(TCP_SYN_RST, "tcp-syn-rst", MALFORMED, "TCP with SYN and RST")                           \
	X(PORT_ZERO, "port-zero", MALFORMED, "TCP port 0, or UDP to port 0")                       \
	X(UDP_LEN, "udp-len", MALFORMED, "UDP length contradicts the packet")                      \
	X(LAND, "land", MALFORMED, "source address equals destination address")                    \
	X(BOGON, "bogon", MALFORMED, "source address that cannot be a host on the internet")       \
	X(RATE_HOST, "rate-host", RATE, "source sends more than it may")                           \
	X(RATE_NET, "rate-net", RATE, "prefix of the source sends more than it may")               \
	X(RATE_SERVICE, "rate-service", RATE,                                                      \
	  "service gets more from all its sources than it may")                                    \
	X(RATE_FLOW, "rate-flow", RATE, "connection of a source over its limits is over its own")  \
	X(SIZE, "size", RATE, "odd sizes for this service, more often than allowed")               \
	X(FRAG_POLICY, "frag-policy", POLICY, "fragment for a service that takes none")            \
	X(SYN_COOKIE, "syn-cookie", ANSWER, "SYN answered by the gate with a cookie")              \
	X(PROVEN, "proven", PASS, "source is over its limits, but the flow is of a live session")  \
	X(SOCKET, "socket", PASS, "a limit is passed, but the kernel has this connection")         \
	X(COOKIE_ACK, "cookie-ack", PASS, "opens a connection with a valid SYN cookie")            \
	X(PROBE, "probe", PASS, "TCP SYN to a port where nobody listens, of those looked at")

/* Side counters: they share the table of counters but are no verdicts. */
#define SZ_TALLIES(X)                                                                              \
	X(RATE_FULL, "rate-full", "packets not metered: their line of the rate table was full")    \
	X(RATE_LOST, "rate-lost", "packets not metered: two lost races for a meter")               \
	X(EVENT_LOST, "event-lost", "events not written: ring buffer full")                        \
	X(EVENT_HELD, "event-held", "events withheld by sampling")                                 \
	X(SIZE_ODD, "size-odd", "packets of a size that their service does not know")              \
	X(COOKIE_BAD, "cookie-bad", "ACKs to a listening service without a valid cookie")          \
	X(COOKIE_FAILED, "cookie-failed", "SYNs that no cookie could be made for")                 \
	X(OVER_EST, "over-established", "over the limit, TCP but SYN")                             \
	X(OVER_SYN, "over-syn", "over the limit, TCP SYN")                                         \
	X(OVER_UDP, "over-udp", "over the limit, UDP")                                             \
	X(OVER_OTHER, "over-other", "over the limit, other protocols")                             \
	X(OVER_FRAG, "over-fragment", "over the limit, fragments")                                 \
	X(OVER_CONN, "over-connection", "over the limit, connections with a valid cookie")         \
	X(OVER_FLOW, "over-flow", "over the limit, one connection")                                \
	X(OVER_ODD, "over-odd-size", "over the limit, odd sizes")                                  \
	X(PROBE_ASKED, "probe-asked", "SYNs to no service that the kernel was asked about")        \
	X(GUARD_OVER, "guard-over", "above a limit of all sources that the guard set by itself")

enum sz_reason {
#define X(code, name, class, text) SZ_REASON_##code,
	SZ_REASONS(X)
#undef X
		SZ_REASON_COUNT,
};

/* sz_count has one array: verdicts from 0, tallies from SZ_TALLY_BASE. */
#define SZ_TALLY_BASE 96
#define SZ_COUNT_MAX 128

enum sz_tally {
	SZ_TALLY_BEGIN_ = SZ_TALLY_BASE - 1,
#define X(code, name, text) SZ_TALLY_##code,
	SZ_TALLIES(X)
#undef X
		SZ_TALLY_END,
};

/* OVER_EST + enum sz_rate_class. */
_Static_assert(SZ_TALLY_OVER_ODD - SZ_TALLY_OVER_EST == 7, "a tally for each class of packets");

#endif
