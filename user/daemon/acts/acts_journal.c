/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The journal's writer. The disk may take its time, so a thread writes, one job at a time: what
 * came together is one text; what comes meanwhile waits for the next one. Of the acts the thread
 * knows nothing. Acts go to the journal until it was emptied for good: an old one found there after
 * a power cut would be done behind the newer ones.
 *
 * Without a loop (start and end) and without a thread it is written at once.
 */
#include <user/daemon/acts/acts_parts.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <strazh/base/own.h>
#include <user/base/clock.h>
#include <user/base/log.h>
#include <user/ctl/journal.h>
#include <user/daemon/caps.h>
#include <user/daemon/memory/remember.h>

static const char *away_text(const struct keeper *keeper)
{
	const struct host_memory *shown = memory_show((void *)(uintptr_t)keeper);

	return shown && shown->degraded && shown->why[0] ? shown->why : "it has older acts to take";
}

/* ---- a job ---- */

static void work(struct acts_job *job)
{
	job->r = job->text ? journal_append_text(job->state_dir, job->text, job->len)
			   : journal_empty(job->state_dir);
}

static void *thread(void *context)
{
	struct acts_job *job = context;
	const uint64_t one = 1;

	job->r = caps_drop_thread();
	if (!job->r)
		work(job);
	(void)!write(job->fd, &one, sizeof(one));
	return NULL;
}

static void appended(struct keeper *keeper)
{
	struct acts *acts = keeper->acts;
	char text[sizeof((struct request){0}.warning)];
	int r = acts->job.r;

	if (!r)
		(void)snprintf(text, sizeof(text),
			       "done, and written to the journal: the store does not have it yet "
			       "(%.100s)",
			       away_text(keeper));
	else
		(void)snprintf(text, sizeof(text),
			       "done, but neither the store (%.80s) nor the journal (%s) took it: "
			       "it is forgotten if the maps are lost",
			       away_text(keeper), strerror(-r));
	if (!acts->journaling && !r)
		log_warning("acts go to the journal: %s", away_text(keeper));
	acts->journaling |= !r;
	acts->unwritten += r ? acts->job.count : 0;
	for (struct ack *ack = acts->first; ack; ack = ack->next) {
		if (!ack->writing)
			continue;
		ack->writing = false;
		ack->journaled = true;
		acts_warn(ack->result, text);
	}
}

static void emptied(struct keeper *keeper)
{
	struct acts *acts = keeper->acts;

	if (acts->crossed)
		remember_say_again(keeper);
	acts->crossed = false;
	acts->holding = false;
	acts->stuck_ms = acts->job.r ? clock_boot_ns() / 1000000 : 0;
	if (acts->job.r) {
		/* Left there, it would be done again at the next start, behind newer acts. */
		if (!acts->stuck_said)
			log_error("journal in '%s' cannot be emptied: %s; it is tried again",
				  keeper->options->state_dir, strerror(-acts->job.r));
		acts->stuck_said = true;
		return;
	}
	acts_import_end(acts);
	acts->stuck_said = false;
	log_info("journal: %llu acts are in the store now", (unsigned long long)acts->imported);
	if (acts->bad)
		log_warning("journal: %llu lines hold no act and are left out",
			    (unsigned long long)acts->bad);
	acts->imported = acts->bad = 0;
	acts->journaling = false;
}

static void end(struct keeper *keeper)
{
	struct acts *acts = keeper->acts;

	acts->writing = false;
	if (acts->job.text)
		appended(keeper);
	else
		emptied(keeper);
	free(acts->job.text);
	acts->job.text = NULL;
}

static void start(struct keeper *keeper)
{
	struct acts *acts = keeper->acts;
	sigset_t all, before;
	int r;

	acts->job.state_dir = keeper->options->state_dir;
	acts->job.fd = acts->journal_watch.fd;
	acts->writing = true;
	if (acts->job.fd >= 0) {
		sigfillset(&all); /* signals are the keeper's */
		(void)pthread_sigmask(SIG_SETMASK, &all, &before);
		r = pthread_create(&acts->journal_thread, NULL, thread, &acts->job);
		(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
		if (!r)
			return;
	}
	work(&acts->job);
	end(keeper);
}

/* ---- what is to be done ---- */

static bool is_wanted(const struct ack *ack)
{
	return !ack->journaled && !ack->writing;
}

/* Every act of the list that is in no journal yet. */
static char *gather(struct acts *acts)
{
	own_free const json_t **all = NULL;
	size_t count = 0;

	for (const struct ack *ack = acts->first; ack; ack = ack->next)
		count += is_wanted(ack) ? json_array_size(ack->acts) : 0;
	all = calloc(count + 1, sizeof(const json_t *));
	count = 0;
	for (struct ack *ack = acts->first; all && ack; ack = ack->next) {
		for (size_t i = 0; is_wanted(ack) && i < json_array_size(ack->acts); i++)
			all[count++] = json_array_get(ack->acts, i);
	}
	acts->job.count = count;
	return all ? journal_text(all, count, &acts->job.len) : NULL;
}

void acts_journal(struct keeper *keeper)
{
	struct acts *acts = keeper->acts;

	acts->holding = false; /* whoever waited has waited long enough */
	if (acts->writing)
		return;
	acts->job.text = gather(acts);
	for (struct ack *ack = acts->first; ack; ack = ack->next)
		ack->writing = is_wanted(ack);
	if (acts->job.text) {
		start(keeper);
		return;
	}
	acts->job.r = -ENOMEM;
	appended(keeper);
}

void acts_journal_empty(struct keeper *keeper)
{
	keeper->acts->job.text = NULL;
	start(keeper);
}

static void go_on(struct keeper *keeper)
{
	const struct ack *ack = keeper->acts->first;

	if (keeper->acts->holding)
		return;
	if (!keeper->acts->journaling)
		acts_submit_held(keeper);
	while (ack && !(ack->must && is_wanted(ack)))
		ack = ack->next;
	if (ack)
		acts_journal(keeper);
}

static void on_written(struct watch *watch, uint32_t events)
{
	struct keeper *keeper = watch->context;
	struct acts *acts = keeper->acts;
	uint64_t count;

	(void)events;
	if (read(watch->fd, &count, sizeof(count)) < 0 || !acts->writing)
		return;
	pthread_join(acts->journal_thread, NULL);
	end(keeper);
	/* Here, too: where acts come all the time a thread always writes when the timer looks. */
	if (acts->journaling && !acts->stuck_ms)
		acts_import(keeper);
	go_on(keeper);
	acts_answer(acts);
}

/* ---- life ---- */

int acts_journal_open(struct keeper *keeper)
{
	struct watch *watch = &keeper->acts->journal_watch;
	int r;

	*watch = (struct watch){.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
				.on_ready = on_written,
				.context = keeper};
	if (watch->fd < 0)
		return -errno;
	r = loop_add(keeper->loop, watch, EPOLLIN);
	if (r) {
		close(watch->fd);
		watch->fd = -1;
	}
	return r;
}

void acts_journal_close(struct keeper *keeper)
{
	struct acts *acts = keeper->acts;
	bool writing = acts->writing;

	if (acts->journal_watch.fd < 0)
		return;
	loop_remove(keeper->loop, &acts->journal_watch);
	if (writing)
		pthread_join(acts->journal_thread, NULL);
	close(acts->journal_watch.fd);
	acts->journal_watch.fd = -1;
	if (writing)
		end(keeper);
	acts->holding = false;
	go_on(keeper);
}
