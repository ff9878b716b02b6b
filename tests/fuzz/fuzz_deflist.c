// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Lists of tables as text: whatever is taken is a sound schema, whose own text is read back to the
 * same text, and which has DDL; what is refused says where.
 */
#include "must.h"

#include <strazh/base/own.h>
#include <strazh/orm/schema.h>

static void check(const struct orm_schema *schema)
{
	own_free char *text = NULL, *again = NULL, *sqlite = NULL, *pg = NULL;
	struct orm_schema *back = NULL;

	MUST(!orm_schema_text(schema, &text, NULL));
	MUST(!orm_schema_parse("again", text, strlen(text), &back, NULL));
	MUST(!orm_schema_text(back, &again, NULL));
	MUST(strcmp(text, again) == 0);
	MUST(!orm_schema_ddl(schema, ORM_SQLITE, &sqlite, NULL));
	MUST(!orm_schema_ddl(schema, ORM_POSTGRESQL, &pg, NULL));
	orm_schema_free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct orm_schema *schema = NULL;
	struct orm_error err = {0};
	own_free char *exact = malloc(size ? size : 1);

	if (!exact)
		return 0;
	memcpy(exact, data, size);
	if (!orm_schema_parse("in", exact, size, &schema, &err)) {
		for (size_t i = 0; i < orm_schema_count(schema); i++)
			MUST(!orm_table_check(orm_schema_table(schema, i), NULL));
		check(schema);
	} else {
		MUST(err.text[0]);
	}
	orm_schema_free(schema);
	return 0;
}
