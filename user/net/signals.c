/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Signals arrive as records on a descriptor, between other events and never inside them. */
#include <user/net/loop.h>

#include <errno.h>
#include <unistd.h>

#include <strazh/base/own.h>

static void signals_ready(struct watch *watch, uint32_t events)
{
	struct signals *signals = watch->context;
	struct signalfd_siginfo info;

	(void)events;
	while (read(watch->fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		signals->on_signal(signals, &info);
}

int signals_open(struct loop *loop, struct signals *signals, const sigset_t *set,
		 void (*on_signal)(struct signals *, const struct signalfd_siginfo *),
		 void *context)
{
	own_fd int fd = -1;
	int r;

	if (sigprocmask(SIG_BLOCK, set, NULL))
		return -errno;
	fd = signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	*signals = (struct signals){
		.watch = {.fd = fd, .on_ready = signals_ready, .context = signals},
		.loop = loop,
		.on_signal = on_signal,
		.context = context,
	};
	r = loop_add(loop, &signals->watch, EPOLLIN);
	if (r)
		return r;
	take_fd(&fd);
	return 0;
}

void signals_close(struct signals *signals)
{
	if (!signals->loop)
		return;
	loop_remove(signals->loop, &signals->watch);
	close(signals->watch.fd);
	signals->loop = NULL;
}
