/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * An ack is a request whose acts are on their way. All of them stand in one list, in the order in
 * which they were done. An ack leaves it when the store has decided about each of its acts:
 *
 *	waiting		the link is paused: for the store, or for the last of the journal
 *	writing		so it is while a thread writes it to the journal (acts_journal.c)
 *	journaled	written there and answered; only its callbacks are awaited
 *
 * When one has to be journaled, all before it are journaled first: the journal has the order.
 */
#include <user/daemon/acts/acts.h>

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <strazh/base/own.h>
#include <user/base/clock.h>
#include <user/base/log.h>
#include <user/ctl/journal.h>
#include <user/ctl/listcopy.h>
#include <user/daemon/acts/acts_parts.h>
#include <user/daemon/server.h>

#define TICK_MS 100U
#define START_MS 5000U /* of the start for the journal */

static uint64_t now_ms(void)
{
	return clock_boot_ns() / 1000000;
}

/* ---- what was touched ---- */

static uint32_t name_bit(const char *name)
{
	uint32_t hash = 2166136261U;

	for (; *name; name++)
		hash = (hash ^ (uint8_t)*name) * 16777619U;
	return (hash ^ hash >> 16) % ACTS_NAMED_BITS;
}

/* Whatever is named in it: "set" has a name, services and lists have keys of their own. */
static void touch_name(struct acts *acts, const json_t *act)
{
	static const char *const keys[][2] = {
		{"name", ACTROWS_SETTING}, {"service", ACTROWS_SERVICE}, {"list", ACTS_LIST}};
	char full[STORE_NAME_MAX + 1];

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		const char *name = json_string_value(json_object_get(act, keys[i][0]));
		uint32_t bit;

		if (!name)
			continue;
		(void)snprintf(full, sizeof(full), "%s%s", keys[i][1], name);
		bit = name_bit(full);
		acts->named[bit / 8] |= (uint8_t)(1U << bit % 8);
	}
}

static void touch(struct acts *acts, const json_t *act)
{
	const char *text = json_string_value(json_object_get(act, "prefix"));
	const char *what = json_string_value(json_object_get(act, "act"));
	struct prefix prefix;
	uint32_t bit;

	if (what && strcmp(what, "flush") == 0) {
		memset(acts->touched, 0xff, sizeof(acts->touched));
		memset(acts->named, 0xff, sizeof(acts->named));
	}
	touch_name(acts, act);
	if (!text || prefix_parse(text, strlen(text), &prefix))
		return;
	bit = acts_bit(&prefix);
	acts->touched[bit / 8] |= (uint8_t)(1U << bit % 8);
}

bool acts_touched(const struct keeper *keeper, const struct prefix *prefix)
{
	uint32_t bit = acts_bit(prefix);

	return keeper->acts->touched[bit / 8] >> bit % 8 & 1;
}

bool acts_touched_name(const struct keeper *keeper, const char *name)
{
	uint32_t bit = name_bit(name);

	return keeper->acts->named[bit / 8] >> bit % 8 & 1;
}

void acts_mark(struct keeper *keeper)
{
	struct acts *acts = keeper->acts;

	memset(acts->touched, 0, sizeof(acts->touched));
	memset(acts->named, 0, sizeof(acts->named));
	for (const struct ack *ack = acts->first; ack; ack = ack->next)
		for (size_t i = 0; i < json_array_size(ack->acts); i++)
			touch(acts, json_array_get(ack->acts, i));
}

void acts_waiting(const struct keeper *keeper, uint64_t *ret_bytes, uint64_t *ret_forgotten)
{
	const struct acts *acts = keeper->acts;

	*ret_bytes = acts && acts->journaling ? acts_journal_len(keeper) : 0;
	*ret_forgotten = acts ? acts->unwritten + acts->refused : 0;
}

bool acts_handed(const struct keeper *keeper)
{
	const struct acts *acts = keeper->acts;

	if (!acts || (!acts->journaling && !acts->writing))
		return true;
	/* Taken in, and it cannot be emptied. */
	return !acts->writing && acts->stuck_ms && acts_imported(keeper);
}

/* ---- answers ---- */

void acts_warn(json_t *result, const char *text)
{
	const char *before = json_string_value(json_object_get(result, "warning"));

	if (result)
		(void)!json_object_set_new(result, "warning",
					   before ? json_sprintf("%s; %s", before, text)
						  : json_string(text));
}

