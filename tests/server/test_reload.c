/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What SIGHUP changes. Each key of the configuration that says it is LIVE is tried: a worker starts
 * with one value, where its effect is not to be seen; the file gets the other one, and then it is.
 * A key without a trial here, or a trial of a key that needs a restart, fails.
 *
 * Patience is no measure of time: what is not to happen is waited for a while, what is to happen
 * much longer than it takes.
 */
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <tests/server/estate.h>
#include <tests/server/raw.h>
#include <tests/server/seen.h>
#include <user/base/log.h>
#include <user/daemon/config/config_diff.h>

#define SHORT_MS SEEN_SHORT_MS
#define LONG_MS 30000
#define DEAD_S 120U /* what hangs ends the program */

struct trial {
	enum config_key key;
	const char *before, *after;
	const char *beside; /* other lines, the same in both */
	/* Is the effect of `after` to be seen, within that time? */
	bool (*effect)(struct estate *estate, int patience_ms);
	/* Between the two, when files change, too. */
	void (*between)(struct estate *estate);
};

static bool shakes(struct estate *e, uint8_t suite)
{
	static struct raw raw;
	bool shaken;

	raw_open(&raw, &e->house, suite);
	shaken = raw_shake(&raw);
	raw_close(&raw);
	return shaken;
}

/* A change reaches a thread some moments after the reload, and a client either thread. */
static bool until_often(bool (*check)(struct estate *e), struct estate *e, int patience_ms)
{
	uint64_t until = house_now_ms() + (uint64_t)patience_ms;
	unsigned times = 0;

	while (times < 8 && house_now_ms() < until)
		times = check(e) ? times + 1 : 0;
	return times == 8;
}

static bool nk1_shakes(struct estate *e)
{
	return shakes(e, PH_NK1);
}

static bool nk1_fails(struct estate *e)
{
	return !shakes(e, PH_NK1);
}

static bool nk1_is_served(struct estate *e, int patience_ms)
{
	return until_often(nk1_shakes, e, patience_ms);
}

static bool nk1_is_refused(struct estate *e, int patience_ms)
{
	return until_often(nk1_fails, e, patience_ms);
}

/* ---- by libstrazh ---- */

static bool pings(struct estate *e, const struct strazh_options *options)
{
	struct strazh *client = house_client(&e->house, options);
	int r = strazh_ping(client, 10000, &(uint64_t){0});

	strazh_close(client);
	return !r;
}

static bool key1_pings(struct estate *e)
{
	struct strazh_options options = house_options(&e->house);

	options.server_key = e->keys[1];
	return pings(e, &options);
}

static bool key1_is_served(struct estate *e, int patience_ms)
{
	return until_often(key1_pings, e, patience_ms);
}

static bool house_pings(struct estate *e)
{
	return pings(e, NULL);
}

static uint8_t first_key[32];

static void another_sealed_key(struct estate *e)
{
	memcpy(first_key, e->house.key, 32);
	estate_new_key(e, "keyp", "second");
	estate_write(e, "pass2", "second\n");
}

/* Before, a client expects the key of before, and must not see the effect. */
static bool other_key_is_served(struct estate *e, int patience_ms)
{
	return memcmp(first_key, e->house.key, 32) && until_often(house_pings, e, patience_ms);
}

static bool root1_pings(struct estate *e)
{
	struct strazh_options options = house_options(&e->house);

	options.server_key = NULL;
	options.root_key = e->roots[1];
	return pings(e, &options);
}

static bool root1_is_believed(struct estate *e, int patience_ms)
{
	return until_often(root1_pings, e, patience_ms);
}

static bool stranger_ends(struct estate *e)
{
	static struct raw raw;
	bool ends;

	raw_open(&raw, &e->house, PH_XK1);
	ends = !raw_shake(&raw);
	raw_flush(&raw);
	ends = ends || seen_end(raw.fd, 300);
	raw_close(&raw);
	return ends;
}

static bool strangers_are_refused(struct estate *e, int patience_ms)
{
	return until_often(stranger_ends, e, patience_ms);
}

