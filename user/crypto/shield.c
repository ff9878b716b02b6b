/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two sets of pages for the prekey: one in use, one for the next. Readers (shield_open) hold `lock`
 * shared while they hash the set in use, some 25 us; shield_renew() fills and hashes the other set
 * with no lock held, changes over under the exclusive lock in some ns, then wipes the old set,
 * which no reader can be in any more. `renewing` keeps renewals apart.
 *
 * struct shield lies in pages of its own, wiped in a child (MADV_WIPEONFORK), so `alive` is 0
 * there; the prekey's pages do not exist in a child (MADV_DONTFORK works for memfd_secret, too,
 * MADV_WIPEONFORK does not).
 *
 * Behind the secret 16 zeros are encrypted: when they do not come back, memory was changed.
 */
#include <user/crypto/shield.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <openssl/evp.h>

#include <strazh/base/own.h>
#include <user/crypto/crypto.h>

#define CHUNKS 4
#define CHUNK_LEN (SHIELD_PREKEY_LEN / CHUNKS)
#define SETS 2
#define ALIVE 0x51d3a11e
#define DIGEST_LEN 64 /* of SHA-512: key 32, counter block 16, the rest is not used */
#define KEY_LEN 32

struct chunk {
	unsigned char *bytes; /* CHUNK_LEN of them, from the beginning of a page */
};

struct plain {
	struct secret32 secret;
	unsigned char zeros[16];
};

struct shield {
	uint32_t alive;
	enum shield_memory memory;
	pthread_rwlock_t lock;
	pthread_mutex_t renewing;
	EVP_MD *sha512;
	EVP_CIPHER *ctr;
	struct chunk chunks[SETS][CHUNKS];
	unsigned int active;
	unsigned char sealed[sizeof(struct plain)];
};

static void wipe_plain(struct plain *plain)
{
	wipe(plain, sizeof(*plain));
}
#define own_plain cleanup_with(wipe_plain)

const char *shield_memory_text(enum shield_memory memory)
{
	static const char *const texts[] = {
#define X(name, text) [SHIELD_##name] = (text),
		SHIELD_MEMORIES(X)
#undef X
	};

	return texts[memory];
}

/* ---- pages ---- */

