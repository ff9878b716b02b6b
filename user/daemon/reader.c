/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A child for a long answer. It has the maps, a copy of the history, and the client's socket; it
 * waits for a slow client as long as it takes, and nobody waits for it. It never writes a map: its
 * handle is a reader's one from the first moment.
 * Keys and sessions of the secured server are in another process, so a fork() here copies none.
 */
#include <user/daemon/server.h>

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <strazh/base/own.h>
#include <user/base/clock.h>
#include <user/base/log.h>

#define BUFFER 65536U
#define STUCK_MS (10 * 60 * 1000)

struct writer {
	int fd;
	size_t len;
	char buffer[BUFFER];
};

static int write_all(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = unix_send(fd, bytes, len, -1);
		struct pollfd wait = {.fd = fd, .events = POLLOUT};

		if (n == -EAGAIN) {
			if (poll(&wait, 1, STUCK_MS) <= 0)
				return -ETIMEDOUT;
		} else if (n < 0) {
			return (int)n;
		} else {
			bytes += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

static int writer_flush(struct writer *writer)
{
	int r = write_all(writer->fd, writer->buffer, writer->len);

	writer->len = 0;
	return r;
}

static int writer_row(void *context, json_t *row)
{
	struct writer *writer = context;
	size_t room = BUFFER - writer->len;
	size_t need = json_dumpb(row, writer->buffer + writer->len, room, JSON_COMPACT);
	int r = 0;

	if (need + 1 > room) {
		r = writer_flush(writer);
		if (!r)
			need = json_dumpb(row, writer->buffer, BUFFER, JSON_COMPACT);
		if (need + 1 > BUFFER)
			r = -EMSGSIZE;
	}
	json_decref(row);
	if (r)
		return r;
	writer->len += need;
	writer->buffer[writer->len++] = '\n';
	return 0;
}

/* Ports of the secured server: a copy of ours would keep them open when strazhd closes them. */
static void close_ports(void)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;

	while (dir && (entry = readdir(dir)) != NULL) {
		int fd = (int)strtol(entry->d_name, NULL, 10), domain;
		socklen_t len = sizeof(domain);

		if (fd > STDERR_FILENO && fd != dirfd(dir) &&
		    !getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) &&
		    (domain == AF_INET || domain == AF_INET6))
			close(fd);
	}
	if (dir)
		closedir(dir);
}

static int child_main(struct client_link *link, struct request *request)
{
	static struct writer writer; /* too large for comfort on a stack */
	struct lines *lines = &link->lines;
	sigset_t none;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)prctl(PR_SET_NAME, "strazhd-reader");
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)setpriority(PRIO_PROCESS, 0, 5);
	close_ports();
	/* The lock is the keeper's: our copy of its descriptor must not outlive it. */
	close(request->gate->lock_fd);
	request->gate->lock_fd = -1;
	writer.fd = lines->watch.fd;
	/* What the keeper had not sent yet comes first. */
	if (lines->out_at < lines->out_len &&
	    write_all(writer.fd, lines->out + lines->out_at, lines->out_len - lines->out_at))
		return 1;
	request->on_row = writer_row;
	request->sink = &writer;
	if (writer_row(&writer, request_run(request)))
		return 1;
	return writer_flush(&writer) ? 1 : 0;
}

int reader_start(struct client_link *link, struct request *request, char *why, size_t size)
{
	struct keeper *keeper = link->keeper;
	struct reader *reader;

	if (keeper->readers_len >= READERS_MAX ||
	    (!link->root && keeper->guest_readers_len >= READERS_GUESTS)) {
		(void)snprintf(why, size,
			       "%s: too many long answers are being read already; try "
			       "again",
			       request->command->name);
		return CTL_FAILED;
	}
	reader = calloc(1, sizeof(*reader));
	if (reader)
		reader->pid = fork();
	if (!reader || reader->pid < 0) {
		(void)snprintf(why, size, "%s: %s", request->command->name, strerror(errno));
		free(reader);
		return CTL_FAILED;
	}
	if (!reader->pid)
		_exit(child_main(link, request));
	link->lines.out_len = link->lines.out_at = 0;
	lines_pause(&link->lines);
	reader->link = link;
	reader->root = link->root;
	link->reader = reader;
	reader->next = keeper->readers;
	keeper->readers = reader;
	keeper->readers_len++;
	keeper->guest_readers_len += !reader->root;
	return CTL_DONE;
}

void reader_abandon(struct reader *reader)
{
	(void)kill(reader->pid, SIGKILL);
	reader->link = NULL;
}

static void finished(struct keeper *keeper, struct reader *reader, int status)
{
	struct client_link *link = reader->link;

	keeper->readers_len--;
	keeper->guest_readers_len -= !reader->root;
	free(reader);
	if (!link)
		return;
	link->reader = NULL;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		link->active_s = clock_boot_s();
		lines_resume(&link->lines);
		return;
	}
	if (WIFSIGNALED(status))
		log_error("a reader died of signal %d", WTERMSIG(status));
	link_close(link);
}

void readers_reap(struct keeper *keeper)
{
	struct reader **at = &keeper->readers;

	while (*at) {
		struct reader *reader = *at;
		int status;

		if (waitpid(reader->pid, &status, WNOHANG) != reader->pid) {
			at = &reader->next;
			continue;
		}
		*at = reader->next;
		finished(keeper, reader, status);
		at = &keeper->readers; /* finished() may have changed the list */
	}
}

void readers_close(struct keeper *keeper)
{
	while (keeper->readers) {
		struct reader *reader = keeper->readers;

		keeper->readers = reader->next;
		(void)kill(reader->pid, SIGKILL); /* reaped by whoever takes our children */
		free(reader);
	}
}