static bool has_no_ticket(struct estate *e)
{
	struct strazh *client = house_client(&e->house, NULL);
	struct strazh_about about;

	assert_int_equal(strazh_ping(client, 10000, &(uint64_t){0}), 0);
	strazh_about(client, &about);
	strazh_close(client);
	return !about.resumable;
}

static bool no_ticket_is_given(struct estate *e, int patience_ms)
{
	return until_often(has_no_ticket, e, patience_ms);
}

static bool is_not_resumed(struct estate *e)
{
	struct strazh_options options = house_options(&e->house);
	struct strazh_about about;
	struct strazh *client;

	options.reconnects = 3; /* once by a ticket that is refused, then without */
	client = house_client(&e->house, &options);
	assert_int_equal(strazh_ping(client, 10000, &(uint64_t){0}), 0);
	strazh_about(client, &about);
	assert_true(about.resumable);
	estate_set_clock(62);
	(void)!strazh_renew(client);
	assert_int_equal(strazh_ping(client, 10000, &(uint64_t){0}), 0);
	strazh_about(client, &about);
	strazh_close(client);
	estate_set_clock(0);
	return !about.resumed;
}

static bool a_minute_is_too_long(struct estate *e, int patience_ms)
{
	return until_often(is_not_resumed, e, patience_ms);
}

/* ---- those that end or are not about clients ---- */

static void on_hang(int number)
{
	static const char text[] = "# it hangs\n";

	(void)number;
	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	_exit(1);
}

/* A session that does not answer the goodbye. Before the change the program would die waiting. */
static bool stop_is_short(struct estate *e, int patience_ms)
{
	static struct raw raw;

	if (patience_ms == SHORT_MS)
		return false;
	seen_session(e, &raw);
	estate_stop(e);
	raw_close(&raw);
	return true;
}

static bool info_is_logged(struct estate *e, int patience_ms)
{
	FILE *to = tmpfile();
	int saved = dup(STDERR_FILENO);
	off_t len;

	(void)e;
	(void)patience_ms;
	assert_non_null(to);
	fflush(stderr);
	assert_true(saved >= 0 && dup2(fileno(to), STDERR_FILENO) >= 0);
	log_info("a line");
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	close(saved);
	len = lseek(fileno(to), 0, SEEK_END);
	fclose(to);
	return len > 0;
}

/* Where OpenSSL has no ML-KEM-768, to require it is a fault; else who has none is refused. */
static bool hybrid_is_required(struct estate *e, int patience_ms)
{
	if (kem_available(e->crypto))
		return nk1_is_refused(e, patience_ms);
	return e->reload_said == CONFIG_WRONG && !strcmp(e->faults.list[0].key, "server.hybrid");
}

/* ---- the table ---- */

