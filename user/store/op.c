// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * An act as what will be written: checked, and copied into one piece of memory. It is built on the
 * stack with the caller's texts; then those are moved behind it, by walking the table's columns.
 */
#include <user/store/inside.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <strazh/base/utf8.h>

#define TIME_MAX_MS                                                                                \
	253402300799999LL /* the end of the year 9999, as PostgreSQL and JSON read it              \
			   */
#define KEY_MAX (2 * STORE_NAME_MAX + 32)
#define TEXTS_MAX 16U

static const struct {
	const char *action;
	const struct orm_table *(*table)(void);
	bool removes;
} verbs[STORE_VERB_COUNT] = {
#define note_table NULL
#define allow_table allowed_table
#define list_table address_list_table
#define VERB_(name, action, member, removes) [STORE_##name] = {action, member##_table, removes},
	STORE_VERBS(VERB_)};

static bool may_be_quiet(enum store_verb verb)
{
	return verb >= STORE_LIST_PUT && verb <= STORE_ALERT_REMOVE;
}

bool store_text_ok(const char *text, size_t max)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t left = text ? strnlen(text, max + 1) : 0;

	if (left > max)
		return false;
	while (left) {
		size_t len = utf8_len(at, left);

		if (!len || utf8_is_control(at))
			return false;
		at += len;
		left -= len;
	}
	return true;
}

bool store_time_ok(int64_t ms)
{
	return ms >= 0 && ms <= TIME_MAX_MS;
}

static bool spans(int64_t since_ms, int64_t until_ms)
{
	return store_time_ok(since_ms) && store_time_ok(until_ms) &&
	       (!until_ms || until_ms >= since_ms);
}

static bool named(const char *text)
{
	return text && *text && store_text_ok(text, STORE_NAME_MAX);
}

/* ---- rows from what the caller gave; their texts are still the caller's ---- */

static int make_ban(const struct store_act *act, struct store_op *op, char key[KEY_MAX])
{
	const struct store_ban *b = &act->ban;

	if (!prefix_ok(&b->prefix) || !spans(b->since_ms, b->until_ms) ||
	    !store_text_ok(b->origin, STORE_NAME_MAX))
		return -EINVAL;
	/* Of one origin all together: they are removed by one statement. */
	snprintf(key + PREFIX_TEXT_LEN, KEY_MAX - PREFIX_TEXT_LEN, "%s %s",
		 b->origin ? b->origin : "", prefix_format(&b->prefix, key));
	op->key = key + PREFIX_TEXT_LEN;
	op->row.ban = (struct ban){
		.orm_null = b->until_ms ? 0 : ORM_BIT(ban, until_ms),
		.cidr = key,
		.since_ms = b->since_ms,
		.until_ms = b->until_ms,
		.offences = b->offences,
		.origin = b->origin,
		.actor = act->actor,
		.cause = act->cause,
	};
	return 0;
}

static int make_allow(const struct store_act *act, struct store_op *op, char key[KEY_MAX])
{
	const struct store_allow *a = &act->allow;

	if (!prefix_ok(&a->prefix) || !spans(a->since_ms, a->until_ms) ||
	    !store_text_ok(a->origin, STORE_NAME_MAX))
		return -EINVAL;
	op->row.allow = (struct allowed){
		.orm_null = a->until_ms ? 0 : ORM_BIT(allowed, until_ms),
		.cidr = prefix_format(&a->prefix, key),
		.since_ms = a->since_ms,
		.until_ms = a->until_ms,
		.origin = a->origin,
		.actor = act->actor,
		.cause = act->cause,
	};
	return 0;
}

static int make_list(const struct store_act *act, struct store_op *op, char key[KEY_MAX])
{
	const struct store_list *l = &act->list;

	if (!named(l->name) || !store_text_ok(l->origin, STORE_NAME_MAX) || !isfinite(l->weight) ||
	    !store_text_ok(l->etag, STORE_TEXT_MAX) || !store_time_ok(l->loaded_ms))
		return -EINVAL;
	snprintf(key, KEY_MAX, "%s", l->name);
	op->row.list = (struct address_list){
		.orm_null = l->loaded_ms ? 0 : ORM_BIT(address_list, loaded_ms),
		.name = l->name,
		.origin = l->origin,
		.weight = l->weight,
		.etag = l->etag,
		.loaded_ms = l->loaded_ms,
		.entries = l->entries,
	};
	return 0;
}

