/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * CrowdSec's local API, as one of its bouncers: first everything (startup=true), then what came and
 * went. After a failure everything comes again, since a change may have been lost on its way.
 * Unasked it would tell of the longest decision about an address alone: when that one is deleted it
 * says neither so nor which is the longest now. With dedup=false it tells of each.
 *
 * What holds is user/feed/decisions.h; into the gate it goes in slices, each entry with its own
 * end, under a bit of its own. So what was there stays in force while a sync runs, while the API is
 * away (until the time of each entry), and over a restart: then the entries of the bit are adopted,
 * and the first sync takes out those that are no more.
 *
 *	asked -> fetched (strazh-fetch) -> read (a thread) -> taken (slices) -> carried out (slices)
 *
 * One timer has all slices: while an answer is taken nothing is carried out, and nothing is asked.
 * A million decisions in one turn of the loop held it for 240 ms of a processor's time (1.2 s on a
 * busy machine), and a change of max_entries, which walked the gate, for 1.4 s; in slices the
 * longest turn of that kind was 17 ms, with what else fell into it.
 */
#include <user/daemon/feeding/feeding_parts.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <strazh/base/own.h>
#include <user/base/clock.h>
#include <user/base/log.h>
#include <user/daemon/acts/loads.h>
#include <user/daemon/keeper.h>
#include <user/gate/act.h>
#include <user/gate/lists.h>

#define WHAT "crowdsec"
#define SECONDS 60U
#define BYTES_LEAST (4ULL << 20)
#define BYTES_EACH 1024U /* of JSON, for a decision */
#define SLICE 256U
#define SLICE_NS 5000000U
#define SLICE_PAUSE_MS 5U
#define STEP 1024U /* of what does not touch the gate: less than 1 ms */
#define STEP_PAUSE_MS 1U
#define EXPIRE_MS 10000U
#define AGAIN_MS 1000U /* when the gate did not take some */

/* ---- its life ---- */

static void on_slice(struct timer *timer);

int crowdsec_new(struct feeding *feeding, const struct config *config,
		 struct crowdsec **ret_crowdsec)
{
	struct crowdsec *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->feeding = feeding;
	c->bit = SZ_LISTS;
	(void)snprintf(c->url, sizeof(c->url), "%.1000s", config_text(config, CFG_CROWDSEC_URL));
	(void)snprintf(c->key_file, sizeof(c->key_file), "%.2000s",
		       config_text(config, CFG_CROWDSEC_KEY_FILE));
	c->every_s = config_number(config, CFG_CROWDSEC_EVERY);
	c->scopes = (unsigned)config_number(config, CFG_CROWDSEC_SCOPES);
	c->max_entries = (uint32_t)config_number(config, CFG_CROWDSEC_MAX_ENTRIES);
	c->slice.watch.fd = -1;
	r = decisions_new(c->max_entries, (uint64_t)feeding_chance() << 32 | feeding_chance(),
			  &c->decisions);
	if (!r)
		r = timer_open(feeding->keeper->loop, &c->slice, on_slice, c);
	if (r)
		crowdsec_free(c);
	else
		*ret_crowdsec = c;
	return r;
}

static void forget_taking(struct crowdsec *c)
{
	free(c->taking.bytes);
	c->taking = (struct crowdsec_taking){0};
}

/* An answer that is on its way. */
static void give_up(struct crowdsec *c)
{
	if (c->reading)
		feed_reads_drop(c->reading);
	c->reading = NULL;
	forget_taking(c);
}

void crowdsec_free(struct crowdsec *c)
{
	if (!c)
		return;
	feed_child_kill(&c->child);
	give_up(c);
	if (c->slice.loop)
		timer_close(&c->slice);
	decisions_free(c->decisions);
	free(c);
}

/* What an earlier section left, on its way out of the gate. */
static bool is_going(const struct crowdsec *c)
{
	return loads_busy(c->feeding->keeper, CROWDSEC_LIST);
}

static int adopt(void *context, const struct entry *entry)
{
	struct crowdsec *c = context;

	if (!(entry->own_lists >> c->bit & 1))
		return 0;
	return decisions_adopt(c->decisions, &entry->prefix) < 0 ? -ENOMEM : 0;
}

void crowdsec_open(struct crowdsec *c)
{
	struct gate *gate = c->feeding->keeper->gate;
	struct lists lists;
	int r;

	if (is_going(c))
		return;
	r = lists_read(gate, &lists);
	if (!r)
		c->bit = lists_find(&lists, CROWDSEC_LIST);
	if (!r && c->bit != SZ_LISTS)
		r = act_walk(gate, SZ_TABLE_DENY, adopt, c);
	if (r)
		log_warning(WHAT ": what the gate has of before is not known: %s", gate_error());
}

