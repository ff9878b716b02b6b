// SPDX-License-Identifier: AGPL-3.0-or-later
/* Acts on both databases: what is written, read back, recorded, refused, and the tables they meet.
 */
#include <tests/store/depot.h>

#include <errno.h>

/* What the migrations make is what tables.h declares, and a second start finds nothing to do. */
static void tables_are_declared(void **state)
{
	const struct database *db = *state;
	const struct orm_table *tables[STORE_TABLE_COUNT + 1];
	struct orm_session *s;
	struct store *st = depot_open(db, NULL);

	for (unsigned i = 0; i < STORE_TABLE_COUNT; i++)
		tables[i] = store_table_at(i).table;
	tables[STORE_TABLE_COUNT] = T(store_writer);
	assert_int_equal(orm_session_open(st->db, &s), 0);
	if (orm_schema_create(s, tables, STORE_TABLE_COUNT + 1))
		fail_msg("%s", orm_error(s)->text);
	orm_session_close(s);
	depot_close(st);
	database_expect(db, "SELECT version, name FROM orm_migration", "1|first\n2|origins\n");
	database_expect(db, "SELECT count(*) FROM store_writer", "0\n"); /* it signed off */
	depot_close(depot_open(db, NULL));
}

static void bans(void **state)
{
	const struct database *db = *state;
	struct store *st = depot_open(db, NULL);
	struct store_act act = depot_ban("192.0.2.1", DEPOT_T0 + 1000, "312 handshakes failed");

	depot_do(st, &act);
	act = depot_ban("2001:db8::/48", 0, "for ever");
	depot_do(st, &act);
	act = depot_ban("198.51.100.0/24", DEPOT_T0 + 5000, "first");
	depot_do(st, &act);
	act.cause = "second";
	act.ban.offences = 7;
	depot_do(st, &act);
	depot_expect_bans(st, DEPOT_T0,
			  "192.0.2.1 1 test guard 312 handshakes failed\n"
			  "198.51.100.0/24 7 test guard second\n"
			  "2001:db8::/48 1 test guard for ever\n");
	depot_expect_bans(st, DEPOT_T0 + 1000,
			  "198.51.100.0/24 7 test guard second\n"
			  "2001:db8::/48 1 test guard for ever\n");
	act = depot_lift("198.51.100.0/24", "a mistake");
	depot_do(st, &act);
	depot_do(st, &act); /* done already: done again, and recorded */
	depot_expect_bans(st, DEPOT_T0 + 1000, "2001:db8::/48 1 test guard for ever\n");
	depot_close(st);
	st = depot_open(db, NULL);
	depot_expect_bans(st, DEPOT_T0 + 1000, "2001:db8::/48 1 test guard for ever\n");
	depot_chain(st, 6);
	depot_close(st);
	database_expect(
		db,
		"SELECT seq, actor, action, subject, cause FROM audit WHERE seq > 3 ORDER BY seq",
		"4|guard|ban|198.51.100.0/24|second\n"
		"5|operator:anna|unban|198.51.100.0/24|a mistake\n"
		"6|operator:anna|unban|198.51.100.0/24|a mistake\n");
}

/* All acts of one group on few keys: what is left is as if each had been done alone. */
static void one_group_as_many(void **state)
{
	const struct database *db = *state;
	struct store *st = depot_manual(db, NULL);
	struct depot_count count = {0};
	struct store_health health;

	for (int i = 0; i < 600; i++) {
		char cidr[32], cause[32];
		struct store_act act;

		snprintf(cidr, sizeof(cidr), "10.0.0.%d", i % 7);
		snprintf(cause, sizeof(cause), "%d", i);
		act = i % 3 && i < 597 ? depot_ban(cidr, 0, cause) : depot_lift(cidr, cause);
		assert_int_equal(store_submit(st, &act, depot_count, &count), 0);
	}
	assert_int_equal(store_turn(st), 0);
	assert_int_equal(store_collect(st), 600);
	assert_int_equal(count.of[STORE_OK], 600);
	/* 593..599 are the last of each: 593 ban (593 % 3 = 2), 594 lift, 595, 596 bans, 597..
	 * lifts */
	depot_expect_bans(st, DEPOT_T0,
			  "10.0.0.0 1 test guard 595\n"
			  "10.0.0.1 1 test guard 596\n"
			  "10.0.0.5 1 test guard 593\n");
	store_health(st, &health);
	assert_int_equal(health.groups, 1);
	assert_int_equal(health.written, 600);
	assert_int_equal(health.backlog, 0);
	depot_chain(st, 600);
	depot_close(st);
}

