/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The life of the worker's process.
 *
 *	DOWN --launch()--> STARTING --it answers--> RUNNING <--answers-- RELOADING
 *	  ^                    |                       |   --on_config()-->   |
 *	  +---- the launcher tells that it ended: ended() starts the timer ---+
 *
 * A worker that ended by itself is started again, after 1 s, 2 s, 4 s to a minute; one that served
 * a minute has earned a first try anew. One that cannot start is tried again the same way (a name
 * of an upstream may be known in a minute), and why is in the log once. Nothing here waits but
 * secured_life_open() and secured_life_close(), outside the loop and for a bounded time.
 *
 * A worker that could not be started because a port could not be bound stays down: the keeper gave
 * up the right to try again.
 *
 * A launcher that dies takes nothing with it: its worker goes on, unless it was being started. Once
 * both are gone the keeper, which can start neither, ends as a failure, so that who looks after it
 * starts all of it anew; the gate enforces meanwhile.
 */
#include <user/daemon/worker/secured.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <strazh/base/own.h>
#include <user/base/clock.h>
#include <user/base/log.h>
#include <user/daemon/caps.h>
#include <user/daemon/config/config_pass.h>
#include <user/daemon/worker/launcher.h>

#define FIRST_MS 5000	/* waited for, at most, before the loop runs */
#define ANSWER_MS 60000 /* scrypt of all keys, names of all upstreams */
#define STOP_MS 5000	/* beyond drain_timeout */
#define PAUSE_MAX_S 60U
#define HEALTHY_S 60U
#define ALONE_MS 3000 /* systemd takes five starts within ten seconds for one that never works */

/* ---- troubles ---- */

static void trouble(struct secured *s, const char *text)
{
	snprintf(s->trouble, sizeof(s->trouble), "%s", text);
}

/* All to the log, the first of them to who asks for the status. The same again is not said again.
 */
static void say_trouble(struct secured *s, int r, const struct config_faults *faults)
{
	const struct config_fault *first = &faults->list[0];

	if (faults->total)
		snprintf(s->trouble, sizeof(s->trouble), "%s: %s: %s", first->where, first->key,
			 first->why);
	else
		trouble(s, strerror(-r));
	if (strcmp(s->logged, s->trouble) == 0)
		return;
	memcpy(s->logged, s->trouble, sizeof(s->logged));
	log_error("the secured server cannot start: %s", s->trouble);
	for (size_t i = 1; i < MIN(faults->total, (size_t)CONFIG_FAULTS_MAX); i++)
		log_error("the secured server cannot start: %s: %s: %s", faults->list[i].where,
			  faults->list[i].key, faults->list[i].why);
}

/* A reader, which is forked, may have a copy: the other side is to see the end all the same. */
static void unwatch(struct keeper *keeper, struct watch *watch)
{
	if (watch->fd < 0)
		return;
	loop_remove(keeper->loop, watch);
	(void)shutdown(watch->fd, SHUT_RDWR);
	close(watch->fd);
	watch->fd = -1;
}

static void later(struct secured *s, uint64_t ms)
{
	if (timer_start(&s->timer, ms, 0))
		log_error("the secured server: there is no timer");
}

static void give_up(struct keeper *keeper)
{
	keeper->failed = true;
	loop_stop(keeper->loop);
}

/*
 * The worker is gone, its launcher as well. Or it cannot be ended by anybody: with our end of the
 * control socket it ends by itself, and what hangs ends with us, for systemd leaves nothing of it.
 * A launcher that never started a worker would not do so the next time either: there the keeper is
 * of more use as it is.
 */
static void alone(struct keeper *keeper)
{
	struct secured *s = &keeper->secured;
	bool reloading = s->state == SECURED_RELOADING;

	if (s->alone)
		return;
	s->alone = true;
	unwatch(keeper, &s->control_watch);
	secured_forget(keeper);
	s->state = SECURED_DOWN;
	s->pid = 0;
	if (s->launched) {
		trouble(s, "it is gone, and so is its launcher; strazhd ends, to be started anew");
		log_error("the secured server is gone, and so is its launcher: strazhd ends in %d "
			  "s, to be started anew",
			  ALONE_MS / 1000);
		if (timer_start(&s->timer, ALONE_MS, 0))
			give_up(keeper);
	} else {
		trouble(s, "its launcher is gone; strazhd has to be started again");
		log_error("the launcher of the secured server is gone: strazhd has to be started "
			  "again before that server can be");
		(void)!timer_stop(&s->timer);
	}
	if (reloading)
		reload_end(keeper, -ECONNRESET, NULL);
}

