/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What a service says of values that its peers ask a database with: from the ORM's detector through
 * peer_report(), the worker and the split to strazhd's guard. The services that are shipped ask no
 * database, so one of this test stands in the place of echo: each message is a value, judged and
 * sent back.
 */
#include <errno.h>
#include <poll.h>

#include <strazh/orm/guard.h>
#include <tests/server/estate.h>
#include <user/base/clock.h>
#include <user/daemon/guarding/guarding.h>

#define PATIENCE_MS 30000
#define FREE_QUERIES 20 /* of a session; its clock stands still, so never more */

/* ---- the service ---- */

struct desk {
	struct orm_guard *guard;
	struct peer *peer; /* whose value it is just now */
};

static int64_t stands_still(void *data)
{
	(void)data;
	return 1;
}

static void on_report(void *data, const struct orm_guard_report *report)
{
	struct desk *desk = data;

	peer_report(desk->peer, report->signal == ORM_SIGNAL_FLOOD ? PEER_FLOOD : PEER_INJECTION);
}

static int desk_open(const struct service_config *config, void **ret_shared,
		     char why[SERVICE_WHY_LEN])
{
	(void)config;
	(void)why;
	*ret_shared = NULL;
	return 0;
}

static void desk_close(void *shared)
{
	(void)shared;
}

static int desk_start(struct service_host *host, void *shared, void **ret_instance)
{
	struct desk *desk = calloc(1, sizeof(*desk));
	const struct orm_guard_options options = {.report = on_report,
						  .data = desk,
						  .queries = FREE_QUERIES,
						  .burst_ms = 1000,
						  .now_ns = stands_still};

	(void)host;
	(void)shared;
	if (!desk)
		return -ENOMEM;
	desk->guard = orm_guard_new(&options);
	*ret_instance = desk;
	if (desk->guard)
		return 0;
	free(desk);
	return -ENOMEM;
}

static void desk_stop(void *instance)
{
	struct desk *desk = instance;

	orm_guard_free(desk->guard);
	free(desk);
}

static void desk_message(void *instance, struct peer *peer, const struct ph_message *message)
{
	struct desk *desk = instance;
	const uint64_t client = peer_about(peer)->id + 1; /* 0 would be nobody */
	struct ph_message reply = *message;

	desk->peer = peer;
	(void)orm_guard_value(desk->guard, client, message->payload, message->len, NULL);
	(void)orm_guard_count(desk->guard, client, &(struct orm_guard_use){.queries = 1});
	desk->peer = NULL;
	reply.opcode = PH_OP_REPLY;
	if (peer_send(peer, &reply))
		peer_close(peer, "desk_full");
}

static size_t desk_counters(void *instance, size_t n, struct service_counter ret_counters[])
{
	(void)instance;
	(void)n;
	(void)ret_counters;
	return 0;
}

/* Of this name, so that the worker takes it for the one of user/service/echo.c. */
const struct service_ops service_echo = {
	.name = "echo",
	.id = PH_S_ECHO,
	.open = desk_open,
	.close = desk_close,
	.start = desk_start,
	.stop = desk_stop,
	.on_message = desk_message,
	.counters = desk_counters,
};

/* ---- the keeper's side ---- */

static struct {
	struct estate estate;
	struct keeper keeper;
	struct guarding guarding;
	struct guard_ban ban; /* the last one */
	unsigned bans;
	unsigned told[PEER_FLOOD + 1]; /* SPLIT_BAD_QUERY, by its condition */
	unsigned gone;
} * scene;

static void on_ban(void *owner, const struct guard_ban *ban)
{
	(void)owner;
	scene->ban = *ban;
	scene->bans++;
}

static int set_up(void **state)
{
	static const struct guard_ops ops = {.ban = on_ban};
	struct guard_config config = guard_config_usual();

	(void)state;
	scene = calloc(1, sizeof(*scene));
	assert_non_null(scene);
	scene->guarding.keeper = &scene->keeper;
	scene->keeper.guarding = &scene->guarding;
	assert_int_equal(
		guard_new(&config, &ops, NULL, clock_boot_ns() / 1000000, &scene->guarding.guard),
		0);
	estate_make(&scene->estate);
	estate_start(&scene->estate, "");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	estate_close(&scene->estate);
	guard_free(scene->guarding.guard);
	free(scene);
	return 0;
}

