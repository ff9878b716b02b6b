/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The store, read by a thread: nothing of the keeper's is touched here but the copies of lists. */
#include <user/daemon/rebuild_parts.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <user/daemon/memory.h>

#define STOPPED (-ECANCELED)
#define TEXTS_MAX (64U << 20)

struct reading {
	struct rebuild *rebuild;
	struct rebuild_data *data;
};

int rebuild_row_compare(const void *a, const void *b)
{
	const struct rebuild_row *x = a, *y = b;

	if (x->table != y->table)
		return x->table < y->table ? -1 : 1;
	return prefix_compare(&x->prefix, &y->prefix);
}

void rebuild_data_free(struct rebuild_data *data)
{
	if (!data)
		return;
	for (size_t i = 0; i < data->lists_len; i++)
		if (!data->lists[i].fault)
			cidrlist_deinit(&data->lists[i].entries);
	free(data->rows);
	free(data->texts);
	free(data);
}

static int put_text(struct rebuild_data *data, const char *text, uint32_t *ret_at)
{
	size_t len = strlen(text) + 1, room = data->texts_room;

	if (data->texts_len + len > TEXTS_MAX)
		return -EFBIG;
	if (data->texts_len + len > room) {
		char *bigger;

		room = MAX(room * 2, 65536 + len);
		bigger = realloc(data->texts, room);
		if (!bigger)
			return -ENOMEM;
		data->texts = bigger;
		data->texts_room = room;
	}
	data->texts_len += !data->texts_len; /* place 0 is none */
	memcpy(data->texts + data->texts_len, text, len);
	*ret_at = (uint32_t)data->texts_len;
	data->texts_len += len;
	return 0;
}

static int put_row(const struct reading *reading, const struct rebuild_row *row, const char *note)
{
	struct rebuild_data *data = reading->data;
	struct rebuild_row *bigger;
	int r = 0;

	if (atomic_load_explicit(&reading->rebuild->stop, memory_order_relaxed))
		return STOPPED;
	if (data->len == REBUILD_ROWS_MAX) {
		data->more = true;
		return 0;
	}
	if (data->len == data->room) {
		size_t room = MAX(data->room * 2, 4096U);

		bigger = realloc(data->rows, room * sizeof(*bigger));
		if (!bigger)
			return -ENOMEM;
		data->rows = bigger;
		data->room = room;
	}
	data->rows[data->len] = *row;
	data->rows[data->len].note = 0;
	if (note && note[0] && data->notes < SZ_NOTE_MAX && strlen(note) < SZ_NOTE_LEN) {
		r = put_text(data, note, &data->rows[data->len].note);
		data->notes += !r;
	}
	data->len += !r;
	return r;
}

static int take_ban(void *context, const struct store_ban *ban)
{
	const struct rebuild_row row = {.prefix = ban->prefix,
					.table = SZ_TABLE_DENY,
					.since_ms = ban->since_ms,
					.until_ms = ban->until_ms};

	return strcmp(ban->origin, ACTROWS_ORIGIN) == 0 ? put_row(context, &row, ban->cause) : 0;
}

static int take_allow(void *context, const struct store_allow *allow)
{
	const struct rebuild_row row = {.prefix = allow->prefix,
					.table = SZ_TABLE_ALLOW,
					.since_ms = allow->since_ms,
					.until_ms = allow->until_ms};

	return strcmp(allow->origin, ACTROWS_ORIGIN) == 0 ? put_row(context, &row, allow->cause)
							  : 0;
}

static int take_never(const struct reading *reading, const struct store_setting *setting)
{
	const char *text = setting->name + strlen(ACTROWS_NEVER);
	struct rebuild_row row = {.table = SZ_TABLE_NEVER};
	struct actrow_never never;
	int r;

	/* What nobody of us wrote is left out. */
	if (prefix_parse(text, strlen(text), &row.prefix) ||
	    actrow_never_parse(setting->value, &never))
		return 0;
	row.since_ms = never.since_ms;
	row.until_ms = never.until_ms;
	r = put_row(reading, &row, never.note);
	json_decref(never.root);
	return r;
}

static int take_setting(void *context, const struct store_setting *setting)
{
	const struct reading *reading = context;
	struct rebuild_data *data = reading->data;
	struct rebuild_setting *to = &data->settings[data->settings_len];
	int r;

	if (strncmp(setting->name, ACTROWS_SETTING, strlen(ACTROWS_SETTING)) != 0)
		return 0;
	if (strncmp(setting->name, ACTROWS_NEVER, strlen(ACTROWS_NEVER)) == 0)
		return take_never(reading, setting);
	if (data->settings_len == REBUILD_SETTINGS_MAX) {
		data->more = true;
		return 0;
	}
	r = put_text(data, setting->name, &to->name);
	if (!r)
		r = put_text(data, setting->value, &to->value);
	data->settings_len += !r;
	return r;
}

static bool is_there(const struct listcopy_names *there, const char *name)
{
	for (size_t i = 0; i < there->count; i++)
		if (strcmp(there->at[i], name) == 0)
			return true;
	return false;
}

static int take_list(void *context, const struct store_list *list)
{
	const struct reading *reading = context;
	struct rebuild_data *data = reading->data;
	struct rebuild_list *to = &data->lists[data->lists_len];

	if (is_there(&reading->rebuild->there, list->name) && data->known.count < LISTCOPY_MAX)
		(void)snprintf(data->known.at[data->known.count++], sizeof(data->known.at[0]), "%s",
			       list->name);
	if (strcmp(list->origin, ACTROWS_ORIGIN) != 0 || data->lists_len == LISTCOPY_MAX ||
	    strlen(list->name) >= sizeof(to->name) ||
	    is_there(&reading->rebuild->there, list->name))
		return 0;
	memcpy(to->name, list->name, strlen(list->name) + 1);
	to->fault = listcopy_read(reading->rebuild->keeper->options->state_dir, list->name,
				  &to->entries, &to->until_wall);
	data->lists_len++;
	return 0;
}

void *rebuild_read(void *context)
{
	struct rebuild *rebuild = context;
	struct rebuild_data *data = rebuild->data;
	struct store *store = memory_store(rebuild->keeper);
	struct reading reading = {rebuild, data};
	const uint64_t one = 1;
	int r = store_each_ban(store, 0, take_ban, &reading, &data->fault);

	if (!r)
		r = store_each_allow(store, 0, take_allow, &reading, &data->fault);
	if (!r)
		r = store_each_setting(store, take_setting, &reading, &data->fault);
	if (!r)
		r = store_each_list(store, take_list, &reading, &data->fault);
	if (!r && listcopy_names(rebuild->keeper->options->state_dir, &data->copies))
		data->copies.count = 0;
	if (!r && data->len)
		qsort(data->rows, data->len, sizeof(*data->rows), rebuild_row_compare);
	data->r = r;
	(void)!write(rebuild->watch.fd, &one, sizeof(one));
	return NULL;
}