static void answer(struct ack *ack)
{
	struct client_link *link = ack->link;
	json_t *result = ack->result;

	ack->result = NULL;
	ack->link = NULL;
	if (!link) {
		json_decref(result);
		return;
	}
	link->ack = NULL;
	link->active_s = clock_boot_s();
	if (!result || link_put(link, result))
		lines_finish(&link->lines);
	else
		lines_resume(&link->lines); /* may take the next request, and lead back here */
}

static void drop(struct acts *acts, struct ack *ack)
{
	struct ack **at = &acts->first;

	while (*at != ack)
		at = &(*at)->next;
	*at = ack->next;
	if (acts->last == &ack->next)
		acts->last = at;
	json_decref(ack->acts);
	free(ack);
}

/* ---- the journal ---- */

/* Those that were journaled and not answered yet. An answer may add to the list behind them. */
void acts_answer(struct acts *acts)
{
	struct ack *ack = acts->first, *next;

	for (; ack; ack = next) {
		bool last = !ack->pending;

		if (!ack->journaled)
			break;
		if (ack->link || ack->result) {
			ack->pending++; /* stay while its answer leads back here */
			answer(ack);
			ack->pending--;
			last = !ack->pending;
		}
		next = ack->next;
		if (last)
			drop(acts, ack);
	}
}

/* ---- to the store ---- */

static void decided(void *data, int result)
{
	struct ack *ack = data;
	struct keeper *keeper = ack->keeper;

	ack->pending--;
	if (result == STORE_REFUSED) {
		acts_warn(ack->result,
			  "done, but the store refuses it: it is forgotten if the maps are "
			  "lost");
		keeper->acts->refused++;
	} else if (result) {
		ack->late = true; /* the store is being closed */
	}
	if (ack->pending)
		return;
	if (ack->late && !ack->journaled) {
		acts_journal(keeper);
		return; /* acts_answer() comes by, or acts_free() */
	}
	if (ack->link || ack->result) {
		ack->pending++; /* stay while its answer leads back here */
		answer(ack);
		ack->pending--;
	}
	drop(keeper->acts, ack);
}

/* 0; else what is out is out, and all of it goes to the journal as well. */
static int submit(struct keeper *keeper, struct ack *ack)
{
	struct actrow row;
	int r = 0;

	for (size_t i = 0; !r && i < json_array_size(ack->acts); i++) {
		for (unsigned n = 0; !r; n++) {
			r = actrow_make(json_array_get(ack->acts, i), n, &row);
			if (!r)
				r = memory_act(keeper, &row.act, decided, ack);
			ack->pending += !r;
		}
		r = r == ACTROWS_END ? 0 : r;
	}
	return r;
}

void acts_submit_held(struct keeper *keeper)
{
	for (struct ack *ack = keeper->acts->first; ack; ack = ack->next) {
		if (!ack->must || ack->journaled || ack->writing)
			continue;
		if (memory_show(keeper)->degraded || submit(keeper, ack)) {
			acts_journal(keeper);
			return;
		}
		ack->must = false;
	}
}

/* ---- requests ---- */

void acts_begin(struct keeper *keeper, uid_t uid)
{
	struct acts *acts = keeper->acts;

	acts->uid = uid;
	acts->running = true;
	acts->on = memory_show(keeper)->on;
}

/* "operator:root 0" */
static const char *name_of(struct acts *acts)
{
	if (acts->uid != acts->named_uid || !acts->name[0]) {
		const struct passwd *user = getpwuid(acts->uid);

		acts->named_uid = acts->uid;
		(void)snprintf(acts->name, sizeof(acts->name), "operator:%.64s %u",
			       user ? user->pw_name : "?", acts->uid);
	}
	return acts->name;
}

const char *acts_actor(const struct keeper *keeper)
{
	return keeper->acts && keeper->acts->running ? name_of(keeper->acts) : NULL;
}

static int keep(struct acts *acts, const json_t *act)
{
	json_t *copy = json_copy((json_t *)(uintptr_t)act);
	int r = copy ? json_object_set_new(copy, "who", json_string(name_of(acts))) : -1;

	if (!r)
		r = json_array_append(acts->taken, copy);
	if (!r)
		touch(acts, copy);
	json_decref(copy);
	return r ? -ENOMEM : 0;
}

/* Loaded lists go with the table. */
static int unload_all(struct keeper *keeper)
{
	struct listcopy_names names;
	int r = listcopy_names(keeper->options->state_dir, &names);

	for (size_t i = 0; !r && i < names.count; i++) {
		json_t *act = journal_other(keeper->gate, "unload", "list", names.at[i]);

		r = act ? keep(keeper->acts, act) : -ENOMEM;
		json_decref(act);
		if (!r)
			r = listcopy_remove(keeper->options->state_dir, names.at[i]);
	}
	return r;
}

