/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <jansson.h>

#include <strazh/base/own.h>

#include <orm/base/fault.h>
#include <orm/render/render.h>
#include <orm/run/record.h>
#include <orm/table/json.h>

#define MEMORY_MAX (16U << 20)
#define FILE_MAX (64 << 20) /* shapes that the cache forgets are new ones when they come again */

struct record {
	int fd;
	uint64_t lost; /* relaxed */
};

/* No link that another user left in a shared folder, nothing that waits for a reader. */
#define FLAGS (O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)

static int regular(int fd)
{
	struct stat about;

	if (fstat(fd, &about))
		return -errno;
	return S_ISREG(about.st_mode) ? 0 : -EINVAL;
}

void record_close(struct record *record)
{
	if (!record)
		return;
	if (record->fd >= 0)
		close(record->fd);
	free(record);
}

int record_open(const char *path, struct record **ret_record, struct orm_error *err)
{
	struct record *record = calloc(1, sizeof(*record));
	int r;

	if (!record)
		return orm_fail(err, -ENOMEM, "out of memory");
	record->fd = open(path, FLAGS, 0600);
	r = record->fd < 0 ? -errno : regular(record->fd);
	if (r) {
		record_close(record);
		return orm_fail(err, r, "cannot open the record '%s': %s", path, strerror(-r));
	}
	*ret_record = record;
	return 0;
}

uint64_t record_lost(const struct record *record)
{
	return __atomic_load_n(&record->lost, __ATOMIC_RELAXED);
}

static int add_params(json_t *line, const struct orm_stmt *stmt)
{
	json_t *types = json_array();
	int failed = 0;

	for (unsigned i = 0; i < stmt->params && types; i++)
		failed |= json_array_append_new(
			types, json_string(orm_type_name((enum orm_type)stmt->param_type[i])));
	return json_object_set_new(line, "params", types) | failed;
}

static int add_dialect(json_t *line, const struct orm_query *q, enum orm_dialect dialect)
{
	bool pg = dialect == ORM_POSTGRESQL;
	struct rendered rendered;
	char fault[192];
	struct arena arena;
	int r;

	arena_init(&arena, MEMORY_MAX);
	r = render_query(q->words, q->n, q->n_values, dialect, &arena, &rendered, fault);
	if (r > 0)
		r = json_object_set_new(line, pg ? "postgresql_refused" : "sqlite_refused",
					json_string(fault));
	else if (!r)
		r = json_object_set_new(line, pg ? "postgresql" : "sqlite",
					json_stringn(rendered.stmt.sql, rendered.stmt.sql_len)) |
		    add_params(line, &rendered.stmt);
	arena_deinit(&arena);
	return r;
}

static bool is_full(int fd)
{
	struct stat about;

	return fstat(fd, &about) || about.st_size >= FILE_MAX;
}

void record_query(struct record *record, const struct orm_query *q)
{
	json_t *line = json_object();
	own_free char *text = NULL;
	size_t len = 0;

	if (line && word_op(q->words[0]) == CL_RAW)
		goto out; /* the programmer wrote it for one database, and tried it there */
	if (line && !add_dialect(line, q, ORM_SQLITE) && !add_dialect(line, q, ORM_POSTGRESQL) &&
	    !orm_json_dump(line, JSON_COMPACT, &text)) {
		len = strlen(text);
		text[len] = '\n'; /* instead of the NUL: one write, one line */
	}
	if (!text || is_full(record->fd) || write(record->fd, text, len + 1) != (ssize_t)len + 1)
		__atomic_add_fetch(&record->lost, 1, __ATOMIC_RELAXED);
out:
	json_decref(line);
}
