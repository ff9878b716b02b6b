/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A VFS before the default one. `lock` guards the files' histories; a write is passed on under it,
 * so that history and file agree. Syncs are not passed on: the machine's disk is of no matter here.
 * They take a moment, in which others write; what was written before a sync began is safe when it
 * has ended.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include <strazh/base/compiler.h>

#include <tests/orm/kit/powercut.h>

#define SECTOR 512
#define SYNC_US_MAX 400

/* One write, or with data NULL one change of length. */
struct op {
	uint64_t number;
	sqlite3_int64 at;
	size_t len;
	unsigned char *data;
};

struct bytes {
	unsigned char *data;
	size_t len, room;
};

struct disk_file {
	struct disk_file *next;
	char *path;
	struct bytes safe;
	struct op *ops; /* since */
	size_t n_ops, room;
	bool fresh;   /* its name is not in the synced folder */
	bool deleted; /* and its deletion is not */
};

struct cut_file {
	sqlite3_file base;
	struct disk_file *file; /* NULL: not watched */
	bool sync_folder;	/* with the next sync */
	bool wal;
	sqlite3_file *real;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static sqlite3_vfs vfs, *under;
static char prefix[512];
static struct disk_file *files;
static uint64_t numbers, syncs, lost;
static unsigned failing;
static bool fail_and_lose;

static void *must(void *p)
{
	if (!p)
		abort();
	return p;
}

static uint64_t draw(uint64_t *state)
{
	uint64_t x = *state += 0x9e3779b97f4a7c15U;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9U;
	x = (x ^ x >> 27) * 0x94d049bb133111ebU;
	return x ^ x >> 31;
}

/* ---- histories ---- */

static void bytes_apply(struct bytes *b, sqlite3_int64 at, const unsigned char *data, size_t len)
{
	size_t end = (size_t)at + (data ? len : 0);

	if (end > b->room) {
		b->room = end * 2;
		b->data = must(realloc(b->data, b->room));
	}
	if (end > b->len || !data) {
		if (end > b->len)
			memset(b->data + b->len, 0, end - b->len);
		b->len = end;
	}
	if (data)
		memcpy(b->data + at, data, len);
}

static void file_note(struct disk_file *f, sqlite3_int64 at, const void *data, size_t len)
{
	struct op *op;

	if (f->n_ops == f->room) {
		f->room = f->room ? f->room * 2 : 64;
		f->ops = must(realloc(f->ops, f->room * sizeof(*f->ops)));
	}
	op = &f->ops[f->n_ops++];
	*op = (struct op){.number = ++numbers, .at = at, .len = len};
	if (data) {
		op->data = must(malloc(len ? len : 1));
		memcpy(op->data, data, len);
	}
}

/* All ops up to that number: they are safe now, or never will be. */
static void file_settle(struct disk_file *f, uint64_t number, bool safe)
{
	size_t n = 0;

	if (!f->n_ops)
		return;
	for (; n < f->n_ops && f->ops[n].number <= number; n++) {
		if (safe)
			bytes_apply(&f->safe, f->ops[n].at, f->ops[n].data, f->ops[n].len);
		free(f->ops[n].data);
	}
	if (!n)
		return;
	f->n_ops -= n;
	memmove(f->ops, f->ops + n, f->n_ops * sizeof(*f->ops));
}

static void file_free(struct disk_file *f)
{
	file_settle(f, UINT64_MAX, false);
	free(f->ops);
	free(f->safe.data);
	free(f->path);
	free(f);
}

static void folder_sync(void)
{
	struct disk_file **at = &files;

	while (*at) {
		struct disk_file *f = *at;

		f->fresh = false;
		if (f->deleted) {
			*at = f->next;
			file_free(f);
		} else {
			at = &f->next;
		}
	}
}

static struct disk_file *find(const char *path)
{
	struct disk_file *f = files;

	while (f && (f->deleted || strcmp(f->path, path) != 0))
		f = f->next;
	return f;
}

static void read_safe(struct disk_file *f)
{
	int fd = open(f->path, O_RDONLY);
	struct stat st;

	if (fd < 0)
		return;
	if (!fstat(fd, &st) && st.st_size > 0) {
		f->safe.len = f->safe.room = (size_t)st.st_size;
		f->safe.data = must(malloc(f->safe.room));
		if (read(fd, f->safe.data, f->safe.len) != (ssize_t)f->safe.len)
			abort();
	}
	close(fd);
}

/* Before the file is opened, when it may not exist yet. */
static struct disk_file *watch(const char *path)
{
	struct disk_file *f;

