/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Who comes in: root may do everything, members of the group strazh may look, anybody else is told
 * so and shown out. A client costs at most LINES_IN_MAX in and OUT_MAX out; while more than
 * OUT_BUSY of answers wait for it, it is not read.
 */
#include <user/daemon/acts/loads.h>
#include <user/daemon/memory/story.h>
#include <user/daemon/server.h>

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <strazh/base/own.h>
#include <user/base/clock.h>
#include <user/base/log.h>
#include <user/ctl/rows.h>
#include <user/daemon/acts/acts.h>

#define OUT_MAX (512U << 10)
#define IDLE_S 30U
#define GROUP "strazh"

/* ---- one client ---- */

int link_put(struct client_link *link, json_t *row)
{
	own_free char *text = json_dumps(row, JSON_COMPACT);
	own_free char *line = NULL;
	int len = text ? asprintf(&line, "%s\n", text) : -1;

	json_decref(row);
	if (len < 0)
		return -ENOMEM;
	return lines_put(&link->lines, line, (size_t)len);
}

void link_close(struct client_link *link)
{
	struct keeper *keeper = link->keeper;
	struct client_link **at = &keeper->clients;

	while (*at != link)
		at = &(*at)->next;
	*at = link->next;
	keeper->clients_len--;
	keeper->guests_len -= !link->root;
	if (link->reader)
		reader_abandon(link->reader);
	acts_abandon(link);
	story_abandon(link);
	loads_abandon(link);
	lines_deinit(&link->lines);
	free(link);
}

static void on_line(struct lines *lines, char *line, size_t len)
{
	struct client_link *link = lines->context;

	link->active_s = clock_boot_s();
	link_request(lines, line, len);
}

static void on_end(struct lines *lines, enum lines_end why)
{
	struct client_link *link = lines->context;

	if (why == LINES_TOO_LONG)
		(void)!link_put(link, result_make(NULL, CTL_USAGE,
						  "a request may have 65,536 bytes at most"));
	link_close(link);
}

static void on_drained(struct lines *lines)
{
	struct client_link *link = lines->context;

	link->active_s = clock_boot_s();
	if (lines->paused && !link->reader && !link->ack && !link->story && !link->load)
		lines_resume(lines);
}

/* ---- the door ---- */

static void refuse(int fd, int code, const char *text)
{
	json_t *result = result_make(NULL, code, text);
	own_free char *line = json_dumps(result, JSON_COMPACT);

	json_decref(result);
	/* One datagram's worth into an empty socket buffer: it fits, or it is not worth waiting. */
	if (line && unix_send(fd, line, strlen(line), -1) > 0)
		(void)!unix_send(fd, "\n", 1, -1);
	close(fd);
}

static void admit(struct keeper *keeper, int fd, const struct unix_peer *peer)
{
	struct client_link *link = calloc(1, sizeof(*link));

	if (!link) {
		close(fd);
		return;
	}
	link->keeper = keeper;
	link->peer = *peer;
	link->root = peer->uid == 0;
	link->active_s = clock_boot_s();
	link->lines.on_line = on_line;
	link->lines.on_end = on_end;
	link->lines.on_drained = on_drained;
	link->lines.context = link;
	if (lines_init(&link->lines, keeper->loop, fd, OUT_MAX)) {
		free(link);
		return;
	}
	link->next = keeper->clients;
	keeper->clients = link;
	keeper->clients_len++;
	keeper->guests_len += !link->root;
}

static void receive(struct keeper *keeper, int fd)
{
	struct unix_peer peer;

	if (unix_peer(fd, &peer)) {
		close(fd);
		return;
	}
	if (peer.uid && (keeper->group == (gid_t)-1 || !unix_peer_in(&peer, keeper->group)))
		refuse(fd, CTL_NO_GATE,
		       "not permitted: strazhd serves root, and lets members of group '" GROUP
		       "' look");
	else if (keeper->clients_len >= CLIENTS_MAX ||
		 (peer.uid && keeper->guests_len >= CLIENTS_GUESTS))
		refuse(fd, CTL_FAILED, "strazhd serves too many clients already; try again");
	else
		admit(keeper, fd, &peer);
}

static void listen_ready(struct watch *watch, uint32_t events)
{
	(void)events;
	for (int i = 0; i < 64; i++) {
		int fd = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0)
			return;
		receive(watch->context, fd);
	}
}

/* ---- followers ---- */

static void tell_one(struct client_link *link, const json_t *row)
{
	json_t *copy;

	if (link->lost) {
		if (link_put(link, json_pack("{s:I}", "lost", (json_int_t)link->lost))) {
			link->lost++;
			return;
		}
		link->lost = 0;
	}
	copy = json_copy((json_t *)(uintptr_t)row);
	if (copy && link_put(link, copy))
		link->lost++;
}

void server_tell(struct keeper *keeper, const struct sz_event *event)
{
	struct list_names names;
	json_t *row = NULL;

	for (struct client_link *link = keeper->clients; link; link = link->next) {
		if (!link->following)
			continue;
		if (!row && !names_read(keeper->gate, &names))
			row = row_event(keeper->gate, &names, event);
		if (row)
			tell_one(link, row);
	}
	json_decref(row);
}

/* ---- life ---- */

void server_tick(struct keeper *keeper)
{
	uint32_t now = clock_boot_s();

	for (struct client_link *link = keeper->clients, *next; link; link = next) {
		next = link->next;
		if (!link->following && !link->reader && !link->ack && !link->load &&
		    now - link->active_s > IDLE_S)
			link_close(link);
	}
}

void server_find_group(struct keeper *keeper)
{
	const struct group *group = getgrnam(GROUP);

	keeper->group = group ? group->gr_gid : (gid_t)-1;
}

int server_open(struct keeper *keeper)
{
	char path[300];
	int fd, r;

	server_find_group(keeper);
	(void)snprintf(path, sizeof(path), "%s/strazhd.sock", keeper->options->run_dir);
	/* Everybody may connect: who may not stay is told why. */
	r = unix_listen(path, 0666, &fd);
	if (r) {
		log_error("socket '%s': %s", path, strerror(-r));
		return r;
	}
	keeper->listen = (struct watch){.fd = fd, .on_ready = listen_ready, .context = keeper};
	return loop_add(keeper->loop, &keeper->listen, EPOLLIN);
}

void server_close(struct keeper *keeper)
{
	char path[300];

	while (keeper->clients)
		link_close(keeper->clients);
	readers_close(keeper);
	if (!keeper->listen.on_ready)
		return;
	(void)snprintf(path, sizeof(path), "%s/strazhd.sock", keeper->options->run_dir);
	(void)!unlink(path);
	loop_remove(keeper->loop, &keeper->listen);
	close(keeper->listen.fd);
}