static int make_feed(const struct store_act *act, struct store_op *op, char key[KEY_MAX])
{
	const struct store_feed *f = &act->feed;

	if (!named(f->name) || !store_text_ok(f->url, STORE_TEXT_MAX) || !isfinite(f->weight) ||
	    !store_text_ok(f->etag, STORE_TEXT_MAX) || !store_text_ok(f->fault, STORE_TEXT_MAX) ||
	    !store_time_ok(f->tried_ms) || !store_time_ok(f->loaded_ms))
		return -EINVAL;
	snprintf(key, KEY_MAX, "%s", f->name);
	op->row.feed = (struct feed){
		.orm_null = (f->tried_ms ? 0 : ORM_BIT(feed, tried_ms)) |
			    (f->loaded_ms ? 0 : ORM_BIT(feed, loaded_ms)),
		.name = f->name,
		.url = f->url,
		.weight = f->weight,
		.every_s = f->every_s,
		.expiry_s = f->expiry_s,
		.etag = f->etag,
		.tried_ms = f->tried_ms,
		.loaded_ms = f->loaded_ms,
		.failures = f->failures,
		.entries = f->entries,
		.fault = f->fault,
	};
	return 0;
}

static int make_alert(const struct store_act *act, struct store_op *op, char key[KEY_MAX])
{
	const struct store_alert *a = &act->alert;

	if (!named(a->kind) || !store_text_ok(a->subject, STORE_NAME_MAX) ||
	    !store_time_ok(a->opened_ms) || !store_time_ok(a->closed_ms) ||
	    !store_text_ok(a->what, STORE_TEXT_MAX))
		return -EINVAL;
	snprintf(key, KEY_MAX, "%s %lld %s", a->kind, (long long)a->opened_ms,
		 a->subject ? a->subject : "");
	op->row.alert = (struct alert){
		.orm_null = a->closed_ms ? 0 : ORM_BIT(alert, closed_ms),
		.kind = a->kind,
		.subject = a->subject,
		.opened_ms = a->opened_ms,
		.closed_ms = a->closed_ms,
		.severity = a->severity,
		.what = a->what,
	};
	return 0;
}

static int make_setting(const struct store_act *act, struct store_op *op, char key[KEY_MAX])
{
	if (!named(act->setting.name) || !store_text_ok(act->setting.value, STORE_TEXT_MAX))
		return -EINVAL;
	snprintf(key, KEY_MAX, "%s", act->setting.name);
	op->row.setting = (struct setting){
		.name = act->setting.name,
		.value = act->setting.value,
		.actor = act->actor,
		.set_ms = act->at_ms,
	};
	return 0;
}

static bool clears(enum store_verb verb)
{
	return verb == STORE_BAN_CLEAR || verb == STORE_ALLOW_CLEAR || verb == STORE_SETTING_CLEAR;
}

static int make_ban_clear(const struct store_act *act, struct store_op *op, char key[KEY_MAX])
{
	const char *origin = act->ban.origin;

	if (origin && !named(origin))
		return -EINVAL;
	snprintf(key, KEY_MAX, origin ? "deny %s" : "deny", origin);
	op->row.ban.origin = origin;
	return 0;
}

static int make_note(const struct store_act *act, struct store_op *op, char key[KEY_MAX])
{
	if (!named(act->note.action) || !store_text_ok(act->note.subject, KEY_MAX - 1))
		return -EINVAL;
	/* What retention says of itself nobody else can say. */
	if (strcmp(act->note.action, STORE_AUDIT_CUT) == 0)
		return -EINVAL;
	op->record.action = act->note.action;
	snprintf(key, KEY_MAX, "%s", act->note.subject ? act->note.subject : "");
	return 0;
}

/* ---- the copy ---- */

/* Where the op has texts: at most TEXTS_MAX of them. NULL there becomes "". */
static size_t texts_of(struct store_op *op, const char **slots[TEXTS_MAX])
{
	size_t n = 0;

	slots[n++] = &op->key;
	slots[n++] = &op->record.actor;
	slots[n++] = &op->record.action;
	slots[n++] = &op->record.subject;
	slots[n++] = &op->record.cause;
	slots[n++] = &op->record.detail;
	for (unsigned i = 0; op->table && i < op->table->count; i++)
		if (op->table->columns[i].kind == ORM_K_TEXT)
			slots[n++] = (const char **)((char *)&op->row +
						     op->table->columns[i].offset);
	for (size_t i = 0; i < n; i++)
		if (!*slots[i])
			*slots[i] = "";
	return n;
}

