/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * From the guard to the store.
 *
 *	record: ban, lift	a row and its record, durable; what finds the backlog full is late
 *	record: limits		counted, and one record a minute says how many
 *	record: the others	a record each, so many a second
 *	evict, walk		states of sources: the newest of each, written behind
 *
 * The walk looks at all sources in slices, a round in ROUND_MS or longer, and writes those that
 * were seen since the round before. Strangers without a past are not written: their evidence is
 * spoofable and fades in seconds, and a flood would fill the disk with addresses that it made up.
 *
 * While all of the store's knowledge is on its way here nothing is written behind: a source that is
 * new here would take the place of the same one with its past. For the same reason a single source
 * that is being fetched is left out.
 */
#include <user/daemon/memory/remember.h>

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <strazh/base/own.h>
#include <user/base/clock.h>
#include <user/base/log.h>
#include <user/daemon/acts/acts.h>
#include <user/daemon/guarding/guarding.h>
#include <user/daemon/memory/kept_row.h>
#include <user/daemon/memory/memory_parts.h>

#define ROUND_MS 5000U
#define SLICE 1024U
#define SAY_STEP 64U
#define NOTES_S 20U
#define SUMMARY_MS 60000U
#define CAUSE_LEN 600
#define CLOSING_MS 5000
#define ACTOR "guard"

static uint64_t now_ms(void)
{
	return clock_boot_ns() / 1000000;
}

static struct memory *memory_of(const struct keeper *keeper)
{
	return keeper->memory && keeper->memory->store ? keeper->memory : NULL;
}

/* ---- acts ---- */

static int submit(struct memory *m, const struct late_act *late, const char *cause,
		  const char *detail)
{
	const struct store_act act = {
		.verb = late->clears  ? STORE_BAN_CLEAR
			: late->lifts ? STORE_BAN_LIFT
				      : STORE_BAN_PUT,
		.at_ms = late->at_ms,
		.actor = late->actor[0] ? late->actor : ACTOR,
		.cause = cause,
		.detail = detail,
		.ban = {.prefix = late->prefix,
			.since_ms = late->at_ms,
			.until_ms = late->until_ms,
			.offences = late->offences,
			.origin = ACTOR},
	};

	return store_submit(m->store, &act, memory_done, m);
}

static void restate(struct remembering *mem)
{
	mem->say_more |= mem->saying;
	mem->restate = true;
}

static void restate_nothing(struct remembering *mem)
{
	mem->restate = mem->saying = mem->say_more = mem->said_prefixes = false;
	mem->said_at = 0;
}

static void put_late(struct memory *m, const struct late_act *late)
{
	if (late_put(&m->remembering.late, late))
		restate(&m->remembering);
	m->missed++;
}

/* In their order: behind one that is late, all are. */
static void put_ban(struct memory *m, struct late_act *act, const char *cause, const char *detail)
{
	int r = late_first(&m->remembering.late) ? STORE_FULL : submit(m, act, cause, detail);

	if (r == -EINVAL) {
		memory_done(m, STORE_REFUSED);
	} else if (r) {
		(void)snprintf(act->cause, sizeof(act->cause), "%s", cause);
		put_late(m, act);
	}
}

void remember_make_good(struct memory *m)
{
	struct remembering *mem = &m->remembering;
	const struct late_act *act;
	int r = 0;

	while (!r && (act = late_first(&mem->late)) != NULL) {
		r = submit(m, act, act->cause, "");
		if (r == -EINVAL)
			memory_done(m, STORE_REFUSED);
		if (!r || r == -EINVAL)
			late_drop_first(&mem->late);
	}
}

static void put_note(struct memory *m, const char *action, const char *subject, const char *cause,
		     const char *detail)
{
	const struct store_act act = {
		.verb = STORE_NOTE,
		.at_ms = memory_wall_ms(),
		.actor = ACTOR,
		.cause = cause,
		.detail = detail,
		.note = {.action = action, .subject = subject},
	};

	if (store_submit(m->store, &act, memory_done, m))
		m->remembering.unsaid++;
}

/* ---- records ---- */

static json_t *shares_of(const struct guard_record *record)
{
	json_t *shares = json_array();

	for (unsigned i = 0; shares && i < record->shares_len; i++) {
		const struct guard_share *share = &record->shares[i];

		(void)!json_array_append_new(shares,
					     json_pack("{s:s, s:b, s:I, s:I, s:f}", "kind",
						       guard_kinds[share->kind].name, "proven",
						       share->evidence == GUARD_PROVEN, "count",
						       (json_int_t)share->count, "span_ms",
						       (json_int_t)share->span_ms, "share",
						       (double)share->share));
	}
	return shares;
}

