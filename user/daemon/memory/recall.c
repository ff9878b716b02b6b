/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Orders go in at one end, findings come out at the other; both lists are under one lock. Findings
 * of a long read come in parts, and PARTS_MAX of them at most wait: then the thread does, in the
 * middle of its read.
 */
#include <user/daemon/memory/recall.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <user/store/audit.h>

#define PART_ROWS 256U
#define PARTS_MAX 8U
#define COLLECT_MAX 4U /* parts a call: their owner has a loop to run */
#define FLUSH_MS 1000  /* waited for at once: an end is heard between two of them */
#define RETRY_S 1
#define STOPPED 1000 /* what a reading returns that was told to stop */

enum order { ORDER_ALL, ORDER_BANS, ORDER_ONE, ORDER_STORY };

/* An order, and later the last part of what was found. */
struct task {
	struct task *next;
	enum order order;
	uint32_t most;
	const char *origin;
	void *tag;
	struct prefix subjects[RECALL_SUBJECTS_MAX];
	size_t len;
	/* found */
	uint32_t sources, bans;
	json_t *records;
	char why[200];
};

struct part {
	struct part *next;
	struct task *task; /* not NULL: this was the end of it */
	uint32_t sources_len, bans_len;
	struct store_source sources[PART_ROWS];
	struct recalled_ban {
		struct store_ban ban;
		char actor[STORE_NAME_MAX + 1], cause[STORE_TEXT_MAX + 1];
	} * bans; /* PART_ROWS */
};

struct recall {
	struct store *store;
	const struct recall_ops *ops;
	void *owner;
	int event;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t told; /* an order, room for findings, or the end */
	bool stopping;
	struct task *orders, **orders_last;
	uint32_t ones, stories;
	struct part *parts, **parts_last;
	uint32_t parts_len;
	struct part *filling; /* the thread's */
};

/* ---- findings ---- */

static void part_free(struct part *part)
{
	if (part)
		free(part->bans);
	free(part);
}

static void task_free(struct task *task)
{
	if (task)
		json_decref(task->records);
	free(task);
}

/* Hand over what is there; false: the owner wants no more. */
static bool hand_over(struct recall *recall, struct part *part)
{
	const uint64_t one = 1;
	bool stopping;

	pthread_mutex_lock(&recall->lock);
	while (recall->parts_len >= PARTS_MAX && !recall->stopping)
		pthread_cond_wait(&recall->told, &recall->lock);
	stopping = recall->stopping;
	if (!stopping) {
		*recall->parts_last = part;
		recall->parts_last = &part->next;
		recall->parts_len++;
	}
	pthread_mutex_unlock(&recall->lock);
	if (stopping) {
		task_free(part->task);
		part_free(part);
		return false;
	}
	return write(recall->event, &one, sizeof(one)) == sizeof(one) || errno == EAGAIN;
}

/* The part that is being filled, with room; NULL: there is no memory, or the end has come. */
static struct part *room(struct recall *recall)
{
	struct part *part = recall->filling;

	if (part && (part->sources_len == PART_ROWS || part->bans_len == PART_ROWS)) {
		recall->filling = NULL;
		if (!hand_over(recall, part))
			return NULL;
		part = NULL;
	}
	if (!part)
		part = calloc(1, sizeof(*part));
	recall->filling = part;
	return part;
}

static int take_source(void *data, const struct store_source *source)
{
	struct recall *recall = data;
	struct part *part = room(recall);

	if (!part)
		return STOPPED;
	part->sources[part->sources_len++] = *source;
	return 0;
}

struct ban_reading {
	struct recall *recall;
	struct task *task;
};

