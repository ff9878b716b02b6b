/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * libbpf's ring buffer reader over the pinned map. The consumer position lives in the map: there is
 * one reader, and a new one goes on where the last one stopped.
 */
#include <user/gate/events.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>

struct events {
	struct ring_buffer *ring;
	event_visit visit;
	void *context;
};

static int on_sample(void *context, void *data, size_t len)
{
	const struct events *events = context;
	struct sz_event event;

	if (len < sizeof(event))
		return 0; /* not one of ours: the reader goes on behind it */
	memcpy(&event, data, sizeof(event));
	events->visit(events->context, &event);
	return 0;
}

int events_new(struct gate *gate, event_visit visit, void *context, struct events **ret)
{
	struct events *events = calloc(1, sizeof(*events));

	if (!events)
		return -ENOMEM;
	events->visit = visit;
	events->context = context;
	events->ring = ring_buffer__new(gate->map[GATE_MAP_EVENT], on_sample, events, NULL);
	if (!events->ring) {
		int r = -errno;

		gate_explain("the ring buffer of events cannot be opened: %s", strerror(-r));
		free(events);
		return r;
	}
	*ret = events;
	return 0;
}

void events_free(struct events *events)
{
	if (!events)
		return;
	ring_buffer__free(events->ring);
	free(events);
}

int events_fd(const struct events *events)
{
	return ring_buffer__epoll_fd(events->ring);
}

int events_read(struct events *events)
{
	return ring_buffer__consume(events->ring);
}