int acts_take(void *context, const json_t *act)
{
	struct keeper *keeper = context;
	struct acts *acts = keeper->acts;
	const char *what = json_string_value(json_object_get(act, "act"));
	const char *table = json_string_value(json_object_get(act, "table"));
	const char *list = json_string_value(json_object_get(act, "list"));
	int r = 0;

	if (!what)
		return -EINVAL;
	if (strcmp(what, "flush") == 0 && table &&
	    (strcmp(table, "deny") == 0 || strcmp(table, "all") == 0))
		r = unload_all(keeper);
	if (strcmp(what, "unload") == 0 && list)
		r = listcopy_remove(keeper->options->state_dir, list);
	if (!acts->on)
		return 0;
	return r ? r : keep(acts, act);
}

int acts_list(void *context, const char *name, const struct prefix *entries, size_t count,
	      uint64_t until_wall)
{
	const struct keeper *keeper = context;

	if (!keeper->acts->on)
		return 0;
	return listcopy_write(keeper->options->state_dir, name, entries, count, until_wall);
}

static struct ack *make_ack(struct acts *acts, struct keeper *keeper, json_t *result)
{
	struct ack *ack = calloc(1, sizeof(*ack));

	if (!ack)
		return NULL;
	*ack = (struct ack){
		.keeper = keeper, .acts = acts->taken, .result = result, .since_ms = now_ms()};
	acts->taken = json_array();
	*acts->last = ack;
	acts->last = &ack->next;
	return ack;
}

bool acts_end(struct keeper *keeper, struct client_link *link, json_t *result)
{
	struct acts *acts = keeper->acts;
	struct ack *ack;

	acts->running = false;
	if (!json_array_size(acts->taken))
		return false;
	ack = make_ack(acts, keeper, result);
	if (!ack || !acts->taken) {
		acts_warn(result, "done, but there is no memory to remember it");
		log_error("an act is not remembered: no memory");
		return false;
	}
	ack->must = acts->writing || acts->journaling || memory_show(keeper)->degraded ||
		    submit(keeper, ack);
	if (ack->must && !acts->holding)
		acts_journal(keeper);
	ack->link = link;
	if (link) {
		link->ack = ack;
		lines_pause(&link->lines);
	}
	return true;
}

void acts_abandon(struct client_link *link)
{
	if (link->ack)
		link->ack->link = NULL;
	link->ack = NULL;
}

/* ---- by the clock ---- */

static void on_tick(struct timer *timer)
{
	struct keeper *keeper = timer->context;
	struct acts *acts = keeper->acts;
	const struct ack *ack = acts->first;

	while (ack && ack->journaled)
		ack = ack->next;
	if (ack && (memory_show(keeper)->degraded || now_ms() - ack->since_ms >= ACTS_WAIT_MS))
		acts_journal(keeper);
	acts_answer(acts);
	if (acts->journaling && !acts->writing)
		acts_import(keeper);
}

/* ---- life ---- */

int acts_open(struct keeper *keeper)
{
	struct acts *acts = calloc(1, sizeof(*acts));
	uint64_t begin = now_ms();
	int r;

	if (!acts)
		return -ENOMEM;
	keeper->acts = acts;
	acts->last = &acts->first;
	acts->journal_watch.fd = -1;
	acts->taken = json_array();
	if (!acts->taken)
		return -ENOMEM;
	acts->journaling = memory_store(keeper) && acts_journal_len(keeper) > 0;
	while (acts->journaling && !acts->stuck_ms && !memory_show(keeper)->degraded &&
	       now_ms() - begin < START_MS) {
		acts_import(keeper);
		r = acts_wait(keeper);
		if (r)
			return r;
	}
	r = acts_journal_open(keeper);
	if (!r)
		r = timer_open(keeper->loop, &acts->timer, on_tick, keeper);
	return r ? r : timer_start(&acts->timer, TICK_MS, TICK_MS);
}

void acts_close(struct keeper *keeper)
{
	if (!keeper->acts)
		return;
	timer_close(&keeper->acts->timer);
	acts_journal_close(keeper);
}

void acts_free(struct keeper *keeper)
{
	struct acts *acts = keeper->acts;

	if (!acts)
		return;
	while (acts->first) {
		struct ack *ack = acts->first;

		json_decref(ack->result);
		drop(acts, ack);
	}
	json_decref(acts->taken);
	acts_import_end(acts);
	free(acts);
	keeper->acts = NULL;
}