	if (!*prefix || strncmp(path, prefix, strlen(prefix)) != 0)
		return NULL;
	f = find(path);
	if (f)
		return f;
	f = must(calloc(1, sizeof(*f)));
	f->path = must(strdup(path));
	f->fresh = access(path, F_OK) != 0;
	read_safe(f);
	f->next = files;
	files = f;
	return f;
}

/* ---- the calls ---- */

static struct cut_file *of(sqlite3_file *file)
{
	return (struct cut_file *)(void *)file;
}

static int cut_close(sqlite3_file *file)
{
	return of(file)->real->pMethods->xClose(of(file)->real);
}

static int cut_read(sqlite3_file *file, void *to, int n, sqlite3_int64 at)
{
	return of(file)->real->pMethods->xRead(of(file)->real, to, n, at);
}

static int cut_write(sqlite3_file *file, const void *from, int n, sqlite3_int64 at)
{
	struct cut_file *c = of(file);
	int rc;

	pthread_mutex_lock(&lock);
	rc = c->real->pMethods->xWrite(c->real, from, n, at);
	if (rc == SQLITE_OK && c->file)
		file_note(c->file, at, from, (size_t)n);
	pthread_mutex_unlock(&lock);
	return rc;
}

static int cut_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	struct cut_file *c = of(file);
	int rc;

	pthread_mutex_lock(&lock);
	rc = c->real->pMethods->xTruncate(c->real, size);
	if (rc == SQLITE_OK && c->file)
		file_note(c->file, size, NULL, 0);
	pthread_mutex_unlock(&lock);
	return rc;
}

static int cut_sync(sqlite3_file *file, int flags)
{
	struct cut_file *c = of(file);
	uint64_t upto, state;
	bool fails;

	if (!c->file)
		return c->real->pMethods->xSync(c->real, flags);
	pthread_mutex_lock(&lock);
	upto = state = numbers;
	pthread_mutex_unlock(&lock);
	usleep((useconds_t)(draw(&state) % SYNC_US_MAX));
	pthread_mutex_lock(&lock);
	fails = c->wal && failing && failing--;
	file_settle(c->file, upto, !fails || !fail_and_lose);
	if (c->sync_folder && !fails) {
		folder_sync();
		c->sync_folder = false;
	}
	syncs++;
	pthread_mutex_unlock(&lock);
	return fails ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}

static int cut_size(sqlite3_file *file, sqlite3_int64 *size)
{
	return of(file)->real->pMethods->xFileSize(of(file)->real, size);
}

static int cut_lock(sqlite3_file *file, int level)
{
	return of(file)->real->pMethods->xLock(of(file)->real, level);
}

static int cut_unlock(sqlite3_file *file, int level)
{
	return of(file)->real->pMethods->xUnlock(of(file)->real, level);
}

static int cut_reserved(sqlite3_file *file, int *out)
{
	return of(file)->real->pMethods->xCheckReservedLock(of(file)->real, out);
}

/* SIZE_HINT lengthens the file past write(). */
static int cut_control(sqlite3_file *file, int op, void *arg)
{
	if (op == SQLITE_FCNTL_SIZE_HINT || op == SQLITE_FCNTL_CHUNK_SIZE)
		return SQLITE_OK;
	return of(file)->real->pMethods->xFileControl(of(file)->real, op, arg);
}

static int cut_sector(sqlite3_file *file)
{
	(void)file;
	return SECTOR;
}

/* Nothing is promised: neither atomic sectors nor safe appending. */
static int cut_traits(sqlite3_file *file)
{
	(void)file;
	return 0;
}

static int cut_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **out)
{
	return of(file)->real->pMethods->xShmMap(of(file)->real, page, size, extend, out);
}

static int cut_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
	return of(file)->real->pMethods->xShmLock(of(file)->real, offset, n, flags);
}

static void cut_shm_barrier(sqlite3_file *file)
{
	of(file)->real->pMethods->xShmBarrier(of(file)->real);
}

static int cut_shm_unmap(sqlite3_file *file, int remove)
{
	return of(file)->real->pMethods->xShmUnmap(of(file)->real, remove);
}

/* Version 2: shared memory, but no mapped database. */
static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = cut_close,
	.xRead = cut_read,
	.xWrite = cut_write,
	.xTruncate = cut_truncate,
	.xSync = cut_sync,
	.xFileSize = cut_size,
	.xLock = cut_lock,
	.xUnlock = cut_unlock,
	.xCheckReservedLock = cut_reserved,
	.xFileControl = cut_control,
	.xSectorSize = cut_sector,
	.xDeviceCharacteristics = cut_traits,
	.xShmMap = cut_shm_map,
	.xShmLock = cut_shm_lock,
	.xShmBarrier = cut_shm_barrier,
	.xShmUnmap = cut_shm_unmap,
};

static int cut_open(sqlite3_vfs *self, const char *name, sqlite3_file *file, int flags, int *out)
{
	const int journal = SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL;
	struct cut_file *c = of(file);
	int rc;

	(void)self;
	*c = (struct cut_file){.real = (sqlite3_file *)(void *)(c + 1)};
	pthread_mutex_lock(&lock);
	if (name && flags & (SQLITE_OPEN_MAIN_DB | journal))
		c->file = watch(name);
	c->wal = flags & SQLITE_OPEN_WAL;
	c->sync_folder = flags & journal && flags & SQLITE_OPEN_CREATE;
	rc = under->xOpen(under, name, c->real, flags, out);
	pthread_mutex_unlock(&lock);
	if (c->real->pMethods)
		c->base.pMethods = &methods;
	return rc;
}