static int see_list(void *data, const struct store_list *l)
{
	snprintf(data, 512, "%s %s %g %s %lld %lld", l->name, l->origin, l->weight, l->etag,
		 (long long)l->loaded_ms, (long long)l->entries);
	return 0;
}
static int see_feed(void *data, const struct store_feed *f)
{
	snprintf(data, 512, "%s %s %g %lld %lld %s %lld %lld %d %lld %s", f->name, f->url,
		 f->weight, (long long)f->every_s, (long long)f->expiry_s, f->etag,
		 (long long)f->tried_ms, (long long)f->loaded_ms, f->failures,
		 (long long)f->entries, f->fault);
	return 0;
}
static int see_alert(void *data, const struct store_alert *a)
{
	size_t at = strlen(data);

	snprintf((char *)data + at, 512 - at, "%s %s %lld %lld %d %s;", a->kind, a->subject,
		 (long long)a->opened_ms, (long long)a->closed_ms, a->severity, a->what);
	return 0;
}
static int see_setting(void *data, const struct store_setting *s)
{
	size_t at = strlen(data);

	snprintf((char *)data + at, 512 - at, "%s=%s %s %lld;", s->name, s->value, s->actor,
		 (long long)s->set_ms);
	return 0;
}
static int see_allow(void *data, const struct store_allow *a)
{
	char cidr[PREFIX_TEXT_LEN];

	snprintf(data, 512, "%s %lld %lld %s %s %s", prefix_format(&a->prefix, cidr),
		 (long long)a->since_ms, (long long)a->until_ms, a->origin, a->actor, a->cause);
	return 0;
}

static struct store_act act_of(enum store_verb verb)
{
	return (struct store_act){
		.verb = verb, .at_ms = DEPOT_T0, .actor = "operator:ёж", .cause = "because"};
}

static void other_rows(void **state)
{
	const struct database *db = *state;
	struct store *st = depot_open(db, NULL);
	struct store_act act = act_of(STORE_ALLOW_PUT);
	char saw[512] = "";

	act.allow = (struct store_allow){
		depot_prefix("203.0.113.0/24"), DEPOT_T0, 0, "api", "x", "y"};
	depot_do(st, &act);
	assert_int_equal(store_each_allow(st, DEPOT_T0, see_allow, saw, NULL), 0);
	assert_string_equal(saw, "203.0.113.0/24 1700000000000 0 api operator:ёж because");

	act = act_of(STORE_LIST_PUT);
	act.list = (struct store_list){"drop", "file", 0.7, "\"abc\"", 0, 1234567890123};
	depot_do(st, &act);
	assert_int_equal(store_each_list(st, see_list, saw, NULL), 0);
	assert_string_equal(saw, "drop file 0.7 \"abc\" 0 1234567890123");

	act = act_of(STORE_FEED_PUT);
	act.quiet = true;
	act.feed = (struct store_feed){"f", "https://x/'", 0.5, 3600, 7200, NULL, DEPOT_T0, 0, 3,
				       10,  "404"};
	depot_do(st, &act);
	assert_int_equal(store_each_feed(st, see_feed, saw, NULL), 0);
	assert_string_equal(saw, "f https://x/' 0.5 3600 7200  1700000000000 0 3 10 404");

	act = act_of(STORE_ALERT_PUT);
	act.alert = (struct store_alert){"k", "s", DEPOT_T0, 0, 2, "open"};
	depot_do(st, &act);
	act.alert = (struct store_alert){"k", "s", DEPOT_T0 + 1, DEPOT_T0 + 2, 1, "over"};
	depot_do(st, &act);
	saw[0] = 0;
	assert_int_equal(store_each_alert(st, false, see_alert, saw, NULL), 0);
	assert_string_equal(saw,
			    "k s 1700000000001 1700000000002 1 over;k s 1700000000000 0 2 open;");
	act.verb = STORE_ALERT_REMOVE;
	depot_do(st, &act);
	saw[0] = 0;
	assert_int_equal(store_each_alert(st, false, see_alert, saw, NULL), 0);
	assert_string_equal(saw, "k s 1700000000000 0 2 open;");

	act = act_of(STORE_SETTING_PUT);
	act.setting = (struct store_setting){.name = "b", .value = ""};
	depot_do(st, &act);
	act.setting = (struct store_setting){.name = "a", .value = "1 2"};
	depot_do(st, &act);
	act.verb = STORE_SETTING_RESET;
	act.setting.name = "b";
	depot_do(st, &act);
	saw[0] = 0;
	assert_int_equal(store_each_setting(st, see_setting, saw, NULL), 0);
	assert_string_equal(saw, "a=1 2 operator:ёж 1700000000000;");
	act.verb = STORE_SETTING_CLEAR;
	act.setting.name = "a.";
	depot_do(st, &act);
	saw[0] = 0;
	assert_int_equal(store_each_setting(st, see_setting, saw, NULL), 0);
	assert_string_equal(saw, "a=1 2 operator:ёж 1700000000000;"); /* "a" is not below "a." */
	act.setting.name = "a";
	depot_do(st, &act);
	act.setting.name = "a%";
	assert_int_equal(store_do(st, &act, 0), -EINVAL);
	act.verb = STORE_ALLOW_CLEAR;
	depot_do(st, &act);
	saw[0] = 0;
	assert_int_equal(store_each_setting(st, see_setting, saw, NULL), 0);
	assert_int_equal(store_each_allow(st, 0, see_allow, saw, NULL), 0);
	assert_string_equal(saw, "");
	depot_chain(st, 11); /* all but the quiet one */
	depot_close(st);
}