static int copy(struct store_op *from, struct store_op **ret_op)
{
	const char **slots[TEXTS_MAX];
	size_t n = texts_of(from, slots), total = 0, len;
	struct store_op *op;
	char *at;

	for (size_t i = 0; i < n; i++)
		total += strlen(*slots[i]) + 1;
	op = malloc(sizeof(*op) + total);
	if (!op)
		return -ENOMEM;
	memcpy(op, from, sizeof(*op));
	at = op->text;
	n = texts_of(op, slots);
	for (size_t i = 0; i < n; i++) {
		len = strlen(*slots[i]) + 1;
		*slots[i] = memcpy(at, *slots[i], len);
		at += len;
	}
	*ret_op = op;
	return 0;
}

static int fill(const struct store_act *act, struct store_op *op, char key[KEY_MAX])
{
	switch (act->verb) {
	case STORE_BAN_PUT:
	case STORE_BAN_LIFT:
		return make_ban(act, op, key);
	case STORE_ALLOW_PUT:
	case STORE_ALLOW_REMOVE:
		return make_allow(act, op, key);
	case STORE_LIST_PUT:
	case STORE_LIST_REMOVE:
		return make_list(act, op, key);
	case STORE_FEED_PUT:
	case STORE_FEED_REMOVE:
		return make_feed(act, op, key);
	case STORE_ALERT_PUT:
	case STORE_ALERT_REMOVE:
		return make_alert(act, op, key);
	case STORE_SETTING_PUT:
	case STORE_SETTING_RESET:
		return make_setting(act, op, key);
	case STORE_SETTING_CLEAR:
		/* The name becomes a pattern: what is special in one is in no name of ours. */
		return act->setting.name && strpbrk(act->setting.name, "%_\\")
			       ? -EINVAL
			       : make_setting(act, op, key);
	case STORE_BAN_CLEAR:
		return make_ban_clear(act, op, key);
	case STORE_ALLOW_CLEAR:
		snprintf(key, KEY_MAX, "allow");
		return 0;
	case STORE_NOTE:
		return make_note(act, op, key);
	case STORE_VERB_COUNT:
		break;
	}
	return -EINVAL;
}

int store_op_make(const struct store_act *act, struct store_op **ret_op)
{
	struct store_op op = {0};
	char key[KEY_MAX];
	int r;

	if ((unsigned)act->verb >= STORE_VERB_COUNT || !named(act->actor) ||
	    !store_text_ok(act->cause, STORE_TEXT_MAX) ||
	    !store_text_ok(act->detail, STORE_TEXT_MAX) || !store_time_ok(act->at_ms) ||
	    (act->quiet && !may_be_quiet(act->verb)))
		return -EINVAL;
	op.record.action = verbs[act->verb].action;
	op.key = op.record.subject = key;
	r = fill(act, &op, key);
	if (r)
		return r;
	op.table = verbs[act->verb].table ? verbs[act->verb].table() : NULL;
	op.removes = verbs[act->verb].removes;
	op.quiet = act->quiet;
	op.clears = clears(act->verb);
	op.forgives = act->verb == STORE_BAN_CLEAR && !act->ban.origin;
	op.record.at_ms = act->at_ms;
	op.record.actor = act->actor;
	op.record.cause = act->cause;
	op.record.detail = act->detail;
	return copy(&op, ret_op);
}

struct source store_source_row(const struct store_source *from, char cidr[PREFIX_TEXT_LEN])
{
	return (struct source){
		.orm_null = (from->trust_until_ms ? 0 : ORM_BIT(source, trust_until_ms)) |
			    (from->banned_until_ms ? 0 : ORM_BIT(source, banned_until_ms)),
		.cidr = prefix_format(&from->prefix, cidr),
		.evidence = {.v = from->evidence, .n = from->evidence_len},
		.pressure = from->pressure,
		.good = from->good,
		.trust_until_ms = from->trust_until_ms,
		.scored_ms = from->scored_ms,
		.first_ms = from->first_ms,
		.last_ms = from->last_ms,
		.offences = from->offences,
		.banned_until_ms = from->banned_until_ms,
		.score = from->score,
		.ban_over_h = from->ban_over_h,
		.good_ago_d = from->good_ago_d,
		.share = from->share,
		.days = from->days,
		.sessions = from->sessions,
		.proven = from->proven,
	};
}
