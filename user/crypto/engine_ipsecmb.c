/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records by Intel's multi-buffer library, BATCH at a time. A batch goes through these steps, each
 * for all of its records: both keys, the ciphers, the pads of the signing keys, the signatures; for
 * opening: both keys, the pads, the signatures and their comparison, the ciphers.
 *
 * Two managers, since the ways to multiply in GCM differ in what they prepare for a key that is
 * used once: AVX2 takes 67 ns and then 30 for 64 bytes, AVX-512 with VAES 115 and 21; but 190 and
 * 84 for 1 KiB. They meet at SHORT.
 *
 * What remains of a key afterwards: nothing. The slots, the schedule and GHASH's powers lie in this
 * struct and are wiped at the end of each batch; the library is asked whether it clears its own
 * stack, registers and lanes (SAFE_DATA), and not used if it does not.
 */
#include <errno.h>
#include <stdlib.h>

#include <user/crypto/engine_kind.h>
#include <user/crypto/record.h>
#include <user/crypto/wipe.h>

#if defined(__x86_64__)
#include <intel-ipsec-mb.h>

#define BATCH 64
#define SHORT 512

/* A record on its way through the batch. All of it is secret. */
struct slot {
	uint8_t enc_info[RECORD_INFO + 1];
	uint8_t mac_info[RECORD_INFO + 1];
	uint8_t enc[32];
	uint8_t mac[32];
	struct hmac_key mac_key;
	uint8_t text[RECORD_SIGNED];
	uint8_t sig[RECORD_SIG];
};

struct mb {
	struct engine engine;
	IMB_MGR *brief; /* hashes, and short texts */
	IMB_MGR *wide;	/* long texts; it may be the same */
	IMB_JOB jobs[2 * BATCH];
	struct slot slots[BATCH];
	_Alignas(64) struct gcm_key_data gcm_key; /* the library asks for it */
	struct gcm_context_data gcm;
};

_Static_assert(2 * BATCH <= IMB_MAX_BURST_SIZE, "the keys of a batch are one burst");

static struct mb *of(struct engine *engine)
{
	return (struct mb *)engine;
}

static void job_set(IMB_JOB *job, const struct hmac_key *key, const void *text, size_t len,
		    uint8_t *to)
{
	job->src = text;
	job->msg_len_to_hash_in_bytes = len;
	job->auth_tag_output = to;
	job->u.HMAC._hashed_auth_key_xor_ipad = (const uint8_t *)key->inner;
	job->u.HMAC._hashed_auth_key_xor_opad = (const uint8_t *)key->outer;
}

static int jobs_run(struct mb *e, size_t n)
{
	/* What the checks would look at is set here and nowhere else. */
	if (IMB_SUBMIT_HASH_BURST_NOCHECK(e->brief, e->jobs, (uint32_t)n, IMB_AUTH_HMAC_SHA_256) !=
	    n)
		return -EIO;
	return 0;
}

/* Expand1, twice for each record. */
static int derive(struct mb *e, const struct record_op *ops, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct slot *s = &e->slots[i];

		record_info(s->enc_info, RECORD_LABEL_ENC, ops[i].record);
		record_info(s->mac_info, RECORD_LABEL_MAC, ops[i].record);
		s->enc_info[RECORD_INFO] = s->mac_info[RECORD_INFO] = 1;
		job_set(&e->jobs[2 * i], &ops[i].key->seed, s->enc_info, sizeof(s->enc_info),
			s->enc);
		job_set(&e->jobs[2 * i + 1], &ops[i].key->seed, s->mac_info, sizeof(s->mac_info),
			s->mac);
	}
	return jobs_run(e, 2 * n);
}

static int sign(struct mb *e, const struct record_op *ops, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct slot *s = &e->slots[i];

		hmac_key_set(&s->mac_key, s->mac, sizeof(s->mac));
		record_signed(s->text, ops[i].record, ops[i].len);
		job_set(&e->jobs[i], &s->mac_key, s->text, sizeof(s->text), s->sig);
	}
	return jobs_run(e, n);
}

static IMB_MGR *manager(struct mb *e, uint32_t len)
{
	return len < SHORT ? e->brief : e->wide;
}

static void encrypt(struct mb *e, struct record_op *op, const struct slot *s)
{
	IMB_MGR *mgr = manager(e, op->len);
	uint8_t *text = record_text(op->record);
	uint8_t nonce[RECORD_NONCE];

	record_nonce(nonce, op->key->iv, op->record);
	IMB_AES256_GCM_PRE(mgr, s->enc, &e->gcm_key);
	IMB_AES256_GCM_ENC(mgr, &e->gcm_key, &e->gcm, text, text, op->len, nonce, op->record,
			   RECORD_HEAD, record_tag(op->record, op->len), RECORD_TAG);
}

static int decrypt(struct mb *e, struct record_op *op, const struct slot *s)
{
	IMB_MGR *mgr = manager(e, op->len);
	uint8_t *text = record_text(op->record);
	uint8_t nonce[RECORD_NONCE], tag[RECORD_TAG];

	record_nonce(nonce, op->key->iv, op->record);
	IMB_AES256_GCM_PRE(mgr, s->enc, &e->gcm_key);
	IMB_AES256_GCM_DEC(mgr, &e->gcm_key, &e->gcm, text, text, op->len, nonce, op->record,
			   RECORD_HEAD, tag, RECORD_TAG);
	if (crypto_same(tag, record_tag(op->record, op->len), RECORD_TAG))
		return 0;
	wipe(tag, sizeof(tag));
	wipe(text, op->len);
	return CRYPTO_BAD;
}

