// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * From Ethernet to the transport header: what is too short, too deep or lies is dropped under a
 * reason of its own; the nearest packet that is right passes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <tests/gate/gate_run.h>

#define V4(...)                                                                                    \
	{                                                                                          \
		.family = 4, __VA_ARGS__                                                           \
	}
#define V6(...)                                                                                    \
	{                                                                                          \
		.family = 6, __VA_ARGS__                                                           \
	}
#define EXTS(...) .ext_count = sizeof((uint8_t[]){__VA_ARGS__}), .ext = {__VA_ARGS__}
#define L3(where, width, what)                                                                     \
	{                                                                                          \
		PATCH_L3, where, width, what                                                       \
	}
#define L4(where, width, what)                                                                     \
	{                                                                                          \
		PATCH_L4, where, width, what                                                       \
	}

struct row {
	const char *name;
	struct spec spec;
	struct patch patch[2];
	uint16_t cut; /* bytes taken off the end of the frame */
	int reason;
};

static void run_rows(struct run *run, const struct row *rows, size_t count)
{
	static struct frame frame;

	for (int entry = 0; entry < RUN_ENTRIES; entry++) {
		run->entry = (enum run_entry)entry;
		for (size_t i = 0; i < count; i++) {
			frame_build(&frame, &rows[i].spec);
			frame_patch(&frame, rows[i].patch[0]);
			frame_patch(&frame, rows[i].patch[1]);
			frame.len -= rows[i].cut;
			expect_outcome(rows[i].name, run_frame(run, &frame), rows[i].reason);
		}
	}
}

static void link_layer(void **state)
{
	static const struct row rows[] = {
		{"plain", V4(), .reason = SZ_REASON_PASS},
		{"ARP", V4(), {{PATCH_ETH, 12, 2, 0x0806}}, .reason = SZ_REASON_NOT_IP},
		{"LLDP", V4(), {{PATCH_ETH, 12, 2, 0x88cc}}, .reason = SZ_REASON_NOT_IP},
		{"802.3 length", V4(), {{PATCH_ETH, 12, 2, 46}}, .reason = SZ_REASON_NOT_IP},
		{"ARP in a VLAN",
		 V4(.vlan = {0x8100}),
		 {{PATCH_ETH, 16, 2, 0x0806}},
		 .reason = SZ_REASON_NOT_IP},
		{"VLAN, IPv4", V4(.vlan = {0x8100}), .reason = SZ_REASON_PASS},
		{"VLAN, IPv6", V6(.vlan = {0x8100}), .reason = SZ_REASON_PASS},
		{"88a8 8100", V4(.vlan = {0x88a8, 0x8100}), .reason = SZ_REASON_PASS},
		{"8100 88a8", V6(.vlan = {0x8100, 0x88a8}), .reason = SZ_REASON_PASS},
		{"9100 8100", V4(.vlan = {0x9100, 0x8100}), .reason = SZ_REASON_PASS},
		{"8100 9100", V6(.vlan = {0x8100, 0x9100}), .reason = SZ_REASON_PASS},
		{"three tags, IPv4", V4(.vlan = {0x8100, 0x8100, 0x8100}),
		 .reason = SZ_REASON_VLAN_DEEP},
		{"three tags, IPv6", V6(.vlan = {0x88a8, 0x9100, 0x8100}),
		 .reason = SZ_REASON_VLAN_DEEP},
		{"four tags", V6(.vlan = {0x88a8, 0x9100, 0x8100, 0x8100}),
		 .reason = SZ_REASON_VLAN_DEEP},
		{"cut in the first tag", V4(.vlan = {0x8100}), .cut = 40 + 1,
		 .reason = SZ_REASON_ETH_SHORT},
		{"first tag whole, no more", V4(.vlan = {0x8100}), .cut = 40,
		 .reason = SZ_REASON_IP4_SHORT},
		{"cut in the second tag", V6(.vlan = {0x88a8, 0x8100}), .cut = 60 + 3,
		 .reason = SZ_REASON_ETH_SHORT},
	};

	run_rows(*state, rows, ARRAY_LEN(rows));
}