static const struct trial trials[] = {
	{CFG_LOG_LEVEL, "error", "info", NULL, info_is_logged, NULL},
	{CFG_SERVER_SUITES, "xk1", "nk1 xk1", NULL, nk1_is_served, NULL},
	{CFG_SERVER_HYBRID, "off", "require", NULL, hybrid_is_required, NULL},
	{CFG_SERVER_KEY, "@key0", "@key1", NULL, key1_is_served, NULL},
	{CFG_SERVER_PASSPHRASE, "@pass", "@pass2", "key = @keyp\n", other_key_is_served,
	 another_sealed_key},
	{CFG_SERVER_CERTIFICATE, "@cert0", "@cert1", "suites = nk1 nx\n", root1_is_believed, NULL},
	{CFG_SERVER_CLIENTS, "", "@clients", NULL, strangers_are_refused, NULL},
	{CFG_SERVER_TICKETS, "on", "off", NULL, no_ticket_is_given, NULL},
	{CFG_SERVER_TICKET_LIFETIME, "1h", "1m", NULL, a_minute_is_too_long, NULL},
	{CFG_SERVER_TICKET_CHAIN, "1d", "1m", NULL, a_minute_is_too_long, NULL},
	{CFG_SERVER_STRICT, "off", "on", NULL, nk1_is_refused, NULL},
	{CFG_SERVER_PADDING, "block", "classes", NULL, nk1_is_refused, NULL},
	{CFG_SERVER_MAX_PER_SOURCE, "64", "1", NULL, seen_second_end, NULL},
	{CFG_SERVER_MAX_HALF_OPEN_PER_SOURCE, "16", "1", NULL, seen_second_end, NULL},
	{CFG_SERVER_HELLO_TIMEOUT, "1m", "1s", NULL, seen_silence_end, NULL},
	{CFG_SERVER_FINISH_TIMEOUT, "1m", "1s", NULL, seen_unfinished_end, NULL},
	{CFG_SERVER_HEARTBEAT, "1h", "1s", NULL, seen_heartbeat, NULL},
	{CFG_SERVER_HEARTBEAT_MISSED, "100", "1", "heartbeat = 1s\n", seen_mute_end, NULL},
	{CFG_SERVER_QUEUE_BYTES, "64K", "128M", "slow_timeout = 1h\n", seen_much_queued, NULL},
	{CFG_SERVER_SLOW_TIMEOUT, "1h", "1s", NULL, seen_slow_end, NULL},
	{CFG_SERVER_DRAIN_TIMEOUT, "10m", "1s", "heartbeat = 1h\n", stop_is_short, NULL},
	{CFG_SERVER_PUZZLE, "off", "always", NULL, seen_work, NULL},
	{CFG_SERVER_PUZZLE_BITS, "14", "22", "puzzle = always\npuzzle_above = 1\n", seen_hard_work,
	 NULL},
	{CFG_SERVER_PUZZLE_ABOVE, "1000000", "1", NULL, seen_work, NULL},
};

static void each_live_key_has_a_trial(void **state)
{
	(void)state;
	for (size_t i = 0; i < CFG_KEYS; i++) {
		const struct config_about *about = &config_about[i];
		size_t n = 0;

		for (size_t j = 0; j < ARRAY_LEN(trials); j++)
			n += trials[j].key == i;
		/* The keeper's: tests/e2e/98-guard.sh, 87-feeds.sh, 97-testmode.sh. */
		if (strcmp(about->section, "guard") == 0 ||
		    strcmp(about->section, "crowdsec") == 0 || i == CFG_TEST_MODE)
			continue;
		if (n != (about->when == WHEN_LIVE))
			fail_msg("%s.%s: %zu trials", about->section, about->name, n);
	}
}

/* "@name" stands for the path of a file of the estate. */
static void add_text(const struct estate *e, const char *from, char *to, size_t room)
{
	size_t len = strlen(to);

	for (; *from; from++) {
		const char *path = e->folder;

		assert_true(len + 1 < room);
		if (*from != '@') {
			to[len++] = *from;
			continue;
		}
		assert_true(len + strlen(path) + 2 < room);
		len += (size_t)snprintf(to + len, room - len, "%s/", path);
	}
	to[len] = '\0';
}

static const char *lines_of(const struct estate *e, const struct trial *trial, const char *value)
{
	const struct config_about *about = &config_about[trial->key];
	static char lines[1024];
	char section[64] = "";

	lines[0] = '\0';
	if (trial->beside)
		add_text(e, trial->beside, lines, sizeof(lines));
	if (strcmp(about->section, "server") != 0)
		snprintf(section, sizeof(section), "[%s]\n", about->section);
	add_text(e, section, lines, sizeof(lines));
	add_text(e, about->name, lines, sizeof(lines));
	add_text(e, " = ", lines, sizeof(lines));
	add_text(e, value, lines, sizeof(lines));
	return lines;
}

