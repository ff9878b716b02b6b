/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What the gate reads is changed in the order that it needs: the tap whole, then its bit in
 * settings.tap_on; back the same way. Several readers set bits of one word: by atomic operations.
 */
#include <user/gate/tap.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <strazh/base/own.h>
#include <user/base/clock.h>
#include <user/gate/explain.h>
#include <user/gate/maps.h>

#define ALIVE_S 5U

struct tap {
	uint32_t index;
	int lock_fd;
	struct sz_tap *at; /* of all taps: at[index] is ours */
	struct sz_settings *settings;
	size_t at_len, settings_len;
	struct ring_buffer *ring;
	tap_visit visit;
	void *context;
};

static int on_record(void *context, void *data, size_t len)
{
	const struct tap *tap = context;
	const struct sz_sample *sample = data;

	/* Cut to what came: the ring is memory that others may have written. */
	if (len < sizeof(*sample) || sample->caplen > len - sizeof(*sample))
		return 0;
	return tap->visit ? tap->visit(tap->context, sample, (const uint8_t *)(sample + 1)) : 0;
}

static int take_lock(const struct gate *gate, struct tap *tap)
{
	for (uint32_t i = 0; i < SZ_TAPS; i++) {
		own_fd int fd = -1;
		char path[240];

		(void)snprintf(path, sizeof(path), "%s/tap%u.lock", gate->run_dir, i);
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		if (fd < 0) {
			int r = -errno;

			gate_explain("'%s': %s", path, strerror(-r));
			return r;
		}
		if (flock(fd, LOCK_EX | LOCK_NB))
			continue;
		tap->lock_fd = take_fd(&fd);
		tap->index = i;
		return 0;
	}
	gate_explain("%d others look on already (capture, top)", SZ_TAPS);
	return TAP_BUSY;
}

static int map_one(const struct gate *gate, enum gate_map which, void **ret_memory, size_t *ret_len)
{
	size_t len = map_mapping_len(which, gate->max[which]);
	void *memory = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, gate->map[which], 0);

	if (memory == MAP_FAILED) {
		int r = -errno;

		gate_explain("map '%s' cannot be written: %s", gate_map_names[which], strerror(-r));
		return r;
	}
	*ret_memory = memory;
	*ret_len = len;
	return 0;
}

static int map_both(const struct gate *gate, struct tap *tap)
{
	void *memory = NULL;
	int r = map_one(gate, GATE_MAP_TAP, &memory, &tap->at_len);

	if (r)
		return r;
	tap->at = memory;
	r = map_one(gate, GATE_MAP_SETTINGS, &memory, &tap->settings_len);
	if (!r)
		tap->settings = memory;
	return r;
}

static void keep_alive(struct tap *tap)
{
	__atomic_store_n(&tap->at[tap->index].until_s, clock_boot_s() + ALIVE_S, __ATOMIC_RELEASE);
}

static void switch_on(struct tap *tap, const struct tap_want *want)
{
	tap->at[tap->index] = (struct sz_tap){
		.reasons = want->reasons,
		.one_in = want->one_in,
		.snap = want->snap,
		.per_tick = want->per_tick,
	};
	keep_alive(tap);
	__atomic_or_fetch(&tap->settings->tap_on, 1U << tap->index, __ATOMIC_SEQ_CST);
}

int tap_open(const struct gate *gate, const struct tap_want *want, tap_visit visit, void *context,
	     struct tap **ret_tap)
{
	own_tap struct tap *tap = calloc(1, sizeof(*tap));
	int r;

	if (!tap)
		return -ENOMEM;
	tap->lock_fd = -1;
	tap->visit = visit;
	tap->context = context;
	r = take_lock(gate, tap);
	if (!r)
		r = map_both(gate, tap);
	if (r)
		return r;
	tap->ring = ring_buffer__new(gate->map[GATE_MAP_TAP0 + tap->index], on_record, tap, NULL);
	if (!tap->ring) {
		r = -errno;
		gate_explain("the ring buffer of tap %u cannot be opened: %s", tap->index,
			     strerror(-r));
		return r;
	}
	/* What a reader before us left. */
	tap->visit = NULL;
	(void)ring_buffer__consume(tap->ring);
	tap->visit = visit;
	switch_on(tap, want);
	*ret_tap = take_ptr(tap);
	return 0;
}

void tap_close(struct tap *tap)
{
	if (!tap)
		return;
	if (tap->settings) {
		__atomic_and_fetch(&tap->settings->tap_on, ~(1U << tap->index), __ATOMIC_SEQ_CST);
		munmap(tap->settings, tap->settings_len);
	}
	ring_buffer__free(tap->ring);
	if (tap->at)
		munmap(tap->at, tap->at_len);
	if (tap->lock_fd >= 0)
		close(tap->lock_fd);
	free(tap);
}

void tap_one_in(struct tap *tap, uint32_t one_in)
{
	__atomic_store_n(&tap->at[tap->index].one_in, one_in, __ATOMIC_RELEASE);
}

int tap_read(struct tap *tap, int timeout_ms)
{
	keep_alive(tap);
	return ring_buffer__poll(tap->ring, timeout_ms);
}

void tap_missed(const struct tap *tap, uint64_t *ret_lost, uint64_t *ret_held)
{
	*ret_lost = tap->at[tap->index].lost;
	*ret_held = tap->at[tap->index].held;
}
