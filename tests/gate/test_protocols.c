// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * A verdict over a source holds whatever it sends: each protocol, options, fragments, extension
 * headers and VLAN tags. Every frame is sent twice: it passes before the ban and drops after it,
 * so none of them is dropped for another reason.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <tests/gate/gate_run.h>

static const uint8_t protos[] = {P_TCP, P_UDP, P_ICMP, P_ICMP6, P_GRE, P_ESP, P_SCTP, P_UNKNOWN};
static const uint8_t kinds[] = {E_HOP,	E_ROUTING,  E_DEST, E_AUTH,
				E_DEST, E_MOBILITY, E_HIP,  E_SHIM};
static const uint16_t tags[][3] = {
	{0},
	{0x8100},
	{0x88a8},
	{0x9100},
	{0x8100, 0x8100},
	{0x88a8, 0x8100},
	{0x8100, 0x88a8},
	{0x9100, 0x8100},
	{0x8100, 0x9100},
	{0x88a8, 0x88a8},
	{0x9100, 0x88a8},
	{0x88a8, 0x9100},
	{0x9100, 0x9100},
};

static void describe(char text[160], const struct spec *spec)
{
	snprintf(text, 160, "IPv%u proto %u tags %x %x options %u headers %u offset %u more %d",
		 spec->family, spec->proto, spec->vlan[0], spec->vlan[1], spec->options,
		 spec->ext_count, spec->offset, spec->more);
}

/* Both verdicts, through both entries. */
static void check(struct run *run, const struct spec *spec)
{
	const char *host = spec->family == 6 ? PEER6 : PEER4;
	char what[160];

	describe(what, spec);
	for (int entry = 0; entry < RUN_ENTRIES; entry++) {
		run->entry = (enum run_entry)entry;
		expect_spec(run, what, spec, SZ_REASON_PASS);
		rule_set(run, "dhost", host, FOREVER(1));
		expect_spec(run, what, spec, SZ_REASON_DENY_HOST);
		rule_delete(run, "dhost", host);
	}
}

static void with_tags(struct run *run, struct spec spec)
{
	for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
		memcpy(spec.vlan, tags[i], sizeof(tags[i]));
		check(run, &spec);
	}
}

static void every_protocol(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(protos); i++) {
		with_tags(*state, (struct spec){.family = 4, .proto = protos[i]});
		with_tags(*state, (struct spec){.family = 6, .proto = protos[i]});
	}
}

static void ip_options(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(protos); i++)
		for (uint8_t options = 4; options <= 40; options += 12)
			check(*state,
			      &(struct spec){.family = 4, .proto = protos[i], .options = options});
}

static void extension_headers(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(protos); i++) {
		for (uint8_t count = 0; count <= SZ_EXT_MAX; count++) {
			struct spec spec = {.family = 6, .proto = protos[i], .ext_count = count};

			memcpy(spec.ext, kinds, sizeof(kinds));
			check(*state, &spec);
			spec.ext_units = 3;
			check(*state, &spec);
		}
	}
}

/* First, middle, last. */
static void fragments(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(protos); i++) {
		for (uint8_t family = 4; family <= 6; family += 2) {
			struct spec spec = {.family = family,
					    .proto = protos[i],
					    .more = true,
					    .data = protos[i] == P_TCP ? 36 : 32,
					    .ext_count = family == 6,
					    .ext = {E_FRAGMENT}};

			with_tags(*state, spec);
			spec.offset = 1440;
			spec.data = 32;
			with_tags(*state, spec);
			spec.more = false;
			spec.data = 5;
			with_tags(*state, spec);
		}
	}
}

/* Seven headers of other kinds before the fragment header, and atomic fragments. */
static void fragments_behind_headers(void **state)
{
	for (uint8_t before = 0; before < SZ_EXT_MAX; before++) {
		struct spec spec = {.family = 6, .ext_count = before + 1};

		memcpy(spec.ext, kinds, before);
		spec.ext[before] = E_FRAGMENT;
		check(*state, &spec);
		spec.offset = 1440;
		spec.data = 5;
		check(*state, &spec);
	}
}

/* Without these no host stays reachable: they pass although their sender is denied. */
static void what_passes_in_spite(void **state)
{
	static struct frame frame;
	struct run *run = *state;

	expect_spec(run, "seed", &(struct spec){.family = 6}, SZ_REASON_PASS);
	rule_set(run, "dnet", "fe80::/10", FOREVER(1));
	rule_set(run, "dhost", PEER4, FOREVER(1));
	for (uint8_t type = 133; type <= 137; type++) {
		struct spec spec = {.family = 6,
				    .proto = P_ICMP6,
				    .hops = 255,
				    .src = "fe80::9",
				    .icmp_type = type,
				    .data = 24};

		expect_spec(run, "neighbour discovery", &spec, SZ_REASON_ND);
		spec.hops = 254;
		expect_spec(run, "forged neighbour discovery", &spec, SZ_REASON_DENY_NET);
		spec.hops = 255;
		spec.ext_count = 1;
		spec.ext[0] = E_DEST;
		expect_spec(run, "hidden neighbour discovery", &spec, SZ_REASON_DENY_NET);
		spec.ext[0] = E_FRAGMENT;
		expect_spec(run, "fragmented neighbour discovery", &spec, SZ_REASON_DENY_NET);
	}
	frame_build(&frame, &(struct spec){0});
	frame_patch(&frame, (struct patch){PATCH_ETH, 12, 2, 0x0806});
	expect_outcome("ARP", run_frame(run, &frame), SZ_REASON_NOT_IP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RUN_TEST(every_protocol),	    RUN_TEST(ip_options),
		RUN_TEST(extension_headers),	    RUN_TEST(fragments),
		RUN_TEST(fragments_behind_headers), RUN_TEST(what_passes_in_spite),
	};

	return cmocka_run_group_tests(tests, run_setup, run_teardown);
}
