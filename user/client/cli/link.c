/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/client/cli/link.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <user/client/cli/keys.h>

uint64_t cli_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static void on_state(void *data, enum strazh_state state, const struct strazh_error *why)
{
	struct link *link = data;
	bool was_up = link->up;

	link->up = state == STRAZH_UP;
	if (link->up) {
		link->sessions++;
		if (link->ops->on_up)
			link->ops->on_up(link->data);
		return;
	}
	if (state == STRAZH_CONNECTING || link->code)
		return;
	if (was_up && link->ops->on_down)
		link->ops->on_down(link->data, why);
	if (state == STRAZH_ENDED || !link->sessions || why->class == STRAZH_E_SERVER)
		link->code = cli_fail_error(why);
}

static void on_message(void *data, const struct strazh_message *message)
{
	struct link *link = data;

	if (link->ops->on_message)
		link->ops->on_message(link->data, message);
}

static void on_room(void *data)
{
	struct link *link = data;

	if (link->ops->on_room)
		link->ops->on_room(link->data);
}

int link_open(struct link *link, struct cli *cli, const struct link_ops *ops, void *data)
{
	struct strazh_options options;
	struct strazh_error error;

	*link = (struct link){.ops = ops, .data = data};
	options = cli->options;
	options.on_state = on_state;
	options.on_message = on_message;
	options.on_room = on_room;
	options.data = link;
	if (strazh_open(&options, &link->strazh, &error))
		return cli_fail_error(&error);
	return 0;
}

void link_close(struct link *link)
{
	strazh_close(link->strazh);
	link->strazh = NULL;
}

int link_turn(struct link *link)
{
	int r;

	cli_let_signals(!link->up); /* a name may be looked up */
	r = strazh_on_ready(link->strazh);
	cli_let_signals(false);
	if (r)
		return cli_fail(CLI_FAILED, "%s", strazh_error(link->strazh)->text);
	if (link->code)
		return link->code;
	/* Whoever read it is gone: for whom should we go on? */
	return ferror(stdout) ? cli_fail(CLI_FAILED, "standard output cannot be written") : 0;
}

int link_flush(struct link *link)
{
	if (strazh_flush(link->strazh))
		return cli_fail(CLI_FAILED, "%s", strazh_error(link->strazh)->text);
	return link->code;
}

int link_wait(struct link *link, struct pollfd *more, uint64_t until_ms)
{
	struct pollfd fds[2] = {{.fd = strazh_fd(link->strazh), .events = POLLIN}, {.fd = -1}};
	struct timespec wait = {0};
	uint64_t now = cli_now_ms();
	sigset_t none;
	int r;

	/* It connects with its first turn. */
	r = link_turn(link);
	if (r || cli_stopped())
		return r;
	if (more)
		fds[1] = *more;
	if (until_ms > now) {
		wait.tv_sec = (time_t)((until_ms - now) / 1000);
		wait.tv_nsec = (long)((until_ms - now) % 1000 * 1000000);
	}
	sigemptyset(&none);
	fds[1].revents = 0;
	if (ppoll(fds, 2, until_ms ? &wait : NULL, &none) < 0 && errno != EINTR)
		return cli_fail(CLI_FAILED, "poll: %s", strerror(errno));
	if (more)
		more->revents = fds[1].revents;
	return fds[0].revents ? link_turn(link) : 0;
}

int link_queue(struct link *link, const struct strazh_message *message)
{
	int r = strazh_queue(link->strazh, message);

	if (!r || r == STRAZH_E_FULL)
		return r;
	if (r == STRAZH_E_CLOSED) /* lost like what is under way: on_down() comes next */
		return 0;
	link->code = cli_fail_error(strazh_error(link->strazh));
	return r;
}