static void ip4_header(void **state)
{
	static const struct row rows[] = {
		{"cut at 19 bytes", V4(.proto = P_UNKNOWN, .bare = true), .cut = 1,
		 .reason = SZ_REASON_IP4_SHORT},
		{"header only", V4(.proto = P_UNKNOWN, .bare = true), .reason = SZ_REASON_PASS},
		{"version 6", V4(), {L3(0, 1, 0x65)}, .reason = SZ_REASON_IP4_VERSION},
		{"version 0", V4(), {L3(0, 1, 0x05)}, .reason = SZ_REASON_IP4_VERSION},
		{"ihl 4", V4(), {L3(0, 1, 0x44)}, .reason = SZ_REASON_IP4_IHL},
		{"ihl 0", V4(), {L3(0, 1, 0x40)}, .reason = SZ_REASON_IP4_IHL},
		{"40 bytes of options", V4(.options = 40), .reason = SZ_REASON_PASS},
		{"options cut", V4(.options = 40, .proto = P_UNKNOWN, .bare = true), .cut = 1,
		 .reason = SZ_REASON_IP4_SHORT},
		{"length below the header",
		 V4(.options = 4),
		 {L3(2, 2, 23)},
		 .reason = SZ_REASON_IP4_LEN},
		{"length of the header",
		 V4(.options = 4, .proto = P_UNKNOWN),
		 {L3(2, 2, 24)},
		 .reason = SZ_REASON_PASS},
		{"length beyond the frame", V4(), {L3(2, 2, 41)}, .reason = SZ_REASON_IP4_LEN},
		{"length 65,535", V4(), {L3(2, 2, 65535)}, .reason = SZ_REASON_IP4_LEN},
		{"length 0", V4(), {L3(2, 2, 0)}, .reason = SZ_REASON_IP4_LEN},
		{"padding", V4(.padding = 6), .reason = SZ_REASON_PASS},
		{"a byte cut", V4(.data = 10), .cut = 1, .reason = SZ_REASON_IP4_LEN},
	};

	run_rows(*state, rows, ARRAY_LEN(rows));
}

static void ip6_header(void **state)
{
	static const struct row rows[] = {
		{"cut at 39 bytes", V6(.proto = P_UNKNOWN, .bare = true), .cut = 1,
		 .reason = SZ_REASON_IP6_SHORT},
		{"header only says length 0", V6(.proto = P_NONE, .bare = true),
		 .reason = SZ_REASON_IP6_LEN},
		{"one byte", V6(.proto = P_NONE, .bare = true, .data = 1),
		 .reason = SZ_REASON_PASS},
		{"version 4", V6(), {L3(0, 1, 0x40)}, .reason = SZ_REASON_IP6_VERSION},
		{"version 15", V6(), {L3(0, 1, 0xf0)}, .reason = SZ_REASON_IP6_VERSION},
		{"length beyond the frame", V6(), {L3(4, 2, 21)}, .reason = SZ_REASON_IP6_LEN},
		{"length 65,535", V6(), {L3(4, 2, 65535)}, .reason = SZ_REASON_IP6_LEN},
		{"length 0", V6(), {L3(4, 2, 0)}, .reason = SZ_REASON_IP6_LEN},
		{"padding", V6(.padding = 6), .reason = SZ_REASON_PASS},
		{"a byte cut", V6(.data = 10), .cut = 1, .reason = SZ_REASON_IP6_LEN},
	};

	run_rows(*state, rows, ARRAY_LEN(rows));
}

