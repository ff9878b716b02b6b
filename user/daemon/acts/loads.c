/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The first order of the list is the one at work. Of a dropped one that had begun its load goes on
 * alone, to undo. A step is some milliseconds at most, and the loop has its turn after SLICE_NS.
 */
#include <user/daemon/acts/loads.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <strazh/abi/meta.h>
#include <user/base/clock.h>
#include <user/base/log.h>
#include <user/ctl/listcopy.h>
#include <user/daemon/caps.h>
#include <user/daemon/keeper.h>
#include <user/gate/list_load.h>
#include <user/gate/lists.h>
#include <user/gate/nets.h>

#define STEP 4096U
#define SLICE_NS 8000000U
#define PAUSE_MS 1U

struct load_order {
	struct load_order *next;
	struct keeper *keeper;
	struct load_wanted wanted; /* done NULL: dropped */
	char name[SZ_LIST_NAME_LEN];
	struct list_load *load; /* NULL: not begun */
	struct list_report report;
	bool in_force, copying;
	uint32_t flushes; /* of the gate, when it was asked for */
	int copied;	  /* the thread's until it has told */
};

struct loads {
	struct load_order *first, **last;
	struct timer timer;
	struct watch watch; /* of the thread that copies */
	pthread_t thread;
	bool busy; /* on_time() or finish() is under way: the timer is started at its end */
};

static void order_free(struct load_order *order)
{
	if (order)
		list_load_free(order->load);
	free(order);
}

static void go_on(struct loads *loads)
{
	if (loads->first && !loads->first->copying && !loads->busy)
		(void)!timer_start(&loads->timer, PAUSE_MS, 0);
}

/* ---- its end ---- */

static void finish(struct loads *loads, struct load_order *order, int r)
{
	loads->first = order->next;
	loads->last = loads->first ? loads->last : &loads->first;
	if (order->wanted.done)
		order->wanted.done(order->wanted.context, r, &order->report, order->copied);
	order_free(order);
	go_on(loads);
}

static uint32_t flushes_of(const struct gate *gate)
{
	return gate->nets ? gate->nets->flushes : 0;
}

/* Since it was asked for: a flush ends what came before it. */
static bool is_flushed(const struct load_order *order)
{
	if (flushes_of(order->keeper->gate) == order->flushes)
		return false;
	gate_explain("the denied entries were flushed meanwhile");
	return true;
}

static void *copy(void *context)
{
	struct load_order *order = context;
	const struct load_wanted *wanted = &order->wanted;
	const uint64_t one = 1;

	order->copied = caps_drop_thread();
	if (!order->copied)
		order->copied = listcopy_write(order->keeper->options->state_dir, order->name,
					       wanted->entries, wanted->count, wanted->until_wall);
	(void)!write(order->keeper->loads->watch.fd, &one, sizeof(one));
	return NULL;
}

/* Signals are the keeper's. */
static int start_copy(struct loads *loads, struct load_order *order)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&loads->thread, NULL, copy, order);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	order->copying = !r;
	return -r;
}

static void end_copy(struct loads *loads)
{
	struct load_order *order = loads->first;
	int r = 0;

	pthread_join(loads->thread, NULL);
	order->copying = false;
	/* The flush took the copies that there were. */
	if (is_flushed(order)) {
		(void)!listcopy_remove(order->keeper->options->state_dir, order->name);
		r = -ECANCELED;
	}
	finish(loads, order, r);
}

static void on_copied(struct watch *watch, uint32_t events)
{
	struct loads *loads = ((struct keeper *)watch->context)->loads;
	uint64_t count;

	(void)events;
	if (read(watch->fd, &count, sizeof(count)) > 0 && loads->first && loads->first->copying)
		end_copy(loads);
}

/* ---- slices ---- */

