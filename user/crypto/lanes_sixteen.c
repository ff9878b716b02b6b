/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sixteen compressions in the lanes of AVX-512's registers: FIPS 180-4, 6.2.2, each variable a
 * vector. The words of the messages are turned into lanes on the way in, by the scalar half of the
 * processor; between inner and outer hash nothing leaves the lanes. Lanes without a message compute
 * on zeros.
 */
#include <user/crypto/lanes_kind.h>

#include <user/crypto/compress.h>
#include <user/crypto/wipe.h>

#if defined(__x86_64__)
#include <immintrin.h>

#define WITH_512 __attribute__((target("avx512f,avx512bw,avx512vl,movbe")))
#define INLINE inline __attribute__((always_inline))
#define N 16

typedef uint32_t lanes __attribute__((vector_size(4 * N)));

bool lanes_sixteen_here(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
	       __builtin_cpu_supports("avx512vl");
}

#define ROTR(x, n) ((lanes)_mm512_ror_epi32((__m512i)(x), n))
/* Any function of three bits: its truth table. */
#define TERN(x, y, z, table)                                                                       \
	((lanes)_mm512_ternarylogic_epi32((__m512i)(x), (__m512i)(y), (__m512i)(z), table))
#define XOR3(x, y, z) TERN(x, y, z, 0x96)
#define CH(x, y, z) TERN(x, y, z, 0xca)
#define MAJ(x, y, z) TERN(x, y, z, 0xe8)
#define SUM0(x) XOR3(ROTR(x, 2), ROTR(x, 13), ROTR(x, 22))
#define SUM1(x) XOR3(ROTR(x, 6), ROTR(x, 11), ROTR(x, 25))
#define SIGMA0(x) XOR3(ROTR(x, 7), ROTR(x, 18), (x) >> 3)
#define SIGMA1(x) XOR3(ROTR(x, 17), ROTR(x, 19), (x) >> 10)

/* Round i + j, and the word that takes its place 16 rounds later. */
#define ROUND(a, b, c, d, e, f, g, h, j)                                                           \
	do {                                                                                       \
		lanes t_ = (h) + SUM1(e) + CH(e, f, g) + sha256_k[i + (j)] + w[j];                 \
		(d) += t_;                                                                         \
		(h) = t_ + SUM0(a) + MAJ(a, b, c);                                                 \
		w[j] += SIGMA0(w[((j) + 1) % 16]) + w[((j) + 9) % 16] +                            \
			SIGMA1(w[((j) + 14) % 16]);                                                \
	} while (0)
#define EIGHT(j)                                                                                   \
	do {                                                                                       \
		ROUND(a, b, c, d, e, f, g, h, (j) + 0);                                            \
		ROUND(h, a, b, c, d, e, f, g, (j) + 1);                                            \
		ROUND(g, h, a, b, c, d, e, f, (j) + 2);                                            \
		ROUND(f, g, h, a, b, c, d, e, (j) + 3);                                            \
		ROUND(e, f, g, h, a, b, c, d, (j) + 4);                                            \
		ROUND(d, e, f, g, h, a, b, c, (j) + 5);                                            \
		ROUND(c, d, e, f, g, h, a, b, (j) + 6);                                            \
		ROUND(b, c, d, e, f, g, h, a, (j) + 7);                                            \
	} while (0)

static WITH_512 __attribute__((noinline)) void rounds(lanes s[8], lanes w[16])
{
	lanes a = s[0], b = s[1], c = s[2], d = s[3], e = s[4], f = s[5], g = s[6], h = s[7];

	for (unsigned i = 0; i < 64; i += 16) {
		EIGHT(0);
		EIGHT(8);
	}
	s[0] += a;
	s[1] += b;
	s[2] += c;
	s[3] += d;
	s[4] += e;
	s[5] += f;
	s[6] += g;
	s[7] += h;
}

/* What the lanes hold, as words of one message and as vectors. */
union words {
	uint32_t of[16][N];
	lanes all[16];
};
struct work {
	union words w;
	union words s; /* the first 8 */
};

static WITH_512 INLINE lanes fill(uint32_t word)
{
	return (lanes)_mm512_set1_epi32((int)word);
}

static WITH_512 INLINE void clear(lanes *all, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		all[i] = fill(0);
}

static WITH_512 INLINE void text_in(union words *w, size_t lane, const uint8_t *text, size_t len)
{
	const size_t whole = len / 4;

	for (size_t i = 0; i < whole; i++)
		w->of[i][lane] = lanes_word(text + 4 * i);
	w->of[whole][lane] = lanes_last(text + 4 * whole, len % 4);
}

