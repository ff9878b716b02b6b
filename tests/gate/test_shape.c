// SPDX-License-Identifier: AGPL-3.0-or-later
/* What no honest stack sends, next to the nearest packet that one could send. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <tests/gate/gate_run.h>

#define FIN 1
#define SYN 2
#define RST 4
#define PSH 8
#define ACK 16
#define URG 32
#define ECE 64
#define CWR 128
#define L4(where, width, what)                                                                     \
	{                                                                                          \
		PATCH_L4, where, width, what                                                       \
	}

/* Each row is tried over IPv4 and over IPv6. */
struct row {
	const char *name;
	struct spec spec;
	struct patch patch;
	int reason;
};

static void run_row(struct run *run, const struct row *row, uint8_t family)
{
	static struct frame frame;
	struct spec spec = row->spec;
	char what[80];

	spec.family = family;
	if (family == 6 && (spec.more || spec.offset)) {
		spec.ext_count = 1;
		spec.ext[0] = E_FRAGMENT;
	}
	snprintf(what, sizeof(what), "IPv%u: %s", family, row->name);
	frame_build(&frame, &spec);
	frame_patch(&frame, row->patch);
	expect_outcome(what, run_frame(run, &frame), row->reason);
}

static void run_rows(struct run *run, const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		run_row(run, &rows[i], 4);
		run_row(run, &rows[i], 6);
	}
}

static void tcp_header(void **state)
{
	static const struct row rows[] = {
		{"20 bytes", {0}, .reason = SZ_REASON_PASS},
		{"19 bytes", {.bare = true, .data = 19}, .reason = SZ_REASON_L4_SHORT},
		{"1 byte", {.bare = true, .data = 1}, .reason = SZ_REASON_L4_SHORT},
		{"19 bytes and padding",
		 {.bare = true, .data = 19, .padding = 9},
		 .reason = SZ_REASON_L4_SHORT},
		{"data offset 4", {0}, L4(12, 1, 0x40), SZ_REASON_TCP_DOFF},
		{"data offset 0", {0}, L4(12, 1, 0x00), SZ_REASON_TCP_DOFF},
		{"data offset 6 of 20 bytes", {0}, L4(12, 1, 0x60), SZ_REASON_TCP_DOFF},
		{"data offset 6 of 24 bytes", {.data = 4}, L4(12, 1, 0x60), SZ_REASON_PASS},
		{"data offset 15", {.tcp_options = 40}, .reason = SZ_REASON_PASS},
		{"data offset 15 of 59 bytes", {.data = 39}, L4(12, 1, 0xf0), SZ_REASON_TCP_DOFF},
		{"source port 0", {0}, L4(0, 2, 0), SZ_REASON_PORT_ZERO},
		{"destination port 0", {0}, L4(2, 2, 0), SZ_REASON_PORT_ZERO},
		{"source port 1", {0}, L4(0, 2, 1), SZ_REASON_PASS},
		{"destination port 65535", {0}, L4(2, 2, 65535), SZ_REASON_PASS},
		{"source port 256", {0}, L4(0, 2, 256), SZ_REASON_PASS},
	};

	run_rows(*state, rows, ARRAY_LEN(rows));
}

static int flags_reason(int flags)
{
	if (!(flags & 63))
		return SZ_REASON_TCP_NULL;
	if (flags & FIN && flags & PSH && flags & URG)
		return SZ_REASON_TCP_XMAS;
	if (flags & SYN && flags & FIN)
		return SZ_REASON_TCP_SYN_FIN;
	if (flags & SYN && flags & RST)
		return SZ_REASON_TCP_SYN_RST;
	return SZ_REASON_PASS;
}

