/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Whom a feed lists that weighs less than a ban: the guard hears of it when it has met the source,
 * and not of the whole list. It is told once in a while, not with every packet: whom it was told of
 * stands in a table of fixed size, where the newest takes the place of who was there.
 */
#include <user/daemon/feeding/feeding_parts.h>

#include <string.h>

#include <user/daemon/guarding/guarding.h>
#include <user/daemon/keeper.h>

#define TELL_AGAIN_MS 3600000U

void feeding_forget_told(struct feeding *f)
{
	memset(f->told, 0, sizeof(f->told));
	f->listing = false;
	for (const struct feed *feed = f->feeds; feed; feed = feed->next)
		f->listing |= feed->listed.count != 0;
}

static uint64_t mix(uint64_t h)
{
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93ULL;
	return h ^ h >> 29;
}

static uint64_t hash_of(const struct feeding *f, const struct prefix *host)
{
	uint64_t half[2];

	memcpy(half, host->addr, sizeof(half));
	return mix(mix(half[0] ^ f->seed) ^ half[1] ^ host->family) | 1; /* 0: nobody */
}

/* The heaviest feed that lists it; NULL: none does. */
static const struct feed *heaviest(const struct feeding *f, const struct prefix *host)
{
	const struct feed *found = NULL;

	for (const struct feed *feed = f->feeds; feed; feed = feed->next)
		if (feed->listed.count && (!found || feed->weight > found->weight) &&
		    listed_has(&feed->listed, host))
			found = feed;
	return found;
}

void feeding_met(struct keeper *keeper, uint8_t family, const uint8_t addr[16])
{
	struct feeding *f = keeper->feeding;
	uint64_t now_ms, hash, left_s;
	struct feed_told *told;
	const struct feed *feed;
	struct prefix host;

	if (!f || !f->listing || (family != 4 && family != 6))
		return;
	host = prefix_from(family, addr, prefix_len_max(family));
	hash = hash_of(f, &host);
	told = &f->told[(hash >> 1) % FEED_TOLD];
	now_ms = feeding_now_ms();
	if (told->host == hash && now_ms < told->until_ms)
		return;
	feed = heaviest(f, &host);
	left_s = feed ? feed_left_s(feed) : 0;
	*told = (struct feed_told){hash, now_ms + TELL_AGAIN_MS};
	if (left_s)
		guarding_listed(keeper, &host, (float)feed->weight / 100,
				(uint32_t)MIN(left_s, UINT32_MAX));
}