static int take_ban(void *data, const struct store_ban *ban)
{
	const struct ban_reading *reading = data;
	struct recalled_ban *to;
	struct part *part;

	part = room(reading->recall);
	if (part && !part->bans)
		part->bans = calloc(PART_ROWS, sizeof(*part->bans));
	if (!part || !part->bans)
		return STOPPED;
	to = &part->bans[part->bans_len++];
	to->ban = *ban;
	(void)snprintf(to->actor, sizeof(to->actor), "%s", ban->actor);
	(void)snprintf(to->cause, sizeof(to->cause), "%s", ban->cause);
	to->ban.origin = reading->task->origin;
	to->ban.actor = to->actor;
	to->ban.cause = to->cause;
	reading->task->bans++;
	return 0;
}

struct source_reading {
	struct recall *recall;
	struct task *task;
};

static int take_one_of_all(void *data, const struct store_source *source)
{
	const struct source_reading *reading = data;

	reading->task->sources++;
	return take_source(reading->recall, source);
}

/* ---- the thread ---- */

static bool pause_a_while(struct recall *recall)
{
	struct timespec until;
	bool stopping;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += RETRY_S;
	pthread_mutex_lock(&recall->lock);
	while (!recall->stopping &&
	       pthread_cond_timedwait(&recall->told, &recall->lock, &until) != ETIMEDOUT)
		;
	stopping = recall->stopping;
	pthread_mutex_unlock(&recall->lock);
	return !stopping;
}

static int read_all(struct recall *recall, struct task *task)
{
	struct source_reading sources = {recall, task};
	struct ban_reading bans = {recall, task};
	int r;

	task->sources = task->bans = 0;
	/* What was taken back before the order is not to be read as it was. */
	r = store_flush(recall->store, FLUSH_MS);
	if (!r && task->order != ORDER_BANS)
		r = store_each_source(recall->store, task->most, take_one_of_all, &sources, NULL);
	return r ? r : store_each_ban_of(recall->store, task->origin, take_ban, &bans, NULL);
}

static int read_one(struct recall *recall, struct task *task)
{
	struct store_source source;
	int r = store_find_source(recall->store, &task->subjects[0], &source, NULL);

	if (r == STORE_ABSENT || r == STORE_BROKEN)
		return 0;
	task->sources = !r;
	return r ? r : take_source(recall, &source);
}

static int take_record(void *data, const struct store_record *record)
{
	json_t *row = json_pack("{s:I, s:I, s:s, s:s, s:s, s:s}", "seq", (json_int_t)record->seq,
				"at", (json_int_t)(record->at_ms / 1000), "actor", record->actor,
				"action", record->action, "subject", record->subject, "cause",
				record->cause);

	return row && !json_array_append_new(data, row) ? 0 : -ENOMEM;
}

static json_int_t seq_of(const json_t *record)
{
	return json_integer_value(json_object_get(record, "seq"));
}

static int by_seq(const void *a, const void *b)
{
	json_int_t x = seq_of(*(json_t *const *)a), y = seq_of(*(json_t *const *)b);

	return (x > y) - (x < y);
}

/* The newest of all subjects together. */
static json_t *newest(json_t *all)
{
	size_t len = json_array_size(all), from;
	json_t **order = calloc(MAX(len, 1U), sizeof(json_t *)), *records = json_array();

	for (size_t i = 0; order && i < len; i++)
		order[i] = json_array_get(all, i);
	if (order)
		qsort(order, len, sizeof(json_t *), by_seq);
	from = len - MIN(len, RECALL_RECORDS_MAX);
	for (size_t i = from; order && records && i < len; i++)
		(void)!json_array_append(records, order[i]);
	free(order);
	return records;
}

static int read_story(struct recall *recall, struct task *task)
{
	struct store_fault fault = {0};
	char text[PREFIX_TEXT_LEN];
	json_t *all = json_array();
	int r = all ? 0 : -ENOMEM;

	for (size_t i = 0; i < task->len && !r; i++)
		r = store_each_record(recall->store, prefix_format(&task->subjects[i], text),
				      RECALL_RECORDS_MAX, take_record, all, &fault);
	if (!r)
		task->records = newest(all);
	json_decref(all);
	if (!task->records)
		(void)snprintf(task->why, sizeof(task->why), "%s: %.150s",
			       store_condition_text(r ? r : -ENOMEM), fault.text);
	return 0;
}