/* All 256, so that none of the combinations of honest stacks is caught by mistake. */
static void tcp_flags(void **state)
{
	static const int honest[] = {SYN,
				     SYN | ACK,
				     ACK,
				     PSH | ACK,
				     FIN | ACK,
				     RST,
				     RST | ACK,
				     FIN | PSH | ACK,
				     URG | ACK,
				     URG | PSH | ACK,
				     SYN | ECE | CWR,
				     SYN | ACK | ECE,
				     ACK | CWR,
				     FIN};

	for (size_t i = 0; i < ARRAY_LEN(honest); i++)
		assert_int_equal(flags_reason(honest[i]), SZ_REASON_PASS);
	for (int flags = 0; flags < 256; flags++) {
		struct row row = {.patch = L4(13, 1, (uint16_t)flags),
				  .reason = flags_reason(flags)};
		char name[20];

		snprintf(name, sizeof(name), "flags %#x", flags);
		row.name = name;
		run_row(*state, &row, 4);
		run_row(*state, &row, 6);
	}
}

static void udp_header(void **state)
{
	static const struct row rows[] = {
		{"8 bytes", {.proto = P_UDP}, .reason = SZ_REASON_PASS},
		{"7 bytes",
		 {.proto = P_UDP, .bare = true, .data = 7},
		 .reason = SZ_REASON_L4_SHORT},
		{"source port 0", {.proto = P_UDP}, L4(0, 2, 0), SZ_REASON_PASS},
		{"destination port 0", {.proto = P_UDP}, L4(2, 2, 0), SZ_REASON_PORT_ZERO},
		{"length 7", {.proto = P_UDP}, L4(4, 2, 7), SZ_REASON_UDP_LEN},
		{"length 0", {.proto = P_UDP}, L4(4, 2, 0), SZ_REASON_UDP_LEN},
		{"length one too many",
		 {.proto = P_UDP, .data = 10},
		 L4(4, 2, 19),
		 SZ_REASON_UDP_LEN},
		{"length one too many, padding",
		 {.proto = P_UDP, .data = 10, .padding = 4},
		 L4(4, 2, 19),
		 SZ_REASON_UDP_LEN},
		{"bytes behind the datagram",
		 {.proto = P_UDP, .data = 10},
		 L4(4, 2, 12),
		 SZ_REASON_PASS},
	};

	run_rows(*state, rows, ARRAY_LEN(rows));
}

static void fragments(void **state)
{
	static const struct row rows[] = {
		{"first, TCP, 24 bytes", {.more = true, .data = 4}, .reason = SZ_REASON_PASS},
		{"first, TCP, 16 bytes",
		 {.more = true, .bare = true, .data = 16},
		 .reason = SZ_REASON_FRAG_TINY},
		{"first, UDP, 8 bytes", {.proto = P_UDP, .more = true}, .reason = SZ_REASON_PASS},
		{"first, UDP, length of the whole",
		 {.proto = P_UDP, .more = true, .data = 800},
		 L4(4, 2, 9000),
		 SZ_REASON_PASS},
		{"first, UDP, length 7",
		 {.proto = P_UDP, .more = true, .data = 800},
		 L4(4, 2, 7),
		 SZ_REASON_UDP_LEN},
		{"first, TCP, no flags",
		 {.more = true, .data = 4},
		 L4(13, 1, 0),
		 SZ_REASON_TCP_NULL},
		{"later, TCP, offset 8", {.offset = 8, .data = 16}, .reason = SZ_REASON_FRAG_TINY},
		{"later, TCP, offset 16", {.offset = 16, .data = 16}, .reason = SZ_REASON_PASS},
		{"later, UDP, offset 8",
		 {.proto = P_UDP, .offset = 8, .data = 16},
		 .reason = SZ_REASON_PASS},
		{"later, looks like a bad header",
		 {.offset = 800, .data = 3},
		 .reason = SZ_REASON_PASS},
	};

	run_rows(*state, rows, ARRAY_LEN(rows));
}

static void other_protocols_have_no_header(void **state)
{
	static const uint8_t protos[] = {P_ICMP, P_GRE, P_ESP, P_ICMP6, P_SCTP, P_UNKNOWN};

	for (size_t i = 0; i < ARRAY_LEN(protos); i++) {
		struct row row = {"one byte",
				  {.proto = protos[i], .bare = true, .data = 1},
				  .reason = SZ_REASON_PASS};

		run_row(*state, &row, 4);
		run_row(*state, &row, 6);
	}
}

