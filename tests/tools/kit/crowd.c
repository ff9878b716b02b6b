/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <tests/tools/kit/crowd.h>

static void client_close(struct crowd_client *client)
{
	if (client->fd >= 0)
		close(client->fd);
	client->fd = -1;
	client->left = 0;
}

static void client_next_target(const struct crowd *crowd, struct crowd_client *client)
{
	client_close(client);
	client->target = (client->target + 1) % crowd->targets;
}

static void client_fail(struct crowd *crowd, struct crowd_client *client)
{
	client_next_target(crowd, client);
	client->state = CROWD_IDLE;
	crowd->fail += 1 + client->skipped;
	client->skipped = 0;
}

static void client_send(struct crowd *crowd, struct crowd_client *client)
{
	message_compose((uint64_t)(client - crowd->client), ++client->number, client->sent);
	client->got = 0;
	client->state = CROWD_WAITING;
	client->begin_ns = now_ns();
	/* Less than one segment into an empty socket buffer: whole or broken. */
	if (send(client->fd, client->sent, MESSAGE_LEN, MSG_NOSIGNAL) != MESSAGE_LEN)
		client_fail(crowd, client);
}

static void client_start(struct crowd *crowd, struct crowd_client *client)
{
	client->skipped = 0;
	client->begin_ns = now_ns();
	client->deadline_ns = client->begin_ns + crowd->timeout_ns;
	if (client->fd >= 0 && client->left) {
		client_send(crowd, client);
		return;
	}
	client_close(client);
	client->state = CROWD_CONNECTING;
	client->fd = target_connect(&crowd->target[client->target], SOCK_STREAM, 0);
	if (client->fd < 0)
		client_fail(crowd, client);
}

static void client_connected(struct crowd *crowd, struct crowd_client *client)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &len) || error) {
		client_fail(crowd, client);
		return;
	}
	samples_add(&crowd->connect, client->begin_ns);
	crowd->connects++;
	client->left = crowd->per_conn;
	client_send(crowd, client);
}

static void client_receive(struct crowd *crowd, struct crowd_client *client)
{
	unsigned char answer[MESSAGE_LEN];
	ssize_t got = recv(client->fd, answer, MESSAGE_LEN - client->got, 0);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0 || memcmp(answer, client->sent + client->got, (size_t)got)) {
		client_fail(crowd, client);
		return;
	}
	client->got += (size_t)got;
	if (client->got < MESSAGE_LEN)
		return;
	samples_add(&crowd->request, client->begin_ns);
	crowd->ok++;
	client->state = CROWD_IDLE;
	if (!--client->left)
		client_next_target(crowd, client);
}

static void client_on_time(struct crowd *crowd, struct crowd_client *client, uint64_t now)
{
	if (client->state != CROWD_IDLE && now >= client->deadline_ns)
		client_fail(crowd, client);
	if (client->state == CROWD_IDLE) {
		if (now >= client->next_ns) {
			client->next_ns += crowd->every_ns;
			client_start(crowd, client);
		}
		return;
	}
	for (; now >= client->next_ns; client->next_ns += crowd->every_ns)
		client->skipped++;
}

void crowd_init(struct crowd *crowd, const struct target *target, unsigned int targets,
		unsigned int clients, unsigned int rate, unsigned int per_conn,
		unsigned int timeout_ms)
{
	uint64_t begin = now_ns();

	crowd->target = target;
	crowd->targets = targets;
	crowd->clients = clients;
	crowd->per_conn = per_conn;
	crowd->every_ns = NS_PER_S * clients / rate;
	crowd->timeout_ns = timeout_ms * NS_PER_MS;
	for (unsigned int i = 0; i < clients; i++) {
		crowd->client[i] = (struct crowd_client){.fd = -1, .target = i % targets};
		crowd->client[i].next_ns = begin + crowd->every_ns * i / clients;
	}
}

uint64_t crowd_on_time(struct crowd *crowd, uint64_t now)
{
	uint64_t until = UINT64_MAX;

	for (unsigned int i = 0; i < crowd->clients; i++) {
		struct crowd_client *client = &crowd->client[i];

		client_on_time(crowd, client, now);
		if (client->state == CROWD_IDLE && client->next_ns < until)
			until = client->next_ns;
	}
	return until;
}

void crowd_poll(const struct crowd *crowd, struct pollfd *ret_fds)
{
	for (unsigned int i = 0; i < crowd->clients; i++) {
		const struct crowd_client *client = &crowd->client[i];

		ret_fds[i] = (struct pollfd){
			.fd = client->state == CROWD_IDLE ? -1 : client->fd,
			.events = client->state == CROWD_CONNECTING ? POLLOUT : POLLIN,
		};
	}
}

void crowd_on_events(struct crowd *crowd, const struct pollfd *fds)
{
	for (unsigned int i = 0; i < crowd->clients; i++) {
		if (!fds[i].revents)
			continue;
		if (crowd->client[i].state == CROWD_CONNECTING)
			client_connected(crowd, &crowd->client[i]);
		else
			client_receive(crowd, &crowd->client[i]);
	}
}
