/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The first order of the list is the thread's until it has told through the eventfd and is joined;
 * then it is the loop's. A dropped one stays in the list until the thread is done with it.
 *
 * In the loop's own turn, reading and checking were a part of the 240 ms that a million decisions
 * took it, of a processor's time.
 */
#include <user/daemon/feeding/feed_reads.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <strazh/base/own.h>
#include <user/base/file.h>
#include <user/daemon/caps.h>

struct feed_read {
	struct feed_read *next;
	struct feed_reads *reads;
	struct feed_read_wanted wanted; /* done NULL: dropped */
	struct feed_read_result result;
};

struct feed_reads {
	struct loop *loop;
	struct watch watch;
	struct feed_read *first, **last;
	pthread_t thread;
	bool threaded; /* it is to be joined */
	bool busy;     /* the first one is being read, or its end told */
};

/* ---- the work ---- */

void feed_read_result_deinit(struct feed_read_result *result)
{
	free(result->bytes);
	listed_deinit(&result->listed);
	*result = (struct feed_read_result){0};
}

static int read_file(const struct feed_read_wanted *wanted, struct feed_read_result *result,
		     size_t *ret_len)
{
	uint64_t most = feed_copy_size_most(wanted->lapi ? FEED_LAPI : FEED_PLAIN,
					    wanted->max_entries);
	own_fd int fd = open(wanted->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return -errno;
	result->time_s = (uint64_t)st.st_mtim.tv_sec;
	return file_read(fd, most, &result->bytes, ret_len);
}

static int sieve(const struct feed_read_wanted *wanted, struct feed_read_result *result)
{
	result->entries = (struct prefix *)(void *)(result->bytes + sizeof(struct feed_head));
	if (wanted->allow_len)
		qsort(wanted->allow, wanted->allow_len, sizeof(*wanted->allow), prefix_compare);
	result->left = feed_sieve(result->entries, result->copy.head.count, wanted->allow,
				  wanted->allow_len, wanted->wide, &result->sieve);
	return wanted->weighed ? listed_init(&result->listed, result->entries, result->left) : 0;
}

static int work(const struct feed_read_wanted *wanted, struct feed_read_result *result)
{
	size_t len = 0;
	int r = read_file(wanted, result, &len);

	if (!r)
		r = feed_copy_check(result->bytes, len, wanted->lapi, wanted->max_entries,
				    &result->copy, &result->why);
	if (!r && !wanted->lapi)
		r = sieve(wanted, result);
	return r;
}

void feed_read_now(const struct feed_read_wanted *wanted, struct feed_read_result *ret_result)
{
	*ret_result = (struct feed_read_result){0};
	ret_result->r = work(wanted, ret_result);
	if (ret_result->r && !ret_result->why)
		ret_result->why = strerror(-ret_result->r);
}

/* ---- the thread ---- */

static void tell(struct feed_reads *reads)
{
	const uint64_t one = 1;

	(void)!write(reads->watch.fd, &one, sizeof(one));
}

static void *run(void *context)
{
	struct feed_read *read = context;

	read->result.r = caps_drop_thread();
	if (!read->result.r)
		read->result.r = work(&read->wanted, &read->result);
	tell(read->reads);
	return NULL;
}

/* Signals are the keeper's. Without a thread the order fails, with the loop's next turn. */
static void start(struct feed_reads *reads)
{
	struct feed_read *read = reads->first;
	sigset_t all, before;
	int r;

	if (!read || reads->busy)
		return;
	reads->busy = true;
	sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&reads->thread, NULL, run, read);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	reads->threaded = !r;
	read->result.r = r ? -r : read->result.r;
	if (r)
		tell(reads);
}

static void read_free(struct feed_read *read)
{
	feed_read_result_deinit(&read->result);
	free(read->wanted.allow);
	free(read);
}

static void end(struct feed_reads *reads)
{
	struct feed_read *read = reads->first;
	struct feed_read_result *result = &read->result;

	if (reads->threaded)
		pthread_join(reads->thread, NULL);
	reads->threaded = false;
	reads->first = read->next;
	reads->last = reads->first ? reads->last : &reads->first;
	if (result->r && !result->why)
		result->why = strerror(-result->r);
	if (read->wanted.done)
		read->wanted.done(read->wanted.context, result);
	read_free(read);
	reads->busy = false;
	start(reads);
}

static void on_told(struct watch *watch, uint32_t events)
{
	struct feed_reads *reads = watch->context;
	uint64_t count;

	(void)events;
	if (read(watch->fd, &count, sizeof(count)) > 0 && reads->busy)
		end(reads);
}

/* ---- orders ---- */

int feed_reads_add(struct feed_reads *reads, const struct feed_read_wanted *wanted,
		   struct feed_read **ret_read)
{
	struct feed_read *read = calloc(1, sizeof(*read));

	if (!read) {
		free(wanted->allow);
		return -ENOMEM;
	}
	read->reads = reads;
	read->wanted = *wanted;
	*reads->last = read;
	reads->last = &read->next;
	*ret_read = read;
	start(reads);
	return 0;
}

void feed_reads_drop(struct feed_read *read)
{
	struct feed_reads *reads = read->reads;
	struct feed_read **at = &reads->first;

	read->wanted.done = NULL;
	if (read == reads->first && reads->busy)
		return;
	while (*at != read)
		at = &(*at)->next;
	*at = read->next;
	if (reads->last == &read->next)
		reads->last = at;
	read_free(read);
}

/* ---- life ---- */

int feed_reads_open(struct loop *loop, struct feed_reads **ret_reads)
{
	struct feed_reads *reads = calloc(1, sizeof(*reads));
	int r;

	if (!reads)
		return -ENOMEM;
	reads->loop = loop;
	reads->last = &reads->first;
	reads->watch = (struct watch){.on_ready = on_told, .context = reads};
	reads->watch.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = reads->watch.fd < 0 ? -errno : loop_add(loop, &reads->watch, EPOLLIN);
	if (!r) {
		*ret_reads = reads;
		return 0;
	}
	if (reads->watch.fd >= 0)
		close(reads->watch.fd);
	free(reads);
	return r;
}

void feed_reads_close(struct feed_reads *reads)
{
	if (!reads)
		return;
	if (reads->threaded)
		pthread_join(reads->thread, NULL);
	while (reads->first) {
		struct feed_read *read = reads->first;

		reads->first = read->next;
		read_free(read);
	}
	loop_remove(reads->loop, &reads->watch);
	close(reads->watch.fd);
	free(reads);
}