static void ip6_extensions(void **state)
{
	static const struct row rows[] = {
		{"each kind once",
		 V6(EXTS(E_HOP, E_ROUTING, E_FRAGMENT, E_AUTH, E_DEST, E_MOBILITY, E_HIP, E_SHIM)),
		 .reason = SZ_REASON_PASS},
		{"nine", V6(EXTS(60, 60, 60, 60, 60, 60, 60, 60, 60)),
		 .reason = SZ_REASON_EXT_DEEP},
		{"ten, the ninth a fragment header",
		 V6(EXTS(60, 60, 60, 60, 60, 60, 60, 60, 44, 60)), .reason = SZ_REASON_EXT_DEEP},
		{"a ninth that is not there",
		 V6(EXTS(0, 60, 60, 60, 60, 60, 60, 60)),
		 {{PATCH_L3, 96, 1, E_DEST}},
		 .reason = SZ_REASON_EXT_DEEP},
		{"long headers", V6(EXTS(0, 43, 60, 135, 139, 140, 60, 60), .ext_units = 40),
		 .reason = SZ_REASON_PASS},
		{"a longest header", V6(EXTS(60), .ext_units = 255), .reason = SZ_REASON_PASS},
		{"header longer than the packet",
		 V6(EXTS(60), .proto = P_UNKNOWN, .bare = true),
		 {L3(41, 1, 1)},
		 .reason = SZ_REASON_EXT_SHORT},
		{"header as long as the packet",
		 V6(EXTS(60), .proto = P_UNKNOWN),
		 {L3(41, 1, 1)},
		 .reason = SZ_REASON_PASS},
		{"longer than the packet, not than the frame",
		 V6(EXTS(60), .proto = P_UNKNOWN, .bare = true, .padding = 8),
		 {L3(41, 1, 1)},
		 .reason = SZ_REASON_EXT_SHORT},
		{"packet of 7 bytes", V6(.proto = E_DEST, .bare = true, .data = 7),
		 .reason = SZ_REASON_EXT_SHORT},
		{"7 bytes and padding", V6(.proto = E_HIP, .bare = true, .data = 7, .padding = 9),
		 .reason = SZ_REASON_EXT_SHORT},
		{"authentication, longer than it says",
		 V6(EXTS(E_AUTH), .proto = P_UNKNOWN, .bare = true),
		 {L3(41, 1, 1)},
		 .reason = SZ_REASON_EXT_SHORT},
		{"authentication of 12 bytes",
		 V6(EXTS(E_AUTH), .ext_units = 1, .proto = P_UNKNOWN, .bare = true),
		 .reason = SZ_REASON_PASS},
		{"the length of a fragment header means nothing",
		 V6(EXTS(E_FRAGMENT)),
		 {L3(41, 1, 200)},
		 .reason = SZ_REASON_PASS},
		{"no next header", V6(EXTS(E_DEST), .proto = P_NONE, .data = 5),
		 .reason = SZ_REASON_PASS},
		{"ESP ends the walk", V6(EXTS(E_DEST), .proto = P_ESP), .reason = SZ_REASON_PASS},
	};

	run_rows(*state, rows, ARRAY_LEN(rows));
}

static void fragments4(void **state)
{
	static const struct row rows[] = {
		{"first", V4(.more = true, .data = 4), .reason = SZ_REASON_PASS},
		{"first, 20 bytes", V4(.more = true), .reason = SZ_REASON_FRAG_LEN},
		{"middle", V4(.more = true, .offset = 800, .data = 64), .reason = SZ_REASON_PASS},
		{"middle, 63 bytes", V4(.more = true, .offset = 800, .data = 63),
		 .reason = SZ_REASON_FRAG_LEN},
		{"middle, empty", V4(.more = true, .offset = 800), .reason = SZ_REASON_FRAG_LEN},
		{"first, empty", V4(.more = true, .bare = true), .reason = SZ_REASON_FRAG_LEN},
		{"last, 63 bytes", V4(.offset = 800, .data = 63), .reason = SZ_REASON_PASS},
		{"to 65,535", V4(.offset = 65528, .data = 7), .reason = SZ_REASON_PASS},
		{"to 65,536", V4(.offset = 65528, .data = 8), .reason = SZ_REASON_FRAG_LEN},
		{"do not fragment", V4(), {L3(6, 2, 0x4000)}, .reason = SZ_REASON_PASS},
		{"padding is not fragment", V4(.more = true, .data = 4, .padding = 3),
		 .reason = SZ_REASON_PASS},
	};

	run_rows(*state, rows, ARRAY_LEN(rows));
}

