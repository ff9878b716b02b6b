/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Breaks records: opens a session as an honest client does, by libstrazh, is answered once, and
 * then sends what no key of it has sealed over the same connection, until the server has closed it.
 * Session after session, from one address; a connection that is not answered is the last.
 *
 * One object on standard output: when the first record was broken (CLOCK_MONOTONIC, ms), how many
 * sessions were opened, how many of them the server closed for it, and whether the last connection
 * was lost.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <strazh/client.h>
#include <tests/tools/kit/caller.h>
#include <tests/tools/kit/options.h>
#include <user/wire/record.h>

#define PATIENCE_MS 5000
#define FORGED_LEN 64

static struct {
	const char *to;
	uint8_t key[OPTIONS_KEY_LEN];
	struct callers callers;
	unsigned int count;
} want = {.count = 1};

static unsigned int sessions, closed;
static double begin_ms;

/* A record that looks like one, and whose tag is none. */
static size_t forge(uint8_t to[PH_RECORD_HEAD + FORGED_LEN + PH_RECORD_TAIL])
{
	const struct record_head head = {.type = PH_DATA, .len = FORGED_LEN, .n = 1};

	memset(record_emit(&head, to), 0x5a, FORGED_LEN + PH_RECORD_TAIL);
	return record_wire_len(&head);
}

/* What it still had to say, until it closes. */
static bool is_closed(int fd)
{
	double end_ms = caller_now_ms() + PATIENCE_MS;

	for (double now; (now = caller_now_ms()) < end_ms;) {
		struct pollfd ready = {fd, POLLIN, 0};
		uint8_t bytes[4096];
		ssize_t n;

		if (poll(&ready, 1, (int)(end_ms - now) + 1) <= 0)
			continue;
		n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		if (!n || (n < 0 && errno != EAGAIN && errno != EINTR))
			return true;
	}
	return false;
}

/* False: nobody answered. */
static bool break_one(void)
{
	const struct strazh_options options = {
		.address = want.to,
		.server_key = want.key,
		.no_resume = true,
		.reconnects = -1,
		.connect_timeout_ms = PATIENCE_MS,
	};
	uint8_t forged[PH_RECORD_HEAD + FORGED_LEN + PH_RECORD_TAIL];
	size_t len = forge(forged);
	struct strazh_error error;
	struct strazh *client;
	uint64_t ns;

	if (strazh_open(&options, &client, &error)) {
		fprintf(stderr, "breaker: %s\n", error.text);
		exit(1);
	}
	caller_is(&want.callers, 0);
	if (strazh_ping(client, PATIENCE_MS, &ns)) {
		strazh_close(client);
		return false;
	}
	if (!sessions++)
		begin_ms = caller_now_ms();
	if (send(caller_socket(), forged, len, MSG_NOSIGNAL) == (ssize_t)len)
		closed += is_closed(caller_socket());
	strazh_close(client);
	return true;
}

static const char usage[] =
	"usage: breaker --to ADDRESS:PORT --key HEX [--from ADDRESS] [--count N]\n";

static const struct tool_option options[] = {
	{.name = "to", .text = &want.to, .needed = true},
	{.name = "key", .key = want.key, .needed = true},
	OPTION_FROM(want.callers),
	{.name = "count", .number = &want.count, .most = 100000},
	{0},
};

int main(int argc, char **argv)
{
	bool lost = false;

	options_parse(argc, argv, options, usage);
	for (unsigned int i = 0; i < want.count && !lost; i++)
		lost = !break_one();
	printf("{\"begin_ms\":%.1f,\"sessions\":%u,\"closed\":%u,\"lost\":%s}\n", begin_ms,
	       sessions, closed, lost ? "true" : "false");
	return 0;
}
