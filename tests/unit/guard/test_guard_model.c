/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Long random runs against a plain model: an array of sources and what was said about them. What
 * must hold whatever comes: scores in range, no ban by spoofable evidence alone, nothing done to
 * whom is spared, each ban lifted at its time and not before, tables within their bounds, counts
 * that agree.
 */
#include <tests/unit/guard/kit.h>

#define HOSTS 900U
#define SPARED_FROM 850U /* these are on the never-ban set */
#define STRANGERS 100U
#define PROVEN 400U
#define PREFIXES 30U

struct life {
	bool answered; /* proven evidence or contact, since it was last forgotten */
	bool banned;
	uint64_t until_ms;
};

static struct life lives[HOSTS];
static struct kit kit;
static uint64_t seed, ticked_ms;
static unsigned prefix_bans, bans, lifts, evictions;

static uint32_t draw(void)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(seed >> 33);
}

/* Hosts of IPv4 and IPv6, 30 of them in a prefix. */
static struct prefix host_of(unsigned n)
{
	uint8_t addr[16] = {0x20, 1, 0xd, 0xb8, 0, (uint8_t)(n / 30), 0, (uint8_t)(n % 30)};
	uint8_t addr4[4] = {203, 0, (uint8_t)(n / 30), (uint8_t)(n % 30)};

	return n / 30 % 2 ? prefix_from(6, addr, 64) : prefix_from(4, addr4, 32);
}

static unsigned number_of(const struct prefix *prefix)
{
	unsigned at = prefix->family == 4 ? 2 : 5;

	return prefix->addr[at] * 30U + prefix->addr[prefix->family == 4 ? 3 : 7];
}

static bool is_host(const struct prefix *prefix)
{
	return prefix->len == (prefix->family == 4 ? 32 : 64);
}

static bool is_spared(const struct prefix *prefix)
{
	for (unsigned n = SPARED_FROM; n < HOSTS; n++) {
		struct prefix host = host_of(n);

		if (prefix_covers(prefix, &host))
			return true;
	}
	return false;
}

static void on_limit(void *owner, const struct guard_limit *limit)
{
	(void)owner;
	assert_true(limit->score >= 0 && limit->score <= 1);
	assert_true(limit->pressure >= 0 && limit->pressure <= 1);
	assert_true(limit->slow >= 16);
	assert_true(limit->until_ms > kit.now_ms);
	assert_false(limit->tier == GUARD_TIER_LIMITED && is_spared(&limit->prefix));
	/* A stranger is shut out for seconds at most. */
	if (!lives[number_of(&limit->prefix)].answered)
		assert_true(limit->until_ms <= kit.now_ms + 10000);
}

static void on_ban(void *owner, const struct guard_ban *ban)
{
	struct life *life = &lives[number_of(&ban->prefix)];

	(void)owner;
	assert_false(is_spared(&ban->prefix));
	assert_true(ban->until_ms > kit.now_ms);
	assert_true(ban->score > 0.7F && ban->score <= 1);
	if (!is_host(&ban->prefix)) {
		prefix_bans++;
		return;
	}
	assert_true(life->answered);
	assert_false(life->banned);
	*life = (struct life){true, true, ban->until_ms};
	bans++;
}

static void on_lift(void *owner, const struct prefix *prefix)
{
	struct life *life = &lives[number_of(prefix)];

	(void)owner;
	if (!is_host(prefix))
		return;
	assert_true(life->banned);
	assert_true(kit.now_ms >= life->until_ms);
	/* The first tick that could do it did it. */
	assert_true(life->until_ms > ticked_ms);
	life->banned = false;
	lifts++;
}

static void on_record(void *owner, const struct guard_record *record)
{
	float sum = 0;
	char text[600];

	(void)owner;
	assert_true(record->score >= 0 && record->score <= 1);
	assert_true(record->pressure >= 0 && record->pressure <= 1);
	for (unsigned i = 0; i < record->shares_len; i++)
		if (record->shares[i].evidence == GUARD_PROVEN)
			sum += record->shares[i].share;
	assert_true(sum <= record->score + 0.001F && sum >= record->score - 0.001F);
	assert_true(record->enforced == !record->why_not);
	assert_true(guard_record_text(record, text, sizeof(text)) < (int)sizeof(text));
	if (record->act == GUARD_ACT_BAN && record->enforced && is_host(&record->prefix))
		assert_true(record->shares_len > 0);
}

static void on_evict(void *owner, const struct guard_kept *kept)
{
	struct life *life = &lives[number_of(&kept->prefix)];

	(void)owner;
	/* Its ban goes on in the gate: what is kept says for how long. */
	if (life->banned)
		assert_true(kept->banned_ms + kit.now_ms == life->until_ms ||
			    life->until_ms <= kit.now_ms);
	*life = (struct life){0};
	evictions++;
}

