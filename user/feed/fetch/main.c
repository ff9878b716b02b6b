/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * strazh-fetch: started by strazhd for one download. It reads a request, gives up every right,
 * fetches, parses, and writes a copy and an answer (user/feed/message.h). A file is opened before
 * the rights are gone, and read behind them.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <strazh/base/own.h>
#include <user/feed/copy.h>
#include <user/feed/fetch/confine.h>
#include <user/feed/fetch/transfer.h>
#include <user/feed/lapi.h>
#include <user/feed/text.h>

#define MEMORY_LEAST (512ULL << 20) /* of address space: libraries and stacks of threads */
#define JSON_FACTOR 16		    /* what jansson makes of a byte at most, as seen */
#define FILE_SCHEME "file:"

static int read_exactly(int fd, void *to, size_t len)
{
	char *at = to;

	while (len) {
		ssize_t n = read(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EBADMSG;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

static int write_all(int fd, const void *from, size_t len)
{
	const char *at = from;

	while (len) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

/* ---- what came, as a copy ---- */

static enum feed_outcome keep(struct feed_head *head, const void *records, size_t size,
			      char text[FEED_TEXT_LEN])
{
	int r = write_all(FEED_COPY_FD, head, sizeof(*head));

	if (!r)
		r = write_all(FEED_COPY_FD, records, head->count * size);
	if (!r && fsync(FEED_COPY_FD))
		r = -errno;
	if (!r)
		return FEED_NEW;
	(void)snprintf(text, FEED_TEXT_LEN, "the copy cannot be written: %s", strerror(-r));
	return FEED_BROKEN;
}

static enum feed_outcome too_many(const struct feed_request *request, char text[FEED_TEXT_LEN])
{
	(void)snprintf(text, FEED_TEXT_LEN, "more than max_entries, %llu",
		       (unsigned long long)request->max_entries);
	return FEED_TOO_LARGE;
}

static enum feed_outcome no_memory(char text[FEED_TEXT_LEN])
{
	(void)snprintf(text, FEED_TEXT_LEN, "%s", strerror(ENOMEM));
	return FEED_BROKEN;
}

static enum feed_outcome keep_list(const struct feed_request *request, struct transfer *t,
				   struct feed_head *head, char text[FEED_TEXT_LEN])
{
	struct cidrlist list;
	enum feed_outcome outcome;
	int r = feed_text_parse((enum feed_format)request->format, t->bytes, t->len,
				request->max_entries, &list);

	if (r)
		return r < 0 ? no_memory(text) : too_many(request, text);
	head->count = list.count;
	head->lines = list.lines;
	head->wrong = list.faults_total;
	for (size_t i = 0; i < MIN(list.faults_total, (size_t)FEED_WRONG_KEPT); i++) {
		struct feed_wrong *wrong = &head->wrongs[i];

		wrong->line = list.faults[i].line;
		(void)snprintf(wrong->text, sizeof(wrong->text), "%.40s", list.faults[i].text);
		(void)snprintf(wrong->why, sizeof(wrong->why), "%s", list.faults[i].why);
	}
	outcome = keep(head, list.entries, sizeof(*list.entries), text);
	cidrlist_deinit(&list);
	return outcome;
}

static enum feed_outcome keep_decisions(const struct feed_request *request, struct transfer *t,
					struct feed_head *head, char text[FEED_TEXT_LEN])
{
	struct lapi_changes changes;
	char why[LAPI_WHY_LEN];
	enum feed_outcome outcome;
	int r = lapi_parse(t->bytes, t->len, request->scopes, request->max_entries, &changes, why);

	if (r == LAPI_NO_JSON) {
		(void)snprintf(text, FEED_TEXT_LEN, "%s", why);
		return FEED_UNREADABLE;
	}
	if (r)
		return r < 0 ? no_memory(text) : too_many(request, text);
	head->count = changes.count;
	head->lines = changes.all;
	head->wrong = changes.wrong;
	memcpy(head->wrongs, changes.wrongs, sizeof(head->wrongs));
	outcome = keep(head, changes.list, sizeof(*changes.list), text);
	lapi_changes_deinit(&changes);
	return outcome;
}

/* ---- one request ---- */

static enum feed_outcome fetch(const struct feed_request *request, int file,
			       char text[FEED_TEXT_LEN])
{
	struct feed_head head = {
		.magic = FEED_MAGIC,
		.version = FEED_VERSION,
		.format = request->format,
		.fetched_s = (uint64_t)time(NULL),
	};
	struct transfer t = {0};
	enum feed_outcome outcome = file >= 0 ? transfer_file(request, file, &t, text)
					      : transfer_http(request, &t, text);

	if (outcome != FEED_NEW)
		return outcome;
	head.bytes = t.len;
	memcpy(head.etag, t.etag, sizeof(head.etag));
	memcpy(head.modified, t.modified, sizeof(head.modified));
	outcome = request->format == FEED_LAPI ? keep_decisions(request, &t, &head, text)
					       : keep_list(request, &t, &head, text);
	transfer_deinit(&t);
	return outcome;
}

static enum feed_outcome serve(const struct feed_request *request, char text[FEED_TEXT_LEN])
{
	const bool local = strncmp(request->url, FILE_SCHEME, strlen(FILE_SCHEME)) == 0;
	/* Whatever the parser makes of the bytes: keys, twice for sorting, and the records. */
	const uint64_t factor = request->format == FEED_LAPI ? JSON_FACTOR : 3;
	const uint64_t memory = MEMORY_LEAST + request->max_bytes * factor +
				request->max_entries * 128;
	own_fd int file = -1;
	const char *what;
	int r;

	if (local) {
		file = open(request->url + strlen(FILE_SCHEME), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (file < 0) {
			(void)snprintf(text, FEED_TEXT_LEN, "%s", strerror(errno));
			return FEED_UNREACHED;
		}
	}
	r = fetch_confine(
		memory,
		feed_copy_size_most((enum feed_format)request->format, request->max_entries),
		&what);
	if (r) {
		(void)snprintf(text, FEED_TEXT_LEN, "%s cannot be given up: %s", what,
			       strerror(-r));
		return FEED_BROKEN;
	}
	return fetch(request, file, text);
}

int main(void)
{
	static struct feed_request request;
	struct feed_answer answer = {.magic = FEED_MAGIC};

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)signal(SIGXFSZ, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	if (read_exactly(STDIN_FILENO, &request, sizeof(request)) ||
	    !feed_request_right(&request)) {
		fputs("strazh-fetch: it is started by strazhd, and does nothing by itself\n",
		      stderr);
		return 2;
	}
	/* libcurl has a limit of its own; this one holds whatever hangs. */
	(void)alarm(request.seconds + 5);
	answer.outcome = serve(&request, answer.text);
	return write_all(STDOUT_FILENO, &answer, sizeof(answer)) ? 1 : 0;
}
