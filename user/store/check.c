// SPDX-License-Identifier: AGPL-3.0-or-later
/* A store is looked over. What is found first is told; the counts come last. */
#include <user/store/inside.h>
#include <user/store/move.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int broken(struct store_fault *ret_fault, const char *what, const char *text)
{
	char all[sizeof(ret_fault->text)];

	snprintf(all, sizeof(all), "%s: %s", what, text);
	store_fault_set(ret_fault, ORM_E_CORRUPT, all);
	return STORE_BROKEN;
}

/* PostgreSQL has nothing like it that a client could ask for. */
static int ask_sqlite(struct orm_session *s, struct store_fault *ret_fault)
{
	struct orm_query *q;
	struct orm_result *result;
	char text[256];
	int r;

	if (orm_dialect(orm_session_db(s)) != ORM_SQLITE)
		return 0;
	q = orm_raw(s, "SELECT integrity_check FROM pragma_integrity_check(1)");
	r = orm_fetch(s, q, NULL, &result);
	orm_query_free(q);
	if (r == ORM_E_CORRUPT)
		return broken(ret_fault, "the file", orm_error(s)->text);
	if (r)
		return store_condition_of(r, s, ret_fault);
	if (orm_result_count(result) != 1) {
		r = broken(ret_fault, "the file", "its check gave no answer");
	} else {
		struct orm_value v = orm_result_value(result, 0, 0);

		snprintf(text, sizeof(text), "%.*s",
			 v.kind == ORM_K_TEXT ? (int)MIN(v.len, 255) : 0,
			 v.kind == ORM_K_TEXT ? (const char *)v.p : "");
		if (strcmp(text, "ok") != 0)
			r = broken(ret_fault, "the file", text);
	}
	orm_result_free(result);
	return r;
}

/* What it would take to make the table as declared; to drop an operator's index is no difference.
 */
static int judge_change(const char *table, const char *up, struct store_fault *ret_fault)
{
	char what[128], line[256];

	for (size_t len; *up; up += len + (up[len] == '\n')) {
		len = strcspn(up, "\n");
		if (!len || strncmp(up, "--", 2) == 0 || strncmp(up, "DROP INDEX ", 11) == 0)
			continue;
		snprintf(what, sizeof(what), "table '%s' is not as declared; it would take", table);
		snprintf(line, sizeof(line), "%.*s", (int)MIN(len, sizeof(line) - 1), up);
		return broken(ret_fault, what, line);
	}
	return 0;
}

static int compare_table(struct orm_session *s, const struct orm_table *table,
			 struct store_fault *ret_fault)
{
	struct orm_schema *have = NULL, *want = NULL;
	struct orm_change change = {0};
	struct orm_error error = {0};
	int r = orm_schema_inspect(s, &table->name, 1, &have);

	if (r)
		return store_condition_of(r, s, ret_fault);
	r = orm_schema_of(&table, 1, &want, &error);
	if (!r)
		r = orm_schema_diff(have, want, orm_dialect(orm_session_db(s)), 0, &change, &error);
	if (r) {
		store_fault_set(ret_fault, r, error.text);
		r = r == -ENOMEM ? r : STORE_DOWN;
	} else {
		r = judge_change(table->name, change.up, ret_fault);
	}
	orm_change_free(&change);
	orm_schema_free(have);
	orm_schema_free(want);
	return r;
}

static int compare_tables(struct orm_session *s, struct store_fault *ret_fault)
{
	int r = 0;

	for (unsigned i = 0; i < STORE_TABLE_COUNT && !r; i++)
		r = compare_table(s, store_table_at(i).table, ret_fault);
	return r;
}

static int count_rows(struct orm_session *s, struct store_state *state,
		      struct store_fault *ret_fault)
{
	int r = 0;

	for (unsigned i = 0; i < STORE_TABLE_COUNT && !r; i++) {
		const struct orm_table *table = store_table_at(i).table;
		struct orm_query *q = orm_select(s, table);

		state->counts[i].table = table->name;
		r = orm_count_rows(s, q, &state->counts[i].rows);
		orm_query_free(q);
	}
	state->count = STORE_TABLE_COUNT;
	return store_condition_of(r, s, ret_fault);
}

static int any_ban(void *data, const struct store_ban *ban)
{
	(void)data;
	(void)ban;
	return 0;
}
static int any_allow(void *data, const struct store_allow *allow)
{
	(void)data;
	(void)allow;
	return 0;
}
static int any_source(void *data, const struct store_source *source)
{
	(void)data;
	(void)source;
	return 0;
}

static int read_prefixes(struct store *st, struct store_fault *ret_fault)
{
	int r = store_each_ban(st, 0, any_ban, NULL, ret_fault);

	if (r == STORE_BROKEN)
		return broken(ret_fault, "a ban", "its prefix is none");
	if (!r)
		r = store_each_allow(st, 0, any_allow, NULL, ret_fault);
	if (r == STORE_BROKEN)
		return broken(ret_fault, "a permission", "its prefix is none");
	if (!r)
		r = store_each_source(st, 0, any_source, NULL, ret_fault);
	return r == STORE_BROKEN ? broken(ret_fault, "a source", "its prefix is none") : r;
}

static int verify(struct store *st, struct store_state *state, struct store_fault *ret_fault)
{
	char text[256];
	int r = store_audit_verify(st, &state->audit, ret_fault);

	if (r != STORE_BROKEN)
		return r;
	snprintf(text, sizeof(text), "record %lld: %s", (long long)state->audit.broken_seq,
		 state->audit.broken_why);
	return broken(ret_fault, "the audit chain", text);
}

int store_check(struct store *st, struct store_state *ret_state, struct store_fault *ret_fault)
{
	struct store_state state = {0};
	struct orm_session *s;
	int r = store_reader(st, &s, ret_fault);

	if (r)
		return r;
	state.server = orm_server(orm_session_db(s));
	r = ask_sqlite(s, ret_fault);
	if (!r)
		r = compare_tables(s, ret_fault);
	if (!r)
		r = count_rows(s, &state, ret_fault);
	orm_session_close(s);
	if (!r)
		r = read_prefixes(st, ret_fault);
	if (!r)
		r = verify(st, &state, ret_fault);
	if (!r || r == STORE_BROKEN)
		*ret_state = state;
	return r;
}
