/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Batches are resumed where they stopped: a bucket that another CPU holds answers EBUSY and is
 * tried again, an entry that is gone does not end the deletion of the others.
 *
 * Around every change of the IPv4 hash the table in front of it is told (dlines.h).
 *
 * A scan reads whole buckets in the kernel's order, so what is deleted or rewritten behind it does
 * not disturb it. It rewrites from what it just read; hits counted in between are lost, as
 * abi/rule.h says.
 */
#include <user/gate/hosts.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include <strazh/base/own.h>
#include <user/gate/dlines.h>
#include <user/gate/nets.h>
#include <user/gate/present.h>

#define BUSY_TRIES 64

enum gate_map hosts_map(uint8_t family)
{
	return family == 4 ? GATE_MAP_DHOST4 : GATE_MAP_DHOST6;
}

static size_t key_size(uint8_t family)
{
	return family == 4 ? sizeof(struct sz_host4) : sizeof(struct sz_host6);
}

struct say host_say(const struct sz_rule *rule)
{
	return say_make(rule->lists, rule->until_s);
}

void host_set(struct sz_rule *rule, const struct say *say)
{
	rule->lists = say->lists;
	memcpy(rule->until_s, say->until_s, sizeof(rule->until_s));
}

/* ---- one ---- */

static void count_act(struct gate *gate)
{
	if (gate->nets)
		gate->nets->host_acts++;
}

int host_read(struct gate *gate, const struct prefix *host, struct sz_rule *ret_rule)
{
	return bpf_map_lookup_elem(gate->map[hosts_map(host->family)], host->addr, ret_rule);
}

int host_write(struct gate *gate, const struct prefix *host, const struct sz_rule *rule, bool fresh)
{
	int fd = gate->map[hosts_map(host->family)], r;

	present_mark(gate, host);
	if (host->family == 4)
		dlines_begin(gate, host->addr, 1);
	for (int i = 0; i < BUSY_TRIES; i++) {
		r = bpf_map_update_elem(fd, host->addr, rule, BPF_ANY);
		if (r != -EBUSY)
			break;
	}
	if (!r && host->family == 4)
		dlines_write(gate, host->addr, rule, 1);
	else if (fresh && host->family == 4) /* no room: it is not there now, either */
		dlines_delete(gate, host->addr, 1);
	if (!r && fresh) {
		gate->hosts[host->family == 6]++;
		count_act(gate);
	}
	return r == -E2BIG ? -ENOSPC : r;
}

int host_delete(struct gate *gate, const struct prefix *host)
{
	int r;

	if (host->family == 4)
		dlines_begin(gate, host->addr, 1);
	r = bpf_map_delete_elem(gate->map[hosts_map(host->family)], host->addr);
	if (host->family == 4 && (!r || r == -ENOENT))
		dlines_delete(gate, host->addr, 1);
	if (r)
		return r;
	gate->hosts[host->family == 6] -= gate->hosts[host->family == 6] ? 1 : 0;
	count_act(gate);
	return 0;
}

/* ---- many ---- */

void host_batch_put(struct host_batch *batch, const uint8_t *addr, const struct sz_rule *rule)
{
	size_t size = key_size(batch->family);

	memcpy(batch->keys + batch->count * size, addr, size);
	batch->rules[batch->count] = *rule;
	batch->count++;
}

typedef int (*batch_call)(int fd, struct host_batch *batch, uint32_t *count);

static int call_write(int fd, struct host_batch *batch, uint32_t *count)
{
	LIBBPF_OPTS(bpf_map_batch_opts, options);
	return bpf_map_update_batch(fd, batch->keys + batch->done * key_size(batch->family),
				    batch->rules + batch->done, count, &options);
}

static int call_delete(int fd, struct host_batch *batch, uint32_t *count)
{
	LIBBPF_OPTS(bpf_map_batch_opts, options);
	return bpf_map_delete_batch(fd, batch->keys + batch->done * key_size(batch->family), count,
				    &options);
}