static void take(const struct split_message *m)
{
	if (m->type == SPLIT_BAD_QUERY) {
		assert_in_range(m->condition, PEER_INJECTION, PEER_FLOOD);
		assert_int_equal(m->family, 4);
		assert_memory_equal(m->addr, "\x7f\0\0\1", 4);
		assert_int_equal(m->dport, scene->estate.house.port);
		scene->told[m->condition]++;
	}
	scene->gone += m->type == SPLIT_GONE;
	guarding_sign(&scene->keeper, m);
}

/* Until so many sessions are over: what was said of them came before. */
static void hear(unsigned gone)
{
	struct pollfd wait = {.fd = scene->estate.split, .events = POLLIN};
	uint64_t until = house_now_ms() + PATIENCE_MS;
	struct split_message m;
	int r;

	while (scene->gone < gone) {
		r = split_receive(scene->estate.split, &m);
		if (r == -EAGAIN)
			(void)poll(&wait, 1, 100);
		else if (r)
			fail_msg("the split: %d", r);
		else if (m.type != SPLIT_FIGURES)
			take(&m);
		if (house_now_ms() > until)
			fail_msg("%u of %u sessions are over", scene->gone, gone);
	}
}

/* One session that asks with each of these, in turn, so often. */
static void ask(const char *const values[], size_t count, unsigned times)
{
	struct strazh *client = house_client(&scene->estate.house, NULL);

	for (size_t i = 0; i < count * times; i++) {
		const char *value = values[i % count];
		struct strazh_message reply, message = {.service = PH_S_ECHO,
							.opcode = PH_OP_REQUEST,
							.priority = PH_NORMAL,
							.request = (uint32_t)i + 1,
							.payload = value,
							.len = strlen(value)};

		assert_int_equal(strazh_request(client, &message, PATIENCE_MS, &reply), 0);
		assert_int_equal(reply.len, strlen(value));
	}
	strazh_close(client);
}

static const char *why(void)
{
	static char text[2048];
	const struct prefix host = prefix_from(4, (const uint8_t[16]){127, 0, 0, 1}, 32);

	assert_true(guard_why(scene->guarding.guard, &host, clock_boot_ns() / 1000000, text,
			      sizeof(text)) > 0);
	return text;
}

/* ---- what is seen ---- */

/* Names, words of SQL in plain language, figures: what people ask with. */
static void honest_values(void **state)
{
	static const char *const values[] = {
		"O'Brien",
		"rock 'n' roll",
		"please select the best from the rest",
		"1 or 2",
		"24\" monitor",
		"192.0.2.0/24",
		"SELECT * FROM users WHERE id = 1",
		"drop table 5 and order by the window",
	};

	(void)state;
	for (unsigned i = 0; i < 8; i++)
		ask(values, ARRAY_LEN(values), 2);
	hear(8);
	assert_int_equal(scene->told[PEER_INJECTION], 0);
	assert_int_equal(scene->told[PEER_FLOOD], 0);
	assert_int_equal(scene->bans, 0);
	assert_non_null(strstr(why(), "score 0.00"));
}

static void injections(void **state)
{
	static const char *const values[] = {
		"' OR 1=1--",
		"1' UNION SELECT username, password FROM users--",
		"'; DROP TABLE users--",
	};

	(void)state;
	ask(values, ARRAY_LEN(values), 1);
	hear(1);
	assert_int_equal(scene->told[PEER_INJECTION], ARRAY_LEN(values));
	assert_int_equal(scene->told[PEER_FLOOD], 0);
	assert_int_equal(scene->bans, 1);
	assert_int_equal(scene->ban.prefix.family, 4);
	assert_memory_equal(scene->ban.prefix.addr, "\x7f\0\0\1", 4);
	assert_int_equal(scene->ban.prefix.len, 32);
	assert_int_equal(scene->ban.reasons, 1U << GUARD_KIND_SQL_INJECTION);
	assert_non_null(strstr(why(), "SQLInjectionAttempt: "));
}

/* One is no ban: a script of somebody honest floods, too. */
static void a_flood(void **state)
{
	static const char *const value[] = {"192.0.2.1"};

	(void)state;
	ask(value, 1, FREE_QUERIES / 2);
	hear(1);
	assert_int_equal(scene->told[PEER_FLOOD], 0);
	ask(value, 1, 5 * FREE_QUERIES);
	hear(2);
	assert_int_equal(scene->told[PEER_FLOOD], 1);
	assert_int_equal(scene->told[PEER_INJECTION], 0);
	assert_int_equal(scene->bans, 0);
	assert_non_null(strstr(why(), "ORMQueryFlood: "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(honest_values, set_up, tear_down),
		cmocka_unit_test_setup_teardown(injections, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_flood, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