static size_t page_len(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static size_t whole_pages(size_t len)
{
	return (len + page_len() - 1) / page_len() * page_len();
}

/* Somewhere in the lower half of 47 bits of addresses: a wish, the kernel may know better. */
static void *some_address(void)
{
	uint64_t random;

	if (crypto_random(&random, sizeof(random)))
		return NULL;
	random &= (1ULL << 46) - 1;
	return (void *)(uintptr_t)(random / page_len() * page_len()); // NOLINT
}

/* Pages with a page that cannot be touched on either side: of `fd` from `offset`, or anonymous. */
static int map_guarded(size_t len, int fd, off_t offset, unsigned char **ret_bytes)
{
	const size_t body = whole_pages(len), all = body + 2 * page_len();
	const int flags = MAP_FIXED | (fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED);
	unsigned char *base = mmap(some_address(), all, PROT_NONE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	unsigned char *bytes;
	int r = 0;

	if (base == MAP_FAILED)
		return -errno;
	bytes = mmap(base + page_len(), body, PROT_READ | PROT_WRITE, flags, fd, offset);
	if (bytes == MAP_FAILED)
		r = -errno;
	else if (madvise(bytes, body, MADV_DONTDUMP))
		r = -errno;
	if (r)
		(void)munmap(base, all);
	else
		*ret_bytes = bytes;
	return r;
}

static void unmap_guarded(unsigned char *bytes, size_t len)
{
	if (bytes)
		(void)munmap(bytes - page_len(), whole_pages(len) + 2 * page_len());
}

/* A file in memory that only this address space can read, one chunk after the other; -1: none. */
static int secret_file(void)
{
	const off_t size = (off_t)(whole_pages(CHUNK_LEN) * SETS * CHUNKS);
	int fd = -1;

#ifdef SYS_memfd_secret
	fd = (int)syscall(SYS_memfd_secret, O_CLOEXEC);
#endif
	if (fd >= 0 && ftruncate(fd, size)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static void unmap_chunks(struct shield *shield)
{
	for (size_t i = 0; i < (size_t)SETS * CHUNKS; i++) {
		struct chunk *chunk = &shield->chunks[i / CHUNKS][i % CHUNKS];

		if (chunk->bytes)
			wipe(chunk->bytes, CHUNK_LEN);
		unmap_guarded(take_ptr(chunk->bytes), CHUNK_LEN);
	}
}

static int map_chunks(struct shield *shield, int fd)
{
	const size_t body = whole_pages(CHUNK_LEN);

	shield->memory = fd < 0 ? SHIELD_LOCKED : SHIELD_SECRET;
	for (size_t i = 0; i < (size_t)SETS * CHUNKS; i++) {
		unsigned char *bytes;
		int r = map_guarded(body, fd, fd < 0 ? 0 : (off_t)(i * body), &bytes);

		if (r)
			return r;
		shield->chunks[i / CHUNKS][i % CHUNKS].bytes = bytes;
		if (madvise(bytes, body, MADV_DONTFORK))
			return -errno;
		/* memfd_secret is locked by itself. */
		if (fd < 0 && mlock(bytes, body))
			shield->memory = SHIELD_UNLOCKED;
	}
	return 0;
}

static int map_prekey(struct shield *shield)
{
	own_fd int fd = secret_file();

	if (fd >= 0 && map_chunks(shield, fd) == 0)
		return 0;
	unmap_chunks(shield); /* the limit of locked memory, most likely */
	return map_chunks(shield, -1);
}

/* ---- the key and what lies under it ---- */

static int hash_chunks(const struct shield *shield, const struct chunk chunks[CHUNKS],
		       unsigned char ret_digest[DIGEST_LEN])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int r = 0;

	if (!ctx)
		return -ENOMEM;
	if (!EVP_DigestInit_ex2(ctx, shield->sha512, NULL))
		r = -EIO;
	for (size_t i = 0; !r && i < CHUNKS; i++)
		if (!EVP_DigestUpdate(ctx, chunks[i].bytes, CHUNK_LEN))
			r = -EIO;
	if (!r && !EVP_DigestFinal_ex(ctx, ret_digest, NULL))
		r = -EIO;
	EVP_MD_CTX_free(ctx); /* wipes its state, as the other does its key */
	return r;
}

static int mask(const struct shield *shield, const unsigned char digest[DIGEST_LEN],
		const void *from, void *to)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int len = 0, r = 0;

	if (!ctx)
		return -ENOMEM;
	if (!EVP_EncryptInit_ex2(ctx, shield->ctr, digest, digest + KEY_LEN, NULL) ||
	    !EVP_EncryptUpdate(ctx, to, &len, from, sizeof(struct plain)))
		r = -EIO;
	EVP_CIPHER_CTX_free(ctx);
	return r;
}

/* AES-256-CTR under SHA-512(chunks): the same both ways. */
static int mask_by(const struct shield *shield, const struct chunk chunks[CHUNKS], const void *from,
		   void *to)
{
	unsigned char digest[DIGEST_LEN];
	int r = hash_chunks(shield, chunks, digest);

	if (!r)
		r = mask(shield, digest, from, to);
	wipe(digest, sizeof(digest));
	return r;
}

static int unmask(struct shield *shield, struct plain *ret_plain)
{
	static const unsigned char zeros[sizeof(ret_plain->zeros)];
	int r;

	if (shield->alive != ALIVE)
		return -ESTALE;
	r = -pthread_rwlock_rdlock(&shield->lock);
	if (r)
		return r;
	r = mask_by(shield, shield->chunks[shield->active], shield->sealed, ret_plain);
	(void)pthread_rwlock_unlock(&shield->lock);
	if (!r && !crypto_same(ret_plain->zeros, zeros, sizeof(zeros)))
		r = -EBADMSG;
	return r;
}

static void wipe_set(struct chunk chunks[CHUNKS])
{
	for (size_t i = 0; i < CHUNKS; i++)
		wipe(chunks[i].bytes, CHUNK_LEN);
}

static int fill_set(struct chunk chunks[CHUNKS])
{
	int r = 0;

	for (size_t i = 0; !r && i < CHUNKS; i++)
		r = crypto_random(chunks[i].bytes, CHUNK_LEN);
	return r;
}

/* ---- contract ---- */

int shield_open(struct shield *shield, struct secret32 *ret_secret)
{
	own_plain struct plain plain = {0};
	int r = unmask(shield, &plain);

	if (!r)
		*ret_secret = plain.secret;
	return r;
}

void shield_close(struct secret32 *secret)
{
	wipe(secret, sizeof(*secret));
}

static int renew(struct shield *shield, const struct plain *plain)
{
	const unsigned int next = shield->active ^ 1;
	unsigned char sealed[sizeof(shield->sealed)];
	int r = fill_set(shield->chunks[next]);

	if (!r)
		r = mask_by(shield, shield->chunks[next], plain, sealed);
	if (!r)
		r = -pthread_rwlock_wrlock(&shield->lock);
	if (r) {
		wipe_set(shield->chunks[next]);
		return r;
	}
	memcpy(shield->sealed, sealed, sizeof(sealed));
	shield->active = next;
	(void)pthread_rwlock_unlock(&shield->lock);
	wipe_set(shield->chunks[next ^ 1]);
	return 0;
}

int shield_renew(struct shield *shield)
{
	own_plain struct plain plain = {0};
	int r;

	if (shield->alive != ALIVE)
		return -ESTALE;
	r = -pthread_mutex_lock(&shield->renewing);
	if (r)
		return r;
	r = unmask(shield, &plain);
	if (!r)
		r = renew(shield, &plain);
	(void)pthread_mutex_unlock(&shield->renewing);
	return r;
}

/* A stream of readers must not keep a renewal waiting for ever. */
static int init_locks(struct shield *shield)
{
	pthread_rwlockattr_t attr;
	int r = -pthread_rwlockattr_init(&attr);

	if (r)
		return r;
	r = -pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	if (!r)
		r = -pthread_rwlock_init(&shield->lock, &attr);
	(void)pthread_rwlockattr_destroy(&attr);
	if (!r)
		r = -pthread_mutex_init(&shield->renewing, NULL);
	return r;
}

static int fill(struct shield *shield, const struct secret32 *secret)
{
	own_plain struct plain plain = {.secret = *secret};
	int r = init_locks(shield);

	if (r)
		return r;
	shield->sha512 = EVP_MD_fetch(NULL, "SHA512", NULL);
	shield->ctr = EVP_CIPHER_fetch(NULL, "AES-256-CTR", NULL);
	if (!shield->sha512 || !shield->ctr)
		return -EIO;
	r = map_prekey(shield);
	return r ? r : renew(shield, &plain);
}

int shield_new(struct secret32 *secret, struct shield **ret_shield)
{
	const size_t len = whole_pages(sizeof(struct shield));
	unsigned char *bytes;
	struct shield *shield;
	int r = map_guarded(len, -1, 0, &bytes);

	if (r)
		return r;
	shield = (void *)bytes;
	shield->alive = ALIVE;
	if (madvise(bytes, len, MADV_WIPEONFORK))
		r = -errno;
	if (!r)
		r = fill(shield, secret);
	/* Only ciphertext: not worth another word when the limit is too low. */
	if (!r && mlock(bytes, len) && shield->memory == SHIELD_LOCKED)
		shield->memory = SHIELD_UNLOCKED;
	if (r) {
		shield_free(shield);
		return r;
	}
	wipe(secret, sizeof(*secret));
	*ret_shield = shield;
	return 0;
}

void shield_free(struct shield *shield)
{
	if (!shield)
		return;
	if (shield->alive == ALIVE) {
		unmap_chunks(shield);
		EVP_MD_free(shield->sha512);
		EVP_CIPHER_free(shield->ctr);
		(void)pthread_rwlock_destroy(&shield->lock);
		(void)pthread_mutex_destroy(&shield->renewing);
		wipe(shield, sizeof(*shield));
	}
	unmap_guarded((unsigned char *)shield, sizeof(*shield));
}

enum shield_memory shield_memory(const struct shield *shield)
{
	return shield->memory;
}
