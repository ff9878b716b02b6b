/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The configuration: what is taken, what is refused and in which words, which source wins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>

#include <cmocka.h>

#include <user/daemon/config/config.h>

static struct config_faults faults;

static struct config *read_text(const char *text, size_t len)
{
	struct config *config = config_new();

	assert_non_null(config);
	memset(&faults, 0, sizeof(faults));
	assert_int_equal(config_read(config, "f", text, len, &faults), 0);
	return config;
}

/* "WHERE: KEY: WHY" of one fault. */
static const char *fault_text(size_t i)
{
	static char text[600];

	snprintf(text, sizeof(text), "%s: %s: %s", faults.list[i].where, faults.list[i].key,
		 faults.list[i].why);
	return text;
}

static void expect_fault(const char *text, const char *said)
{
	struct config *config = read_text(text, strlen(text));

	if (faults.total != 1)
		fail_msg("%zu faults in '%s'", faults.total, text);
	if (!strstr(fault_text(0), said))
		fail_msg("'%s' does not say '%s'", fault_text(0), said);
	config_free(config);
}

static void test_table(void **state)
{
	struct config *config = config_new();

	(void)state;
	assert_non_null(config);
	for (size_t i = 0; i < CFG_KEYS; i++) {
		const struct config_about *about = &config_about[i];

		/* A default is in its normal form, so that a comparison sees no change. */
		assert_string_equal(config->values[i].text, about->standard);
		assert_true(config_section_known(about->section));
		assert_int_equal(config_find(about->section, about->name), i);
		assert_string_not_equal(about->help, "");
		assert_in_range(about->least, 0, about->most);
	}
	config_free(config);
}

static void test_right_file(void **state)
{
	static const char text[] = "\xef\xbb\xbf# comment\r\n"
				   "[server]\r\n"
				   "  enable=on\n"
				   "listen = 0.0.0.0:8000, [::1]:9000 ; two\n"
				   "max_connections : 50\n"
				   "queue_bytes = 65536\n"
				   "hello_timeout = 60\n"
				   "suites = xx,nk1\n"
				   "; another\n"
				   "\n"
				   "[service.tunnel]\n"
				   "window = 65536\n"
				   "web = 127.0.0.1:80\n"
				   "db-1.x = db.internal:5432";
	struct config *config = read_text(text, sizeof(text) - 1);

	(void)state;
	if (faults.total)
		fail_msg("%s", fault_text(0));
	assert_int_equal(config_number(config, CFG_SERVER_ENABLE), 1);
	assert_string_equal(config_text(config, CFG_SERVER_LISTEN), "0.0.0.0:8000 [::1]:9000");
	assert_int_equal(config_number(config, CFG_SERVER_LISTEN), 2);
	assert_int_equal(config_number(config, CFG_SERVER_MAX_CONNECTIONS), 50);
	assert_string_equal(config_text(config, CFG_SERVER_QUEUE_BYTES), "64K");
	assert_string_equal(config_text(config, CFG_SERVER_HELLO_TIMEOUT), "1m");
	assert_string_equal(config_text(config, CFG_SERVER_SUITES), "xx nk1");
	assert_int_equal(config_number(config, CFG_SERVER_SUITES), 1 | 8);
	assert_int_equal(config_number(config, CFG_TUNNEL_WINDOW_SIZE), 65536);
	assert_int_equal(config->values[CFG_SERVER_LISTEN].line, 4);
	assert_int_equal(config->values[CFG_SERVER_LISTEN].from, FROM_FILE);
	assert_int_equal(config->values[CFG_SERVER_NAME].from, FROM_DEFAULT);
	assert_int_equal(config->upstreams_len, 2);
	assert_string_equal(config->upstreams[1].name, "db-1.x");
	assert_string_equal(config->upstreams[1].target, "db.internal:5432");
	assert_int_equal(config->upstreams[1].line, 14);
	config_free(config);
}

