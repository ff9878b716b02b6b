// SPDX-License-Identifier: AGPL-3.0-or-later
/* One row by its key. A source may be in three places: waiting, on its way, in the database. */
#include <user/store/inside.h>

#include <stdio.h>

static int find(struct store *st, const struct orm_table *table, const void *key, void *ret_row,
		struct orm_session **ret_session, struct store_fault *ret_fault)
{
	struct orm_session *s;
	int r = store_reader(st, &s, ret_fault);

	if (r)
		return r;
	r = orm_get(s, table, key, ret_row);
	if (r) {
		r = r == ORM_E_END ? STORE_ABSENT : store_condition_of(r, s, ret_fault);
		orm_session_close(s);
		return r;
	}
	*ret_session = s; /* the row's texts live in it */
	return 0;
}

/* The newest state that is not in the database yet. */
static bool find_waiting(struct store *st, const struct prefix *prefix,
			 struct store_source *ret_source)
{
	const struct store_source *found;

	pthread_mutex_lock(&st->lock);
	found = store_pending_find(&st->pending, prefix);
	for (uint32_t i = 0; i < st->group.out_count && !found; i++)
		if (prefix_compare(&st->group.out[i].prefix, prefix) == 0)
			found = &st->group.out[i];
	if (found)
		*ret_source = *found;
	pthread_mutex_unlock(&st->lock);
	return found;
}

int store_find_source(struct store *st, const struct prefix *prefix,
		      struct store_source *ret_source, struct store_fault *ret_fault)
{
	char cidr[PREFIX_TEXT_LEN];
	struct source row, key = {.cidr = prefix_format(prefix, cidr)};
	struct orm_session *s;
	int r;

	if (find_waiting(st, prefix, ret_source))
		return 0;
	r = find(st, T(source), &key, &row, &s, ret_fault);
	if (r)
		return r;
	r = store_source_of(&row, ret_source);
	orm_session_close(s);
	return r;
}

int store_find_ban(struct store *st, const struct prefix *prefix, const char *origin,
		   struct store_ban *ret_ban, struct store_ban_texts *texts,
		   struct store_fault *ret_fault)
{
	char cidr[PREFIX_TEXT_LEN];
	struct ban row, key = {.cidr = prefix_format(prefix, cidr), .origin = origin};
	struct orm_session *s;
	int r = find(st, T(ban), &key, &row, &s, ret_fault);

	if (r)
		return r;
	r = store_ban_of(&row, ret_ban);
	if (!r) {
		snprintf(texts->origin, sizeof(texts->origin), "%s", row.origin);
		snprintf(texts->actor, sizeof(texts->actor), "%s", row.actor);
		snprintf(texts->cause, sizeof(texts->cause), "%s", row.cause);
		ret_ban->origin = texts->origin;
		ret_ban->actor = texts->actor;
		ret_ban->cause = texts->cause;
	}
	orm_session_close(s);
	return r;
}
