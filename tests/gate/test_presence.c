// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Presence: what is listed is found at every prefix length; what has no bit is never looked up
 * (that is how a test can see that the bit was read); a level that is not in use is not read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <tests/gate/gate_run.h>

#define OPERATOR 1ULL

static const char *const nets4[] = {"0.0.0.0/0",  "0.0.0.0/1",	"0.0.0.0/7",  "1.0.0.0/8",
				    "1.0.0.0/12", "1.2.0.0/15", "1.2.0.0/16", "1.2.2.0/23",
				    "1.2.3.0/24", "1.2.3.0/25", "1.2.3.4/31", "1.2.3.4/32"};
static const char *const nets6[] = {"::/0",
				    "2000::/3",
				    "2a00::/12",
				    "2a00::/15",
				    "2a00::/16",
				    "2a00::/17",
				    "2a00::/31",
				    "2a00:1::/32",
				    "2a00:1::/33",
				    "2a00:1:2::/47",
				    "2a00:1:2::/48",
				    "2a00:1:2::/49",
				    "2a00:1:2:2::/63",
				    "2a00:1:2:3::/64",
				    "2a00:1:2:3::/65",
				    "2a00:1:2:3::4/127",
				    "2a00:1:2:3::4/128"};

static void begin(struct run *run)
{
	run_clean(run);
	expect_spec(run, "nothing listed", &(struct spec){.family = 6}, SZ_REASON_PASS);
}

static void deny_each(struct run *run, const char *table, const char *const *nets, size_t count,
		      int reason)
{
	for (size_t i = 0; i < count; i++) {
		uint8_t addr[16], len, family = prefix_split(nets[i], addr, &len);

		begin(run);
		rule_set(run, table, nets[i], FOREVER(OPERATOR));
		expect_spec(run, nets[i], &(struct spec){.family = family}, reason);
	}
}

static void every_length(void **state)
{
	static const struct {
		const char *table;
		int reason;
	} tables[] = {{"dnet", SZ_REASON_DENY_NET},
		      {"allow", SZ_REASON_ALLOW},
		      {"never", SZ_REASON_NEVER}};

	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		deny_each(*state, tables[i].table, nets4, ARRAY_LEN(nets4), tables[i].reason);
		deny_each(*state, tables[i].table, nets6, ARRAY_LEN(nets6), tables[i].reason);
	}
}

/* Every IPv4 length at once, first and last address inside, and outside on both sides. */
static void edges4(void **state)
{
	for (uint8_t len = 1; len <= 32; len++) {
		uint32_t net = 0x59595959U & ~(len < 32 ? 0xffffffffU >> len : 0);
		uint32_t last = net | (len < 32 ? 0xffffffffU >> len : 0);
		uint32_t tries[] = {net, last, net - 1, last + 1};
		char text[24];

		begin(*state);
		((struct run *)*state)->settings->bogon_flip = SZ_BOGON_DEFAULT;
		snprintf(text, sizeof(text), "%u.%u.%u.%u/%u", net >> 24, net >> 16 & 255,
			 net >> 8 & 255, net & 255, len);
		rule_set(*state, "dnet", text, FOREVER(OPERATOR));
		for (size_t i = 0; i < ARRAY_LEN(tries); i++) {
			char src[20];

			snprintf(src, sizeof(src), "%u.%u.%u.%u", tries[i] >> 24,
				 tries[i] >> 16 & 255, tries[i] >> 8 & 255, tries[i] & 255);
			expect_spec(*state, src, &(struct spec){.src = src},
				    i < 2 ? SZ_REASON_DENY_NET : SZ_REASON_PASS);
		}
	}
}

/* An entry without its bit: the gate does not see it. One load is all that a clean packet pays. */
static void no_bit_no_lookup(void **state)
{
	struct run *run = *state;

	begin(run);
	rule_set(run, "dhost", PEER4, FOREVER(OPERATOR));
	rule_set(run, "dhost", PEER6, FOREVER(OPERATOR));
	memset(run->present4, 0, SZ_PRESENT4_LINES * sizeof(*run->present4));
	memset(run->present6, 0, SZ_PRESENT6_LINES * sizeof(*run->present6));
	expect_spec(run, "v4", &(struct spec){0}, SZ_REASON_PASS);
	expect_spec(run, "v6", &(struct spec){.family = 6}, SZ_REASON_PASS);
	presence_set(run, PEER4);
	presence_set(run, PEER6);
	expect_spec(run, "v4", &(struct spec){0}, SZ_REASON_DENY_HOST);
	expect_spec(run, "v6", &(struct spec){.family = 6}, SZ_REASON_DENY_HOST);
}

