/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Open addressing with linear probing, at most seven eighths full. Sorting is selection of the
 * first few: a screen holds no more.
 */
#include <user/ctl/toplist.h>

#include <math.h>
#include <string.h>

#include <strazh/abi/reason.h>

#define FULL (TOPLIST_SLOTS / 8 * 7)

void toplist_clear(struct toplist *list)
{
	memset(list, 0, sizeof(*list));
}

/* FNV-1a: a viewer's table; who fills it on purpose only blurs his own picture. */
static uint32_t hash(uint8_t family, const uint8_t *addr)
{
	uint32_t h = 2166136261U ^ family;

	for (int i = 0; i < 16; i++)
		h = (h ^ addr[i]) * 16777619U;
	return h;
}

static struct top_source *find(struct toplist *list, const struct sz_event *event)
{
	uint32_t at = hash(event->family, event->saddr) % TOPLIST_SLOTS;

	for (;; at = (at + 1) % TOPLIST_SLOTS) {
		struct top_source *slot = &list->slots[at];

		if (!slot->family) {
			if (list->used == FULL)
				return NULL;
			list->used++;
			slot->family = event->family;
			memcpy(slot->addr, event->saddr, sizeof(slot->addr));
			return slot;
		}
		if (slot->family == event->family &&
		    memcmp(slot->addr, event->saddr, sizeof(slot->addr)) == 0)
			return slot;
	}
}

static bool is_stopped(const struct sz_event *event)
{
	return event->reason < SZ_REASON_COUNT && reason_classes[event->reason] != SZ_CLASS_PASS;
}

void toplist_add(struct toplist *list, const struct sz_event *event)
{
	const bool stopped = is_stopped(event);
	struct top_source *source;

	if (stopped)
		list->stopped++;
	else
		list->passed++;
	if (event->family != 4 && event->family != 6)
		return;
	source = find(list, event);
	if (!source) {
		list->left_out++;
		return;
	}
	if (stopped || !source->stopped) {
		source->reason = event->reason;
		source->rate_class = event->rate_class;
		source->proto = event->proto;
		source->dport = event->dport;
	}
	if (stopped) {
		source->stopped++;
		source->stopped_bytes += event->frame_len;
	} else {
		source->passed++;
		source->passed_bytes += event->frame_len;
	}
}

static double order(const struct top_rate *rate, enum top_by by)
{
	if (by == TOP_DROPS)
		return rate->drops;
	return by == TOP_BYTES ? rate->bytes : rate->packets;
}

/* Into its place among the `count` that are there. */
static size_t insert(struct top_rate *rates, size_t count, size_t most, enum top_by by,
		     const struct top_rate *rate)
{
	size_t at = count;

	while (at && order(&rates[at - 1], by) < order(rate, by))
		at--;
	if (at >= most)
		return count;
	count = MIN(count + 1, most);
	memmove(&rates[at + 1], &rates[at], (count - at - 1) * sizeof(*rates));
	rates[at] = *rate;
	return count;
}

size_t toplist_sort(const struct toplist *list, enum top_by by, uint64_t passed, uint64_t stopped,
		    double seconds, struct top_rate *rates, size_t most)
{
	const double pass_each = list->passed ? (double)passed / list->passed / seconds : 0;
	const double stop_each = list->stopped ? (double)stopped / list->stopped / seconds : 0;
	size_t count = 0;

	for (size_t i = 0; i < TOPLIST_SLOTS; i++) {
		const struct top_source *source = &list->slots[i];
		struct top_rate rate = {.source = source};

		if (!source->family)
			continue;
		rate.drops = source->stopped * stop_each;
		rate.packets = source->passed * pass_each + rate.drops;
		rate.bytes = (double)source->passed_bytes * pass_each +
			     (double)source->stopped_bytes * stop_each;
		rate.error = 1 / sqrt((double)source->passed + source->stopped);
		if (order(&rate, by) > 0)
			count = insert(rates, count, most, by, &rate);
	}
	return count;
}
