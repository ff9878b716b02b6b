/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A hostile client of the secured server, over real connections: bounded in rate, time and number,
 * from one address or many by turns.
 *
 *	garbage   connects, says what is no hello, and reads until it is told to go
 *	connect   connects and goes
 *	hold      connects and says nothing until the server has had enough
 *	touch     connects to one port after the other, from the port given on
 *
 * One object on standard output: when the first SYN left (CLOCK_MONOTONIC, ms), how many
 * connections were tried, how many were answered by a handshake of TCP, refused, and how many
 * nobody answered.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <strazh/base/compiler.h>
#include <tests/tools/kit/caller.h>
#include <tests/tools/kit/options.h>
#include <tests/tools/kit/stop.h>
#include <tests/tools/kit/target.h>

#define LINES 512
#define PATIENCE_MS 900 /* a SYN is sent again after a second */
#define HOLD_MS 8000

enum { GARBAGE, CONNECT, HOLD, TOUCH };
static const char *const kind_names[] = {"garbage", "connect", "hold", "touch", NULL};

static struct {
	struct target target;
	struct callers callers;
	unsigned int kind, port, rate, seconds, count;
} want = {.rate = 100, .seconds = 10, .count = 1000000, .port = 8000};

struct line {
	int fd; /* 0: free */
	bool answered;
	double since_ms;
};

static struct line lines[LINES];
static unsigned int sent, answered, refused, unanswered, busy;

static void end(struct line *line)
{
	close(line->fd);
	line->fd = 0;
}

/* False: all lines are in use. */
static bool begin(void)
{
	struct target to = want.target;

	for (unsigned int i = 0; i < LINES; i++) {
		if (lines[i].fd)
			continue;
		caller_is(&want.callers, sent);
		target_set_port(&to.to, (uint16_t)(want.port + (want.kind == TOUCH ? sent : 0)));
		lines[i] = (struct line){target_connect(&to, SOCK_STREAM, 0), false,
					 caller_now_ms()};
		sent++;
		if (lines[i].fd < 0) {
			refused++;
			lines[i].fd = 0;
		}
		return true;
	}
	busy++;
	return false;
}

static void on_answer(struct line *line)
{
	static const char garbage[] = "GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n"
				      "GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n"
				      "GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n";
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(line->fd, SOL_SOCKET, SO_ERROR, &error, &len) || error) {
		refused++;
		end(line);
		return;
	}
	answered++;
	line->answered = true;
	line->since_ms = caller_now_ms();
	if (want.kind == GARBAGE)
		(void)!send(line->fd, garbage, sizeof(garbage) - 1, MSG_NOSIGNAL);
	else if (want.kind != HOLD)
		end(line);
}

static void on_ready(struct line *line)
{
	char bytes[4096];
	ssize_t n;

	if (!line->answered) {
		on_answer(line);
		return;
	}
	n = recv(line->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	if (!n || (n < 0 && errno != EAGAIN))
		end(line);
}

static void serve(int wait_ms)
{
	struct pollfd fds[LINES];
	struct line *whose[LINES];
	nfds_t used = 0;
	double now;

	for (unsigned int i = 0; i < LINES; i++) {
		if (!lines[i].fd)
			continue;
		whose[used] = &lines[i];
		fds[used++] = (struct pollfd){lines[i].fd, lines[i].answered ? POLLIN : POLLOUT, 0};
	}
	(void)poll(fds, used, wait_ms);
	now = caller_now_ms();
	for (nfds_t i = 0; i < used; i++) {
		if (fds[i].revents) {
			on_ready(whose[i]);
		} else if (now - whose[i]->since_ms >
			   (whose[i]->answered ? HOLD_MS : PATIENCE_MS)) {
			unanswered += !whose[i]->answered;
			end(whose[i]);
		}
	}
}

static void run(void)
{
	double begin_ms = caller_now_ms(), end_ms = begin_ms + want.seconds * 1e3, now;

	while ((now = caller_now_ms()) < end_ms && sent < want.count && !stop) {
		double due = (now - begin_ms) * want.rate / 1e3 + 1;

		while (sent < due && sent < want.count && begin())
			;
		serve(1);
	}
	for (double last = caller_now_ms() + PATIENCE_MS + 100; caller_now_ms() < last && !stop;)
		serve(10);
	printf("{\"begin_ms\":%.1f,\"sent\":%u,\"answered\":%u,\"refused\":%u,\"unanswered\":%u,"
	       "\"busy\":%u}\n",
	       begin_ms, sent, answered, refused, unanswered, busy);
}

static const char usage[] =
	"usage: pest --to ADDRESS [--port N] [--kind garbage|connect|hold|touch]\n"
	"  [--from ADDRESS [--sources N] [--step N]] [--rate N] [--seconds N] [--count N]\n";

static const struct tool_option options[] = {
	{.name = "to", .address = &want.target.to, .address_len = &want.target.len, .needed = true},
	OPTION_FROM(want.callers),
	OPTION_SOURCES(want.callers),
	OPTION_STEP(want.callers),
	{.name = "kind", .choice = &want.kind, .names = kind_names},
	{.name = "port", .number = &want.port, .most = 65535},
	{.name = "rate", .number = &want.rate, .most = 100000},
	{.name = "seconds", .number = &want.seconds, .most = 3600},
	{.name = "count", .number = &want.count, .most = 10000000},
	{0},
};

int main(int argc, char **argv)
{
	options_parse(argc, argv, options, usage);
	stop_by_signals();
	caller_room(LINES);
	run();
	return 0;
}
