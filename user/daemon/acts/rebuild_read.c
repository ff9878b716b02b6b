/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The store, read by a thread: nothing of the keeper's is touched here but the copies of lists. */
#include <user/daemon/acts/rebuild_parts.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <user/daemon/caps.h>
#include <user/daemon/memory/memory.h>

#define STOPPED (-ECANCELED)
#define TEXTS_MAX (64U << 20)

struct reading {
	struct rebuild *rebuild;
	struct rebuild_data *data;
	struct rebuild_block *filling[REBUILD_KINDS];
};

int rebuild_known_compare(const void *a, const void *b)
{
	const struct rebuild_known *x = a, *y = b;

	if (x->table != y->table)
		return x->table < y->table ? -1 : 1;
	return prefix_compare(&x->prefix, &y->prefix);
}

/* ---- what is read ---- */

struct rebuild_data *rebuild_data_new(void)
{
	struct rebuild_data *data = calloc(1, sizeof(*data));

	if (!data)
		return NULL;
	data->blocks_last = &data->blocks;
	(void)pthread_mutex_init(&data->lock, NULL);
	(void)pthread_cond_init(&data->taken, NULL);
	return data;
}

void rebuild_block_free(struct rebuild_block *block)
{
	if (block)
		free(block->texts.at);
	free(block);
}

void rebuild_data_free(struct rebuild_data *data)
{
	struct rebuild_block *block;

	if (!data)
		return;
	while ((block = data->blocks) != NULL) {
		data->blocks = block->next;
		rebuild_block_free(block);
	}
	for (size_t i = 0; i < data->lists_len; i++)
		if (!data->lists[i].fault)
			cidrlist_deinit(&data->lists[i].entries);
	(void)pthread_cond_destroy(&data->taken);
	(void)pthread_mutex_destroy(&data->lock);
	free(data->known);
	free(data->texts.at);
	free(data);
}

void rebuild_data_stop(struct rebuild_data *data)
{
	pthread_mutex_lock(&data->lock);
	data->stop = true;
	pthread_cond_signal(&data->taken);
	pthread_mutex_unlock(&data->lock);
}

struct rebuild_block *rebuild_block_take(struct rebuild_data *data,
					 enum rebuild_progress *ret_progress)
{
	struct rebuild_block *block;

	pthread_mutex_lock(&data->lock);
	block = data->blocks;
	*ret_progress = data->progress;
	if (block) {
		data->blocks = block->next;
		data->blocks_last = data->blocks ? data->blocks_last : &data->blocks;
		data->blocks_len--;
		pthread_cond_signal(&data->taken);
	}
	pthread_mutex_unlock(&data->lock);
	return block;
}

static void tell(const struct reading *reading)
{
	const uint64_t one = 1;

	(void)!write(reading->rebuild->watch.fd, &one, sizeof(one));
}

static void progress(const struct reading *reading, enum rebuild_progress progress)
{
	pthread_mutex_lock(&reading->data->lock);
	reading->data->progress = progress;
	pthread_mutex_unlock(&reading->data->lock);
	tell(reading);
}

/* ---- rows ---- */

static int hand_over(struct reading *reading, enum rebuild_kind kind)
{
	struct rebuild_block *block = reading->filling[kind];
	struct rebuild_data *data = reading->data;
	bool stop;

	if (!block)
		return 0;
	reading->filling[kind] = NULL;
	pthread_mutex_lock(&data->lock);
	while (data->blocks_len >= REBUILD_BLOCKS_MAX && !data->stop)
		pthread_cond_wait(&data->taken, &data->lock);
	stop = data->stop;
	if (!stop) {
		*data->blocks_last = block;
		data->blocks_last = &block->next;
		data->blocks_len++;
	}
	pthread_mutex_unlock(&data->lock);
	if (stop)
		rebuild_block_free(block);
	else
		tell(reading);
	return stop ? STOPPED : 0;
}

static int put_text(struct rebuild_texts *texts, const char *text, uint32_t *ret_at)
{
	size_t len = strlen(text) + 1, room = texts->room;

	if (texts->len + len > TEXTS_MAX)
		return -EFBIG;
	if (texts->len + len >= room) {
		char *bigger;

		room = MAX(room * 2, 4096 + len);
		bigger = realloc(texts->at, room);
		if (!bigger)
			return -ENOMEM;
		texts->at = bigger;
		texts->room = room;
	}
	texts->len += !texts->len; /* place 0 is none */
	memcpy(texts->at + texts->len, text, len);
	*ret_at = (uint32_t)texts->len;
	texts->len += len;
	return 0;
}

static int put_known(struct rebuild_data *data, const struct rebuild_row *row)
{
	struct rebuild_known *bigger;

	if (data->len == data->room) {
		size_t room = MAX(data->room * 2, 4096U);

		bigger = realloc(data->known, room * sizeof(*bigger));
		if (!bigger)
			return -ENOMEM;
		data->known = bigger;
		data->room = room;
	}
	data->known[data->len++] = (struct rebuild_known){row->prefix, row->table};
	return 0;
}