static void prepare(struct estate *e)
{
	estate_write(e, "clients", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n");
	estate_write(e, "pass", "first\n");
}

static void try_one(void **state)
{
	const struct trial *trial = *state;
	static struct estate e;
	bool seals = trial->key == CFG_SERVER_PASSPHRASE;

	alarm(DEAD_S);
	estate_make(&e);
	prepare(&e);
	if (seals) {
		estate_new_key(&e, "keyp", "first");
		memcpy(first_key, e.house.key, 32);
	}
	estate_start(&e, lines_of(&e, trial, trial->before));
	log_init("test", daemon_options_level(e.options.config));
	assert_false(trial->effect(&e, SHORT_MS));
	if (trial->between)
		trial->between(&e);
	(void)estate_reload(&e, lines_of(&e, trial, trial->after));
	if (trial->key != CFG_SERVER_HYBRID && e.reload_said)
		fail_msg("%s: %s", e.faults.list[0].key, e.faults.list[0].why);
	assert_true(trial->effect(&e, LONG_MS));
	estate_close(&e);
	alarm(0);
}

/* ---- all or nothing ---- */

static void a_fault_changes_nothing(void **state)
{
	static struct estate e;

	(void)state;
	estate_make(&e);
	estate_write(&e, "clients", "nonsense\n");
	estate_start(&e, "hello_timeout = 1m\n");
	{
		char lines[256];

		snprintf(lines, sizeof(lines),
			 "hello_timeout = 1s\nclients = %s\nkey = %s/key1\ntickets = off\n",
			 estate_path(&e, "clients"), e.folder);
		assert_int_equal(estate_reload(&e, lines), CONFIG_WRONG);
	}
	assert_string_equal(e.faults.list[0].key, "server.clients");
	assert_int_equal(e.faults.total, 1);
	assert_false(seen_silence_end(&e, 2 * SHORT_MS));
	assert_true(nk1_shakes(&e));
	assert_false(key1_pings(&e));
	assert_false(has_no_ticket(&e));
	assert_string_equal(config_text(e.options.config, CFG_SERVER_HELLO_TIMEOUT), "1m");
	estate_close(&e);
}

/* Keys that need a restart are those of the start, however often the file is read. */
static void a_name_needs_a_restart(void **state)
{
	static struct estate e;

	(void)state;
	estate_make(&e);
	estate_start(&e, "name = strazh\n");
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(estate_reload(&e, "name = other\nmax_connections = 2000\n"), 0);
		assert_true(nk1_is_served(&e, LONG_MS));
		assert_string_equal(config_text(e.options.config, CFG_SERVER_NAME), "strazh");
	}
	estate_close(&e);
}

/* ---- under load ---- */

struct load {
	struct estate *estate;
	atomic_bool over;
	_Atomic(unsigned) good, bad;
};

static void *ping_on_and_on(void *context)
{
	struct load *load = context;

	while (!atomic_load(&load->over))
		atomic_fetch_add(house_pings(load->estate) ? &load->good : &load->bad, 1);
	return NULL;
}

/* What stays the same through all of it is served all the time. */
static void reloads_under_load(void **state)
{
	static const char *const lines[] = {
		"tickets = off\nhello_timeout = 2s\nqueue_bytes = 64K\nheartbeat = 1s\n",
		"tickets = on\nhello_timeout = 9s\nqueue_bytes = 8M\npuzzle = always\n",
		"ticket_lifetime = 2m\nsuites = nk1\nmax_per_source = 100\n",
	};
	static struct estate e;
	struct load load = {.estate = &e};
	pthread_t threads[3];

	(void)state;
	estate_make(&e);
	estate_start(&e, "");
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ping_on_and_on, &load), 0);
	for (unsigned i = 0; i < 60 || atomic_load(&load.good) < 30; i++)
		assert_int_equal(estate_reload(&e, lines[i % ARRAY_LEN(lines)]), 0);
	atomic_store(&load.over, true);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&load.bad), 0);
	estate_close(&e);
}

int main(void)
{
	struct CMUnitTest tests[ARRAY_LEN(trials) + 4] = {
		cmocka_unit_test(each_live_key_has_a_trial),
		cmocka_unit_test(a_fault_changes_nothing),
		cmocka_unit_test(a_name_needs_a_restart),
		cmocka_unit_test(reloads_under_load),
	};

	signal(SIGPIPE, SIG_IGN);
	signal(SIGALRM, on_hang);
	log_init("test", LOG_LVL_ERROR);
	for (size_t i = 0; i < ARRAY_LEN(trials); i++)
		tests[i + 4] = (struct CMUnitTest){.name = config_about[trials[i].key].name,
						   .test_func = try_one,
						   .initial_state = (void *)(uintptr_t)&trials[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