static void forget(struct mb *e, size_t n)
{
	wipe(e->slots, n * sizeof(e->slots[0]));
	wipe(&e->gcm_key, sizeof(e->gcm_key));
	wipe(&e->gcm, sizeof(e->gcm));
}

static int seal_batch(struct mb *e, struct record_op *ops, size_t n)
{
	int r = derive(e, ops, n);

	for (size_t i = 0; i < n && !r; i++)
		encrypt(e, &ops[i], &e->slots[i]);
	if (!r)
		r = sign(e, ops, n);
	for (size_t i = 0; i < n && !r; i++) {
		memcpy(record_sig(ops[i].record, ops[i].len), e->slots[i].sig, RECORD_SIG);
		ops[i].result = 0;
	}
	forget(e, n);
	return r;
}

static int open_batch(struct mb *e, struct record_op *ops, size_t n)
{
	int r = derive(e, ops, n);

	if (!r)
		r = sign(e, ops, n);
	for (size_t i = 0; i < n && !r; i++) {
		struct record_op *op = &ops[i];

		if (crypto_same(e->slots[i].sig, record_sig(op->record, op->len), RECORD_SIG)) {
			op->result = decrypt(e, op, &e->slots[i]);
		} else {
			wipe(record_text(op->record), op->len);
			op->result = CRYPTO_BAD;
		}
	}
	forget(e, n);
	return r;
}

static int in_batches(struct mb *e, struct record_op *ops, size_t n,
		      int (*run)(struct mb *, struct record_op *, size_t))
{
	int r = 0;

	for (size_t at = 0; at < n && !r; at += BATCH)
		r = run(e, ops + at, MIN(n - at, (size_t)BATCH));
	return r;
}

static int seal_all(struct engine *engine, struct record_op *ops, size_t n)
{
	return in_batches(of(engine), ops, n, seal_batch);
}

static int open_all(struct engine *engine, struct record_op *ops, size_t n)
{
	return in_batches(of(engine), ops, n, open_batch);
}

static void drop(struct engine *engine)
{
	struct mb *e = of(engine);

	if (e->wide != e->brief)
		free_mb_mgr(e->wide);
	free_mb_mgr(e->brief);
	wipe(e, sizeof(*e));
	free(e);
}

static bool fit(const IMB_MGR *mgr)
{
	const uint64_t wanted = IMB_FEATURE_AESNI | IMB_FEATURE_PCLMULQDQ | IMB_FEATURE_SAFE_DATA;

	return !imb_get_errno((IMB_MGR *)(uintptr_t)mgr) && (mgr->features & wanted) == wanted;
}

/* Its own detection, and what it says about itself. */
static int managers(struct mb *e)
{
	const uint64_t vaes = IMB_FEATURE_AVX512_SKX | IMB_FEATURE_VAES | IMB_FEATURE_VPCLMULQDQ;

	e->brief = alloc_mb_mgr(0);
	if (!e->brief)
		return -ENOMEM;
	e->wide = e->brief;
	if ((e->brief->features & IMB_CPUFLAGS_AVX2) == IMB_CPUFLAGS_AVX2)
		init_mb_mgr_avx2(e->brief);
	else if ((e->brief->features & IMB_CPUFLAGS_SSE) == IMB_CPUFLAGS_SSE)
		init_mb_mgr_sse(e->brief);
	else
		return -ENOENT; /* it would emulate AES by tables that show in the cache */
	if (!fit(e->brief))
		return -ENOENT;
	if ((e->brief->features & vaes) != vaes)
		return 0;
	e->wide = alloc_mb_mgr(0);
	if (!e->wide) {
		e->wide = e->brief;
		return -ENOMEM;
	}
	init_mb_mgr_avx512(e->wide);
	return fit(e->wide) ? 0 : -ENOENT;
}

static int make(struct engine **ret_engine)
{
	struct mb *e = aligned_alloc(64, sizeof(*e));
	int r;

	if (!e)
		return -ENOMEM;
	memset(e, 0, sizeof(*e));
	for (size_t i = 0; i < ARRAY_LEN(e->jobs); i++) {
		e->jobs[i].hash_alg = IMB_AUTH_HMAC_SHA_256;
		e->jobs[i].auth_tag_output_len_in_bytes = RECORD_SIG;
	}
	r = managers(e);
	if (r) {
		drop(&e->engine);
		return r;
	}
	*ret_engine = &e->engine;
	return 0;
}

#else /* the library is for x86 */
static int make(struct engine **ret_engine)
{
	(void)ret_engine;
	return -ENOENT;
}
#define drop NULL
#define seal_all NULL
#define open_all NULL
#endif

const struct engine_kind engine_ipsecmb = {
	.name = "ipsec-mb",
	.make = make,
	.drop = drop,
	.seal = seal_all,
	.open = open_all,
};
