/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <orm/table/item.h>

#define HASH_TAIL 9 /* '_' and eight digits */

/* FNV-1a, 32 bits: http://www.isthe.com/chongo/tech/comp/fnv/ */
static uint32_t hash_of(const char *text)
{
	uint32_t hash = 2166136261U;

	for (; *text; text++)
		hash = (hash ^ (uint8_t)*text) * 16777619U;
	return hash;
}

static void fit_name(char to[ORM_NAME_MAX + 1], const char *full)
{
	if (strlen(full) <= ORM_NAME_MAX)
		snprintf(to, ORM_NAME_MAX + 1, "%.63s", full);
	else
		snprintf(to, ORM_NAME_MAX + 1, "%.*s_%08x", ORM_NAME_MAX - HASH_TAIL, full,
			 hash_of(full));
}

void orm_made_name(char to[ORM_NAME_MAX + 1], const char *table, const char *column,
		   const char *suffix)
{
	char full[2 * ORM_NAME_MAX + 16];

	snprintf(full, sizeof(full), "%s_%s_%s", table, column, suffix);
	fit_name(to, full);
}

void orm_primary_name(char to[ORM_NAME_MAX + 1], const char *table)
{
	char full[ORM_NAME_MAX + 16];

	snprintf(full, sizeof(full), "%s_pkey", table);
	fit_name(to, full);
}

uint64_t orm_primary_mask(const struct orm_table *table)
{
	uint64_t mask = 0;

	for (unsigned i = 0; i < table->count; i++)
		if (table->columns[i].flags & ORM_PK)
			mask |= 1ULL << i;
	return mask;
}

const char *orm_default_of(const struct orm_table *table, unsigned column)
{
	for (unsigned i = 0; i < table->key_count; i++)
		if (table->keys[i].kind == ORM_KEY_DEFAULT &&
		    !strcmp(table->keys[i].name, table->columns[column].name))
			return table->keys[i].a;
	return NULL;
}

/* The text without spaces around it. */
static struct orm_word trim(const char *text)
{
	struct orm_word w = {text, strlen(text)};

	while (w.len && *w.at == ' ')
		w.at++, w.len--;
	while (w.len && w.at[w.len - 1] == ' ')
		w.len--;
	return w;
}

bool orm_default_same(const char *a, const char *b)
{
	struct orm_word x, y;

	if (!a || !b)
		return a == b;
	x = trim(a);
	y = trim(b);
	return x.len == y.len && !memcmp(x.at, y.at, x.len);
}

/* ---- the items ---- */

static void add_flag(const struct orm_table *table, unsigned column, uint8_t kind,
		     struct orm_item *to)
{
	*to = (struct orm_item){.kind = kind, .count = 1, .column = {(uint8_t)column}};
	orm_made_name(to->name, table->name, table->columns[column].name,
		      kind == ORM_KEY_UNIQUE ? SUFFIX_UNIQUE : SUFFIX_INDEX);
}

static void add_columns(const struct orm_table *table, const char *list, struct orm_item *to)
{
	struct orm_word name;

	while (orm_names_next(&list, &name) > 0 && to->count < ORM_COLUMNS_MAX) {
		int column = orm_table_find(table, name.at, name.len);

		if (column >= 0)
			to->column[to->count++] = (uint8_t)column;
	}
}

/* False: nothing that the database is told of by itself. */
static bool add_key(const struct orm_table *table, const struct orm_key *key, struct orm_item *to)
{
	*to = (struct orm_item){.kind = key->kind};
	snprintf(to->name, sizeof(to->name), "%.63s", key->name);
	switch ((enum orm_key_kind)key->kind) {
	case ORM_KEY_INDEX:
	case ORM_KEY_UNIQUE:
		add_columns(table, key->a, to);
		return true;
	case ORM_KEY_CHECK:
		to->check = key->a;
		return true;
	case ORM_KEY_FOREIGN:
		add_columns(table, key->name, to);
		orm_made_name(to->name, table->name, key->name, SUFFIX_FOREIGN);
		to->target = key->a;
		return orm_key_foreign(key, &to->target_column, &to->action);
	case ORM_KEY_DEFAULT:
	case ORM_KEY_MANY:
	case ORM_KEY_ONE:
		break;
	}
	return false;
}

static int by_kind_and_name(const void *a, const void *b)
{
	const struct orm_item *x = a, *y = b;

	return x->kind != y->kind ? x->kind - y->kind : strcmp(x->name, y->name);
}

int orm_items(const struct orm_table *table, struct orm_item **ret_items, size_t *ret_count)
{
	struct orm_item *items = calloc(2U * table->count + table->key_count, sizeof(*items));
	size_t n = 0;

	if (!items)
		return -ENOMEM;
	for (unsigned i = 0; i < table->count; i++) {
		if (table->columns[i].flags & ORM_UNIQUE)
			add_flag(table, i, ORM_KEY_UNIQUE, &items[n++]);
		if (table->columns[i].flags & ORM_INDEX)
			add_flag(table, i, ORM_KEY_INDEX, &items[n++]);
	}
	for (unsigned i = 0; i < table->key_count; i++)
		n += add_key(table, &table->keys[i], &items[n]);
	qsort(items, n, sizeof(*items), by_kind_and_name);
	*ret_items = items;
	*ret_count = n;
	return 0;
}

static bool same_columns(const struct orm_table *a, const struct orm_item *x,
			 const struct orm_table *b, const struct orm_item *y)
{
	if (x->count != y->count)
		return false;
	for (unsigned i = 0; i < x->count; i++)
		if (strcmp(a->columns[x->column[i]].name, b->columns[y->column[i]].name) != 0)
			return false;
	return true;
}

bool orm_item_same(const struct orm_table *a, const struct orm_item *x, const struct orm_table *b,
		   const struct orm_item *y)
{
	if (x->kind != y->kind || strcmp(x->name, y->name) != 0)
		return false;
	if (x->kind == ORM_KEY_CHECK)
		return orm_default_same(x->check, y->check);
	if (!same_columns(a, x, b, y))
		return false;
	return x->kind != ORM_KEY_FOREIGN ||
	       (!strcmp(x->target, y->target) && x->action == y->action &&
		x->target_column.len == y->target_column.len &&
		!memcmp(x->target_column.at, y->target_column.at, x->target_column.len));
}
