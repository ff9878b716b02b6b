// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * JSON lines into an empty store, in one transaction. The tables come in the order of the export,
 * each as one bulk load that draws lines until one is of another table; that line is kept for the
 * next. What is wrong is told with line and column, both from 1, columns in bytes.
 */
#include <user/store/inside.h>
#include <user/store/move.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARK_BEGIN "{\"strazh store\":{\"version\":1}}"

struct import {
	FILE *from;
	char line[STORE_LINE_MAX + 2];
	size_t len;		       /* of the line; 0: none is kept */
	uint64_t number;	       /* of the line */
	const struct orm_table *table; /* that is loaded now */
	struct orm_json *json;	       /* the row that was handed out last */
	uint64_t rows;
	int failed; /* what next() ended with, other than the end of the table */
	struct store_fault *fault;
};

static int malformed(struct import *im, size_t column, const char *why)
{
	char text[sizeof(im->fault->text)];

	snprintf(text, sizeof(text), "line %llu, column %zu: %s", (unsigned long long)im->number,
		 column, why);
	store_fault_set(im->fault, ORM_E_VALUE, text);
	return im->failed = STORE_MALFORMED;
}

/* The next line without its end, unless one is kept. 0; STORE_MALFORMED; -errno. */
static int draw(struct import *im)
{
	if (im->len)
		return 0;
	im->number++;
	errno = 0;
	if (!fgets(im->line, sizeof(im->line), im->from)) {
		if (ferror(im->from))
			return im->failed = errno ? -errno : -EIO;
		return malformed(im, 1, "the file ends before its last line, {\"end\":...}");
	}
	im->len = strlen(im->line);
	if (!im->len || im->line[im->len - 1] != '\n')
		return malformed(im, im->len + 1,
				 im->len > STORE_LINE_MAX ? "the line is too long"
				 : feof(im->from)	  ? "the file ends inside this line"
							  : "a NUL");
	im->line[--im->len] = '\0';
	return im->len ? 0 : malformed(im, 1, "an empty line");
}

/* Length of what stands before the row of this table, {"NAME":  or 0: the line is of another. */
static size_t head_of(const struct import *im, const char *name)
{
	char head[ORM_NAME_MAX + 8];
	size_t len = (size_t)snprintf(head, sizeof(head), "{\"%s\":", name);

	return strncmp(im->line, head, len) == 0 ? len : 0;
}

/* Where the ORM's complaint is in the line. */
static size_t column_of(const struct import *im, size_t head, const struct orm_error *error)
{
	char member[sizeof(error->column) + 4];
	const char *at;

	if (error->json_column)
		return head + error->json_column;
	snprintf(member, sizeof(member), "\"%s\":", error->column);
	at = error->column[0] ? strstr(im->line + head, member) : NULL;
	return at ? (size_t)(at - im->line) + 1 : head + 1;
}

static int read_row(struct import *im, size_t head, const void **ret_row)
{
	struct orm_error error = {0};
	int r;

	if (im->line[im->len - 1] != '}' || im->len <= head + 1)
		return malformed(im, im->len, "the line does not end with }");
	r = orm_json_read(im->table, im->line + head, im->len - head - 1, ORM_MASK_ALL, 0,
			  &im->json, &error);
	if (r < 0)
		return im->failed = r;
	if (r)
		return malformed(im, column_of(im, head, &error), error.text);
	if (orm_json_count(im->json) != 1 || im->line[head] != '{')
		return malformed(im, head + 1, "not one object");
	*ret_row = orm_json_structs(im->json);
	return 0;
}

static int next(void *data, const void **ret_row)
{
	struct import *im = data;
	size_t head;

	orm_json_free(im->json);
	im->json = NULL;
	if (draw(im))
		return ORM_E_CANCELLED;
	head = head_of(im, im->table->name);
	if (!head)
		return ORM_E_END;
	if (read_row(im, head, ret_row))
		return ORM_E_CANCELLED;
	im->len = 0;
	im->rows++;
	return 0;
}

/* The last line, and that nothing follows. */
static int finish(struct import *im)
{
	char end[64];
	int r = draw(im);

	if (r)
		return r;
	snprintf(end, sizeof(end), "{\"end\":{\"rows\":%llu}}", (unsigned long long)im->rows);
	if (strncmp(im->line, "{\"end\":", 7) != 0)
		return malformed(im, 1, "no table of a store, or not in the order of an export");
	if (strcmp(im->line, end) != 0)
		return malformed(im, 8, "not as many rows as there were lines");
	im->number++;
	return fgetc(im->from) == EOF ? 0 : malformed(im, 1, "more after the last line");
}

static int load(struct orm_session *s, struct import *im)
{
	struct orm_load job = {.next = next, .data = im};
	int r = draw(im);

	if (!r && strcmp(im->line, MARK_BEGIN) != 0)
		r = malformed(im, 1, "not the first line of a store: " MARK_BEGIN);
	im->len = 0;
	for (unsigned i = 0; i < STORE_TABLE_COUNT && !r; i++) {
		job.table = im->table = store_table_at(i).table;
		r = orm_load(s, &job, NULL);
		if (im->failed)
			return im->failed;
		/* The value is the database's to refuse; the last line that was drawn is nearest.
		 */
		if (r && store_condition_of(r, s, NULL) == STORE_REFUSED)
			return malformed(im, 1, orm_error(s)->text);
		if (r)
			return store_condition_of(r, s, im->fault);
	}
	return r ? r : finish(im);
}

static int is_empty(struct orm_session *s, struct store_fault *ret_fault)
{
	char text[96];

	for (unsigned i = 0; i < STORE_TABLE_COUNT; i++) {
		struct orm_query *q = orm_select(s, store_table_at(i).table);
		uint64_t rows = 0;
		int r;

		orm_limit(q, 1);
		r = orm_count_rows(s, q, &rows);
		orm_query_free(q);
		if (r)
			return store_condition_of(r, s, ret_fault);
		if (!rows)
			continue;
		snprintf(text, sizeof(text), "table '%s' has rows already",
			 store_table_at(i).table->name);
		store_fault_set(ret_fault, 0, text);
		return STORE_NOT_EMPTY;
	}
	return 0;
}

static int import(struct orm_session *s, struct import *im)
{
	struct store_audit_state audit = {0};
	int r = store_condition_of(orm_begin(s, NULL), s, im->fault);

	if (r)
		return r;
	r = is_empty(s, im->fault);
	if (!r)
		r = load(s, im);
	if (!r)
		r = store_chain_walk(s, &audit, im->fault);
	if (r == STORE_BROKEN) {
		char text[256];

		snprintf(text, sizeof(text), "the audit chain: record %lld: %s",
			 (long long)audit.broken_seq, audit.broken_why);
		store_fault_set(im->fault, ORM_E_CORRUPT, text);
	}
	if (!r)
		r = store_condition_of(orm_commit(s), s, im->fault);
	if (orm_in_transaction(s))
		orm_rollback(s);
	return r;
}

int store_import(struct store *st, FILE *from, uint64_t *ret_rows, struct store_fault *ret_fault)
{
	struct import *im = calloc(1, sizeof(*im));
	struct store_fault fault = {0};
	struct orm_session *s;
	int r;

	if (!im)
		return -ENOMEM;
	im->from = from;
	im->fault = ret_fault ? ret_fault : &fault;
	r = store_reader(st, &s, ret_fault);
	if (!r) {
		orm_session_promise(s, ORM_DURABLE);
		r = import(s, im);
		orm_session_close(s);
	}
	if (!r && ret_rows)
		*ret_rows = im->rows;
	orm_json_free(im->json);
	free(im);
	return r;
}