static void land(void **state)
{
	struct run *run = *state;

	expect_spec(run, "v4", &(struct spec){.src = SELF4}, SZ_REASON_LAND);
	expect_spec(run, "v4 UDP", &(struct spec){.proto = P_UDP, .src = SELF4}, SZ_REASON_LAND);
	expect_spec(run, "v4 later fragment",
		    &(struct spec){.src = SELF4, .offset = 800, .data = 9}, SZ_REASON_LAND);
	expect_spec(run, "v4 neighbour", &(struct spec){.src = "5.6.7.9"}, SZ_REASON_PASS);
	expect_spec(run, "v6", &(struct spec){.family = 6, .src = SELF6}, SZ_REASON_LAND);
	expect_spec(run, "v6, another last word",
		    &(struct spec){.family = 6, .src = "2a00:5:6:7::9"}, SZ_REASON_PASS);
	expect_spec(run, "v6, another first word",
		    &(struct spec){.family = 6, .src = "2a01:5:6:7::8"}, SZ_REASON_PASS);
	expect_spec(run, "v6, another second word",
		    &(struct spec){.family = 6, .src = "2a00:5:6:8::8"}, SZ_REASON_PASS);
	expect_spec(run, "v6, another third word",
		    &(struct spec){.family = 6, .src = "2a00:5:6:7:1::8"}, SZ_REASON_PASS);
}