static enum rebuild_kind kind_of(const struct rebuild_row *row)
{
	if (row->table != SZ_TABLE_DENY || !prefix_is_host(&row->prefix))
		return REBUILD_OTHERS;
	return row->prefix.family == 4 ? REBUILD_DENIED4 : REBUILD_DENIED6;
}

static int put_row(struct reading *reading, const struct rebuild_row *row, const char *note)
{
	enum rebuild_kind kind = kind_of(row);
	struct rebuild_data *data = reading->data;
	struct rebuild_block *block;
	int r;

	if (data->len == REBUILD_ROWS_MAX) {
		data->more = true;
		return 0;
	}
	if (!reading->filling[kind])
		reading->filling[kind] = calloc(1, sizeof(*block));
	block = reading->filling[kind];
	if (!block)
		return -ENOMEM;
	block->kind = kind;
	block->rows[block->len] = *row;
	r = put_known(data, row);
	if (!r && note && note[0] && data->notes < SZ_NOTE_MAX && strlen(note) < SZ_NOTE_LEN) {
		r = put_text(&block->texts, note, &block->rows[block->len].note);
		data->notes += !r;
	}
	block->len += !r;
	return !r && block->len == REBUILD_SLICE ? hand_over(reading, kind) : r;
}

static int take_ban(void *context, const struct store_ban *ban)
{
	const struct rebuild_row row = {.prefix = ban->prefix,
					.table = SZ_TABLE_DENY,
					.since_ms = ban->since_ms,
					.until_ms = ban->until_ms};

	return put_row(context, &row, ban->cause);
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

static int take_never(struct reading *reading, const struct store_setting *setting)
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

static bool is_never(const struct store_setting *setting)
{
	return strncmp(setting->name, ACTROWS_NEVER, strlen(ACTROWS_NEVER)) == 0;
}

static int take_nevers(void *context, const struct store_setting *setting)
{
	return is_never(setting) ? take_never(context, setting) : 0;
}

static int take_setting(void *context, const struct store_setting *setting)
{
	const struct reading *reading = context;
	struct rebuild_data *data = reading->data;
	struct rebuild_setting *to = &data->settings[data->settings_len];
	int r;

	if (strncmp(setting->name, ACTROWS_SETTING, strlen(ACTROWS_SETTING)) != 0 ||
	    is_never(setting))
		return 0;
	if (data->settings_len == REBUILD_SETTINGS_MAX) {
		data->more = true;
		return 0;
	}
	r = put_text(&data->texts, setting->name, &to->name);
	if (!r)
		r = put_text(&data->texts, setting->value, &to->value);
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

	if (is_there(&reading->rebuild->there, list->name) && data->stored.count < LISTCOPY_MAX)
		(void)snprintf(data->stored.at[data->stored.count++], sizeof(data->stored.at[0]),
			       "%s", list->name);
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

/* First what the loop asks when it takes a block, and who is spared before who is denied. */
static int read_all(struct reading *reading)
{
	struct store *store = memory_store(reading->rebuild->keeper);
	struct rebuild_data *data = reading->data;
	int r = store_each_setting(store, take_setting, reading, &data->fault);

	if (!r)
		r = store_each_setting(store, take_nevers, reading, &data->fault);
	if (!r)
		r = store_each_allow(store, 0, take_allow, reading, &data->fault);
	if (!r)
		r = hand_over(reading, REBUILD_OTHERS);
	if (!r)
		r = store_each_ban_of(store, ACTROWS_ORIGIN, take_ban, reading, &data->fault);
	for (enum rebuild_kind kind = 0; !r && kind < REBUILD_KINDS; kind++)
		r = hand_over(reading, kind);
	if (!r)
		r = store_each_list(store, take_list, reading, &data->fault);
	if (!r && listcopy_names(reading->rebuild->keeper->options->state_dir, &data->copies))
		data->copies.count = 0;
	return r;
}

void *rebuild_read(void *context)
{
	struct rebuild *rebuild = context;
	struct rebuild_data *data = rebuild->data;
	struct reading reading = {.rebuild = rebuild, .data = data};

	/* It reads the store and the copies of lists, which need no right of the keeper's. */
	data->r = caps_drop_thread();
	if (!data->r)
		data->r = read_all(&reading);
	for (enum rebuild_kind kind = 0; kind < REBUILD_KINDS; kind++)
		rebuild_block_free(reading.filling[kind]);
	progress(&reading, REBUILD_LISTED);
	if (!data->r && data->len)
		qsort(data->known, data->len, sizeof(*data->known), rebuild_known_compare);
	progress(&reading, REBUILD_SORTED);
	return NULL;
}