void secured_kill(struct keeper *keeper, const char *why)
{
	struct secured *s = &keeper->secured;

	if (why) {
		log_error("the secured server is ended: %s", why);
		s->killed = why;
	}
	if (s->launcher_watch.fd < 0)
		alone(keeper);
	else
		(void)!launcher_kill(s->launcher_watch.fd);
}

/* ---- start ---- */

static void launch_later(struct secured *s)
{
	s->pause_s = s->pause_s ? MIN(s->pause_s * 2, PAUSE_MAX_S) : 1;
	later(s, s->pause_s * 1000ULL);
}

/* The configuration as it is now, with all files that it names. */
static int send_config(struct keeper *keeper, const struct config *config, enum control_type type)
{
	const struct secured *s = &keeper->secured;
	const struct control_message order = {.type = type, .count = (uint32_t)s->ports.len};
	struct identity_files files = {0};
	struct identity_config named;
	int fds[1 + IDENTITY_FILES_MAX], r;
	own_fd int passed = -1;
	size_t len = 0;

	worker_plan_identity(config, &named);
	r = identity_files_open(&named, &files);
	if (!r)
		r = config_pass(config, &files, &passed);
	fds[len++] = passed;
	for (size_t i = 0; i < files.count; i++)
		if (files.list[i].fd >= 0)
			fds[len++] = files.list[i].fd;
	if (!r)
		r = control_send(s->control_watch.fd, &order, fds, len);
	identity_files_close(&files);
	return r;
}

static int send_sockets(const struct secured *s)
{
	const struct control_message order = {.type = CONTROL_SOCKETS};
	int r = 0;

	for (size_t at = 0; at < s->ports.len && !r; at += CONTROL_FDS_MAX)
		r = control_send(s->control_watch.fd, &order, s->ports.fds + at,
				 MIN(s->ports.len - at, (size_t)CONTROL_FDS_MAX));
	return r;
}

static void on_control(struct watch *watch, uint32_t events);

static int watch_fd(struct keeper *keeper, struct watch *watch, int fd,
		    void (*on_ready)(struct watch *, uint32_t))
{
	int r;

	*watch = (struct watch){.fd = fd, .on_ready = on_ready, .context = keeper};
	r = loop_add(keeper->loop, watch, EPOLLIN);
	if (r) {
		close(fd);
		watch->fd = -1;
	}
	return r;
}

/* Our ends are watched, the others go with the worker. */
static int make_ends(struct keeper *keeper, int ret_theirs[2])
{
	struct secured *s = &keeper->secured;
	int control[2], split[2], r = control_pair(control);

	if (r)
		return r;
	r = split_pair(split);
	if (r) {
		close(control[0]);
		close(control[1]);
		return r;
	}
	ret_theirs[0] = control[1];
	ret_theirs[1] = split[1];
	r = watch_fd(keeper, &s->control_watch, control[0], on_control);
	if (r)
		close(split[0]);
	else
		r = watch_fd(keeper, &s->watch, split[0], secured_hear);
	return r;
}

static void launch(struct keeper *keeper)
{
	struct secured *s = &keeper->secured;
	own_fd int control = -1, split = -1;
	int theirs[2] = {-1, -1}, r;

	r = make_ends(keeper, theirs);
	control = theirs[0];
	split = theirs[1];
	if (!r)
		r = launcher_start(s->launcher_watch.fd, control, split);
	if (!r)
		r = send_sockets(s);
	if (!r)
		r = send_config(keeper, keeper->options->config, CONTROL_START);
	if (!r) {
		s->state = SECURED_STARTING;
		s->expected = false;
		later(s, ANSWER_MS);
		return;
	}
	say_trouble(s, r, &(struct config_faults){0});
	unwatch(keeper, &s->control_watch);
	secured_forget(keeper);
	secured_kill(keeper, NULL);
	launch_later(s);
}

/* ---- answers ---- */

static void started(struct keeper *keeper)
{
	struct secured *s = &keeper->secured;
	const struct control_answer *a = s->answer;

	s->launched = true;
	if (a->r) {
		say_trouble(s, a->r, &a->faults);
		s->expected = true;
		return;
	}
	s->state = SECURED_RUNNING;
	s->since_s = clock_boot_s();
	s->silent_s = 0;
	s->trouble[0] = s->logged[0] = '\0';
	memcpy(s->text, a->text, sizeof(s->text));
	s->calls = a->calls;
	s->landlock = a->landlock;
	s->upstream_ports = a->ports;
	(void)!timer_stop(&s->timer);
	log_info("secured server: %s", s->text);
}