/* Where two things are wrong, the first of enum sz_reason names it. */
static void first_reason_wins(void **state)
{
	static const struct row rows[] = {
		{"flags before LAND",
		 {.src = SELF4, .dst = SELF4},
		 L4(13, 1, 0),
		 SZ_REASON_TCP_NULL},
		{"LAND before bogon",
		 {.src = "127.0.0.1", .dst = "127.0.0.1"},
		 .reason = SZ_REASON_LAND},
		{"flags before port", {.sport = 0}, L4(13, 1, SYN | FIN), SZ_REASON_TCP_SYN_FIN},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		run_row(*state, &rows[i], 4);
}

struct bogon {
	const char *first, *last;   /* inside */
	const char *before, *after; /* just outside, and no bogons; NULL: some other group */
	uint32_t group;
};

static const struct bogon bogons[] = {
	{"127.0.0.0", "127.255.255.255", "126.255.255.255", "128.0.0.0", SZ_BOGON_MARTIAN},
	{"224.0.0.0", "255.255.255.255", "223.255.255.255", NULL, SZ_BOGON_MARTIAN},
	{"192.0.0.0", "192.0.0.255", "191.255.255.255", "192.0.1.0", SZ_BOGON_RESERVED},
	{"192.0.2.0", "192.0.2.255", "192.0.1.255", "192.0.3.0", SZ_BOGON_RESERVED},
	{"198.18.0.0", "198.19.255.255", "198.17.255.255", "198.20.0.0", SZ_BOGON_RESERVED},
	{"198.51.100.0", "198.51.100.255", "198.51.99.255", "198.51.101.0", SZ_BOGON_RESERVED},
	{"203.0.113.0", "203.0.113.255", "203.0.112.255", "203.0.114.0", SZ_BOGON_RESERVED},
	{"10.0.0.0", "10.255.255.255", "9.255.255.255", "11.0.0.0", SZ_BOGON_PRIVATE},
	{"172.16.0.0", "172.31.255.255", "172.15.255.255", "172.32.0.0", SZ_BOGON_PRIVATE},
	{"192.168.0.0", "192.168.255.255", "192.167.255.255", "192.169.0.0", SZ_BOGON_PRIVATE},
	{"100.64.0.0", "100.127.255.255", "100.63.255.255", "100.128.0.0", SZ_BOGON_PRIVATE},
	{"169.254.0.0", "169.254.255.255", "169.253.255.255", "169.255.0.0", SZ_BOGON_LINKLOCAL},
	{"0.0.0.0", "0.255.255.255", NULL, "1.0.0.0", SZ_BOGON_UNSPECIFIED},
	{"::1", "::1", NULL, NULL, SZ_BOGON_MARTIAN},
	{"ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, NULL, SZ_BOGON_MARTIAN},
	{"::ffff:0.0.0.0", "::ffff:255.255.255.255", "::fffe:ffff:ffff", "::1:0:0:0",
	 SZ_BOGON_MARTIAN},
	{"::2", "::ffff:ffff", NULL, "::1:0:0", SZ_BOGON_RESERVED},
	{"2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
	 "2001:db7:ffff::", "2001:db9::", SZ_BOGON_RESERVED},
	{"3fff::", "3fff:0fff:ffff:ffff:ffff:ffff:ffff:ffff",
	 "3ffe:ffff::", "3fff:1000::", SZ_BOGON_RESERVED},
	{"2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff",
	 "2001:1:ffff::", "2001:2:1::", SZ_BOGON_RESERVED},
	{"2001:10::", "2001:1f:ffff:ffff:ffff:ffff:ffff:ffff",
	 "2001:f:ffff::", "2001:20::", SZ_BOGON_RESERVED},
	{"100::", "100::ffff:ffff:ffff:ffff", "ff:ffff::", "100:0:0:1::", SZ_BOGON_RESERVED},
	{"fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, NULL, SZ_BOGON_RESERVED},
	{"fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	 "fbff:ffff::", "fe00::", SZ_BOGON_PRIVATE},
	{"fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fe7f:ffff::", NULL,
	 SZ_BOGON_LINKLOCAL},
	{"::", "::", NULL, NULL, SZ_BOGON_UNSPECIFIED},
};

static void send_from(struct run *run, const char *src, int reason)
{
	uint8_t addr[16];

	if (src)
		expect_spec(run, src,
			    &(struct spec){.family = address_parse(src, addr), .src = src}, reason);
}

static void bogons_by_default(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(bogons); i++) {
		int reason = bogons[i].group & SZ_BOGON_DEFAULT ? SZ_REASON_BOGON : SZ_REASON_PASS;

		send_from(*state, bogons[i].first, reason);
		send_from(*state, bogons[i].last, reason);
		send_from(*state, bogons[i].before, SZ_REASON_PASS);
		send_from(*state, bogons[i].after, SZ_REASON_PASS);
	}
}

/* One group at a time, switched to what it is not. */
static void bogon_groups_flip(void **state)
{
	struct run *run = *state;

	for (uint32_t group = 1; group < SZ_BOGON_ALL; group <<= 1) {
		run->settings->bogon_flip = group;
		for (size_t i = 0; i < ARRAY_LEN(bogons); i++) {
			uint32_t dropped = (SZ_BOGON_DEFAULT ^ group) & bogons[i].group;

			send_from(run, bogons[i].first, dropped ? SZ_REASON_BOGON : SZ_REASON_PASS);
		}
	}
}

static void outside_of_all_groups(void **state)
{
	struct run *run = *state;

	run->settings->bogon_flip = SZ_BOGON_ALL ^ SZ_BOGON_DEFAULT; /* drop every group */
	for (size_t i = 0; i < ARRAY_LEN(bogons); i++) {
		send_from(run, bogons[i].first, SZ_REASON_BOGON);
		send_from(run, bogons[i].last, SZ_REASON_BOGON);
		send_from(run, bogons[i].before, SZ_REASON_PASS);
		send_from(run, bogons[i].after, SZ_REASON_PASS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RUN_TEST(tcp_header),
		RUN_TEST(tcp_flags),
		RUN_TEST(udp_header),
		RUN_TEST(fragments),
		RUN_TEST(other_protocols_have_no_header),
		RUN_TEST(land),
		RUN_TEST(first_reason_wins),
		RUN_TEST(bogons_by_default),
		RUN_TEST(bogon_groups_flip),
		RUN_TEST(outside_of_all_groups),
	};

	return cmocka_run_group_tests(tests, run_setup, run_teardown);
}
