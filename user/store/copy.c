// SPDX-License-Identifier: AGPL-3.0-or-later
/* A store from one database to the other: the target's tables are made here, the ORM copies. */
#include <user/store/inside.h>
#include <user/store/move.h>

#include <errno.h>
#include <stdio.h>

static int make_target(const char *url, struct store_fault *ret_fault)
{
	static const struct store_options options = {.retain_every_ms = -1};
	struct store *st;
	int r = store_new(url, &options, &st, ret_fault);

	if (!r)
		store_close(st, NULL);
	return r;
}

/* The first difference, for a person. */
static void say_difference(const struct orm_copy_report *report, struct store_fault *ret_fault)
{
	char text[256] = "the copy is behind: the source is being written";

	for (size_t i = 0; i < report->count; i++) {
		const struct orm_copy_line *line = &report->lines[i];

		if (!line->missing && !line->changed && !line->gone)
			continue;
		snprintf(text, sizeof(text), "table '%s' differs: %s", line->table, line->key[0]);
		break;
	}
	store_fault_set(ret_fault, 0, text);
}

static int judge(int r, const struct orm_error *error, struct store_fault *ret_fault)
{
	store_fault_set(ret_fault, r, error->text[0] ? error->text : orm_class_text(r));
	if (r < 0)
		return r;
	return r == ORM_E_SCHEMA || r == ORM_E_STATE ? STORE_NOT_EMPTY : STORE_DOWN;
}

int store_copy(const char *from_url, const char *to_url, bool final,
	       struct store_copied *ret_copied, struct store_fault *ret_fault)
{
	const char *names[STORE_TABLE_COUNT];
	struct store_copied copied = {0};
	struct orm_copy_job job = {
		.from = from_url,
		.to = to_url,
		.mode = final ? ORM_COPY_FINAL : ORM_COPY_ONLINE,
		.tables = names,
		.table_count = STORE_TABLE_COUNT,
	};
	struct orm_copy_report *report = NULL;
	struct orm_error error = {0};
	int r = make_target(to_url, ret_fault);

	if (r)
		return r;
	for (unsigned i = 0; i < STORE_TABLE_COUNT; i++)
		names[i] = store_table_at(i).table->name;
	r = orm_copy_run(&job, &report, &error);
	if (r) {
		r = judge(r, &error, ret_fault);
	} else {
		for (size_t i = 0; i < report->count; i++)
			copied.rows += report->lines[i].rows;
		copied.equal = final && report->done;
		*ret_copied = copied;
		if (!report->done) {
			say_difference(report, ret_fault);
			r = STORE_BROKEN;
		}
	}
	orm_copy_report_free(report);
	return r;
}
