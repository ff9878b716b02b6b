/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The batch loader: the keys of all rows of a result go into one `IN`, what comes back is sorted by
 * its key, and each row finds its own by bisection. What was loaded hangs on the result.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <orm/run/exec.h>
#include <orm/run/result.h>
#include <orm/table/keys.h>

struct related {
	struct related *next;
	const char *name; /* of the relation, as declared */
	const struct orm_table *table;
	unsigned theirs, ours; /* columns */
	bool one;
	struct orm_result *rows; /* NULL: no row has a key */
};

void orm_session_lazy(struct orm_session *s, enum orm_lazy mode)
{
	s->lazy = mode;
}

void related_free(struct related *related)
{
	while (related) {
		struct related *next = related->next;

		orm_result_free(related->rows);
		free(related);
		related = next;
	}
}

/* ---- finding it ---- */

static const struct orm_key *find_key(const struct orm_table *table, const char *relation)
{
	for (unsigned k = 0; k < table->key_count; k++) {
		const struct orm_key *key = &table->keys[k];

		if ((key->kind == ORM_KEY_MANY || key->kind == ORM_KEY_ONE) &&
		    !strcmp(key->name, relation))
			return key;
	}
	return NULL;
}

static bool can_be_key(unsigned kind)
{
	return kind == ORM_K_I64 || kind == ORM_K_TEXT;
}

static int resolve(struct orm_result *result, const char *relation, const struct orm_table *other,
		   struct related *ret)
{
	struct orm_session *s = result->session;
	const struct orm_key *key = result->row ? find_key(result->row, relation) : NULL;
	struct orm_word theirs, ours;
	int t, o;

	if (!key)
		return session_fail(s, ORM_E_QUERY, "'%s' has no relation '%.70s'",
				    result->row ? result->row->name : "a result of values",
				    relation);
	if (strcmp(key->a, other->name) != 0)
		return session_fail(s, ORM_E_QUERY, "relation '%s' is of table '%s', not '%s'",
				    key->name, key->a, other->name);
	if (!orm_key_relation(key, &theirs, &ours))
		return session_fail(s, ORM_E_QUERY, "relation '%s': '%s' is not 'theirs = ours'",
				    key->name, key->b);
	t = orm_table_find(other, theirs.at, theirs.len);
	o = orm_table_find(result->row, ours.at, ours.len);
	if (t < 0 || o < 0)
		return session_fail(s, ORM_E_QUERY, "relation '%s': there is no column '%.*s'",
				    key->name, (int)(t < 0 ? theirs.len : ours.len),
				    t < 0 ? theirs.at : ours.at);
	if (!can_be_key(other->columns[t].kind) ||
	    other->columns[t].kind != result->row->columns[o].kind)
		return session_fail(s, ORM_E_QUERY,
				    "relation '%s': its columns must both be "
				    "integers or both texts",
				    key->name);
	*ret = (struct related){.name = key->name,
				.table = other,
				.theirs = (unsigned)t,
				.ours = (unsigned)o,
				.one = key->kind == ORM_KEY_ONE};
	return 0;
}

/* ---- order ---- */

static int compare_values(const struct orm_value *a, const struct orm_value *b)
{
	int r;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->kind == ORM_K_I64)
		return (a->i > b->i) - (a->i < b->i);
	if (a->kind != ORM_K_TEXT)
		return 0;
	r = memcmp(a->p, b->p, MIN(a->len, b->len));
	return r ? r : (a->len > b->len) - (a->len < b->len);
}

static int compare_rows(const void *a, const void *b, void *data)
{
	const struct related *related = data;
	struct orm_value left = orm_row_get(related->table, related->theirs, a);
	struct orm_value right = orm_row_get(related->table, related->theirs, b);

	return compare_values(&left, &right);
}

static int compare_keys(const void *a, const void *b)
{
	return compare_values(a, b);
}

