/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What a reload says: each key that has another value, and no other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <user/daemon/config/config_diff.h>

static struct config_faults faults;

static struct config *read_text(const char *text)
{
	struct config *config = config_new();

	assert_non_null(config);
	memset(&faults, 0, sizeof(faults));
	assert_int_equal(config_read(config, "f", text, strlen(text), &faults), 0);
	assert_int_equal(faults.total, 0);
	return config;
}

/* "KEY OLD NEW live|restart" a line. */
static void note(const struct config_change *change, void *context)
{
	char *text = context;
	size_t len = strlen(text);

	snprintf(text + len, 1000 - len, "%s %s %s %s\n", change->key,
		 change->old ? change->old : "-", change->new ? change->new : "-",
		 change->restart ? "restart" : "live");
}

static void expect(const char *old_text, const char *new_text, size_t count, const char *said)
{
	struct config *old = read_text(old_text), *new = read_text(new_text);
	char text[1000] = "";

	assert_int_equal(config_diff(old, new, note, text), count);
	assert_string_equal(text, said);
	assert_int_equal(config_diff(old, new, NULL, NULL), count);
	assert_int_equal(config_diff(old, old, note, text), 0);
	config_free(old);
	config_free(new);
}

static void test_values(void **state)
{
	(void)state;
	expect("", "", 0, "");
	/* Said in another way, from another place. */
	expect("[server]\nqueue_bytes = 64K\nheartbeat = 60\n",
	       "[server]\nheartbeat = 1m\nqueue_bytes = 65536\nname = strazh\n", 0, "");
	expect("[server]\nheartbeat = 1m\n", "[server]\nname = b\n[daemon]\nlog_level = debug\n", 3,
	       "daemon.log_level info debug live\n"
	       "server.name strazh b restart\n"
	       "server.heartbeat 1m 30s live\n");
}

static void test_upstreams(void **state)
{
	(void)state;
	expect("[service.tunnel]\na = h:1\nb = h:2\n", "[service.tunnel]\nb = h:2\na = h:1\n", 0,
	       "");
	expect("[service.tunnel]\na = h:1\nb = h:2\nc = h:3\n",
	       "[service.tunnel]\nb = h:4\nc = h:3\nd = h:5\n", 3,
	       "service.tunnel.a h:1 - restart\n"
	       "service.tunnel.b h:2 h:4 restart\n"
	       "service.tunnel.d - h:5 restart\n");
}

static void test_take_live(void **state)
{
	struct config *config = read_text("[server]\nname = a\nheartbeat = 10s\n");
	struct config *from = read_text("[server]\nname = b\nheartbeat = 20s\n");
	const char *name = config_text(config, CFG_SERVER_NAME);
	char text[1000] = "";

	(void)state;
	config_take_live(config, from);
	assert_string_equal(config_text(config, CFG_SERVER_HEARTBEAT), "20s");
	assert_int_equal(config_number(config, CFG_SERVER_HEARTBEAT), 20);
	assert_string_equal(config_text(from, CFG_SERVER_HEARTBEAT), "10s");
	assert_ptr_equal(config_text(config, CFG_SERVER_NAME), name);
	config_free(from);
	from = read_text("[server]\nname = b\nheartbeat = 20s\n");
	assert_int_equal(config_diff(config, from, note, text), 1);
	assert_string_equal(text, "server.name a b restart\n");
	config_free(from);
	config_free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_upstreams),
		cmocka_unit_test(test_take_live),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
