/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The kernel keeps the set of watches. The one thing we keep is the batch being dispatched:
 * loop_remove() strikes the watch out of it, so that a freed owner is never called.
 */
#include <user/net/loop.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <strazh/base/own.h>

#define LOOP_BATCH 64

struct loop {
	int fd;
	bool stopping;
	const struct loop_hooks *hooks;
	int batch_len;
	struct epoll_event batch[LOOP_BATCH];
};

int loop_new(struct loop **ret_loop)
{
	own_free struct loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return -ENOMEM;
	loop->fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->fd < 0)
		return -errno;
	*ret_loop = take_ptr(loop);
	return 0;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	close(loop->fd);
	free(loop);
}

static int control(struct loop *loop, int op, struct watch *watch, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = watch};

	return epoll_ctl(loop->fd, op, watch->fd, &event) ? -errno : 0;
}

int loop_add(struct loop *loop, struct watch *watch, uint32_t events)
{
	return control(loop, EPOLL_CTL_ADD, watch, events);
}

int loop_change(struct loop *loop, struct watch *watch, uint32_t events)
{
	return control(loop, EPOLL_CTL_MOD, watch, events);
}

void loop_remove(struct loop *loop, struct watch *watch)
{
	if (watch->fd >= 0)
		(void)control(loop, EPOLL_CTL_DEL, watch, 0);
	loop_forget(loop, watch);
}

void loop_forget(struct loop *loop, struct watch *watch)
{
	for (int i = 0; i < loop->batch_len; i++)
		if (loop->batch[i].data.ptr == watch)
			loop->batch[i].data.ptr = NULL;
}

static void dispatch(struct loop *loop)
{
	for (int i = 0; i < loop->batch_len && !loop->stopping; i++) {
		struct watch *watch = loop->batch[i].data.ptr;

		if (watch)
			watch->on_ready(watch, loop->batch[i].events);
	}
	loop->batch_len = 0;
}

void loop_set_hooks(struct loop *loop, const struct loop_hooks *hooks)
{
	loop->hooks = hooks;
}

int loop_turn(struct loop *loop, int wait_ms)
{
	const struct loop_hooks *hooks = loop->hooks;
	int n;

	if (hooks) {
		int most = hooks->before_wait(hooks->context);

		if (most >= 0 && (wait_ms < 0 || most < wait_ms))
			wait_ms = most;
	}
	n = epoll_wait(loop->fd, loop->batch, LOOP_BATCH, loop->stopping ? 0 : wait_ms);
	if (n < 0 && errno != EINTR)
		return -errno;
	loop->batch_len = MAX(n, 0);
	if (hooks)
		hooks->after_wait(hooks->context);
	dispatch(loop);
	return 0;
}

int loop_run(struct loop *loop)
{
	loop->stopping = false;
	while (!loop->stopping) {
		int r = loop_turn(loop, -1);

		if (r)
			return r;
	}
	return 0;
}

void loop_stop(struct loop *loop)
{
	loop->stopping = true;
}