static int cut_delete(sqlite3_vfs *self, const char *name, int sync)
{
	struct disk_file *f;
	int rc;

	(void)self;
	pthread_mutex_lock(&lock);
	rc = under->xDelete(under, name, 0);
	f = find(name);
	if (rc == SQLITE_OK && f) {
		f->deleted = true;
		if (sync)
			folder_sync();
	}
	pthread_mutex_unlock(&lock);
	return rc;
}

/* ---- for tests ---- */

void powercut_begin(const char *begin_with)
{
	if (!under) {
		under = must(sqlite3_vfs_find(NULL));
		vfs = *under;
		vfs.pNext = NULL;
		vfs.zName = "powercut";
		vfs.szOsFile = (int)sizeof(struct cut_file) + under->szOsFile;
		vfs.xOpen = cut_open;
		vfs.xDelete = cut_delete;
		if (sqlite3_vfs_register(&vfs, 1) != SQLITE_OK)
			abort();
	}
	powercut_end();
	snprintf(prefix, sizeof(prefix), "%s", begin_with);
}

void powercut_end(void)
{
	pthread_mutex_lock(&lock);
	while (files) {
		struct disk_file *f = files;

		files = f->next;
		file_free(f);
	}
	prefix[0] = '\0';
	failing = 0;
	pthread_mutex_unlock(&lock);
}

/* Sectors of ops, each in or out, in an order of their own. */
static void apply_sectors(struct bytes *b, const struct disk_file *f, uint64_t *random)
{
	unsigned odds = (unsigned)(1 + draw(random) % 9);
	size_t *order = must(calloc(f->n_ops + 1, sizeof(*order)));

	for (size_t i = 0; i < f->n_ops; i++) {
		size_t j = draw(random) % (i + 1);

		order[i] = order[j];
		order[j] = i;
	}
	for (size_t i = 0; i < f->n_ops; i++) {
		const struct op *op = &f->ops[order[i]];

		if (!op->data && draw(random) % 10 < odds)
			bytes_apply(b, op->at, NULL, 0);
		for (size_t at = 0, len; op->data && at < op->len; at += len) {
			size_t in_sector = ((size_t)op->at + at) % SECTOR;

			len = MIN(SECTOR - in_sector, op->len - at);
			if (draw(random) % 10 < odds)
				bytes_apply(b, op->at + (sqlite3_int64)at, op->data + at, len);
		}
	}
	free(order);
}

static void apply_in_order(struct bytes *b, const struct disk_file *f, uint64_t *random)
{
	size_t n = draw(random) % (f->n_ops + 1);

	for (size_t i = 0; i < n; i++) {
		const struct op *op = &f->ops[i];
		bool torn = i + 1 == n && op->data;

		bytes_apply(b, op->at, op->data,
			    torn ? (size_t)(draw(random) % (op->len + 1)) : op->len);
	}
}

static void write_copy(const char *path, const struct bytes *b)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || write(fd, b->data, b->len) != (ssize_t)b->len || close(fd))
		abort();
}

static void copy_file(const struct disk_file *f, const char *to, enum powercut_luck luck,
		      uint64_t *random)
{
	struct bytes b = {.len = f->safe.len, .room = f->safe.len + 1};
	char path[640];

	b.data = must(malloc(b.room));
	if (b.len)
		memcpy(b.data, f->safe.data, b.len);
	for (size_t i = 0; i < f->n_ops; i++)
		lost += f->ops[i].len;
	if (luck == POWERCUT_SECTORS)
		apply_sectors(&b, f, random);
	else if (luck == POWERCUT_IN_ORDER)
		apply_in_order(&b, f, random);
	snprintf(path, sizeof(path), "%s%s", to, f->path + strlen(prefix));
	write_copy(path, &b);
	free(b.data);
}

void powercut_copy(const char *to, enum powercut_luck luck, uint64_t *random)
{
	pthread_mutex_lock(&lock);
	/* Deleted ones first: a name that was used again shows the newer file, if any. */
	for (int deleted = 1; deleted >= 0; deleted--) {
		for (const struct disk_file *f = files; f; f = f->next) {
			bool there = !f->fresh && !f->deleted;

			if (f->deleted != (bool)deleted)
				continue;
			if (!there && luck != POWERCUT_NOTHING)
				there = draw(random) % 2;
			else if (!there)
				there = f->deleted && !f->fresh;
			if (there)
				copy_file(f, to, luck, random);
		}
	}
	pthread_mutex_unlock(&lock);
}

void powercut_fail_syncs(unsigned n, bool lose)
{
	pthread_mutex_lock(&lock);
	failing = n;
	fail_and_lose = lose;
	pthread_mutex_unlock(&lock);
}

uint64_t powercut_syncs(void)
{
	return __atomic_load_n(&syncs, __ATOMIC_RELAXED);
}

uint64_t powercut_lost(void)
{
	return __atomic_load_n(&lost, __ATOMIC_RELAXED);
}