static void look(void)
{
	struct guard_figures figures = guard_figures(kit.guard);
	unsigned banned = 0;

	for (unsigned n = 0; n < HOSTS; n++)
		banned += lives[n].banned;
	assert_true(figures.strangers <= STRANGERS);
	assert_true(figures.proven <= PROVEN);
	assert_true(figures.prefixes <= PREFIXES);
	/* Those that are spared are banned in their level alone. */
	assert_true(figures.banned >= banned);
	assert_true(figures.banned <= banned + HOSTS - SPARED_FROM);
	assert_true(figures.limited + figures.banned <= figures.proven + figures.strangers);
}

static void act(void)
{
	unsigned n = draw() % 3 ? draw() % HOSTS : draw() % 20; /* some are worse than others */
	struct prefix host = host_of(n);
	struct observation seen = kit_of(&host, (enum guard_input)(draw() % GUARD_INPUT_COUNT));
	char text[2000];
	int level;

	/* A proven fact makes it one that has answered, before anything is decided. */
	seen.count = draw() % 4 ? 1 : draw() % 2000;
	seen.value = draw() % 100000;
	seen.port = (uint16_t)(draw() % 5 ? 8000 : draw());
	if (draw() % 8 == 0 &&
	    (seen.input == GUARD_IN_FEED_LISTED || seen.input == GUARD_IN_REPORTED))
		seen.weight = (float)(draw() % 120) / 100;
	if (guard_inputs[seen.input].evidence == GUARD_PROVEN)
		lives[n].answered = true;
	level = guard_observe(kit.guard, &seen, kit.now_ms);
	assert_in_range(level, GUARD_FREE, GUARD_BANNED);
	assert_int_equal(level == GUARD_BANNED, lives[n].banned);
	if (n >= SPARED_FROM)
		assert_int_equal(level, GUARD_FREE);
	if (draw() % 512 == 0)
		assert_true(guard_why(kit.guard, &host, kit.now_ms, text, sizeof(text)) > 10);
}

static void tick(void)
{
	guard_tick(kit.guard, kit.now_ms);
	ticked_ms = kit.now_ms;
}

static void run(uint64_t from, unsigned steps)
{
	static const struct guard_ops ops = {.limit = on_limit,
					     .ban = on_ban,
					     .lift = on_lift,
					     .record = on_record,
					     .evict = on_evict};
	struct guard_config config = kit_config();
	struct guard_spared spared[HOSTS - SPARED_FROM];

	memset(lives, 0, sizeof(lives));
	seed = from;
	config.strangers = STRANGERS;
	config.proven = PROVEN;
	config.prefixes = PREFIXES;
	config.ban_max_s = 3600;
	kit = (struct kit){.now_ms = KIT_BEGIN_MS};
	ticked_ms = 0;
	assert_int_equal(guard_new(&config, &ops, NULL, kit.now_ms, &kit.guard), 0);
	for (unsigned i = 0; i < ARRAY_LEN(spared); i++)
		spared[i] = (struct guard_spared){host_of(SPARED_FROM + i), true};
	assert_int_equal(guard_spare(kit.guard, spared, ARRAY_LEN(spared), kit.now_ms), 0);
	for (unsigned i = 0; i < steps; i++) {
		uint32_t how = draw() % 4096;

		kit.now_ms += how ? how % 64 : draw() % 7200000;
		if (how % 4 == 0)
			tick();
		if (how % 256 == 0)
			guard_load(kit.guard,
				   &(struct guard_load){.loss = (float)(draw() % 100) / 100,
							.failed_s = draw() % 1000},
				   kit.now_ms);
		act();
		if (i % 4096 == 0) {
			tick();
			look();
		}
	}
	/* In the end all is free. */
	kit.now_ms += 100 * 86400000ULL;
	tick();
	kit.now_ms += 86400000ULL;
	for (unsigned i = 0; i < 100; i++, kit.now_ms += 2000)
		tick();
	assert_int_equal(guard_figures(kit.guard).limited, 0);
	assert_int_equal(guard_figures(kit.guard).banned, 0);
	assert_int_equal(guard_figures(kit.guard).prefixes_banned, 0);
	guard_free(kit.guard);
}

static void whatever_comes(void **state)
{
	(void)state;
	for (uint64_t from = 1; from <= 10; from++)
		run(from * 77777, 200000);
	print_message("%u bans, %u lifts, %u evictions, %u bans of prefixes\n", bans, lifts,
		      evictions, prefix_bans);
	/* It was no empty run. */
	assert_true(bans > 1000 && lifts > 500 && evictions > 1000 && prefix_bans > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(whatever_comes)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