/* What no correct program gives. Nothing of it is taken. */
static void not_taken(void **state)
{
	const struct database *db = *state;
	struct store *st = depot_manual(db, NULL);
	static char longest[STORE_TEXT_MAX + 2];
	const struct store_act good = depot_ban("192.0.2.1", DEPOT_T0 + 1, "x");
	struct store_act act;

	memset(longest, 'a', sizeof(longest) - 1);
#define BAD(change)                                                                                \
	do {                                                                                       \
		act = good;                                                                        \
		change;                                                                            \
		assert_int_equal(store_submit(st, &act, NULL, NULL), -EINVAL);                     \
	} while (0)
	BAD(act.actor = NULL);
	BAD(act.actor = "");
	BAD(act.cause = longest);
	BAD(act.cause = "line\nbreak");
	BAD(act.cause = "\xc0\xaf");
	BAD(act.cause = "\xed\xa0\x80");
	BAD(act.cause = "cut \xe2\x82");
	BAD(act.at_ms = -1);
	BAD(act.ban.until_ms = DEPOT_T0 - 1);
	BAD(act.ban.until_ms = INT64_MAX);
	BAD(act.ban.prefix.family = 5);
	BAD(act.ban.prefix.len = 33);
	BAD(act.quiet = true);
	BAD(act.verb = STORE_VERB_COUNT);
	BAD(act = depot_note("", "s", "d"));
	BAD(act = depot_note("cut", "s", "d"));
	BAD(act = act_of(STORE_LIST_PUT));
	BAD(act = act_of(STORE_LIST_PUT); act.list.name = "l"; act.list.weight = 1.0 / 0.0);
	longest[STORE_TEXT_MAX] = 0;
	act = good;
	act.cause = longest;
	assert_int_equal(store_submit(st, &act, NULL, NULL), 0);
	assert_int_equal(store_turn(st), 0);
	depot_chain(st, 1);
	depot_close(st);
}

static int stop(void *data, const struct store_ban *ban)
{
	(void)ban;
	return ++*(int *)data == 2 ? 77 : 0;
}

static void reading_ends_early(void **state)
{
	const struct database *db = *state;
	struct store *st = depot_manual(db, NULL);
	int seen = 0;

	for (uint32_t i = 0; i < 5; i++) {
		struct store_act act = depot_ban("10.0.0.1", 0, "x");

		act.ban.prefix = depot_host(i);
		assert_int_equal(store_submit(st, &act, NULL, NULL), 0);
	}
	assert_int_equal(store_turn(st), 0);
	assert_int_equal(store_each_ban(st, 0, stop, &seen, NULL), 77);
	assert_int_equal(seen, 2);
	depot_close(st);
}

struct chain_of_acts {
	struct store *st;
	unsigned left;
	int result; /* of a submit in the callback */
};

static void submit_next(void *data, int result)
{
	struct chain_of_acts *c = data;
	struct store_act act = depot_note("test", "s", "");

	assert_int_equal(result, 0);
	if (c->left-- > 1)
		c->result = store_submit(c->st, &act, submit_next, c);
}

