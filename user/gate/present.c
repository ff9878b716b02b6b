/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Bits are changed by atomic or/and on the mapped arrays, which the gate reads at the same time.
 * The order that counts is mark, then insert; the insert is a system call, so no fence is needed.
 * Clearing is the sweep's alone, from a shadow in which every entry has been seen.
 */
#include <user/gate/present.h>

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <user/gate/nets.h>

#define WORD_BITS 64U

/* A table of bits as words; sz_present4 and sz_present6 are nothing else. */
static void set_bit(uint64_t *words, uint32_t bit)
{
	uint64_t *word = &words[bit / WORD_BITS], mask = 1ULL << bit % WORD_BITS;

	/* Most bits of a list are set already: a read does not take the line from the others. */
	if (!(__atomic_load_n(word, __ATOMIC_RELAXED) & mask))
		__atomic_fetch_or(word, mask, __ATOMIC_RELAXED);
}

/* `count` is a power of two and `first` a multiple of it, as prefixes are. */
static void set_range(uint64_t *words, uint32_t first, uint32_t count)
{
	if (count < WORD_BITS) {
		uint64_t mask = ((1ULL << count) - 1) << first % WORD_BITS;

		__atomic_fetch_or(&words[first / WORD_BITS], mask, __ATOMIC_RELAXED);
		return;
	}
	for (uint32_t i = first / WORD_BITS; i < (first + count) / WORD_BITS; i++)
		__atomic_store_n(&words[i], ~0ULL, __ATOMIC_RELAXED);
}

static uint32_t number_at(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
	       bytes[3];
}

static void mark4(uint64_t *words, const struct prefix *p)
{
	uint32_t bit = sz_present4_bit(number_at(p->addr));

	if (p->len >= 24)
		set_bit(words, bit);
	else
		set_range(words, bit, 1U << (24 - p->len));
}

/* The level at which a prefix of that length stands. */
static uint32_t level6(uint8_t len)
{
	if (len >= 64)
		return SZ_LEVEL6_64;
	if (len >= 48)
		return SZ_LEVEL6_48;
	return len >= 32 ? SZ_LEVEL6_32 : SZ_LEVEL6_16;
}

static void mark6(uint64_t *words, const struct sz_seed *seed, const struct prefix *p)
{
	uint32_t hi = number_at(p->addr), lo = number_at(p->addr + 4);

	switch (level6(p->len)) {
	case SZ_LEVEL6_16:
		if (p->len >= 16)
			set_bit(words, sz_present6_bit16(hi));
		else
			set_range(words, sz_present6_bit16(hi), 1U << (16 - p->len));
		break;
	case SZ_LEVEL6_32:
		set_bit(words, sz_present6_bit(seed, hi, 0));
		break;
	case SZ_LEVEL6_48:
		set_bit(words, sz_present6_bit(seed, hi, lo & 0xffff0000));
		break;
	default:
		set_bit(words, sz_present6_bit(seed, hi, lo));
	}
}

void present_see(struct gate *gate, struct present_shadow *shadow, const struct prefix *prefix)
{
	if (prefix->family == 4) {
		mark4((uint64_t *)(void *)shadow->v4, prefix);
		return;
	}
	mark6((uint64_t *)(void *)shadow->v6, gate_seed(gate), prefix);
	__atomic_fetch_or(&shadow->levels, level6(prefix->len), __ATOMIC_RELAXED);
}

void present_mark(struct gate *gate, const struct prefix *prefix)
{
	struct present_shadow *shadow = nets_shadow(gate);

	if (shadow)
		present_see(gate, shadow, prefix);
	if (prefix->family == 4) {
		mark4((uint64_t *)(void *)gate->present4, prefix);
		return;
	}
	mark6((uint64_t *)(void *)gate->present6, gate_seed(gate), prefix);
	if (!(gate->settings->present6_levels & level6(prefix->len)))
		__atomic_fetch_or(&gate->settings->present6_levels, level6(prefix->len),
				  __ATOMIC_SEQ_CST);
}

/* The bits of never and allow that the prefix has to do with. */
static void pass_bits(const struct prefix *p, uint64_t ret_bits[4])
{
	memset(ret_bits, 0, 4 * sizeof(*ret_bits));
	if (p->family == 4 && p->len >= 8)
		set_bit(ret_bits, sz_pass4_bit(number_at(p->addr)));
	else if (p->family == 4)
		for (uint32_t i = 0; i < 1U << (8 - p->len); i++)
			set_bit(ret_bits, sz_pass4_bit(number_at(p->addr)) + i);
	else if (p->len >= 32)
		set_bit(ret_bits, sz_pass6_bit(number_at(p->addr)));
	else
		memset(ret_bits, 0xff, 4 * sizeof(*ret_bits));
}

void present_see_pass(struct present_shadow *shadow, const struct prefix *prefix)
{
	uint64_t bits[4];

	pass_bits(prefix, bits);
	for (int i = 0; i < 4; i++)
		(prefix->family == 4 ? shadow->pass4 : shadow->pass6)[i] |= bits[i];
}

void present_mark_pass(struct gate *gate, const struct prefix *prefix)
{
	struct present_shadow *shadow = nets_shadow(gate);
	uint64_t bits[4];

	if (shadow)
		present_see_pass(shadow, prefix);
	pass_bits(prefix, bits);
	for (int i = 0; i < 4; i++)
		__atomic_fetch_and(prefix->family == 4 ? &gate->settings->pass4_void[i]
						       : &gate->settings->pass6_void[i],
				   ~bits[i], __ATOMIC_SEQ_CST);
}

static void finish_pass(struct gate *gate, const struct present_shadow *shadow)
{
	for (int i = 0; i < 4; i++) {
		__atomic_store_n(&gate->settings->pass4_void[i], ~shadow->pass4[i],
				 __ATOMIC_SEQ_CST);
		__atomic_store_n(&gate->settings->pass6_void[i], ~shadow->pass6[i],
				 __ATOMIC_SEQ_CST);
	}
}

static void finish_words(uint64_t *words, const uint64_t *shadow, size_t count, uint64_t *set,
			 uint64_t *cleared)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t missing = shadow[i] & ~words[i], stale = words[i] & ~shadow[i];

		if (missing)
			__atomic_fetch_or(&words[i], missing, __ATOMIC_RELAXED);
		if (stale)
			__atomic_fetch_and(&words[i], ~stale, __ATOMIC_RELAXED);
		*set += (uint64_t)__builtin_popcountll(missing);
		*cleared += (uint64_t)__builtin_popcountll(stale);
	}
}

void present_finish(struct gate *gate, const struct present_shadow *shadow, uint64_t *ret_set,
		    uint64_t *ret_cleared)
{
	uint64_t set = 0, cleared = 0;

	finish_words((uint64_t *)(void *)gate->present4, (const uint64_t *)(const void *)shadow->v4,
		     sizeof(shadow->v4) / (sizeof(uint64_t)), &set, &cleared);
	finish_words((uint64_t *)(void *)gate->present6, (const uint64_t *)(const void *)shadow->v6,
		     sizeof(shadow->v6) / (sizeof(uint64_t)), &set, &cleared);
	__atomic_store_n(&gate->settings->present6_levels, shadow->levels, __ATOMIC_SEQ_CST);
	finish_pass(gate, shadow);
	*ret_set = set;
	*ret_cleared = cleared;
}
