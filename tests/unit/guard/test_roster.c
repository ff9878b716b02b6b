/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Two tables of fixed size, second chance, the heap of what is due: against a plain model. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <user/guard/roster.h>

static unsigned evicted;
static uint64_t last_evicted;

static void on_evict(void *owner, const struct source *source)
{
	assert_ptr_equal(owner, &evicted);
	evicted++;
	last_evicted = source->key;
}

static struct roster with(uint32_t strangers, uint32_t proven)
{
	struct roster_config config = {strangers, proven, {1, 2}, &evicted, on_evict};
	struct roster roster;

	evicted = 0;
	assert_int_equal(roster_init(&roster, &config), 0);
	return roster;
}

static void keys(void **state)
{
	static const char *const hosts[] = {"192.0.2.1", "2001:db8:1:2::", "255.255.255.255", "::"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
		struct prefix host, back;
		char text[PREFIX_TEXT_LEN];

		assert_int_equal(prefix_parse(hosts[i], strlen(hosts[i]), &host), 0);
		back = source_prefix(source_key(host.family, host.addr));
		assert_int_equal(back.family, host.family);
		assert_int_equal(back.len, host.family == 4 ? 32 : 64);
		prefix_format(&back, text);
		assert_memory_equal(back.addr, host.addr, sizeof(host.addr));
	}
}

static void sizes(void **state)
{
	struct roster_config config = {0, 1, {0, 0}, NULL, NULL};
	struct roster roster;

	(void)state;
	assert_int_equal(roster_init(&roster, &config), -EINVAL);
	config = (struct roster_config){.strangers = 1U << 24, .proven = 1};
	assert_int_equal(roster_init(&roster, &config), -EINVAL);
}

/* Strangers, however many, take the place of strangers. */
static void a_flood_evicts_no_proven(void **state)
{
	struct roster roster = with(50, 100);

	(void)state;
	for (uint64_t key = 1; key <= 100; key++)
		assert_non_null(roster_get(&roster, key, GUARD_PROVEN, 0));
	for (uint64_t key = 1000; key < 101000; key++)
		assert_non_null(roster_get(&roster, key, GUARD_SPOOFABLE, 0));
	for (uint64_t key = 1; key <= 100; key++) {
		struct source *source = roster_find(&roster, key);

		assert_non_null(source);
		assert_true(roster_is_proven(&roster, source));
	}
	assert_int_equal(roster.tables[GUARD_SPOOFABLE].len, 50);
	assert_int_equal(evicted, 100000 - 50);
	assert_int_equal(roster.evicted[GUARD_PROVEN], 0);
	roster_deinit(&roster);
}

static void who_is_used_stays(void **state)
{
	struct roster roster = with(10, 10);

	(void)state;
	for (uint64_t key = 1; key <= 5000; key++) {
		assert_non_null(roster_get(&roster, 7, GUARD_PROVEN, 0));
		(void)roster_get(&roster, key + 100, GUARD_PROVEN, 0);
	}
	assert_non_null(roster_find(&roster, 7));
	roster_deinit(&roster);
}

static void who_matters_stays_longer(void **state)
{
	struct roster roster = with(10, 50);

	(void)state;
	for (uint64_t key = 1; key <= 5; key++)
		roster_get(&roster, key, GUARD_PROVEN, 0)->level = GUARD_BANNED;
	for (uint64_t key = 100; key < 5000; key++)
		(void)roster_get(&roster, key, GUARD_PROVEN, 0);
	for (uint64_t key = 1; key <= 5; key++)
		assert_non_null(roster_find(&roster, key));
	/* But a table full of them is no prison: somebody goes. */
	for (uint64_t key = 10000; key < 10200; key++)
		roster_get(&roster, key, GUARD_PROVEN, 0)->level = GUARD_BANNED;
	assert_int_equal(roster.tables[GUARD_PROVEN].len, 50);
	roster_deinit(&roster);
}