static void test_faults(void **state)
{
	static const char *const cases[][2] = {
		{"[server]\nlistn = x\n", "f:2: server.listn: there is no such key; did you mean "
					  "'listen'?"},
		{"[server]\nzzzzzz = x\n", "there is no such key in [server]"},
		{"[servr]\nname = x\nname = y\n", "f:1: : [servr]: there is no such section; did "
						  "you mean [server]?"},
		{"[relay]\n", "did you mean [service.relay]?"},
		{"[other things]\n", "[other things]: there is no such section"},
		{"[server]\n[gate]\n[server]\n", "f:3: : [server]: this section began in line 1"},
		{"[server\nname = x\n", "f:1: : '[server': the heading of a section ends with ']'"},
		{"[server]\nname = a\nname = b\n", "f:3: server.name: set in line 2 already"},
		{"[server]\nname\n", "f:2: : 'name': neither '[section]' nor 'key = value'"},
		{"[server]\nname", "f:2: : 'name': neither"},
		{"name = x\n[server]\n", "'name' stands above the first [section]"},
		{"[server]\nname = \n", "UTF-8 without control characters, 1 to 255 bytes"},
		{"[server]\nname = a\x01z\n", "f:2: : a control character, 0x01"},
		{"[server]\nname = a\xff\n", "server.name: the value is no clean UTF-8"},
		{"[server]\nmax_connections = 5x\n", "'5x': a number from 1 to 1000000"},
		{"[server]\nmax_connections = 0\n", "'0': a number from 1 to 1000000"},
		{"[server]\nmax_connections = -1\n", "'-1': a number"},
		{"[server]\nmax_connections = 18446744073709551617\n", "a number from 1"},
		{"[server]\nqueue_bytes = 63K\n", "'63K': a size from 64K to 1G"},
		{"[server]\nqueue_bytes = 1T\n", "a size from 64K to 1G"},
		{"[server]\nqueue_bytes = 99999999999999999G\n", "a size from 64K to 1G"},
		{"[server]\nhello_timeout = soon\n", "a time from 1s to 1m"},
		{"[server]\nhello_timeout = 2m\n", "a time from 1s to 1m"},
		{"[server]\nhello_timeout = 0\n", "a time from 1s to 1m"},
		{"[server]\nenable = yes\n", "'yes': on or off"},
		{"[server]\npuzzle = never\n", "one of: off auto always"},
		{"[server]\nsuites = nk1 ik\n", "'ik': one or more of: nk1 xk1 nx xx"},
		{"[server]\nsuites = nk1 nk1\n", "'nk1' comes twice"},
		{"[server]\nsuites =\n", "one or more of"},
		{"[server]\nkey = server.key\n", "'server.key': an absolute path"},
		{"[server]\nlisten = 8000\n", "'8000': addresses with ports"},
		{"[server]\nlisten = 0.0.0.0\n", "addresses with ports"},
		{"[server]\nlisten = 0.0.0.0:0\n", "addresses with ports"},
		{"[server]\nlisten = 0.0.0.0:65536\n", "addresses with ports"},
		{"[server]\nlisten = ::1:8000\n", "'::1:8000': addresses with ports"},
		{"[server]\nlisten = [127.0.0.1]:80\n", "addresses with ports"},
		{"[server]\nlisten = localhost:80\n", "addresses with ports"},
		{"[server]\nproxies = 10.0.0.1/8\n", "'10.0.0.1/8': prefixes"},
		{"[gate]\ninterfaces = 0123456789abcdef\n", "names of interfaces"},
		{"[gate]\nmax_hosts = 15\n", "a number from 16"},
		{"[service.tunnel]\nwindw = 4K\n", "no such key, did you mean 'window'?"},
		{"[service.tunnel]\nweb = 80\n", "'80': an upstream is host:port"},
		{"[service.tunnel]\nweb = [nohost]:80\n", "an upstream is host:port"},
		{"[service.tunnel]\nweb = a b:80\n", "an upstream is host:port"},
		{"[service.tunnel]\nw b = h:80\n", "the name of an upstream is letters"},
		{"[service.tunnel]\nweb = h:80\nweb = h:81\n", "f:3: service.tunnel.web: set in "
							       "line 2 already"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		expect_fault(cases[i][0], cases[i][1]);
}

static void test_all_faults_are_told(void **state)
{
	static const char text[] = "[server]\nlistn = 1\nname\nport = 2\n[servr]\nx = 1\n[gate]\n"
				   "mode = fast\nfoo\nbar\n";
	static const char *const where[] = {"f:2", "f:3", "f:4", "f:5", "f:8", "f:9", "f:10"};
	struct config *config = read_text(text, sizeof(text) - 1);

	(void)state;
	assert_int_equal(faults.total, ARRAY_LEN(where));
	for (size_t i = 0; i < ARRAY_LEN(where); i++)
		assert_string_equal(faults.list[i].where, where[i]);
	config_free(config);
}

static void test_too_many_faults(void **state)
{
	char text[2048] = "[server]\n";

	(void)state;
	for (size_t i = 0, at = strlen(text); i < 200; i++, at += 6)
		memcpy(text + at, "zzzzz\n", 7);
	config_free(read_text(text, strlen(text)));
	assert_int_equal(faults.total, 200);
	assert_string_equal(faults.list[CONFIG_FAULTS_MAX - 1].where, "f:51");
}

/* libinih would go on with the rest of a long line as if it were the next. */
static void test_long_lines(void **state)
{
	char *text = malloc(2 * CONFIG_LINE_MAX);

	(void)state;
	assert_non_null(text);
	for (int len = CONFIG_LINE_MAX - 4; len < CONFIG_LINE_MAX + 4; len++) {
		int n = snprintf(text, 2 * CONFIG_LINE_MAX, "[server]\nname =%*s\nport", len - 6,
				 "x=yz");
		struct config *config = read_text(text, (size_t)n);

		/* One for the line, when it is too long, and one for "port". */
		assert_int_equal(faults.total, len > CONFIG_LINE_MAX - 2 ? 2 : 1);
		if (faults.total == 1)
			assert_string_equal(config_text(config, CFG_SERVER_NAME), "x=yz");
		config_free(config);
	}
	free(text);
}

static void test_limits(void **state)
{
	char *text = calloc(1, CONFIG_FILE_MAX + 2), *at = text;
	struct config *config;

	(void)state;
	assert_non_null(text);
	memset(text, '\n', CONFIG_FILE_MAX + 1);
	config_free(read_text(text, CONFIG_FILE_MAX));
	assert_int_equal(faults.total, 0);
	config_free(read_text(text, CONFIG_FILE_MAX + 1));
	assert_int_equal(faults.total, 1);
	at += snprintf(at, 100, "[service.tunnel]\n");
	for (unsigned i = 0; i < CONFIG_UPSTREAMS_MAX + 3; i++)
		at += snprintf(at, 100, "u%u = h:%u\n", i, i + 1);
	config = read_text(text, (size_t)(at - text));
	assert_int_equal(config->upstreams_len, CONFIG_UPSTREAMS_MAX);
	assert_int_equal(faults.total, 3);
	config_free(config);
	free(text);
}

/* As environ is: words, each ends with a NUL, in memory that may be written to. */
static char **environment(const char *words)
{
	static char text[400], *list[20];
	char *rest = text;
	size_t n = 0;

	snprintf(text, sizeof(text), "%s", words);
	while (n < ARRAY_LEN(list) - 1 && rest)
		list[n++] = strsep(&rest, " ");
	list[n] = NULL;
	return list;
}

static void test_environment(void **state)
{
	struct config *config = read_text("", 0);

	(void)state;
	assert_int_equal(
		config_read_environment(
			config,
			environment("PATH=/bin STRAZH_SERVER_NAME=from-env STRAZH_OTHER=1 STRAZH_X "
				    "STRAZH_SERVICE_RELAY_QUEUE=7 STRAZH_RUN_DIR=/r "
				    "STRAZH_STATE_DIR="),
			&faults),
		0);
	assert_int_equal(faults.total, 0);
	assert_string_equal(config_text(config, CFG_SERVER_NAME), "from-env");
	assert_int_equal(config->values[CFG_SERVER_NAME].from, FROM_ENVIRONMENT);
	assert_int_equal(config_number(config, CFG_RELAY_QUEUE), 7);
	assert_string_equal(config_text(config, CFG_RUN_DIR), "/r");
	assert_string_equal(config_text(config, CFG_STATE_DIR), "/var/lib/strazh");
	assert_int_equal(
		config_read_environment(config,
					environment("STRAZH_SERVER_NAM=x STRAZH_SERVER_HEARTBEAT=x "
						    "STRAZH_SERVICE_TUNNEL_WEB=h:80"),
					&faults),
		0);
	assert_int_equal(faults.total, 3);
	assert_string_equal(faults.list[0].where, "STRAZH_SERVER_NAM");
	assert_non_null(strstr(faults.list[0].why, "did you mean STRAZH_SERVER_NAME?"));
	assert_string_equal(faults.list[1].where, "STRAZH_SERVER_HEARTBEAT");
	assert_string_equal(faults.list[1].key, "server.heartbeat");
	assert_non_null(strstr(faults.list[2].why, "no key has this variable"));
	config_free(config);
}

static const char *write_file(const char *text)
{
	static char path[64];
	FILE *file;
	int fd;

	snprintf(path, sizeof(path), "/tmp/test_config.XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	file = fdopen(fd, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
	return path;
}

static void test_who_wins(void **state)
{
	const struct config_set sets[] = {{"--set", CFG_SERVER_REACTORS, "3"},
					  {"--set", CFG_SERVER_REACTORS, "4"}};
	const char *path = write_file(
		"[server]\nname = a\nheartbeat = 1m\nreactors = 1\nslow_timeout = 1m\n");
	const struct config_sources sources = {
		.path = path,
		.environment = environment("STRAZH_SERVER_HEARTBEAT=2m STRAZH_SERVER_REACTORS=2"),
		.sets = sets,
		.sets_len = 2};
	struct config *config = NULL;

	(void)state;
	assert_int_equal(config_load(&sources, &config, &faults), 0);
	assert_string_equal(config_text(config, CFG_SERVER_NAME), "a");
	assert_string_equal(config_text(config, CFG_SERVER_HEARTBEAT), "2m");
	assert_string_equal(config_text(config, CFG_SERVER_REACTORS), "4");
	assert_string_equal(config_text(config, CFG_SERVER_SLOW_TIMEOUT), "1m");
	assert_int_equal(config->values[CFG_SERVER_REACTORS].from, FROM_COMMAND);
	assert_string_equal(config->path, path);
	config_free(config);
	unlink(path);
}

static void test_load_wrong(void **state)
{
	const struct config_set set = {"--set", CFG_SERVER_REACTORS, "many"};
	struct config_sources sources = {.path = "/nonexistent/strazh.conf"};
	struct config *config = NULL;

	(void)state;
	assert_int_equal(config_load(&sources, &config, &faults), CONFIG_WRONG);
	assert_null(config);
	assert_string_equal(faults.list[0].where, "/nonexistent/strazh.conf");
	assert_non_null(strstr(faults.list[0].why, "No such file"));
	sources.path = "/tmp";
	assert_int_equal(config_load(&sources, &config, &faults), CONFIG_WRONG);
	assert_non_null(strstr(faults.list[0].why, "cannot be read"));
	sources.path = "/dev/null";
	assert_int_equal(config_load(&sources, &config, &faults), 0);
	config_free(config);
	config = NULL;
	sources.sets = &set;
	sources.sets_len = 1;
	assert_int_equal(config_load(&sources, &config, &faults), CONFIG_WRONG);
	assert_null(config);
	assert_string_equal(faults.list[0].where, "--set");
	assert_string_equal(faults.list[0].key, "server.reactors");
}

/* What no key can see alone. */
static void test_together(void **state)
{
	static const char *const cases[][2] = {
		{"[server]\nsuites = nx\n", "server.certificate"},
		{"[server]\nmax_connections = 5\n", "server.max_half_open"},
		{"[service.tunnel]\nenable = on\n", "service.tunnel.enable"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct config *config = read_text(cases[i][0], strlen(cases[i][0]));

		assert_int_equal(faults.total, 0);
		config_check(config, &faults);
		assert_int_equal(faults.total, 1);
		assert_string_equal(faults.list[0].key, cases[i][1]);
		config_free(config);
	}
}

static void test_lists(void **state)
{
	const char *at = "a  b,c";
	char item[CONFIG_ITEM_LEN];
	struct sockaddr_storage address;
	socklen_t len;

	(void)state;
	assert_true(config_item(&at, item));
	assert_string_equal(item, "a");
	assert_true(config_item(&at, item));
	assert_true(config_item(&at, item));
	assert_string_equal(item, "c");
	assert_false(config_item(&at, item));
	assert_int_equal(config_address("127.0.0.1:80", &address, &len), 0);
	assert_int_equal(address.ss_family, AF_INET);
	assert_int_equal(len, sizeof(struct sockaddr_in));
	assert_int_equal(config_address("[::1]:80", &address, &len), 0);
	assert_int_equal(address.ss_family, AF_INET6);
	assert_int_equal(((struct sockaddr_in6 *)&address)->sin6_port, htons(80));
	assert_int_equal(config_address("[::1]80", &address, &len), CONFIG_WRONG);
	assert_int_equal(config_address("[]:80", &address, &len), CONFIG_WRONG);
	assert_int_equal(config_address(":80", &address, &len), CONFIG_WRONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),		cmocka_unit_test(test_right_file),
		cmocka_unit_test(test_faults),		cmocka_unit_test(test_all_faults_are_told),
		cmocka_unit_test(test_too_many_faults), cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_limits),		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_who_wins),	cmocka_unit_test(test_load_wrong),
		cmocka_unit_test(test_together),	cmocka_unit_test(test_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