/* What was decided and not collected still counts: the owner who does not look is told so. */
static void backlog_is_bounded(void **state)
{
	const struct store_options options = {.backlog_max = 3, .retain_every_ms = -1};
	struct store *st = depot_manual(*state, &options);
	struct store_act act = depot_note("test", "s", "");
	struct chain_of_acts c = {.st = st, .left = 20};
	struct depot_count count = {0};

	for (int i = 0; i < 3; i++)
		assert_int_equal(store_submit(st, &act, depot_count, &count), 0);
	assert_int_equal(store_turn(st), 0);
	assert_int_equal(store_submit(st, &act, depot_count, &count), STORE_FULL);
	assert_int_equal(store_collect(st), 3);
	/* Whose callback nobody wants is given back by itself. */
	for (int i = 0; i < 3; i++)
		assert_int_equal(store_submit(st, &act, NULL, NULL), 0);
	assert_int_equal(store_turn(st), 0);
	/* A callback may submit, also when the backlog was full of what is called back. */
	for (int i = 0; i < 2; i++)
		assert_int_equal(store_submit(st, &act, depot_count, &count), 0);
	assert_int_equal(store_submit(st, &act, submit_next, &c), 0);
	while (c.left) {
		assert_int_equal(store_turn(st), 0);
		store_collect(st);
		assert_int_equal(c.result, 0);
	}
	depot_chain(st, 3 + 3 + 2 + 20);
	depot_close(st);
}

/* An operator, a feed and the guard may all ban one address: each takes back its own. */
static void each_origin_has_its_ban(void **state)
{
	static const char *const origins[] = {"guard", "operator", "feed:a"};
	struct store *st = depot_manual(*state, NULL);
	struct store_act act = depot_ban("192.0.2.7", 0, "x");

	for (size_t i = 0; i < ARRAY_LEN(origins); i++) {
		act.ban.origin = origins[i];
		act.ban.offences = (int32_t)i;
		assert_int_equal(store_submit(st, &act, NULL, NULL), 0);
		act.ban.prefix = depot_prefix("192.0.2.8");
		assert_int_equal(store_submit(st, &act, NULL, NULL), 0);
		act.ban.prefix = depot_prefix("192.0.2.7");
	}
	assert_int_equal(store_turn(st), 0);
	act.verb = STORE_BAN_LIFT;
	for (size_t i = 0; i < 2; i++) { /* of one group, of two origins */
		act.ban.origin = origins[i];
		assert_int_equal(store_submit(st, &act, NULL, NULL), 0);
	}
	assert_int_equal(store_turn(st), 0);
	depot_expect_bans(st, DEPOT_T0,
			  "192.0.2.7 2 feed:a guard x\n"
			  "192.0.2.8 0 guard guard x\n"
			  "192.0.2.8 1 operator guard x\n"
			  "192.0.2.8 2 feed:a guard x\n");
	depot_chain(st, 8);
	depot_close(st);
}

/* A store as the first version left it. */
static void bans_of_before_are_kept(void **state)
{
	const struct database *db = *state;
	struct store *st = depot_open(db, NULL);
	struct store_act act = depot_ban("192.0.2.1", DEPOT_T0 + 1000, "before");

	depot_do(st, &act);
	act = depot_ban("2001:db8::/48", 0, "for ever");
	depot_do(st, &act);
	depot_close(st);
	database_do(db, "DROP TABLE source");
	database_do(db, "CREATE TABLE source (x text)");
	database_do(db, "CREATE TABLE ban_old AS SELECT * FROM ban");
	database_do(db, "DROP TABLE ban");
	database_do(db, "CREATE TABLE ban AS SELECT * FROM ban_old");
	database_do(db, "DROP TABLE ban_old");
	if (!database_is_sqlite(db))
		database_do(db, "ALTER TABLE ban ADD CONSTRAINT ban_pkey PRIMARY KEY (cidr)");
	database_do(db, "DELETE FROM orm_migration WHERE version = 2");
	st = depot_open(db, NULL);
	act.ban.origin = "another";
	depot_do(st, &act);
	depot_expect_bans(st, DEPOT_T0,
			  "192.0.2.1 1 test guard before\n"
			  "2001:db8::/48 1 another guard for ever\n"
			  "2001:db8::/48 1 test guard for ever\n");
	depot_chain(st, 3);
	depot_close(st);
}

static void one_ban_is_found(void **state)
{
	struct store *st = depot_open(*state, NULL);
	struct store_act act = depot_ban("2001:db8::/48", DEPOT_T0 + 5, "why");
	struct prefix host = depot_prefix("2001:db8::");
	struct store_ban_texts texts;
	struct store_ban ban;

	depot_do(st, &act);
	assert_int_equal(store_find_ban(st, &host, "test", &ban, &texts, NULL), STORE_ABSENT);
	assert_int_equal(store_find_ban(st, &act.ban.prefix, "guard", &ban, &texts, NULL),
			 STORE_ABSENT);
	assert_int_equal(store_find_ban(st, &act.ban.prefix, "test", &ban, &texts, NULL), 0);
	assert_int_equal(ban.until_ms, DEPOT_T0 + 5);
	assert_string_equal(ban.cause, "why");
	assert_string_equal(ban.actor, "guard");
	assert_string_equal(ban.origin, "test");
	depot_close(st);
}