static void a_stranger_moves_over(void **state)
{
	struct roster roster = with(10, 10);
	struct source *source = roster_get(&roster, 5, GUARD_SPOOFABLE, 77000);

	(void)state;
	source->offences = 3;
	roster_set_due(&roster, source, 500);
	source = roster_get(&roster, 5, GUARD_PROVEN, 99000);
	assert_true(roster_is_proven(&roster, source));
	assert_int_equal(source->offences, 3);
	assert_int_equal(source->first_s, 77);
	assert_int_equal(roster.tables[GUARD_SPOOFABLE].len, 0);
	assert_null(roster_pop_due(&roster, 499));
	assert_ptr_equal(roster_pop_due(&roster, 500), source);
	assert_null(roster_pop_due(&roster, 500));
	/* And does not move back. */
	assert_ptr_equal(roster_get(&roster, 5, GUARD_SPOOFABLE, 0), source);
	roster_deinit(&roster);
}

#define MODEL_KEYS 400

struct model {
	bool known, proven;
	uint64_t due;
};

static struct model models[MODEL_KEYS];

static void on_evict_model(void *owner, const struct source *source)
{
	struct model *model = &models[source->key];

	(void)owner;
	assert_true(model->known);
	*model = (struct model){0};
}

/* The earliest of the model, UINT64_MAX: none. */
static uint64_t model_due(void)
{
	uint64_t due = UINT64_MAX;

	for (unsigned i = 0; i < MODEL_KEYS; i++)
		if (models[i].due)
			due = MIN(due, models[i].due);
	return due;
}

static void step(struct roster *roster, uint32_t r, uint64_t *now)
{
	uint64_t key = 1 + r / 16 % (MODEL_KEYS - 1);
	struct model *model = &models[key];
	struct source *source = roster_find(roster, key);

	assert_int_equal(!!source, model->known);
	if (source)
		assert_int_equal(roster_is_proven(roster, source), model->proven);
	switch (r % 8) {
	case 0:
	case 1:
	case 2: {
		enum guard_evidence evidence = r % 8 == 1 ? GUARD_PROVEN : GUARD_SPOOFABLE;
		struct model was = *model;

		(void)roster_get(roster, key, evidence, *now);
		*model = was; /* moving over is no end */
		model->known = true;
		model->proven |= evidence == GUARD_PROVEN;
		break;
	}
	case 3:
	case 4:
		if (!source)
			break;
		model->due = *now + 1 + r / 64 % 1000;
		roster_set_due(roster, source, model->due);
		break;
	case 5:
		if (!source)
			break;
		roster_clear_due(roster, source);
		model->due = 0;
		break;
	case 6:
		if (!source || r / 8 % 4)
			break;
		roster_drop(roster, source);
		*model = (struct model){0};
		break;
	default:
		*now += r / 8 % 20;
		while ((source = roster_pop_due(roster, *now))) {
			assert_true(source->due_ms == model_due());
			assert_true(models[source->key].due == source->due_ms);
			models[source->key].due = 0;
		}
		assert_true(model_due() > *now);
		break;
	}
}

static void it_is_its_model(void **state)
{
	struct roster_config config = {60, 90, {3, 4}, NULL, on_evict_model};
	struct roster roster;
	uint64_t now = 1, seed = 42;

	(void)state;
	memset(models, 0, sizeof(models));
	assert_int_equal(roster_init(&roster, &config), 0);
	for (unsigned i = 0; i < 300000; i++) {
		unsigned proven = 0, strangers = 0;

		seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
		step(&roster, (uint32_t)(seed >> 33), &now);
		if (i % 1000)
			continue;
		for (unsigned k = 0; k < MODEL_KEYS; k++) {
			proven += models[k].known && models[k].proven;
			strangers += models[k].known && !models[k].proven;
		}
		assert_int_equal(roster.tables[GUARD_PROVEN].len, proven);
		assert_int_equal(roster.tables[GUARD_SPOOFABLE].len, strangers);
	}
	assert_true(roster.evicted[GUARD_PROVEN] > 0 && roster.evicted[GUARD_SPOOFABLE] > 0);
	roster_deinit(&roster);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys),
		cmocka_unit_test(sizes),
		cmocka_unit_test(a_flood_evicts_no_proven),
		cmocka_unit_test(who_is_used_stays),
		cmocka_unit_test(who_matters_stays_longer),
		cmocka_unit_test(a_stranger_moves_over),
		cmocka_unit_test(it_is_its_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
