/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The automatic part of a never entry is its bits LOOPBACK, OWN, GATEWAY and DNS; a refresh sets
 * them to what the machine says and leaves the operator's bit and the SSH bit alone. All automatic
 * bits are of one origin and share its expiry: for good while one of the four is there, and what
 * an SSH peer has left else.
 *
 * Nothing is changed before all that the machine says has been read.
 */
#include <user/gate/never.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <strazh/base/own.h>
#include <user/base/clock.h>
#include <user/gate/act.h>
#include <user/gate/nets.h>
#include <user/gate/surroundings.h>

#define BIT(pass) (1ULL << (pass))
#define AUTOMATIC                                                                                  \
	(BIT(SZ_PASS_LOOPBACK) | BIT(SZ_PASS_OWN) | BIT(SZ_PASS_GATEWAY) | BIT(SZ_PASS_DNS))

static const char *const resolver_files[] = {
	"/etc/resolv.conf",
	/* What systemd-resolved asks behind its own 127.0.0.53. */
	"/run/systemd/resolve/resolv.conf",
};

/* ---- refresh ---- */

static int look_around(struct surroundings *around)
{
	int r = surroundings_loopback(around);

	if (!r)
		r = surroundings_addresses(around);
	if (!r)
		r = surroundings_routes(around);
	for (size_t i = 0; !r && i < ARRAY_LEN(resolver_files); i++)
		r = surroundings_dns(around, resolver_files[i]);
	if (r)
		gate_explain("addresses, routes or DNS servers of this machine cannot be read: %s",
			     strerror(-r));
	surroundings_sort(around);
	return r;
}

static void set_automatic(struct net *net, uint64_t passes, uint32_t *added, uint32_t *removed)
{
	uint64_t had = net->own.lists & AUTOMATIC;
	uint32_t *until_s = &net->own.until_s[SZ_ORIGIN_GUARD];

	if (had == passes)
		return;
	*added += passes & ~had ? 1 : 0;
	*removed += had & ~passes ? 1 : 0;
	net->own.lists = (net->own.lists & ~AUTOMATIC) | passes;
	if (passes)
		*until_s = 0;
	else if (net->own.lists & BIT(SZ_PASS_SSH))
		*until_s = *until_s ? *until_s : clock_until(NEVER_SSH_S);
	say_drop(SZ_TABLE_NEVER, &net->own, 0);
}

static int merge(struct net_table *t, const struct surroundings *around, size_t begin, size_t end)
{
	own_free struct prefix *prefixes = calloc(end - begin + 1, sizeof(*prefixes));
	size_t added;

	if (!prefixes)
		return -ENOMEM;
	for (size_t i = begin; i < end; i++)
		prefixes[i - begin] = around->at[i].prefix;
	return nets_merge(t, prefixes, end - begin, false, &added);
}

/* Entries that found no room must not stay in the model as wanted. */
static int refresh_full(struct gate *gate, struct net_table *t)
{
	struct nets_settled settled = {0};
	int r;

	for (size_t i = 0; i < t->count; i++)
		if (!t->at[i].kept)
			t->at[i].own = (struct say){0};
	r = nets_settle_all(gate, t, 0, &settled);
	gate_explain("the never-ban set is full: %zu of %zu entries", t->kept, t->capacity);
	return r ? r : ACT_FULL;
}

static int refresh(struct gate *gate, uint8_t family, const struct surroundings *around,
		   uint32_t *added, uint32_t *removed)
{
	struct nets_settled settled = {0};
	size_t begin = 0, end;
	struct net_table *t;
	int r = nets_table(gate, SZ_TABLE_NEVER, family, &t);

	while (begin < around->count && around->at[begin].prefix.family < family)
		begin++;
	for (end = begin; end < around->count && around->at[end].prefix.family == family;)
		end++;
	if (!r)
		r = merge(t, around, begin, end);
	if (r)
		return r;
	for (size_t i = 0; i < t->count; i++) {
		const struct neighbour *next = begin < end ? &around->at[begin] : NULL;
		bool named = next && prefix_compare(&next->prefix, &t->at[i].prefix) == 0;

		set_automatic(&t->at[i], named ? next->passes : 0, added, removed);
		begin += named ? 1 : 0;
	}
	r = nets_settle_all(gate, t, 0, &settled);
	return r == -ENOSPC ? refresh_full(gate, t) : r;
}

int never_refresh(struct gate *gate, uint32_t *ret_added, uint32_t *ret_removed)
{
	own_surroundings struct surroundings around = {0};
	uint32_t added = 0, removed = 0;
	int r = look_around(&around);

	if (!r)
		r = refresh(gate, 4, &around, &added, &removed);
	if (!r)
		r = refresh(gate, 6, &around, &added, &removed);
	if (r)
		return r;
	*ret_added = added;
	*ret_removed = removed;
	return 0;
}

/* ---- the operator's SSH session ---- */

int never_ssh_peer(struct gate *gate, const struct prefix *peer)
{
	struct act act = {
		.table = SZ_TABLE_NEVER,
		.prefix = *peer,
		.bit = SZ_PASS_SSH,
		.origin = SZ_ORIGIN_GUARD,
		.until_s = clock_until(NEVER_SSH_S),
	};
	struct act_answer answer;

	return act_add(gate, &act, &answer);
}

/* "CLIENT CPORT SERVER SPORT"; the client may carry a zone. */
static int parse_connection(const char *text, struct prefix *ret_peer)
{
	struct prefix peer;

	if (prefix_parse(text, strcspn(text, " %"), &peer) || !prefix_is_host(&peer))
		return ACT_NOT_FOUND;
	*ret_peer = peer;
	return 0;
}

/* A process that is gone or not ours to read has no session. */
static int find_in_environ(pid_t pid, struct prefix *ret_peer)
{
	static const char name[] = "SSH_CONNECTION=";
	own_file FILE *file = NULL;
	own_free char *line = NULL;
	char path[64];
	size_t room = 0;

	snprintf(path, sizeof(path), "/proc/%d/environ", pid);
	file = fopen(path, "re");
	while (file && getdelim(&line, &room, '\0', file) > 0)
		if (strncmp(line, name, sizeof(name) - 1) == 0)
			return parse_connection(line + sizeof(name) - 1, ret_peer);
	return ACT_NOT_FOUND;
}

/* 0 where it cannot be told. */
static pid_t parent_of(pid_t pid)
{
	own_file FILE *file = NULL;
	char path[64], line[256];
	int parent = 0;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "PPid: %d", &parent) == 1)
			break;
	return parent;
}

int never_find_ssh(struct prefix *ret_peer)
{
	pid_t pid = getpid();

	while (pid > 0) {
		if (find_in_environ(pid, ret_peer) == 0)
			return 0;
		pid = parent_of(pid);
	}
	return ACT_NOT_FOUND;
}