/* What is half taken is brought to its end, else nobody knew what holds. */
static void start_over(struct crowdsec *c)
{
	feed_child_kill(&c->child);
	if (c->reading)
		feed_reads_drop(c->reading);
	c->reading = NULL;
	c->taking.stale = true;
	c->synced = false;
	c->tries.next_ms = 0;
}

void crowdsec_change(struct crowdsec *c, struct crowdsec *to)
{
	const bool other = strcmp(c->url, to->url) != 0 || c->scopes != to->scopes ||
			   strcmp(c->key_file, to->key_file) != 0 ||
			   c->max_entries != to->max_entries;

	decisions_limit(c->decisions, to->max_entries);
	c->max_entries = to->max_entries;
	if (c->every_s != to->every_s)
		c->tries.next_ms = 0;
	memcpy(c->url, to->url, sizeof(c->url));
	memcpy(c->key_file, to->key_file, sizeof(c->key_file));
	c->every_s = to->every_s;
	c->scopes = to->scopes;
	if (other)
		start_over(c);
}

void crowdsec_lost(struct crowdsec *c)
{
	struct decisions *fresh;

	c->bit = SZ_LISTS;
	log_warning(WHAT ": its list was taken out of the gate; it comes back with the next sync");
	if (decisions_new(c->max_entries, (uint64_t)feeding_chance() << 32 | feeding_chance(),
			  &fresh))
		return;
	give_up(c);
	decisions_free(c->decisions);
	c->decisions = fresh;
	c->expiring = false;
	c->synced = false;
}

/* ---- into the gate ---- */

/* An empty list under a bit of its own, in force. */
static int take_bit(struct crowdsec *c)
{
	struct gate *gate = c->feeding->keeper->gate;
	uint32_t bit;
	int r = lists_take(gate, &bit);

	if (!r)
		r = lists_write(gate, bit, CROWDSEC_LIST, 0);
	if (r)
		return r;
	lists_switch(gate, 0, 1ULL << bit);
	c->bit = bit;
	return 0;
}

static int carry_out(struct crowdsec *c, const struct decision_deed *deed, uint64_t now_ms)
{
	struct gate *gate = c->feeding->keeper->gate;
	struct act_answer answer;
	const struct act act = {
		.table = SZ_TABLE_DENY,
		.prefix = deed->prefix,
		.bit = c->bit,
		.origin = SZ_ORIGIN_FEED,
		.until_s = clock_until((MAX(deed->until_ms, now_ms + 1) - now_ms + 999) / 1000),
	};
	int r;

	if (!deed->until_ms) {
		r = act_remove(gate, SZ_TABLE_DENY, &deed->prefix, c->bit, &answer);
		return r == ACT_NOT_FOUND ? 0 : r; /* its time was over */
	}
	return act_add(gate, &act, &answer);
}

static void note_refused(struct crowdsec *c, const struct prefix *prefix, const char *why)
{
	char text[PREFIX_TEXT_LEN];

	c->refused++;
	(void)snprintf(c->refusal, sizeof(c->refusal), "%s: %s", prefix_format(prefix, text), why);
}

static enum decision_fate fate_of(struct crowdsec *c, const struct decision_deed *deed,
				  uint64_t now_ms)
{
	int r;

	if (deed->until_ms && feed_wide(&deed->prefix)) {
		note_refused(c, &deed->prefix, "too wide to be meant");
		return DECISION_REFUSED;
	}
	r = carry_out(c, deed, now_ms);
	if (!r)
		return DECISION_DONE;
	if (r == ACT_REFUSED_NEVER || r == ACT_REFUSED_ALLOW) {
		note_refused(c, &deed->prefix, r == ACT_REFUSED_NEVER ? "never-ban" : "allowed");
		return DECISION_REFUSED;
	}
	if (!c->failing)
		log_error(WHAT ": the gate does not take all of it: %s", r == ACT_FULL
										 ? "it is full"
									 : r < 0 ? strerror(-r)
										 : gate_error());
	c->failing = true;
	return DECISION_FAILED;
}

static void count_entries(struct crowdsec *c)
{
	if (c->bit != SZ_LISTS && lists_write(c->feeding->keeper->gate, c->bit, CROWDSEC_LIST,
					      decisions_figures(c->decisions).in_gate))
		log_debug(WHAT ": the size of its list is not written");
}