static void reloaded(struct keeper *keeper)
{
	struct secured *s = &keeper->secured;
	const struct control_answer *a = s->answer;

	s->state = SECURED_RUNNING;
	(void)!timer_stop(&s->timer);
	if (!a->r) {
		memcpy(s->text, a->text, sizeof(s->text));
		log_info("secured server: %s", s->text);
	}
	reload_end(keeper, a->r, &a->faults);
}

static void on_control(struct watch *watch, uint32_t events)
{
	struct keeper *keeper = watch->context;
	struct secured *s = &keeper->secured;
	int r = control_hear(watch->fd, s->answer);

	(void)events;
	if (r == -EAGAIN)
		return;
	if (!r && s->state == SECURED_STARTING) {
		started(keeper);
	} else if (!r && s->state == SECURED_RELOADING) {
		reloaded(keeper);
	} else {
		unwatch(keeper, watch);
		secured_kill(keeper, r == -EPIPE || r == -ECONNRESET
					     ? NULL
					     : "it answered what nobody asked");
	}
}

static int on_config(void *owner, const struct config *config, struct config_faults *faults)
{
	struct keeper *keeper = owner;
	struct secured *s = &keeper->secured;
	int r;

	(void)faults;
	if (s->state == SECURED_STARTING) {
		/* With what is not true any more. */
		s->pause_s = 0;
		s->expected = true;
		secured_kill(keeper, NULL);
	} else if (s->state == SECURED_DOWN && s->launcher_watch.fd >= 0 && s->ports.len &&
		   !s->pid) {
		s->pause_s = 0;
		later(s, 1);
	}
	if (s->state != SECURED_RUNNING)
		return 0;
	r = send_config(keeper, config, CONTROL_RELOAD);
	if (r)
		return r;
	s->state = SECURED_RELOADING;
	later(s, ANSWER_MS);
	return RELOAD_LATER;
}

static void on_time(struct timer *timer)
{
	struct keeper *keeper = timer->context;

	if (keeper->secured.alone)
		give_up(keeper);
	else if (keeper->secured.state == SECURED_DOWN)
		launch(keeper);
	else
		secured_kill(keeper, "it does not answer");
}

/* ---- its end ---- */

static void describe_end(struct secured *s, int status)
{
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && s->killed)
		snprintf(s->cause, sizeof(s->cause), "it was ended: %s", s->killed);
	else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		snprintf(s->cause, sizeof(s->cause), "it made a system call that it must not make");
	else if (WIFSIGNALED(status))
		snprintf(s->cause, sizeof(s->cause), "signal %d (%s)", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	else
		snprintf(s->cause, sizeof(s->cause), "it ended with status %d",
			 WEXITSTATUS(status));
}

static void ended(struct keeper *keeper, int status)
{
	struct secured *s = &keeper->secured;
	bool served = s->state == SECURED_RUNNING || s->state == SECURED_RELOADING;
	bool reloading = s->state == SECURED_RELOADING;

	unwatch(keeper, &s->control_watch);
	secured_forget(keeper);
	describe_end(s, status);
	s->pid = 0;
	s->killed = NULL;
	s->state = SECURED_DOWN;
	if (served && clock_boot_s() - s->since_s >= HEALTHY_S)
		s->pause_s = 0;
	launch_later(s);
	if (!s->expected) {
		s->restarts++;
		trouble(s, s->cause);
		log_error("the secured server is gone: %s; it is started again in %u s", s->cause,
			  s->pause_s);
	}
	if (reloading)
		reload_end(keeper, -ECONNRESET, NULL);
}

/* The end of its socket is all that tells the end of a worker from here on. When that has ended
 * already its end was not told, and is not any more. */
static void launcher_gone(struct keeper *keeper)
{
	struct secured *s = &keeper->secured;

	unwatch(keeper, &s->launcher_watch);
	if (s->state == SECURED_DOWN || s->control_watch.fd < 0) {
		alone(keeper);
		return;
	}
	log_error("the launcher of the secured server is gone: sessions go on; when that server "
		  "ends strazhd does, to be started anew");
}

static void on_launcher(struct watch *watch, uint32_t events)
{
	struct keeper *keeper = watch->context;
	struct secured *s = &keeper->secured;
	struct launcher_message m;
	int r = launcher_hear(watch->fd, &m);

	(void)events;
	if (r == -EAGAIN)
		return;
	if (r) {
		launcher_gone(keeper);
	} else if (m.said == LAUNCHER_ENDED) {
		ended(keeper, m.status);
	} else if (m.error) {
		say_trouble(s, m.error, &(struct config_faults){0});
		unwatch(keeper, &s->control_watch);
		secured_forget(keeper);
		s->state = SECURED_DOWN;
		launch_later(s);
	} else {
		s->pid = m.pid;
	}
}

