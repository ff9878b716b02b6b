/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What the tunnel may be told, and who may use it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <tests/unit/service/upstreamkit.h>

static void test_settings(void **state)
{
	static const struct {
		struct service_setting line;
		const char *why;
	} cases[] = {
		{{"window", "1"}, "window '1': a size from 4K to 16M"},
		{{"window", "64KB"}, "window '64KB': a size from 4K to 16M"},
		{{"streams_max", "-1"}, "streams_max '-1': a number from 1 to 1024"},
		{{"streams_max", "99999999999999999999"},
		 "streams_max '99999999999999999999': a number from 1 to 1024"},
		{{"connect_timeout", "soon"}, "connect_timeout 'soon': a time from 1s to 5m"},
		{{"clients", "all"}, "clients 'all': one of any identified"},
		{{"web", "8080"}, "web '8080': no such key; an upstream is NAME = HOST:PORT"},
		{{"web", "::1:80"}, "web '::1:80': no such key; an upstream is NAME = HOST:PORT"},
		{{"web", "h:0"}, "web 'h:0': no such key; an upstream is NAME = HOST:PORT"},
		{{"a b", "127.0.0.1:1"},
		 "a b '127.0.0.1:1': a name is 1 to 64 letters, digits, . _ -"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct service_config config = {&cases[i].line, 1};
		char why[SERVICE_WHY_LEN] = "";
		void *shared;

		assert_int_equal(service_tunnel.open(&config, &shared, why), -EINVAL);
		assert_string_equal(why, cases[i].why);
	}
}

static void test_identified_only(void **state)
{
	struct service_setting lines[] = {{"clients", "identified"}, {"web", "[::1]:9"}};
	struct peer *peer;

	(void)state;
	world_open(&service_tunnel, 1, lines, 2);
	peer = peer_new(0);
	say_open(peer, 1, "web", 1000);
	assert_int_equal(peer->got[0].code, PH_C_DENIED);
	peer_gone(peer);
	world_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_identified_only),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