static void loaded(struct loads *loads, struct load_order *order, int r)
{
	order->report = *list_load_report(order->load);
	order->in_force = !r;
	if (!r && order->wanted.done && order->wanted.copy) {
		order->copied = start_copy(loads, order);
		if (order->copying)
			return;
	}
	finish(loads, order, r);
}

static void step(struct loads *loads)
{
	struct load_order *order = loads->first;
	const struct load_wanted *wanted = &order->wanted;
	uint64_t begin_ns = clock_boot_ns();
	bool done = false;
	int r = 0;

	if (!order->load && wanted->count && is_flushed(order))
		r = -ECANCELED;
	if (!order->load && !r)
		r = list_load_new(order->keeper->gate, order->name, wanted->entries, wanted->count,
				  wanted->until_s, &order->load);
	if (r) {
		finish(loads, order, r);
		return;
	}
	while (!done && clock_boot_ns() - begin_ns < SLICE_NS)
		r = list_load_step(order->load, STEP, &done);
	if (done)
		loaded(loads, order, r);
}

static void on_time(struct timer *timer)
{
	struct loads *loads = ((struct keeper *)timer->context)->loads;

	loads->busy = true;
	if (loads->first && !loads->first->copying)
		step(loads);
	loads->busy = false;
	go_on(loads);
}

/* ---- orders ---- */

int loads_add(struct keeper *keeper, const struct load_wanted *wanted,
	      struct load_order **ret_order)
{
	struct load_order *order = calloc(1, sizeof(*order));
	struct loads *loads = keeper->loads;

	if (!order)
		return -ENOMEM;
	order->keeper = keeper;
	order->flushes = flushes_of(keeper->gate);
	order->wanted = *wanted;
	/* One that is too long is refused by the gate, cut or not: the terminator has no room. */
	memcpy(order->name, wanted->name, strnlen(wanted->name, sizeof(order->name) - 1));
	order->wanted.name = order->name;
	*loads->last = order;
	loads->last = &order->next;
	*ret_order = order;
	go_on(loads);
	return 0;
}

bool loads_busy(const struct keeper *keeper, const char *name)
{
	const struct load_order *order = keeper->loads ? keeper->loads->first : NULL;

	while (order && name && strcmp(order->name, name) != 0)
		order = order->next;
	return order != NULL;
}

bool loads_in_force(const struct load_order *order)
{
	return order->in_force || (order->load && list_load_in_force(order->load));
}

void loads_drop(struct load_order *order)
{
	struct loads *loads = order->keeper->loads;
	struct load_order **at = &loads->first;

	order->wanted.done = NULL;
	if (order->load) {
		(void)list_load_cancel(order->load);
		return;
	}
	while (*at != order)
		at = &(*at)->next;
	*at = order->next;
	if (loads->last == &order->next)
		loads->last = at;
	order_free(order);
}

/* ---- life ---- */

int loads_open(struct keeper *keeper)
{
	struct loads *loads = calloc(1, sizeof(*loads));
	int r;

	if (!loads)
		return -ENOMEM;
	keeper->loads = loads;
	loads->last = &loads->first;
	loads->watch = (struct watch){.on_ready = on_copied, .context = keeper};
	loads->watch.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = loads->watch.fd < 0 ? -errno : loop_add(keeper->loop, &loads->watch, EPOLLIN);
	return r ? r : timer_open(keeper->loop, &loads->timer, on_time, keeper);
}

void loads_close(struct keeper *keeper)
{
	struct loads *loads = keeper->loads;

	if (!loads)
		return;
	loads->busy = true;
	while (loads->first) {
		struct load_order *order = loads->first;

		if (order->copying)
			end_copy(loads);
		else if (loads_in_force(order))
			step(loads);
		else
			finish(loads, order, -ECANCELED);
	}
	timer_close(&loads->timer);
	if (loads->watch.fd >= 0) {
		loop_remove(keeper->loop, &loads->watch);
		close(loads->watch.fd);
	}
	free(loads);
	keeper->loads = NULL;
}