/* A bit too many costs time and changes nothing. */
static void stale_bit_is_harmless(void **state)
{
	struct run *run = *state;

	begin(run);
	memset(run->present4, 0xff, SZ_PRESENT4_LINES * sizeof(*run->present4));
	memset(run->present6, 0xff, SZ_PRESENT6_LINES * sizeof(*run->present6));
	run->settings->present6_levels = 15;
	expect_spec(run, "v4", &(struct spec){0}, SZ_REASON_PASS);
	expect_spec(run, "v6", &(struct spec){.family = 6}, SZ_REASON_PASS);
}

/* The four levels, one by one: used alone it finds its entry, left out it does not. */
static void levels6(void **state)
{
	static const struct {
		const char *net;
		uint32_t level;
	} rows[] = {
		{"2a00::/16", SZ_LEVEL6_16},	   {"2a00::/31", SZ_LEVEL6_16},
		{"2a00:1::/32", SZ_LEVEL6_32},	   {"2a00:1:2::/47", SZ_LEVEL6_32},
		{"2a00:1:2::/48", SZ_LEVEL6_48},   {"2a00:1:2:2::/63", SZ_LEVEL6_48},
		{"2a00:1:2:3::/64", SZ_LEVEL6_64}, {"2a00:1:2:3::4/128", SZ_LEVEL6_64},
	};
	struct run *run = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		begin(run);
		rule_set(run, "dnet", rows[i].net, FOREVER(OPERATOR));
		assert_int_equal(run->settings->present6_levels, rows[i].level);
		expect_spec(run, rows[i].net, &(struct spec){.family = 6}, SZ_REASON_DENY_NET);
		run->settings->present6_levels = 15 ^ rows[i].level;
		expect_spec(run, "other levels", &(struct spec){.family = 6}, SZ_REASON_PASS);
	}
}

/* Another seed, another place: bits made under the old one are not found under the new. */
static void seed_matters(void **state)
{
	struct run *run = *state;
	struct sz_meta old;

	begin(run);
	memcpy(&old, (const void *)(uintptr_t)run->meta, sizeof(old));
	rule_set(run, "dnet", "2a00:1:2:3::/64", FOREVER(OPERATOR));
	expect_spec(run, "same seed", &(struct spec){.family = 6}, SZ_REASON_DENY_NET);
	run->meta->seed.word[0] += 1ULL << 40;
	run->meta->seed.word[2] += 1ULL << 50;
	expect_spec(run, "another seed", &(struct spec){.family = 6}, SZ_REASON_PASS);
	memcpy((void *)(uintptr_t)run->meta, &old, sizeof(old));
}

/* The bit of PEER4 or PEER6 among those that spare a source the never and allow tries. */
static volatile uint64_t *void_word(struct run *run, uint8_t family, uint64_t *ret_mask)
{
	uint32_t bit = family == 4 ? 1 : (uint32_t)(0x2a000001U * 0x9e3779b1U) >> 24;

	*ret_mask = 1ULL << bit % 64;
	return (volatile uint64_t *)(family == 4 ? run->settings->pass4_void
						 : run->settings->pass6_void) +
	       bit / 64;
}

static void set_all_void(struct run *run)
{
	for (int i = 0; i < 4; i++) {
		run->settings->pass4_void[i] = UINT64_MAX;
		run->settings->pass6_void[i] = UINT64_MAX;
	}
}

/* Its own bit and no other says that never and allow need not be asked about a source. */
static void void_bits_spare_never_and_allow(void **state)
{
	static const char *const tables[] = {"never", "allow"};
	struct run *run = *state;

	for (uint8_t family = 4; family <= 6; family += 2) {
		for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
			int passes = i ? SZ_REASON_ALLOW : SZ_REASON_NEVER;
			const char *host = family == 4 ? PEER4 : PEER6;
			struct spec spec = {.family = family};
			volatile uint64_t *word;
			uint64_t mask;

			begin(run);
			word = void_word(run, family, &mask);
			rule_set(run, tables[i], host, FOREVER(OPERATOR));
			rule_set(run, "dhost", host, FOREVER(OPERATOR));
			set_all_void(run);
			*word &= ~mask;
			expect_spec(run, "asked", &spec, passes);
			*word |= mask;
			expect_spec(run, "not asked", &spec, SZ_REASON_DENY_HOST);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RUN_TEST(every_length),
		RUN_TEST(edges4),
		RUN_TEST(no_bit_no_lookup),
		RUN_TEST(stale_bit_is_harmless),
		RUN_TEST(levels6),
		RUN_TEST(seed_matters),
		RUN_TEST(void_bits_spare_never_and_allow),
	};

	return cmocka_run_group_tests(tests, run_setup, run_teardown);
}
