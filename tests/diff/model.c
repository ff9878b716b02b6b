// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * The order of the verdict, and what the lists say: standby, frame, neighbour discovery, never,
 * allow, denied host, denied prefix, shape, pass. Never and allow only remember that they spoke:
 * the shape checks come after them.
 */
#include <string.h>

#include <strazh/abi/limits.h>
#include <strazh/abi/settings.h>

#include "model_parts.h"

const char *model_reason_name(unsigned int reason)
{
	static const char *const names[] = {
#define X(code, name, class, text) name,
		SZ_REASONS(X)
#undef X
	};

	return reason < SZ_REASON_COUNT ? names[reason] : "?";
}

enum sz_class model_reason_class(unsigned int reason)
{
	static const enum sz_class classes[] = {
#define X(code, name, class, text) SZ_CLASS_##class,
		SZ_REASONS(X)
#undef X
	};

	return classes[reason];
}

/* ---- lists ----------------------------------------------------------------------------- */

bool model_same_bits(const uint8_t *a, const uint8_t *b, unsigned int bits)
{
	if (memcmp(a, b, bits / 8) != 0)
		return false;
	return bits % 8 == 0 || (a[bits / 8] ^ b[bits / 8]) >> (8 - bits % 8) == 0;
}

static bool origin_speaks(const struct model_world *world, enum model_table table,
			  const struct model_say *say, enum sz_origin origin)
{
	bool pass_table = table == MODEL_NEVER || table == MODEL_ALLOW;

	if (say->until_s[origin] != 0 && say->until_s[origin] <= world->now_s)
		return false;
	for (unsigned int bit = 0; bit < SZ_LISTS; bit++) {
		enum sz_origin whose = bit == 0			? SZ_ORIGIN_OPERATOR
				       : bit == 1 || pass_table ? SZ_ORIGIN_GUARD
								: SZ_ORIGIN_FEED;

		if (whose != origin || !(say->lists >> bit & 1))
			continue;
		if (pass_table || !(world->lists_off >> bit & 1))
			return true;
	}
	return false;
}

bool model_holds(const struct model_world *world, enum model_table table,
		 const struct model_say *say)
{
	return origin_speaks(world, table, say, SZ_ORIGIN_OPERATOR) ||
	       origin_speaks(world, table, say, SZ_ORIGIN_GUARD) ||
	       origin_speaks(world, table, say, SZ_ORIGIN_FEED);
}

bool model_listed(const struct model_world *world, enum model_table table, unsigned int family,
		  const uint8_t *addr)
{
	for (size_t i = 0; i < world->counts[table]; i++) {
		const struct model_say *say = &world->says[table][i];

		if (say->family == family && model_same_bits(say->addr, addr, say->len) &&
		    model_holds(world, table, say))
			return true;
	}
	return false;
}

/* ---- the verdict ----------------------------------------------------------------------- */

static int decide(const struct model_world *world, const uint8_t *frame, size_t len,
		  struct model_facts *f)
{
	int said, trusted = GO_ON;
	const uint8_t *src;

	if (world->standby)
		return SZ_REASON_STANDBY;
	said = model_read(frame, len, f);
	if (said != GO_ON)
		return said;
	src = frame + f->src_at;
	if (model_listed(world, MODEL_NEVER, f->family, src))
		trusted = SZ_REASON_NEVER;
	else if (model_listed(world, MODEL_ALLOW, f->family, src))
		trusted = SZ_REASON_ALLOW;
	else if (model_listed(world, MODEL_HOST, f->family, src))
		return SZ_REASON_DENY_HOST;
	else if (model_listed(world, MODEL_NET, f->family, src))
		return SZ_REASON_DENY_NET;
	said = model_shape(world, frame, f, trusted != GO_ON);
	if (said != GO_ON)
		return said;
	return trusted != GO_ON ? trusted : SZ_REASON_PASS;
}

static bool observing(const struct model_world *world)
{
	bool lease_over = world->lease_until_s != 0 && world->lease_until_s <= world->now_s;

	return (world->flags & SZ_SET_OBSERVE) ||
	       (lease_over && world->lease_ifindex == world->ifindex);
}

struct model_answer model_judge(const struct model_world *world, const uint8_t *frame, size_t len)
{
	struct model_answer answer = {0};

	answer.reason = (enum sz_reason)decide(world, frame, len, &answer.facts);
	if (model_reason_class(answer.reason) == SZ_CLASS_PASS)
		return answer;
	answer.observed = observing(world);
	answer.drop = !answer.observed;
	return answer;
}