static int read_task(struct recall *recall, struct task *task)
{
	switch (task->order) {
	case ORDER_ALL:
	case ORDER_BANS:
		return read_all(recall, task);
	case ORDER_ONE:
		return read_one(recall, task);
	case ORDER_STORY:
	default:
		return read_story(recall, task);
	}
}

/* Until it is done; false: the end has come. What a read that failed had found is told all the
 * same: it is true. */
static bool carry_out(struct recall *recall, struct task *task)
{
	struct part *part;

	while (read_task(recall, task))
		if (!pause_a_while(recall))
			break;
	part = recall->filling;
	recall->filling = NULL;
	/* Somebody counts on the end of it. */
	while (!part && (part = calloc(1, sizeof(*part))) == NULL)
		if (!pause_a_while(recall)) {
			task_free(task);
			return false;
		}
	part->task = task;
	return hand_over(recall, part);
}

static struct task *next_order(struct recall *recall)
{
	struct task *task;

	pthread_mutex_lock(&recall->lock);
	while (!recall->orders && !recall->stopping)
		pthread_cond_wait(&recall->told, &recall->lock);
	task = recall->stopping ? NULL : recall->orders;
	if (task) {
		recall->orders = task->next;
		if (!recall->orders)
			recall->orders_last = &recall->orders;
		task->next = NULL;
	}
	pthread_mutex_unlock(&recall->lock);
	return task;
}

static void *run(void *data)
{
	struct recall *recall = data;
	struct task *task;

	while ((task = next_order(recall)) != NULL)
		if (!carry_out(recall, task))
			break;
	return NULL;
}

/* ---- orders ---- */

/* A story before all others: somebody waits for it. */
static int give(struct recall *recall, const struct task *order, uint32_t *count, uint32_t most)
{
	struct task *task = malloc(sizeof(*task));

	if (!task)
		return -ENOMEM;
	*task = *order;
	pthread_mutex_lock(&recall->lock);
	if (count && *count >= most) {
		pthread_mutex_unlock(&recall->lock);
		free(task);
		return -ENOBUFS;
	}
	if (count)
		(*count)++;
	if (task->order == ORDER_STORY) {
		task->next = recall->orders;
		if (!recall->orders)
			recall->orders_last = &task->next;
		recall->orders = task;
	} else {
		*recall->orders_last = task;
		recall->orders_last = &task->next;
	}
	pthread_cond_broadcast(&recall->told);
	pthread_mutex_unlock(&recall->lock);
	return 0;
}

int recall_all(struct recall *recall, uint32_t most, const char *origin)
{
	const struct task task = {.order = ORDER_ALL, .most = most, .origin = origin};

	return give(recall, &task, NULL, 0);
}

int recall_bans(struct recall *recall, const char *origin)
{
	const struct task task = {.order = ORDER_BANS, .origin = origin};

	return give(recall, &task, NULL, 0);
}

int recall_one(struct recall *recall, const struct prefix *prefix)
{
	const struct task task = {.order = ORDER_ONE, .subjects = {*prefix}, .len = 1};

	return give(recall, &task, &recall->ones, RECALL_ONES_MAX);
}

int recall_story(struct recall *recall, const struct prefix *subjects, size_t len, void *tag)
{
	struct task task = {.order = ORDER_STORY, .tag = tag};

	task.len = MIN(len, RECALL_SUBJECTS_MAX);
	memcpy(task.subjects, subjects, task.len * sizeof(*subjects));
	return give(recall, &task, &recall->stories, RECALL_STORIES_MAX);
}

/* ---- collecting ---- */