/* `gone`: the error that one entry may have and that is no failure; *ret_gone counts them. */
static int batch_run(struct host_batch *batch, batch_call call, int gone, uint32_t *ret_gone)
{
	int fd = batch->gate->map[hosts_map(batch->family)], r = 0, busy = 0;
	uint32_t gone_count = 0;

	batch->done = 0;
	while (batch->done < batch->count) {
		uint32_t count = batch->count - batch->done;

		r = call(fd, batch, &count);
		if (r && count == batch->count - batch->done)
			count = 0; /* refused before the kernel counted */
		batch->done += MIN(count, batch->count - batch->done);
		if (!r)
			continue;
		if (r == gone) {
			gone_count++;
			batch->done++;
		} else if (r != -EBUSY && r != -EAGAIN && r != -EINTR) {
			break;
		} else if (!count && ++busy > BUSY_TRIES) {
			break;
		}
		r = 0;
	}
	*ret_gone = gone_count;
	return r;
}

int host_batch_write(struct host_batch *batch)
{
	uint32_t none;
	int r;

	if (batch->family == 4)
		dlines_begin(batch->gate, batch->keys, batch->count);
	r = batch_run(batch, call_write, 1, &none);
	if (batch->family == 4)
		dlines_write(batch->gate, batch->keys, batch->rules, batch->done);
	if (r)
		return r == -E2BIG ? -ENOSPC : r;
	batch->count = 0;
	return 0;
}

int host_batch_delete(struct host_batch *batch)
{
	uint64_t *hosts = &batch->gate->hosts[batch->family == 6];
	uint32_t gone;
	int r;

	if (batch->family == 4)
		dlines_begin(batch->gate, batch->keys, batch->count);
	r = batch_run(batch, call_delete, -ENOENT, &gone);
	if (batch->family == 4)
		dlines_delete(batch->gate, batch->keys, batch->done);
	*hosts -= MIN(*hosts, batch->done - gone);
	if (!r)
		batch->count = 0;
	return r;
}

/* ---- scan ---- */

struct host_scan {
	struct gate *gate;
	uint8_t family;
	bool started;
	uint32_t token; /* bucket to go on with */
	uint32_t room;
	uint8_t *keys;
	struct sz_rule *rules;
	struct host_batch writes, deletes;
};

void host_scan_free(struct host_scan *scan)
{
	if (!scan)
		return;
	free(scan->keys);
	free(scan->rules);
	free(scan);
}

static int scan_reserve(struct host_scan *scan, uint32_t room)
{
	uint8_t *keys = reallocarray(scan->keys, room, key_size(scan->family));
	struct sz_rule *rules;

	if (!keys)
		return -ENOMEM;
	scan->keys = keys;
	rules = reallocarray(scan->rules, room, sizeof(*rules));
	if (!rules)
		return -ENOMEM;
	scan->rules = rules;
	scan->room = room;
	return 0;
}

int host_scan_new(struct gate *gate, uint8_t family, struct host_scan **ret_scan)
{
	own_host_scan struct host_scan *scan = malloc(sizeof(*scan));
	int r;

	if (!scan)
		return -ENOMEM;
	scan->gate = gate;
	scan->family = family;
	scan->started = false;
	scan->token = 0;
	scan->keys = NULL;
	scan->rules = NULL;
	scan->writes.gate = scan->deletes.gate = gate;
	scan->writes.family = scan->deletes.family = family;
	scan->writes.count = scan->deletes.count = 0;
	r = scan_reserve(scan, HOSTS_BATCH);
	if (r)
		return r;
	*ret_scan = take_ptr(scan);
	return 0;
}