static void fragments6(void **state)
{
	static const struct row rows[] = {
		{"atomic", V6(EXTS(E_FRAGMENT)), .reason = SZ_REASON_PASS},
		{"first", V6(EXTS(E_FRAGMENT), .more = true, .data = 4), .reason = SZ_REASON_PASS},
		{"first, 20 bytes", V6(EXTS(E_FRAGMENT), .more = true),
		 .reason = SZ_REASON_FRAG_LEN},
		{"middle", V6(EXTS(E_FRAGMENT), .more = true, .offset = 800, .data = 64),
		 .reason = SZ_REASON_PASS},
		{"middle, 63 bytes", V6(EXTS(E_FRAGMENT), .more = true, .offset = 800, .data = 63),
		 .reason = SZ_REASON_FRAG_LEN},
		{"middle, empty", V6(EXTS(E_FRAGMENT), .more = true, .offset = 800),
		 .reason = SZ_REASON_FRAG_LEN},
		{"last, 63 bytes", V6(EXTS(E_FRAGMENT), .offset = 800, .data = 63),
		 .reason = SZ_REASON_PASS},
		{"to 65,535", V6(EXTS(E_FRAGMENT), .offset = 65528, .data = 7),
		 .reason = SZ_REASON_PASS},
		{"to 65,536", V6(EXTS(E_FRAGMENT), .offset = 65528, .data = 8),
		 .reason = SZ_REASON_FRAG_LEN},
		{"first, behind options",
		 V6(EXTS(E_DEST, E_FRAGMENT, E_DEST), .more = true, .data = 4),
		 .reason = SZ_REASON_PASS},
		{"the walk ends at a later fragment",
		 V6(EXTS(E_FRAGMENT), .proto = E_DEST, .offset = 800, .data = 3),
		 .reason = SZ_REASON_PASS},
	};

	run_rows(*state, rows, ARRAY_LEN(rows));
}

/* Whatever is cut off, the gate answers, and never with the verdict for a whole packet. */
static void every_length(void **state)
{
	static const struct spec specs[] = {V4(.data = 10), V6(EXTS(E_HOP, E_DEST), .proto = P_UDP),
					    V4(.vlan = {0x88a8, 0x8100}, .options = 8),
					    V6(.vlan = {0x8100}, .proto = P_ICMP6)};
	static struct frame frame;

	for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
		frame_build(&frame, &specs[i]);
		for (size_t whole = frame.len, len = 14; len < whole; len++) {
			struct outcome got;
			char what[40];

			frame.len = len;
			snprintf(what, sizeof(what), "frame %zu, %zu bytes", i, len);
			got = run_frame(*state, &frame);
			if (got.reason < SZ_REASON_ETH_SHORT || got.reason > SZ_REASON_EXT_SHORT)
				fail_msg("%s: %s", what, reason_name(got.reason));
			expect_outcome(what, got, got.reason);
		}
	}
}

static void nd_frame(struct frame *frame, uint8_t type, uint8_t code, uint8_t hops)
{
	frame_build(frame, &(struct spec)V6(.proto = P_ICMP6, .hops = hops, .icmp_type = type,
					    .data = 16, .src = "fe80::1", .dst = "ff02::1"));
	frame->bytes[frame->l4 + 1] = code;
}

static void neighbour_discovery(void **state)
{
	static const struct {
		uint8_t type, code, hops;
		int reason;
	} rows[] = {
		{133, 0, 255, SZ_REASON_ND},   {134, 0, 255, SZ_REASON_ND},
		{135, 0, 255, SZ_REASON_ND},   {136, 0, 255, SZ_REASON_ND},
		{137, 0, 255, SZ_REASON_ND},   {132, 0, 255, SZ_REASON_PASS},
		{138, 0, 255, SZ_REASON_PASS}, {135, 0, 254, SZ_REASON_PASS},
		{135, 1, 255, SZ_REASON_PASS}, {128, 0, 255, SZ_REASON_PASS},
	};
	static struct frame frame;
	char what[40];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		snprintf(what, sizeof(what), "type %u code %u hops %u", rows[i].type, rows[i].code,
			 rows[i].hops);
		nd_frame(&frame, rows[i].type, rows[i].code, rows[i].hops);
		expect_outcome(what, run_frame(*state, &frame), rows[i].reason);
	}
}