/* ---- an answer ---- */

static void fail(struct crowdsec *c, const char *format, ...) printf_like(2, 3);
static void fail(struct crowdsec *c, const char *format, ...)
{
	char why[FEED_TEXT_LEN];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	c->synced = false;
	feed_tries_failed(&c->tries, WHAT, c->every_s, "%s", why);
	(void)unlink(c->child.copy);
}

static void end_taking(struct crowdsec *c)
{
	struct decisions_figures figures = decisions_figures(c->decisions);
	const bool stale = c->taking.stale;
	int r = c->taking.r;

	forget_taking(c);
	if (c->asked_all)
		log_info(WHAT ": %u decisions about %u prefixes", figures.decisions,
			 figures.prefixes);
	if (r < 0) {
		fail(c, "%s", strerror(-r));
		return;
	}
	c->synced_s = clock_wall_s();
	c->tries.tried_s = c->synced_s;
	c->synced = !stale;
	feed_tries_well(&c->tries, WHAT, c->every_s);
	if (stale)
		c->tries.next_ms = 0;
	(void)unlink(c->child.copy);
}

/* True: there is more of it. What found no room is counted. */
static bool take_step(struct crowdsec *c)
{
	struct crowdsec_taking *t = &c->taking;
	uint64_t end = MIN(t->count, t->at + STEP);

	if (t->stage == CROWDSEC_FORGET) {
		if (!decisions_forget(c->decisions, STEP))
			t->stage = CROWDSEC_TAKE;
		return true;
	}
	if (t->stage == CROWDSEC_SETTLE)
		return decisions_settle(c->decisions, STEP);
	while (t->at < end && t->r >= 0)
		t->r = decisions_take(c->decisions, &t->decisions[t->at++], t->now_ms);
	if (t->at < t->count && t->r >= 0)
		return true;
	t->stage = CROWDSEC_SETTLE;
	return c->asked_all;
}

static void take_some(struct crowdsec *c)
{
	uint64_t begin = clock_boot_ns();
	bool more = true;

	while (more && clock_boot_ns() - begin < SLICE_NS)
		more = take_step(c);
	if (!more)
		end_taking(c);
}

static void expire_some(struct crowdsec *c)
{
	uint64_t begin = clock_boot_ns(), now_ms = feeding_now_ms();

	while (c->expiring && clock_boot_ns() - begin < SLICE_NS)
		c->expiring = decisions_expire(c->decisions, now_ms, STEP);
}

/* A slice of what waits; false: the gate did not take some. */
static bool carry_out_some(struct crowdsec *c)
{
	uint64_t begin = clock_boot_ns(), now_ms = feeding_now_ms();
	struct decision_deed deed;
	unsigned done = 0;

	if (c->bit == SZ_LISTS && (is_going(c) || take_bit(c))) {
		if (!c->failing && !is_going(c))
			log_error(WHAT ": there is no room for its list in the gate: %s",
				  gate_error());
		c->failing = true;
		return false;
	}
	while (done < SLICE && clock_boot_ns() - begin < SLICE_NS &&
	       decisions_next(c->decisions, now_ms, &deed)) {
		enum decision_fate fate = fate_of(c, &deed, now_ms);

		decisions_done(c->decisions, &deed, fate);
		if (fate == DECISION_FAILED)
			return false;
		done++;
	}
	if (done)
		c->failing = false;
	return true;
}

static void on_slice(struct timer *timer)
{
	struct crowdsec *c = timer->context;
	bool well;

	if (c->taking.bytes) {
		take_some(c);
		(void)!timer_start(timer, STEP_PAUSE_MS, 0);
		return;
	}
	if (c->expiring) {
		expire_some(c);
		if (c->expiring || decisions_figures(c->decisions).waiting)
			(void)!timer_start(timer, STEP_PAUSE_MS, 0);
		return;
	}
	well = carry_out_some(c);
	if (decisions_figures(c->decisions).waiting)
		(void)!timer_start(timer, well ? SLICE_PAUSE_MS : AGAIN_MS, 0);
	else
		count_entries(c);
}

/* ---- a try ---- */