enum { MODEL_HOSTS = 50, MODEL_ACTS = 10000 };
struct model {
	char cause[MODEL_HOSTS][16]; /* "": not banned */
	bool told[MODEL_HOSTS];	     /* by the newest record of it */
	unsigned n;
};

static int compare_ban(void *data, const struct store_ban *ban)
{
	struct model *m = data;

	assert_string_equal(ban->cause, m->cause[ban->prefix.addr[3]]);
	m->n++;
	return 0;
}

static int compare_record(void *data, const struct store_record *record)
{
	struct model *m = data;
	unsigned host;

	if (strcmp(record->action, "flush") == 0) {
		if (strcmp(record->subject, "deny") != 0)
			assert_string_equal(record->subject, "deny test");
		for (host = 0; host < MODEL_HOSTS; host++) {
			if (!m->told[host])
				assert_string_equal(m->cause[host], "");
			m->told[host] = true;
		}
		return 0;
	}
	host = depot_prefix(record->subject).addr[3];
	if (!m->told[host])
		assert_string_equal(strcmp(record->action, "ban") ? "" : record->cause,
				    m->cause[host]);
	m->told[host] = true;
	return 0;
}

/* 10,000 random acts, restarts among them: bans, model and audit agree. */
static void random_acts(void **state)
{
	const struct database *db = *state;
	const struct store_options options = {.group_max = 37, .retain_every_ms = -1};
	struct store *st = depot_manual(db, &options);
	struct model *m = calloc(1, sizeof(*m));
	uint32_t random = 7;
	unsigned banned = 0;

	assert_non_null(m);
	for (unsigned i = 0; i < MODEL_ACTS; i++) {
		uint32_t host = (random = random * 1103515245U + 12345U) >> 16;
		struct store_act act = depot_ban("10.0.0.0", 0, m->cause[host % MODEL_HOSTS]);
		char *cause = m->cause[host % MODEL_HOSTS];

		if (random >> 30 == 0)
			act.verb = STORE_BAN_LIFT;
		if (random >> 22 == 5) { /* every ban is of the origin "test" */
			act.verb = STORE_BAN_CLEAR;
			act.ban.origin = host & 1 ? act.ban.origin : NULL;
		}
		act.ban.prefix = depot_host(host % MODEL_HOSTS);
		snprintf(cause, sizeof(m->cause[0]), "%u", i);
		assert_int_equal(store_submit(st, &act, NULL, NULL), 0);
		if (act.verb == STORE_BAN_LIFT)
			cause[0] = '\0';
		if (act.verb == STORE_BAN_CLEAR)
			memset(m->cause, 0, sizeof(m->cause));
		if (host % 97 == 0)
			assert_int_equal(store_turn(st), 0);
		if (host % 1999 == 0) {
			depot_close(st);
			st = depot_manual(db, &options);
		}
	}
	depot_close(st); /* it writes what is left */
	st = depot_manual(db, &options);
	for (int i = 0; i < MODEL_HOSTS; i++)
		banned += m->cause[i][0] != '\0';
	assert_int_equal(store_each_ban(st, 0, compare_ban, m, NULL), 0);
	assert_int_equal(m->n, banned);
	assert_int_equal(store_each_record(st, NULL, 0, compare_record, m, NULL), 0);
	depot_chain(st, MODEL_ACTS);
	depot_close(st);
	free(m);
}

static void time_left(void **state)
{
	(void)state;
	assert_int_equal(store_left_ms(10, 0, 1000), INT64_MAX);
	assert_int_equal(store_left_ms(10, 110, 50), 60);
	assert_int_equal(store_left_ms(10, 110, 110), 0);
	/* The clock is a day behind when it was given: no more than it was given for. */
	assert_int_equal(store_left_ms(86400000, 86500000, 0), 100000);
}

int main(void)
{
	static const struct database_test tests[] = {
		DATABASE_TEST(tables_are_declared),
		DATABASE_TEST(bans),
		DATABASE_TEST(one_group_as_many),
		DATABASE_TEST(other_rows),
		DATABASE_TEST(not_taken),
		DATABASE_TEST(reading_ends_early),
		DATABASE_TEST(backlog_is_bounded),
		DATABASE_TEST(one_ban_is_found),
		DATABASE_TEST(each_origin_has_its_ban),
		DATABASE_TEST(bans_of_before_are_kept),
		DATABASE_TEST(random_acts),
		DATABASE_TEST_SQLITE(time_left),
	};

	return DATABASE_RUN(tests);
}