/* ---- beginning and end ---- */

/* One turn of what concerns the worker alone. */
static void turn(struct keeper *keeper, int wait_ms)
{
	struct secured *s = &keeper->secured;
	struct pollfd waits[] = {{.fd = s->launcher_watch.fd, .events = POLLIN},
				 {.fd = s->control_watch.fd, .events = POLLIN}};

	if (poll(waits, ARRAY_LEN(waits), wait_ms) <= 0)
		return;
	if (waits[1].revents)
		on_control(&s->control_watch, 0);
	if (waits[0].revents)
		on_launcher(&s->launcher_watch, 0);
}

static uint64_t now_ms(void)
{
	return clock_boot_ns() / 1000000;
}

/* For poll(), of one look at the clock: below 0 it would wait for ever. 0: it is over. */
static int left_ms(uint64_t until_ms)
{
	uint64_t now = now_ms();

	return now < until_ms ? (int)MIN(until_ms - now, (uint64_t)INT_MAX) : 0;
}

void secured_init(struct keeper *keeper, const struct launched *launcher)
{
	struct secured *s = &keeper->secured;

	s->watch.fd = s->control_watch.fd = s->launcher_watch.fd = -1;
	s->launcher = *launcher;
}

void secured_bind(struct keeper *keeper)
{
	own_free struct config_faults *faults = calloc(1, sizeof(*faults));
	struct secured *s = &keeper->secured;
	int r;

	if (!config_number(keeper->options->config, CFG_SERVER_ENABLE))
		return;
	r = faults ? worker_ports_open(keeper->options->config, &s->ports, faults) : -ENOMEM;
	if (r && faults)
		say_trouble(s, r, faults);
	if (caps_drop_ports()) {
		trouble(s, "the right to open ports cannot be given up");
		log_error("%s", s->trouble);
		worker_ports_close(&s->ports);
	}
}

int secured_life_open(struct keeper *keeper)
{
	struct secured *s = &keeper->secured;
	uint64_t until = now_ms() + FIRST_MS;
	int left, r = timer_open(keeper->loop, &s->timer, on_time, keeper);

	if (r)
		return r;
	keeper->on_config = on_config;
	keeper->on_config_owner = keeper;
	s->answer = calloc(1, sizeof(*s->answer));
	if (!s->answer)
		return -ENOMEM;
	if (s->launcher.fd < 0) {
		trouble(s, "its launcher was not started");
		return 0;
	}
	r = watch_fd(keeper, &s->launcher_watch, s->launcher.fd, on_launcher);
	s->launcher.fd = -1;
	if (r || !s->ports.len)
		return r;
	launch(keeper);
	while (s->state == SECURED_STARTING && (left = left_ms(until)) > 0)
		turn(keeper, left);
	return 0;
}

static void wait_end(struct keeper *keeper, uint64_t ms)
{
	struct secured *s = &keeper->secured;
	uint64_t until = now_ms() + ms;
	int left;

	while (s->pid && s->launcher_watch.fd >= 0 && (left = left_ms(until)) > 0) {
		struct pollfd wait = {.fd = s->launcher_watch.fd, .events = POLLIN};
		struct launcher_message m;

		if (poll(&wait, 1, left) <= 0)
			continue;
		switch (launcher_hear(s->launcher_watch.fd, &m)) {
		case 0:
			s->pid = m.said == LAUNCHER_STARTED && !m.error ? m.pid : 0;
			break;
		case -EAGAIN:
			break;
		default:
			s->pid = 0;
		}
	}
}

void secured_life_close(struct keeper *keeper)
{
	struct secured *s = &keeper->secured;
	uint64_t drain_ms = config_number(keeper->options->config, CFG_SERVER_DRAIN_TIMEOUT) * 1000;

	/* Ours first: the worker's end of them is then the last one. */
	worker_ports_close(&s->ports);
	if (s->control_watch.fd >= 0 &&
	    !control_send(s->control_watch.fd, &(struct control_message){.type = CONTROL_STOP},
			  NULL, 0))
		wait_end(keeper, drain_ms + STOP_MS);
	if (s->timer.on_time)
		timer_close(&s->timer);
	unwatch(keeper, &s->control_watch);
	secured_forget(keeper);
	unwatch(keeper, &s->launcher_watch); /* it kills a worker that is left */
	if (s->launcher.fd >= 0)
		close(s->launcher.fd);
	s->launcher.fd = -1;
	if (s->launcher.pid > 0)
		(void)waitpid(s->launcher.pid, NULL, 0);
	free(s->answer);
	s->answer = NULL;
}