static void tell_end(struct recall *recall, struct task *task)
{
	json_t *records = task->records;

	switch (task->order) {
	case ORDER_ALL:
		recall->ops->all(recall->owner, task->sources, task->bans,
				 task->most && task->sources >= task->most);
		break;
	case ORDER_BANS:
		recall->ops->bans(recall->owner, task->bans);
		break;
	case ORDER_ONE:
		recall->ops->one(recall->owner, &task->subjects[0]);
		break;
	case ORDER_STORY:
	default:
		task->records = NULL;
		recall->ops->story(recall->owner, task->tag, records, task->why);
		break;
	}
}

static void tell(struct recall *recall, struct part *part)
{
	for (uint32_t i = 0; i < part->sources_len; i++)
		recall->ops->source(recall->owner, &part->sources[i]);
	for (uint32_t i = 0; i < part->bans_len; i++)
		recall->ops->ban(recall->owner, &part->bans[i].ban);
	if (part->task)
		tell_end(recall, part->task);
}

static struct part *next_part(struct recall *recall)
{
	struct part *part;

	pthread_mutex_lock(&recall->lock);
	part = recall->parts;
	if (part) {
		recall->parts = part->next;
		if (!recall->parts)
			recall->parts_last = &recall->parts;
		recall->parts_len--;
		if (part->task && part->task->order == ORDER_ONE)
			recall->ones--;
		if (part->task && part->task->order == ORDER_STORY)
			recall->stories--;
		pthread_cond_broadcast(&recall->told);
	}
	pthread_mutex_unlock(&recall->lock);
	return part;
}

void recall_collect(struct recall *recall)
{
	const uint64_t one = 1;
	struct part *part;
	uint64_t count;

	if (read(recall->event, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return;
	for (uint32_t n = 0; n < COLLECT_MAX; n++) {
		part = next_part(recall);
		if (!part)
			return;
		tell(recall, part);
		task_free(part->task);
		part_free(part);
	}
	/* There may be more, of which nobody tells again. */
	(void)!write(recall->event, &one, sizeof(one));
}

int recall_fd(const struct recall *recall)
{
	return recall->event;
}

/* ---- life ---- */

/* Signals are the keeper's: the thread takes none. */
static int start(struct recall *recall)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&recall->thread, NULL, run, recall);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -r;
}

static int init(struct recall *recall)
{
	pthread_condattr_t attr;
	int r = -pthread_condattr_init(&attr);

	if (r)
		return r;
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_mutex_init(&recall->lock, NULL);
	(void)pthread_cond_init(&recall->told, &attr);
	(void)pthread_condattr_destroy(&attr);
	recall->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (recall->event < 0)
		return -errno;
	r = start(recall);
	if (r)
		(void)close(recall->event);
	return r;
}

int recall_new(struct store *store, const struct recall_ops *ops, void *owner,
	       struct recall **ret_recall)
{
	struct recall *recall = calloc(1, sizeof(*recall));
	int r;

	if (!recall)
		return -ENOMEM;
	recall->store = store;
	recall->ops = ops;
	recall->owner = owner;
	recall->orders_last = &recall->orders;
	recall->parts_last = &recall->parts;
	r = init(recall);
	if (r) {
		free(recall);
		return r;
	}
	*ret_recall = recall;
	return 0;
}

void recall_stop(struct recall *recall)
{
	if (!recall)
		return;
	pthread_mutex_lock(&recall->lock);
	recall->stopping = true;
	pthread_cond_broadcast(&recall->told);
	pthread_mutex_unlock(&recall->lock);
}

void recall_free(struct recall *recall)
{
	struct part *part;
	struct task *task;

	if (!recall)
		return;
	recall_stop(recall);
	(void)pthread_join(recall->thread, NULL);
	while ((part = next_part(recall)) != NULL) {
		task_free(part->task);
		part_free(part);
	}
	while ((task = recall->orders) != NULL) {
		recall->orders = task->next;
		task_free(task);
	}
	part_free(recall->filling);
	(void)close(recall->event);
	(void)pthread_cond_destroy(&recall->told);
	(void)pthread_mutex_destroy(&recall->lock);
	free(recall);
}