static void on_read(void *context, struct feed_read_result *result)
{
	struct crowdsec *c = context;

	c->reading = NULL;
	if (!result->r && timer_start(&c->slice, 1, 0))
		result->r = -EIO;
	if (result->r) {
		fail(c, "what strazh-fetch wrote: %s", result->why ? result->why : "no timer");
		return;
	}
	c->wrong += result->copy.head.wrong;
	c->other += result->copy.head.lines -
		    MIN(result->copy.head.lines, result->copy.head.count + result->copy.head.wrong);
	c->taking = (struct crowdsec_taking){
		.decisions = result->copy.decisions,
		.count = result->copy.head.count,
		.now_ms = feeding_now_ms(),
		.stage = c->asked_all ? CROWDSEC_FORGET : CROWDSEC_TAKE,
	};
	c->taking.bytes = take_ptr(result->bytes);
	if (!c->asked_all)
		return;
	c->refused = 0;
	c->refusal[0] = '\0';
}

static void on_done(void *context, const struct feed_answer *answer)
{
	struct crowdsec *c = context;
	struct feed_read_wanted wanted = {
		.lapi = true,
		.max_entries = FEED_DECISIONS_MOST,
		.done = on_read,
		.context = c,
	};
	int r;

	if (answer->outcome != FEED_NEW) {
		fail(c, "%s: %s", feed_outcome_texts[answer->outcome], answer->text);
		return;
	}
	memcpy(wanted.path, c->child.copy, sizeof(wanted.path));
	r = feed_reads_add(c->feeding->reads, &wanted, &c->reading);
	if (r)
		fail(c, "%s", strerror(-r));
}

/* The first line. */
static int read_key(const char *path, char key[FEED_KEY_LEN], char why[FEED_TEXT_LEN])
{
	own_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st)) {
		(void)snprintf(why, FEED_TEXT_LEN, "'%.150s': %s", path, strerror(errno));
		return -errno;
	}
	if (!S_ISREG(st.st_mode) || st.st_mode & 077) {
		(void)snprintf(why, FEED_TEXT_LEN,
			       "'%.120s': the key has to be in a file for its owner alone "
			       "(chmod 600)",
			       path);
		return -EACCES;
	}
	n = read(fd, key, FEED_KEY_LEN - 1);
	key[MAX(n, 0)] = '\0';
	key[strcspn(key, " \t\r\n")] = '\0';
	if (!key[0] || strlen(key) == FEED_KEY_LEN - 1) {
		(void)snprintf(why, FEED_TEXT_LEN, "'%.150s': its first line is no key", path);
		return -EINVAL;
	}
	return 0;
}

static void try_now(struct crowdsec *c)
{
	struct feed_request request = {
		.magic = FEED_MAGIC,
		.version = FEED_VERSION,
		.format = FEED_LAPI,
		.scopes = c->scopes,
		.max_bytes = BYTES_LEAST + (uint64_t)c->max_entries * BYTES_EACH,
		.max_entries = FEED_DECISIONS_MOST,
		.seconds = SECONDS,
	};
	char path[FEED_CHILD_PATH_LEN], why[FEED_TEXT_LEN];
	size_t len = strlen(c->url);
	int r = read_key(c->key_file, request.key, why);

	while (len && c->url[len - 1] == '/')
		len--;
	c->asked_all = !c->synced;
	(void)snprintf(request.url, sizeof(request.url),
		       "%.*s/v1/decisions/stream?startup=%s&dedup=false&scopes=%s", (int)len,
		       c->url, c->asked_all ? "true" : "false",
		       c->scopes == FEED_SCOPE_IP      ? "ip"
		       : c->scopes == FEED_SCOPE_RANGE ? "range"
						       : "ip,range");
	(void)snprintf(path, sizeof(path), "%s/crowdsec.new", c->feeding->dir);
	c->child.loop = c->feeding->keeper->loop;
	c->child.on_done = on_done;
	c->child.context = c;
	if (!r)
		r = feed_child_start(&c->child, &request, path, why);
	explicit_bzero(request.key, sizeof(request.key));
	if (r) {
		c->synced = false;
		feed_tries_failed(&c->tries, WHAT, c->every_s, "%s", why);
	}
}

void crowdsec_tick(struct crowdsec *c, uint64_t now_ms)
{
	feed_child_tick(&c->child, now_ms);
	if (now_ms - c->expired_ms >= EXPIRE_MS) {
		c->expiring = true;
		c->expired_ms = now_ms;
	}
	if (c->taking.bytes || c->expiring ||
	    (decisions_figures(c->decisions).waiting && !c->failing))
		(void)!timer_start(&c->slice, STEP_PAUSE_MS, 0);
	if (!c->child.pid && !c->reading && !c->taking.bytes && c->tries.next_ms <= now_ms)
		try_now(c);
}
