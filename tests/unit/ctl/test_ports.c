/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Services as people name them, and as the journal keeps them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <user/ctl/journal.h>
#include <user/ctl/ports.h>
#include <user/gate/services.h>

static void parses(void **state)
{
	static const struct {
		const char *text;
		uint8_t proto;
		uint16_t port;
	} good[] = {
		{"443/tcp", 6, 443}, {"53/udp", 17, 53}, {"1/tcp", 6, 1}, {"65535/udp", 17, 65535}};
	static const struct {
		const char *text, *says;
	} bad[] = {
		{"443", "protocol is missing"},
		{"443/sctp", "tcp or udp"},
		{"443/TCP", "tcp or udp"},
		{"0/tcp", "1 to 65535"},
		{"65536/tcp", "1 to 65535"},
		{"44a/tcp", "1 to 65535"},
		{"https/tcp", "no number"},
		{"/tcp", "no number"},
		{"-1/tcp", "no number"},
		{"", "protocol is missing"},
		{"443/tcp ", "tcp or udp"},
		{"4 3/tcp", "1 to 65535"},
		{"99999999999999999999/tcp", "1 to 65535"},
	};
	char why[PORT_WHY_LEN], text[PORT_TEXT_LEN];
	uint8_t proto;
	uint16_t port;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(port_parse(good[i].text, &proto, &port, why), 0);
		assert_int_equal(proto, good[i].proto);
		assert_int_equal(port, good[i].port);
		assert_string_equal(port_format(proto, port, text), good[i].text);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		proto = 99;
		if (port_parse(bad[i].text, &proto, &port, why) != -EINVAL ||
		    !strstr(why, bad[i].says) || proto != 99)
			fail_msg("'%s': %s", bad[i].text, why);
	}
}

static void resolves_names(void **state)
{
	json_t *args = json_pack("{s:s}", "port", "https/tcp");

	(void)state;
	port_resolve(args, "port");
	assert_string_equal(json_string_value(json_object_get(args, "port")), "443/tcp");
	(void)json_object_set_new(args, "port", json_string("nosuchname/tcp"));
	port_resolve(args, "port");
	assert_string_equal(json_string_value(json_object_get(args, "port")), "nosuchname/tcp");
	(void)json_object_set_new(args, "port", json_string("443/tcp"));
	port_resolve(args, "port");
	assert_string_equal(json_string_value(json_object_get(args, "port")), "443/tcp");
	json_decref(args);
}

/* ---- journal ---- */

#define LIMITS                                                                                     \
	"\"limits\":[[10,10000000,0,0],[0,0,0,0],[0,0,0,0],[0,0,0,0],[0,0,0,0],[0,0,0,0],"         \
	"[0,0,0,0],[0,0,0,0]]"
#define SERVICE(port, maps)                                                                        \
	"{\"act\":\"service\",\"service\":\"" port "\",\"maps\":\"" maps "\",\"flags\":10,"        \
	"\"cookies\":1,\"wscale_plus\":3,\"mss\":1400,\"usual\":96,\"learned\":5," LIMITS "}\n"
#define REMOVED(port, maps)                                                                        \
	"{\"act\":\"service-remove\",\"service\":\"" port "\",\"maps\":\"" maps "\"}\n"

static void planned(void **state)
{
	static const char text[] = SERVICE("443/tcp", "old") SERVICE("80/tcp", "old")
		REMOVED("80/tcp", "old") REMOVED("53/udp", "old") SERVICE("53/udp", "old")
			SERVICE("22/tcp", "new") SERVICE("25/tcp", "old") SERVICE("25/tcp", "new")
				SERVICE("5/xxx", "old") "{\"act\":\"service\",\"maps\":\"old\"}\n";
	struct journal_plan plan;
	struct sz_service config;

	(void)state;
	assert_int_equal(journal_plan(text, sizeof(text) - 1, "new", &plan), 0);
	assert_int_equal(json_object_size(plan.services), 2);
	assert_non_null(json_object_get(plan.services, "53/udp"));
	assert_int_equal(plan.acts, 10);
	assert_int_equal(plan.bad, 2);
	assert_true(journal_decode_service(json_object_get(plan.services, "443/tcp"), 9, &config));
	assert_int_equal(config.proto, 6);
	assert_int_equal(config.port, 443);
	assert_int_equal(config.flags,
			 SZ_SERVICE_USED | SZ_SERVICE_LOCAL | SZ_SERVICE_SIZE_ENFORCE);
	assert_int_equal(config.cookies, SZ_COOKIES_AUTO);
	assert_int_equal(config.wscale_plus, 3);
	assert_int_equal(config.mss, 1400);
	assert_int_equal(config.size_usual, 96);
	assert_int_equal(config.profile_s, 5);
	assert_int_equal(config.since_s, 9);
	assert_int_equal(config.limit[0].burst_ns, 10000000);
	journal_plan_deinit(&plan);
}

/* Whatever a file may hold, the gate gets only what it can stand. */
static void nonsense_is_refused(void **state)
{
	static const struct {
		const char *key, *value;
	} cases[] = {
		{"service", "\"443\""},
		{"flags", "1024"},
		{"flags", "-1"},
		{"cookies", "3"},
		{"wscale_plus", "16"},
		{"mss", "65536"},
		{"usual", "65536"},
		{"learned", "\"x\""},
		{"limits", "[]"},
		{"limits", "[[1,1,0,0],[0,0,0,0],[0,0,0,0],[0,0,0,0],[0,0,0,0],[0,0,0,0],[0,0,0,0],"
			   "[0,0,0,0]]"},
		{"limits", "[[5000000000,5000000000,0,0],[0,0,0,0],[0,0,0,0],[0,0,0,0],[0,0,0,0],"
			   "[0,0,0,0],[0,0,0,0],[0,0,0,0]]"},
	};
	json_t *good = json_loads(SERVICE("443/tcp", "old"), 0, NULL);
	struct sz_service config;

	(void)state;
	assert_true(journal_decode_service(good, 1, &config));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		json_t *entry = json_deep_copy(good);
		json_t *value = json_loads(cases[i].value, JSON_DECODE_ANY, NULL);

		assert_non_null(value);
		assert_int_equal(json_object_set_new(entry, cases[i].key, value), 0);
		if (journal_decode_service(entry, 1, &config))
			fail_msg("%s %s was taken", cases[i].key, cases[i].value);
		json_decref(entry);
	}
	json_decref(good);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses),
		cmocka_unit_test(resolves_names),
		cmocka_unit_test(planned),
		cmocka_unit_test(nonsense_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
