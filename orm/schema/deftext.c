/* SPDX-License-Identifier: Apache-2.0 */
/* A schema as the text of lists: what orm_schema_parse() reads, in one form only. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <orm/base/fault.h>
#include <orm/schema/builder.h>
#include <orm/table/sqltext.h>

static const struct {
	uint16_t flag;
	const char *name;
} flags[] = {
	{ORM_PK, "PK"},		{ORM_AUTO, "AUTO"},	{ORM_NN, "NN"},
	{ORM_UNIQUE, "UNIQUE"}, {ORM_INDEX, "INDEX"},	{ORM_SECRET, "SECRET"},
	{ORM_ROLE_1, "ROLE_1"}, {ORM_ROLE_2, "ROLE_2"}, {ORM_ROLE_3, "ROLE_3"},
};

static const char *const key_kinds[] = {
	[ORM_KEY_INDEX] = "INDEX",     [ORM_KEY_UNIQUE] = "UNIQUE",   [ORM_KEY_CHECK] = "CHECK",
	[ORM_KEY_FOREIGN] = "FOREIGN", [ORM_KEY_DEFAULT] = "DEFAULT", [ORM_KEY_MANY] = "MANY",
	[ORM_KEY_ONE] = "ONE",
};

static void add_upper(struct sqltext *t, const char *name)
{
	for (; *name; name++) {
		char c = (char)toupper((unsigned char)*name);

		sqltext_addn(t, &c, 1);
	}
}

static void add_flags(struct sqltext *t, unsigned have)
{
	const char *between = "";

	if (!have)
		sqltext_add(t, "0");
	for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
		if (!(have & flags[i].flag))
			continue;
		sqltext_addf(t, "%s%s", between, flags[i].name);
		between = " | ";
	}
}

static void add_string(struct sqltext *t, const char *text)
{
	sqltext_add(t, "\"");
	for (; *text; text++) {
		if (*text == '\n')
			sqltext_add(t, "\\n");
		else if (*text == '\t')
			sqltext_add(t, "\\t");
		else if (*text == '"' || *text == '\\')
			sqltext_addf(t, "\\%c", *text);
		else
			sqltext_addn(t, text, 1);
	}
	sqltext_add(t, "\"");
}

static int by_kind_and_name(const void *a, const void *b)
{
	const struct orm_key *x = *(const struct orm_key *const *)a;
	const struct orm_key *y = *(const struct orm_key *const *)b;

	return x->kind != y->kind ? x->kind - y->kind : strcmp(x->name, y->name);
}

static void add_keys(struct sqltext *t, const struct orm_table *table)
{
	const struct orm_key *sorted[ORM_SCHEMA_KEYS_MAX];
	unsigned n = MIN(table->key_count, ORM_SCHEMA_KEYS_MAX);

	for (unsigned i = 0; i < n; i++)
		sorted[i] = &table->keys[i];
	qsort(sorted, n, sizeof(sorted[0]), by_kind_and_name);
	sqltext_add(t, "#define ");
	add_upper(t, table->name);
	sqltext_add(t, "_KEYS(K)");
	for (unsigned i = 0; i < n; i++) {
		sqltext_addf(t, " \\\n\tK(%s, %s, ", key_kinds[sorted[i]->kind], sorted[i]->name);
		add_string(t, sorted[i]->a);
		sqltext_add(t, ", ");
		add_string(t, sorted[i]->b);
		sqltext_add(t, ")");
	}
	sqltext_add(t, "\n");
}

static void add_table(struct sqltext *t, const struct orm_table *table)
{
	sqltext_add(t, "\n#define ");
	add_upper(t, table->name);
	sqltext_add(t, "(X)");
	for (unsigned i = 0; i < table->count; i++) {
		const struct orm_column *c = &table->columns[i];

		sqltext_addf(t, " \\\n\tX(%s, %s, %s, ", ctype_of(c)->name, c->name,
			     orm_type_name(c->type));
		add_flags(t, c->flags);
		sqltext_add(t, ")");
	}
	sqltext_add(t, "\n");
	if (table->key_count)
		add_keys(t, table);
	sqltext_addf(t, table->key_count ? "ORM_TABLE_KEYS(%s, " : "ORM_TABLE(%s, ", table->name);
	add_upper(t, table->name);
	if (table->key_count) {
		sqltext_add(t, ", ");
		add_upper(t, table->name);
		sqltext_add(t, "_KEYS");
	}
	sqltext_add(t, ")\n");
}

/* A note is a comment of one line, whatever the database's names hold. */
static void add_note(struct sqltext *t, const char *note)
{
	sqltext_add(t, "/* ");
	for (; *note; note++) {
		char c = (unsigned char)*note < ' ' ? ' ' : *note;

		sqltext_addn(t, &c, 1);
		if ((c == '*' && note[1] == '/') || (c == '/' && note[1] == '*'))
			sqltext_add(t, " ");
	}
	sqltext_add(t, " */\n");
}

int orm_schema_text(const struct orm_schema *schema, char **ret_text, struct orm_error *ret_error)
{
	own_sqltext struct sqltext t = {0};
	int r;

	sqltext_add(&t, "/* Tables of a database, as lists: see strazh/orm/table.h. */\n"
			"#include <strazh/orm/table.h>\n");
	for (size_t i = 0; i < schema->note_count; i++)
		add_note(&t, schema->notes[i]);
	for (size_t i = 0; i < schema->count; i++)
		add_table(&t, &schema->tables[i].t);
	r = sqltext_take(&t, ret_text);
	return r ? orm_fail(ret_error, r, "no room for the text of the schema") : 0;
}