/* The inner hash becomes the text of the outer one. */
static WITH_512 void outer_in(union words *w, const lanes digest[8])
{
	for (unsigned i = 0; i < 8; i++)
		w->all[i] = digest[i];
	clear(w->all + 8, 8);
	w->all[8] = fill(0x80000000);
	w->all[15] = fill((COMPRESS_BLOCK + SHA256_LEN) * 8);
}

static WITH_512 INLINE void mac_out(const union words *s, size_t lane, uint8_t *mac)
{
	for (unsigned i = 0; i < 8; i++) {
		uint32_t word = __builtin_bswap32(s->of[i][lane]);

		memcpy(mac + 4 * i, &word, 4);
	}
}

/* Records of one session, which have one seed, are the common case, and nothing to be turned. */
static bool one_key(const struct lane *in, size_t n)
{
	for (size_t l = 1; l < n; l++)
		if (in[l].key != in[0].key)
			return false;
	return true;
}

static WITH_512 void states_in(union words *s, const struct lane *in, size_t n, bool same,
			       bool outer)
{
	if (same) {
		const uint32_t *state = outer ? in[0].key->outer : in[0].key->inner;

		for (unsigned i = 0; i < 8; i++)
			s->all[i] = fill(state[i]);
		return;
	}
	clear(s->all, 8);
	for (size_t l = 0; l < n; l++) {
		const uint32_t *state = outer ? in[l].key->outer : in[l].key->inner;

		for (unsigned i = 0; i < 8; i++)
			s->of[i][l] = state[i];
	}
}

WITH_512 void lanes_sixteen_hmac(const struct lane *in, size_t n, size_t text_len)
{
	const bool same = one_key(in, n);
	struct work k;

	states_in(&k.s, in, n, same, false);
	clear(k.w.all, 16);
	for (size_t l = 0; l < n; l++)
		text_in(&k.w, l, in[l].text, text_len);
	k.w.all[15] = fill((uint32_t)(COMPRESS_BLOCK + text_len) * 8);
	rounds(k.s.all, k.w.all);

	outer_in(&k.w, k.s.all);
	states_in(&k.s, in, n, same, true);
	rounds(k.s.all, k.w.all);
	for (size_t l = 0; l < n; l++)
		mac_out(&k.s, l, in[l].mac);
	wipe(&k, sizeof(k));
}

/* A pad's block is the key's words and then only the pad. */
static WITH_512 void pad(struct work *k, const union words *key, uint32_t with)
{
	for (unsigned i = 0; i < 8; i++) {
		k->w.all[i] = key->all[i] ^ fill(with);
		k->w.all[8 + i] = fill(with);
		k->s.all[i] = fill(sha256_first[i]);
	}
	rounds(k->s.all, k->w.all);
}

WITH_512 void lanes_sixteen_hmac_once(const struct lane_once *in, size_t n, size_t text_len)
{
	union words key, digest;
	struct work k;

	clear(key.all, 8);
	for (size_t l = 0; l < n; l++)
		for (unsigned i = 0; i < 8; i++)
			key.of[i][l] = lanes_word(in[l].secret + 4 * i);
	pad(&k, &key, 0x36363636);
	clear(k.w.all, 16);
	for (size_t l = 0; l < n; l++)
		text_in(&k.w, l, in[l].text, text_len);
	k.w.all[15] = fill((uint32_t)(COMPRESS_BLOCK + text_len) * 8);
	rounds(k.s.all, k.w.all);
	memcpy(&digest, &k.s, 8 * sizeof(lanes));

	pad(&k, &key, 0x5c5c5c5c);
	outer_in(&k.w, digest.all);
	rounds(k.s.all, k.w.all);
	for (size_t l = 0; l < n; l++)
		mac_out(&k.s, l, in[l].mac);
	wipe(&k, sizeof(k));
	wipe(&key, sizeof(key));
	wipe(&digest, sizeof(digest));
}

#else
bool lanes_sixteen_here(void)
{
	return false;
}

void lanes_sixteen_hmac(const struct lane *lanes, size_t n, size_t text_len)
{
	(void)lanes;
	(void)n;
	(void)text_len;
	__builtin_trap(); /* lanes_best() says less */
}

void lanes_sixteen_hmac_once(const struct lane_once *lanes, size_t n, size_t text_len)
{
	(void)lanes;
	(void)n;
	(void)text_len;
	__builtin_trap();
}
#endif
