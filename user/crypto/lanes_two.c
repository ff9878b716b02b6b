/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two compressions by SHA-NI, round by round in turn: an instruction of two rounds takes four
 * cycles and the next one of the same message waits for it; that of the other message does not. The
 * instructions and the order of the words in their registers: Intel, "Intel SHA Extensions", 2013.
 */
#include <user/crypto/lanes_kind.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

#define WITH_SHA __attribute__((target("sha,sse4.1")))
#define INLINE inline __attribute__((always_inline))

struct ph_message {
	__m128i abef, cdgh;
	__m128i w[4];
};

bool lanes_two_here(void)
{
	unsigned a, b = 0, c, d;

	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA) &&
	       __builtin_cpu_supports("sse4.1");
}

static WITH_SHA INLINE void load(struct ph_message *m, const uint32_t *state, const uint32_t *block)
{
	__m128i dcba = _mm_loadu_si128((const __m128i *)state);
	__m128i hgfe = _mm_loadu_si128((const __m128i *)(state + 4));

	dcba = _mm_shuffle_epi32(dcba, 0xb1);
	hgfe = _mm_shuffle_epi32(hgfe, 0x1b);
	m->abef = _mm_alignr_epi8(dcba, hgfe, 8);
	m->cdgh = _mm_blend_epi16(hgfe, dcba, 0xf0);
	for (unsigned i = 0; i < 4; i++)
		m->w[i] = _mm_loadu_si128((const __m128i *)(block + 4 * i));
}

static WITH_SHA INLINE void store(const struct ph_message *m, uint32_t *state)
{
	__m128i old[2] = {_mm_loadu_si128((const __m128i *)state),
			  _mm_loadu_si128((const __m128i *)(state + 4))};
	__m128i feba = _mm_shuffle_epi32(m->abef, 0x1b);
	__m128i dchg = _mm_shuffle_epi32(m->cdgh, 0xb1);

	_mm_storeu_si128((__m128i *)state,
			 _mm_add_epi32(old[0], _mm_blend_epi16(feba, dchg, 0xf0)));
	_mm_storeu_si128((__m128i *)(state + 4),
			 _mm_add_epi32(old[1], _mm_alignr_epi8(dchg, feba, 8)));
}

/* Four rounds of one message, and the four words that come 16 rounds later. */
static WITH_SHA INLINE void four(struct ph_message *m, unsigned i)
{
	__m128i *w = m->w;
	__m128i sum = _mm_add_epi32(w[i % 4], _mm_loadu_si128((const __m128i *)(sha256_k + 4 * i)));

	m->cdgh = _mm_sha256rnds2_epu32(m->cdgh, m->abef, sum);
	m->abef = _mm_sha256rnds2_epu32(m->abef, m->cdgh, _mm_shuffle_epi32(sum, 0x0e));
	if (i < 12) {
		__m128i w9 = _mm_alignr_epi8(w[(i + 3) % 4], w[(i + 2) % 4], 4);

		w[i % 4] = _mm_add_epi32(_mm_sha256msg1_epu32(w[i % 4], w[(i + 1) % 4]), w9);
		w[i % 4] = _mm_sha256msg2_epu32(w[i % 4], w[(i + 3) % 4]);
	}
}

static WITH_SHA INLINE void eight(struct ph_message *a, struct ph_message *b, unsigned i)
{
	four(a, i);
	four(b, i);
	four(a, i + 1);
	four(b, i + 1);
}

WITH_SHA void lanes_two(uint32_t *a, const uint32_t *block_a, uint32_t *b, const uint32_t *block_b)
{
	struct ph_message one, two;

	load(&one, a, block_a);
	load(&two, b, block_b);
	eight(&one, &two, 0);
	eight(&one, &two, 2);
	eight(&one, &two, 4);
	eight(&one, &two, 6);
	eight(&one, &two, 8);
	eight(&one, &two, 10);
	eight(&one, &two, 12);
	eight(&one, &two, 14);
	store(&one, a);
	store(&two, b);
}

#else
bool lanes_two_here(void)
{
	return false;
}

void lanes_two(uint32_t *a, const uint32_t *block_a, uint32_t *b, const uint32_t *block_b)
{
	(void)a;
	(void)block_a;
	(void)b;
	(void)block_b;
	__builtin_trap(); /* lanes_best() says LANES_ONE */
}
#endif