/* Reads a slice; -ENOENT after the last one, *ret_count being good all the same. */
static int scan_read(struct host_scan *scan, uint32_t most, uint32_t *ret_count)
{
	int fd = scan->gate->map[hosts_map(scan->family)], r;

	LIBBPF_OPTS(bpf_map_batch_opts, options);
	for (;;) {
		uint32_t next = 0, count = MIN(most, scan->room);

		r = bpf_map_lookup_batch(fd, scan->started ? &scan->token : NULL, &next, scan->keys,
					 scan->rules, &count, &options);
		if (r == -ENOSPC) { /* one bucket is larger than that */
			r = most < scan->room ? 0 : scan_reserve(scan, scan->room * 2);
			most = scan->room;
			if (r)
				return r;
			continue;
		}
		if (r == -EINTR)
			continue;
		if (r && r != -ENOENT)
			return r;
		scan->started = true;
		scan->token = next;
		*ret_count = count;
		return r;
	}
}

static int scan_flush(struct host_scan *scan, uint32_t limit)
{
	int r = scan->writes.count > limit ? host_batch_write(&scan->writes) : 0;

	if (!r && scan->deletes.count > limit)
		r = host_batch_delete(&scan->deletes);
	return r;
}

static int scan_one(struct host_scan *scan, uint32_t i, host_decide decide, void *context,
		    bool *stop)
{
	const uint8_t *key = scan->keys + i * key_size(scan->family);
	struct prefix host = {.family = scan->family, .len = prefix_len_max(scan->family)};

	memcpy(host.addr, key, key_size(scan->family));
	switch (decide(context, &host, &scan->rules[i])) {
	case HOST_STOP:
		*stop = true;
		break;
	case HOST_KEEP:
		break;
	case HOST_WRITE:
		host_batch_put(&scan->writes, key, &scan->rules[i]);
		break;
	case HOST_DELETE:
		host_batch_put(&scan->deletes, key, &scan->rules[i]);
		break;
	}
	return scan_flush(scan, HOSTS_BATCH - 1);
}

int host_scan_step(struct host_scan *scan, uint32_t most, host_decide decide, void *context,
		   bool *ret_done)
{
	uint32_t count = 0;
	bool stop = false;
	int read = scan_read(scan, most, &count), r = 0;

	if (read && read != -ENOENT)
		return read;
	for (uint32_t i = 0; !r && !stop && i < count; i++)
		r = scan_one(scan, i, decide, context, &stop);
	if (!r)
		r = scan_flush(scan, 0);
	if (r)
		return r;
	*ret_done = stop || read == -ENOENT;
	return 0;
}

int hosts_scan(struct gate *gate, uint8_t family, host_decide decide, void *context)
{
	own_host_scan struct host_scan *scan = NULL;
	bool done = false;
	int r = host_scan_new(gate, family, &scan);

	count_act(gate);
	while (!r && !done)
		r = host_scan_step(scan, HOSTS_BATCH, decide, context, &done);
	return r;
}

/* ---- numbers ---- */

bool hosts_none(struct gate *gate, uint8_t family)
{
	uint8_t key[16];

	return bpf_map_get_next_key(gate->map[hosts_map(family)], NULL, key) == -ENOENT;
}

static enum host_fate count_one(void *context, const struct prefix *host, struct sz_rule *rule)
{
	(void)host;
	(void)rule;
	++*(uint64_t *)context;
	return HOST_KEEP;
}

int hosts_count(struct gate *gate)
{
	uint64_t count[2] = {0};

	if (gate->hosts_known)
		return 0;
	for (int six = 0; six < 2; six++) {
		uint8_t family = six ? 6 : 4;
		int r = hosts_none(gate, family) ? 0
						 : hosts_scan(gate, family, count_one, &count[six]);

		if (r)
			return r;
	}
	memcpy(gate->hosts, count, sizeof(count));
	gate->hosts_known = true;
	return 0;
}

static enum host_fate delete_one(void *context, const struct prefix *host, struct sz_rule *rule)
{
	(void)host;
	(void)rule;
	++*(uint64_t *)context;
	return HOST_DELETE;
}

int hosts_clear(struct gate *gate, uint8_t family, uint64_t *removed)
{
	int r = hosts_scan(gate, family, delete_one, removed);

	if (!r && family == 4 && hosts_none(gate, 4))
		dlines_clear(gate, true);
	return r;
}