/* No solicitation has extension headers, is a fragment, is cut, or is another protocol. */
static void no_neighbour_discovery(void **state)
{
	static const struct row rows[] = {
		{"options", V6(EXTS(E_DEST), .proto = P_ICMP6, .icmp_type = 135, .hops = 255),
		 .reason = SZ_REASON_PASS},
		{"atomic fragment",
		 V6(EXTS(E_FRAGMENT), .proto = P_ICMP6, .icmp_type = 135, .hops = 255),
		 .reason = SZ_REASON_PASS},
		{"7 bytes",
		 V6(.proto = P_ICMP6, .bare = true, .data = 7, .hops = 255),
		 {L4(0, 1, 135), L4(1, 1, 0)},
		 .reason = SZ_REASON_PASS},
		{"another protocol", V6(.proto = P_SCTP, .icmp_type = 135, .hops = 255),
		 .reason = SZ_REASON_PASS},
	};

	run_rows(*state, rows, ARRAY_LEN(rows));
}

/* A frame in several buffers: the first holds less than the packet claims, all of them enough. */
static void several_buffers(void **state)
{
	static const struct row rows[] = {
		{"IPv4, 9,000 bytes", V4(.data = 8960), .reason = SZ_REASON_PASS},
		{"IPv6, 9,000 bytes", V6(.data = 8940), .reason = SZ_REASON_PASS},
		{"IPv4 lies", V4(.data = 8960), .cut = 1, .reason = SZ_REASON_IP4_LEN},
		{"IPv6 lies", V6(.data = 8940), .cut = 1, .reason = SZ_REASON_IP6_LEN},
		{"IPv4 says 0", V4(.data = 8960), {L3(2, 2, 0)}, .reason = SZ_REASON_IP4_LEN},
		{"IPv6 says 0", V6(.data = 8940), {L3(4, 2, 0)}, .reason = SZ_REASON_IP6_LEN},
	};
	static struct frame frame;
	struct run *run = *state;

	run->entry = RUN_FRAGS;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct outcome got;

		frame_build(&frame, &rows[i].spec);
		frame_patch(&frame, rows[i].patch[0]);
		frame.len -= rows[i].cut;
		got = run_frame(run, &frame);
		expect_outcome(rows[i].name, got, rows[i].reason);
		assert_int_equal(got.bytes, frame.len); /* of all buffers */
	}
}

/* BIG TCP: beyond 65,535 bytes a length field cannot say the length, and says 0. */
static void big_tcp(void **state)
{
	static struct frame frame;
	struct run *run = *state;

	run->entry = RUN_FRAGS;
	for (uint8_t family = 4; family <= 6; family += 2) {
		struct spec spec = {.family = family, .data = 60000};

		for (size_t len = 65535; len <= 65536; len++) {
			frame_build(&frame, &spec);
			frame.len = len;
			frame_set16(&frame, frame.l3 + (family == 4 ? 2 : 4), 0);
			expect_outcome(len > 65535 ? "big" : "not big", run_frame(run, &frame),
				       len > 65535   ? SZ_REASON_PASS
				       : family == 4 ? SZ_REASON_IP4_LEN
						     : SZ_REASON_IP6_LEN);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RUN_TEST(link_layer),
		RUN_TEST(ip4_header),
		RUN_TEST(ip6_header),
		RUN_TEST(ip6_extensions),
		RUN_TEST(fragments4),
		RUN_TEST(fragments6),
		RUN_TEST(every_length),
		RUN_TEST(neighbour_discovery),
		RUN_TEST(no_neighbour_discovery),
		RUN_TEST(several_buffers),
		RUN_TEST(big_tcp),
	};

	return cmocka_run_group_tests(tests, run_setup, run_teardown);
}
