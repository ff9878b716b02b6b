/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <orm/table/constraint.h>
#include <orm/table/keys.h>

bool table_is_unique(const struct orm_table *table, uint64_t mask)
{
	uint64_t key = 0;

	for (unsigned c = 0; c < table->count; c++) {
		if (table->columns[c].flags & ORM_UNIQUE && mask == 1ULL << c)
			return true;
		if (table->columns[c].flags & ORM_PK)
			key |= 1ULL << c;
	}
	if (key && key == mask)
		return true;
	for (unsigned k = 0; k < table->key_count; k++) {
		if (table->keys[k].kind == ORM_KEY_UNIQUE &&
		    orm_names_mask(table, table->keys[k].a) == mask)
			return true;
	}
	return false;
}

static bool has_default(const struct orm_table *table, unsigned column)
{
	const struct orm_column *c = &table->columns[column];

	if (c->flags & ORM_AUTO || !(c->flags & (ORM_NN | ORM_PK)))
		return true;
	for (unsigned k = 0; k < table->key_count; k++) {
		if (table->keys[k].kind == ORM_KEY_DEFAULT && !strcmp(table->keys[k].name, c->name))
			return true;
	}
	return false;
}

int table_lacks(const struct orm_table *table, uint64_t mask)
{
	for (unsigned c = 0; c < table->count; c++) {
		if (!(mask >> c & 1) && !has_default(table, c))
			return (int)c;
	}
	return -1;
}

uint64_t table_all(const struct orm_table *table)
{
	return table->count == ORM_COLUMNS_MAX ? UINT64_MAX : (1ULL << table->count) - 1;
}

uint64_t table_written(const struct orm_table *table)
{
	uint64_t mask = table_all(table);

	for (unsigned c = 0; c < table->count; c++) {
		if (table->columns[c].flags & ORM_AUTO)
			mask &= ~(1ULL << c);
	}
	return mask;
}