/* The same as the words of the cause, for programs. NULL where there is no memory. */
static char *detail_of(const struct guard_record *record)
{
	json_t *all = json_pack("{s:f, s:f, s:i, s:s, s:o*}", "score", (double)record->score,
				"pressure", (double)record->pressure, "offences",
				(int)record->offences, "state", attack_scales[record->state].name,
				"evidence", shares_of(record));
	char *text = all ? json_dumps(all, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;

	json_decref(all);
	if (text && strlen(text) > STORE_TEXT_MAX) {
		free(text);
		return NULL;
	}
	return text;
}

static bool is_source(const struct prefix *prefix)
{
	return prefix->len == (prefix->family == 4 ? 32 : 64);
}

static void put_fresh(struct remembering *mem, const struct guard_record *record)
{
	if (is_source(&record->prefix) && mem->fresh_len < MEMORY_FRESH_MAX)
		mem->fresh[mem->fresh_len++] = (struct fresh){record->prefix, record->score,
							      record->pressure};
}

/* Who takes a ban back now: the operator whose request this is, or the guard. */
static void set_actor(const struct memory *m, struct late_act *act)
{
	const char *who = acts_actor(m->keeper);

	(void)snprintf(act->actor, sizeof(act->actor), "%s", who ? who : "");
}

static void record_ban(struct memory *m, const struct guard_record *record, const char *cause,
		       const char *detail)
{
	struct late_act act = {
		.lifts = record->act != GUARD_ACT_BAN,
		.prefix = record->prefix,
		.at_ms = memory_wall_ms(),
		.offences = record->offences,
	};

	if (!act.lifts)
		act.until_ms = act.at_ms + (int64_t)(record->until_ms - record->at_ms);
	if (record->act == GUARD_ACT_FORGIVE)
		set_actor(m, &act);
	put_ban(m, &act, cause, detail);
	put_fresh(&m->remembering, record);
}

static bool may_note(struct remembering *mem)
{
	uint64_t second = clock_boot_s();

	if (mem->second != second) {
		mem->second = second;
		mem->notes = 0;
	}
	if (mem->notes++ < NOTES_S)
		return true;
	mem->unsaid++;
	return false;
}

static void record_note(struct memory *m, const struct guard_record *record, const char *cause,
			const char *detail)
{
	char subject[PREFIX_TEXT_LEN] = "";

	if (!may_note(&m->remembering))
		return;
	if (record->prefix.family)
		(void)prefix_format(&record->prefix, subject);
	put_note(m, record->act == GUARD_ACT_BAN ? "would-ban" : guard_act_names[record->act],
		 subject, cause, detail);
}

void remember_record(struct keeper *keeper, const struct guard_record *record)
{
	struct memory *m = memory_of(keeper);
	own_free char *detail = NULL;
	char cause[CAUSE_LEN];

	if (!m)
		return;
	if (record->act == GUARD_ACT_LIMIT || record->act == GUARD_ACT_BLOCK ||
	    record->act == GUARD_ACT_UNLIMIT) {
		m->remembering.counts[record->act]++;
		return;
	}
	(void)guard_record_text(record, cause, sizeof(cause));
	detail = detail_of(record);
	switch (record->act) {
	case GUARD_ACT_LIFT:
	case GUARD_ACT_FORGIVE:
		if (record->enforced)
			record_ban(m, record, cause, detail);
		break;
	case GUARD_ACT_BAN:
		if (record->enforced) {
			record_ban(m, record, cause, detail);
			break;
		}
		record_note(m, record, cause, detail);
		break;
	default:
		record_note(m, record, cause, detail);
	}
}

static void put_summary(struct memory *m)
{
	struct remembering *mem = &m->remembering;
	const uint64_t *n = mem->counts;
	char text[200];

	if (now_ms() - mem->summed_ms < SUMMARY_MS)
		return;
	mem->summed_ms = now_ms();
	if (n[GUARD_ACT_LIMIT] || n[GUARD_ACT_BLOCK] || n[GUARD_ACT_UNLIMIT] || mem->unsaid) {
		(void)snprintf(text, sizeof(text),
			       "in a minute %llu limited, %llu shut out for seconds, %llu free "
			       "again, %llu decisions more",
			       (unsigned long long)n[GUARD_ACT_LIMIT],
			       (unsigned long long)n[GUARD_ACT_BLOCK],
			       (unsigned long long)n[GUARD_ACT_UNLIMIT],
			       (unsigned long long)mem->unsaid);
		mem->unsaid = 0;
		put_note(m, "limits", "", text, "");
	}
	memset(mem->counts, 0, sizeof(mem->counts));
}

/* ---- sources ---- */

static bool is_worth(const struct guard_kept *kept)
{
	return kept->proven || kept->offences || kept->banned_ms;
}

static void put_source(struct memory *m, const struct guard_kept *kept, float score, float pressure)
{
	struct store_source row = kept_to_row(kept, score, pressure, memory_wall_ms());

	int r = store_source_put(m->store, &row);

	if (r == STORE_FULL)
		m->remembering.full = true;
	else if (r)
		memory_done(m, STORE_REFUSED);
}

void remember_evict(struct keeper *keeper, const struct guard_kept *kept)
{
	struct memory *m = memory_of(keeper);

	if (!m || !is_worth(kept))
		return;
	m->remembering.partial = true;
	put_source(m, kept, 0, 0);
}

static void put_freshs(struct memory *m, struct guard *guard)
{
	struct remembering *mem = &m->remembering;
	struct guard_kept kept;
	uint32_t left = 0;

	for (uint32_t i = 0; i < mem->fresh_len; i++) {
		const struct fresh fresh = mem->fresh[i];

		if (remember_is_fetched(mem, &fresh.prefix))
			mem->fresh[left++] = fresh;
		else if (guard_keep(guard, &fresh.prefix, now_ms(), &kept))
			put_source(m, &kept, fresh.score, fresh.pressure);
	}
	mem->fresh_len = left;
}

static void visit(void *context, const struct guard_kept *kept, float score, float pressure,
		  enum guard_level level)
{
	struct memory *m = context;
	struct remembering *mem = &m->remembering;
	uint64_t seen_ms = kept->at_ms - MIN(kept->idle_ms, kept->at_ms);

	(void)level;
	if (!is_worth(kept) || seen_ms < mem->before_ms)
		return;
	if (remember_is_fetched(mem, &kept->prefix))
		mem->skipped = true;
	else
		put_source(m, kept, score, pressure);
}

#define SAID_AGAIN "banned; said again: the store may not know it, or not until when"

static void say_again(void *context, const struct prefix *prefix, uint64_t banned_ms,
		      unsigned offences)
{
	struct late_act act = {
		.prefix = *prefix,
		.at_ms = memory_wall_ms(),
		.offences = (int32_t)offences,
	};

	act.until_ms = act.at_ms + (int64_t)banned_ms;
	put_ban(context, &act, SAID_AGAIN, "");
}

static void visit_banned(void *context, const struct guard_kept *kept, float score, float pressure,
			 enum guard_level level)
{
	(void)score;
	(void)pressure;
	if (level == GUARD_BANNED && kept->banned_ms)
		say_again(context, &kept->prefix, kept->banned_ms, kept->offences);
}

/* So many acts, a quarter of the backlog stays free: who decides now is not to be late for it. */
static uint32_t room_of(struct memory *m)
{
	struct store_health health;
	uint64_t spare, left;

	store_health(m->store, &health);
	spare = health.backlog_max / 4;
	left = health.backlog_max - MIN(health.backlog, health.backlog_max);
	return (uint32_t)(left - MIN(spare, left));
}

/* A few places of what is looked through; false: that was the last of it. */
static bool say_some(struct memory *m, struct guard *guard, uint32_t most)
{
	struct remembering *mem = &m->remembering;

	if (mem->said_prefixes)
		return guard_walk(guard, &mem->said_at, most, now_ms(), visit_banned, m);
	mem->said_prefixes = !guard_walk_banned_prefixes(guard, &mem->said_at, most, now_ms(),
							 say_again, m);
	if (mem->said_prefixes)
		mem->said_at = 0;
	return true;
}

/*
 * Each ban once more, when it is not known which of them the store has missed; and what it has that
 * is not in the gate, for a lift was missed, is lifted as it is read. A slice: there may be many
 * more bans than the store has room for.
 */
static void put_all_bans(struct memory *m, struct guard *guard)
{
	struct remembering *mem = &m->remembering;
	uint32_t room = room_of(m), looked = 0;
	bool more = true;

	mem->saying = true;
	while (more && room && looked < SLICE && !late_first(&mem->late)) {
		uint32_t most = MIN(room, SAY_STEP);

		more = say_some(m, guard, most);
		room = room_of(m);
		looked += most;
	}
	if (more)
		return;
	more = mem->say_more;
	restate_nothing(mem);
	mem->restate = more;
	if (!more)
		remember_compare(m);
}

static void begin_round(struct remembering *mem)
{
	mem->walking = true;
	mem->full = mem->skipped = false;
	mem->cursor = 0;
	mem->round_ms = now_ms();
}

static bool walk(struct memory *m, struct guard *guard)
{
	struct remembering *mem = &m->remembering;

	mem->walking = guard_walk(guard, &mem->cursor, SLICE, now_ms(), visit, m);
	if (!mem->walking && !mem->full && !mem->skipped)
		mem->before_ms = mem->round_ms;
	return mem->walking;
}

/* ---- life ---- */

void remember_begin(struct keeper *keeper)
{
	struct memory *m = memory_of(keeper);
	struct remembering *mem;

	if (!m)
		return;
	mem = &m->remembering;
	mem->walking = mem->saying = mem->say_more = mem->said_prefixes = false;
	mem->said_at = 0;
	mem->before_ms = mem->round_ms = mem->summed_ms = now_ms();
	mem->fresh_len = 0;
	memset(mem->forgiven, 0, sizeof(mem->forgiven));
	mem->cleared = false;
	mem->due = true;
	mem->recalling++;
	if (remember_ask(m))
		log_error("guard: there is no memory to read what is stored; it is tried again");
}

void remember_withdrawn(struct keeper *keeper)
{
	struct memory *m = memory_of(keeper);
	struct late_act act = {.clears = true, .at_ms = memory_wall_ms()};

	if (!m)
		return;
	restate_nothing(&m->remembering);
	m->remembering.withdrawn = false;
	m->remembering.cleared = true;
	put_ban(m, &act, guard_act_texts[GUARD_ACT_WITHDRAW], "");
}

void remember_say_again(struct keeper *keeper)
{
	struct memory *m = memory_of(keeper);

	/* Where there is no guard there is no ban of it: one that comes reads what is stored. */
	if (m && keeper->guarding && keeper->guarding->guard)
		restate(&m->remembering);
}

void remember_tick(struct keeper *keeper)
{
	struct memory *m = memory_of(keeper);
	struct guard *guard = keeper->guarding->guard;
	struct remembering *mem;

	if (!m || !guard)
		return;
	mem = &m->remembering;
	(void)!remember_ask(m);
	if (mem->restate && !late_first(&mem->late) && !mem->recalling && !mem->comparing)
		put_all_bans(m, guard);
	put_summary(m);
	if (mem->recalling)
		return;
	put_freshs(m, guard);
	if (!mem->walking && now_ms() - mem->round_ms >= ROUND_MS)
		begin_round(mem);
	if (mem->walking)
		(void)walk(m, guard);
}

void remember_end(struct keeper *keeper, bool closing)
{
	struct memory *m = memory_of(keeper);
	struct guard *guard = keeper->guarding->guard;
	uint64_t until_ms = now_ms() + CLOSING_MS, now;

	if (!m || !guard)
		return;
	remember_make_good(m);
	if (m->remembering.recalling) {
		remember_unask(m);
		return; /* it never knew more than the store */
	}
	put_freshs(m, guard);
	do {
		begin_round(&m->remembering);
		while (walk(m, guard))
			;
		now = now_ms(); /* once: 0 would be for ever */
				/* What found no room does when the others are written. */
	} while (closing && m->remembering.full && now < until_ms &&
		 !store_flush(m->store, (int64_t)(until_ms - now)));
}

/* ---- an operator ---- */

void remember_forgiven(struct keeper *keeper, const struct prefix *prefix, bool known)
{
	struct memory *m = memory_of(keeper);
	struct store_source row = {.prefix = *prefix};
	struct late_act act = {.lifts = true, .prefix = *prefix, .at_ms = memory_wall_ms()};

	if (!m)
		return;
	remember_note_forgiven(&m->remembering, prefix);
	if (known) {
		put_fresh(&m->remembering, &(struct guard_record){.prefix = *prefix});
		return;
	}
	/* The store may know what was forgotten here, or what no guard that is here knows. */
	if (keeper->guarding->guard && !m->remembering.partial && !m->remembering.recalling)
		return;
	row.scored_ms = row.first_ms = row.last_ms = act.at_ms;
	set_actor(m, &act);
	put_ban(m, &act, guard_act_texts[GUARD_ACT_FORGIVE], "");
	if (is_source(prefix))
		(void)!store_source_put(m->store, &row);
}

void remember_forgiven_all(struct keeper *keeper)
{
	struct memory *m = memory_of(keeper);
	struct late_act act = {.clears = true, .at_ms = memory_wall_ms()};

	if (!m)
		return;
	m->remembering.fresh_len = 0;
	remember_note_forgiven(&m->remembering, NULL);
	if (!late_first(&m->remembering.late))
		return;
	set_actor(m, &act);
	put_ban(m, &act, guard_act_texts[GUARD_ACT_FORGIVE], "");
}