/* The first of n rows whose key is not below. */
static size_t lower_bound(const struct related *related, const struct orm_value *key)
{
	const char *rows = orm_result_rows(related->rows);
	size_t from = 0, to = orm_result_count(related->rows);

	while (from < to) {
		size_t middle = from + (to - from) / 2;
		struct orm_value value = orm_row_get(related->table, related->theirs,
						     rows + middle * related->table->size);

		if (compare_values(&value, key) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

/* ---- loading ---- */

/* Each key once, as one array value. The arrays are freed by the caller. */
static int collect(struct orm_result *result, const struct related *related,
		   struct orm_value **ret_keys, size_t *ret_n)
{
	struct orm_value *keys = malloc((result->count + 1) * sizeof(*keys));
	size_t n = 0, kept = 0;

	if (!keys)
		return session_fail(result->session, -ENOMEM, "out of memory");
	for (size_t i = 0; i < result->count; i++) {
		keys[n] = orm_row_get(result->row, related->ours,
				      result->structs + i * result->row->size);
		n += keys[n].kind != ORM_K_NULL;
	}
	qsort(keys, n, sizeof(*keys), compare_keys);
	for (size_t i = 0; i < n; i++) {
		if (!i || compare_values(&keys[i], &keys[kept - 1]))
			keys[kept++] = keys[i];
	}
	*ret_keys = keys;
	*ret_n = kept;
	return 0;
}

static int fetch_by(struct orm_session *s, struct related *related, const struct orm_expr *list)
{
	struct orm_query *q = orm_select(s, related->table);
	struct orm_expr column = {
		.op = ORM_OP_COLUMN, .column = (uint16_t)related->theirs, .of = related->table};
	int r;

	orm_where(q, orm_in(column, *list));
	r = orm_fetch(s, q, related->table, &related->rows);
	orm_query_free(q);
	return r;
}

static int fetch_rows(struct orm_session *s, struct related *related, const struct orm_value *keys,
		      size_t n)
{
	bool text = keys[0].kind == ORM_K_TEXT;
	void *plain = malloc(n * 8);
	const char **texts = plain;
	int64_t *numbers = plain;
	struct orm_expr list;
	int r;

	if (!plain)
		return session_fail(s, -ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++) {
		if (text)
			texts[i] = keys[i].p;
		else
			numbers[i] = keys[i].i;
	}
	if (text)
		list = V(((struct orm_strs){texts, n}));
	else
		list = V(((struct orm_i64s){numbers, n}));
	r = fetch_by(s, related, &list);
	free(plain);
	if (!r)
		session_disown(related->rows); /* it goes with the result that it hangs on */
	if (!r && related->rows->count)
		qsort_r(related->rows->structs, related->rows->count, related->table->size,
			compare_rows, related);
	return r;
}

static struct related *find_related(const struct orm_result *result, const char *relation,
				    const struct orm_table *other)
{
	struct related *related = result->related;

	while (related && (related->table != other || strcmp(related->name, relation) != 0))
		related = related->next;
	return related;
}

int orm_preload(struct orm_result *result, const char *relation, const struct orm_table *other)
{
	struct related *related;
	struct orm_value *keys = NULL;
	size_t n = 0;
	int r;

	if (find_related(result, relation, other))
		return 0;
	related = calloc(1, sizeof(*related));
	if (!related)
		return session_fail(result->session, -ENOMEM, "out of memory");
	r = resolve(result, relation, other, related);
	if (!r)
		r = collect(result, related, &keys, &n);
	if (!r) {
		if (n)
			r = fetch_rows(result->session, related, keys, n);
		free(keys);
	}
	if (r) {
		related_free(related);
		return r;
	}
	related->next = result->related;
	result->related = related;
	return 0;
}

int orm_related(struct orm_result *result, size_t row, const char *relation,
		const struct orm_table *other, const void **ret_rows, size_t *ret_n)
{
	struct related *related = find_related(result, relation, other);
	struct orm_value key;
	const char *rows;
	size_t from, n = 0, count;
	int r;

	if (!related && result->lazy == ORM_LAZY_RAISE)
		return session_fail(result->session, ORM_E_LAZY,
				    "relation '%.70s' was not loaded; orm_preload() it", relation);
	if (row >= result->count)
		return session_fail(result->session, -EINVAL, "row %zu of %zu", row, result->count);
	if (!related) {
		r = orm_preload(result, relation, other);
		if (r)
			return r;
		related = result->related;
	}
	*ret_rows = NULL;
	*ret_n = 0;
	key = orm_row_get(result->row, related->ours, result->structs + row * result->row->size);
	if (!related->rows || key.kind == ORM_K_NULL)
		return 0;
	rows = orm_result_rows(related->rows);
	count = orm_result_count(related->rows);
	from = lower_bound(related, &key);
	for (; from + n < count && !(related->one && n); n++) {
		struct orm_value value = orm_row_get(related->table, related->theirs,
						     rows + (from + n) * other->size);

		if (compare_values(&value, &key))
			break;
	}
	*ret_n = n;
	if (n)
		*ret_rows = rows + from * other->size;
	return 0;
}
