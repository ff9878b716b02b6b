/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The steps, from a folder or from the program. A text that was written for one database is taken
 * before one for both; after reading they are sorted and must be 1, 2, 3, ..., each with an up.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <strazh/base/own.h>

#include <orm/base/fault.h>
#include <orm/schema/migrate.h>
#include <orm/table/keys.h>

#define DIRECTIVE "-- orm: "

int step_sha256(const char *text, char to[SHA256_TEXT])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (EVP_Digest(text, strlen(text), digest, &len, EVP_sha256(), NULL) != 1 || len != 32)
		return -ENOMEM;
	for (unsigned i = 0; i < len; i++)
		snprintf(to + 2 * (size_t)i, 3, "%02x", digest[i]);
	return 0;
}

const struct step *step_find(const struct orm_migrations *m, uint32_t version)
{
	/* They are dense. */
	return version && version <= m->count ? &m->steps[version - 1] : NULL;
}

uint32_t orm_migrations_last(const struct orm_migrations *migrations)
{
	return (uint32_t)migrations->count;
}

void orm_migrations_free(struct orm_migrations *migrations)
{
	if (!migrations)
		return;
	for (size_t i = 0; i < migrations->count; i++) {
		free(migrations->steps[i].up.sql);
		free(migrations->steps[i].down.sql);
	}
	free(migrations->steps);
	free(migrations);
}

static void migrations_release(struct orm_migrations **m)
{
	orm_migrations_free(*m);
}

/* ---- adding ---- */

static bool name_ok(const char *name, size_t len)
{
	static const char chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789_-";

	return len && len <= ORM_NAME_MAX && strspn(name, chars) >= len;
}

/* The step of this version, made when it is new. Two names of one version are an error. */
static int step_of(struct orm_migrations *m, uint32_t version, const char *name, size_t len,
		   struct step **ret_step, struct orm_error *err)
{
	for (size_t i = 0; i < m->count; i++) {
		struct step *s = &m->steps[i];

		if (s->version != version)
			continue;
		*ret_step = s;
		if (strlen(s->name) == len && !memcmp(s->name, name, len))
			return 0;
		return orm_fail(err, ORM_E_SCHEMA, "version %u is both '%s' and '%.*s'", version,
				s->name, (int)len, name);
	}
	if (m->count == m->room) {
		size_t room = m->room ? m->room * 2 : 32;
		struct step *steps = realloc(m->steps, room * sizeof(*steps));

		if (!steps)
			return orm_fail(err, -ENOMEM, "no memory for migrations");
		m->steps = steps;
		m->room = room;
	}
	*ret_step = &m->steps[m->count++];
	**ret_step = (struct step){.version = version};
	memcpy((*ret_step)->name, name, len);
	return 0;
}

/* What the text tells the runner. */
static int read_directives(struct step_text *text, const struct step *s, struct orm_error *err)
{
	for (const char *line = text->sql; line; line = strchr(line, '\n')) {
		struct orm_word w;

		line += *line == '\n';
		if (strncmp(line, DIRECTIVE, strlen(DIRECTIVE)) != 0)
			continue;
		w.at = line + strlen(DIRECTIVE);
		w.len = strcspn(w.at, "\r\n");
		if (orm_word_is(w, "no transaction"))
			text->no_transaction = true;
		else if (orm_word_is(w, "foreign keys off"))
			text->keys_off = true;
		else
			return orm_fail(err, ORM_E_SCHEMA,
					"%04u_%s: '-- orm: %.*s' is not known; there are 'no "
					"transaction' and 'foreign keys off'",
					s->version, s->name, (int)MIN(w.len, 60), w.at);
	}
	if (text->no_transaction && text->keys_off)
		return orm_fail(err, ORM_E_SCHEMA,
				"%04u_%s: without a transaction foreign keys stay on", s->version,
				s->name);
	return 0;
}

/* Takes `sql`, malloc'ed, whatever happens. */
static int set_text(struct step *s, bool up, bool special, char *sql, struct orm_error *err)
{
	struct step_text *text = up ? &s->up : &s->down;
	bool *is_special = up ? &s->up_special : &s->down_special;

	if (text->sql && special == *is_special) {
		free(sql);
		return orm_fail(err, ORM_E_SCHEMA, "%04u_%s is there twice", s->version, s->name);
	}
	if (text->sql && !special) {
		free(sql);
		return 0;
	}
	free(text->sql);
	*text = (struct step_text){.sql = sql};
	*is_special = special;
	return read_directives(text, s, err);
}

static int by_version(const void *a, const void *b)
{
	const struct step *x = a, *y = b;

	return (x->version > y->version) - (x->version < y->version);
}

static int finish(struct orm_migrations *m, struct orm_error *err)
{
	if (m->count > ORM_MIGRATIONS_MAX)
		return orm_fail(err, ORM_E_TOO_BIG, "more than %u migrations", ORM_MIGRATIONS_MAX);
	if (m->count)
		qsort(m->steps, m->count, sizeof(*m->steps), by_version);
	for (size_t i = 0; i < m->count; i++) {
		struct step *s = &m->steps[i];

		if (s->version != i + 1)
			return orm_fail(err, ORM_E_SCHEMA,
					"version %zu is missing: before it is '%s', after it "
					"%04u_%s",
					i + 1, i ? m->steps[i - 1].name : "nothing", s->version,
					s->name);
		if (!s->up.sql)
			return orm_fail(err, ORM_E_SCHEMA, "%04u_%s has no up for this database",
					s->version, s->name);
		if (step_sha256(s->up.sql, s->checksum))
			return orm_fail(err, -ENOMEM, "no memory for a checksum");
	}
	return 0;
}

/* ---- a folder ---- */

/* NNNN_name.up.sql and the like, in its pieces. */
struct file_name {
	uint32_t version;
	const char *name;
	size_t name_len;
	bool up;
	bool special;
	bool other; /* for the other database */
};

static bool ends_in(const char *text, size_t *len, const char *tail)
{
	size_t n = strlen(tail);

	if (*len < n || memcmp(text + *len - n, tail, n) != 0)
		return false;
	*len -= n;
	return true;
}

static bool parse_name(const char *file, enum orm_dialect dialect, struct file_name *f)
{
	size_t len = strlen(file), digits = strspn(file, "0123456789");

	*f = (struct file_name){0};
	if (digits < 4 || digits > 9 || file[digits] != '_' || !ends_in(file, &len, ".sql"))
		return false;
	for (size_t i = 0; i < digits; i++)
		f->version = f->version * 10 + (uint32_t)(file[i] - '0');
	if (ends_in(file, &len, ".sqlite")) {
		f->special = true;
		f->other = dialect != ORM_SQLITE;
	} else if (ends_in(file, &len, ".postgresql")) {
		f->special = true;
		f->other = dialect != ORM_POSTGRESQL;
	}
	f->up = ends_in(file, &len, ".up");
	if (!f->up && !ends_in(file, &len, ".down"))
		return false;
	f->name = file + digits + 1;
	f->name_len = len > digits ? len - digits - 1 : 0;
	return f->version && name_ok(f->name, f->name_len);
}

static int read_file(int folder, const char *file, char **ret_text, struct orm_error *err)
{
	own_fd int fd = openat(folder, file, O_RDONLY | O_CLOEXEC);
	own_free char *text = NULL;
	size_t len = 0, size;
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return orm_fail(err, -errno, "cannot read '%s': %s", file, strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_size > ORM_MIGRATION_BYTES_MAX)
		return orm_fail(err, ORM_E_TOO_BIG, "'%s' is no file of at most %u bytes", file,
				ORM_MIGRATION_BYTES_MAX);
	size = (size_t)st.st_size;
	text = malloc(size + 1);
	if (!text)
		return orm_fail(err, -ENOMEM, "no memory for '%s'", file);
	while (len < size) {
		ssize_t n = read(fd, text + len, size - len);

		if (n < 0)
			return orm_fail(err, -errno, "cannot read '%s': %s", file, strerror(errno));
		if (!n)
			break;
		len += (size_t)n;
	}
	text[len] = '\0';
	if (strlen(text) != len)
		return orm_fail(err, ORM_E_SCHEMA, "'%s' holds a NUL", file);
	*ret_text = take_ptr(text);
	return 0;
}

static int take_file(struct orm_migrations *m, int folder, const char *file,
		     enum orm_dialect dialect, struct orm_error *err)
{
	size_t len = strlen(file);
	struct file_name f;
	struct step *s;
	char *text = NULL;
	int r;

	if (*file == '.' || !ends_in(file, &len, ".sql"))
		return 0;
	if (!parse_name(file, dialect, &f))
		return orm_fail(err, ORM_E_SCHEMA,
				"'%.80s' should be called like 0001_name.up.sql, "
				"0001_name.down.sql, 0001_name.up.sqlite.sql or "
				"0001_name.up.postgresql.sql",
				file);
	if (m->count > ORM_MIGRATIONS_MAX)
		return orm_fail(err, ORM_E_TOO_BIG, "more than %u migrations", ORM_MIGRATIONS_MAX);
	r = step_of(m, f.version, f.name, f.name_len, &s, err);
	if (r || f.other)
		return r;
	r = read_file(folder, file, &text, err);
	return r ? r : set_text(s, f.up, f.special, text, err);
}

static int read_folder(struct orm_migrations *m, const char *folder, enum orm_dialect dialect,
		       struct orm_error *err)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	int r = 0;

	if (!dir)
		return orm_fail(err, -errno, "cannot read the folder '%.200s': %s", folder,
				strerror(errno));
	while (!r && (entry = readdir(dir)))
		r = take_file(m, dirfd(dir), entry->d_name, dialect, err);
	closedir(dir);
	return r ? r : finish(m, err);
}

int orm_migrations_read(const char *folder, enum orm_dialect dialect,
			struct orm_migrations **ret_migrations, struct orm_error *ret_error)
{
	cleanup_with(migrations_release) struct orm_migrations *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return orm_fail(ret_error, -ENOMEM, "no memory for migrations");
	r = read_folder(m, folder, dialect, ret_error);
	if (r)
		return r;
	*ret_migrations = take_ptr(m);
	return 0;
}

/* ---- the program ---- */

static int take_text(struct step *s, bool up, const char *both, const char *special,
		     struct orm_error *err)
{
	const char *sql = special ? special : both;
	char *copy;

	if (!sql)
		return 0;
	copy = strdup(sql);
	if (!copy)
		return orm_fail(err, -ENOMEM, "no memory for migrations");
	return set_text(s, up, special, copy, err);
}

static int take_step(struct orm_migrations *m, const struct orm_migration_step *from,
		     enum orm_dialect dialect, struct orm_error *err)
{
	bool lite = dialect == ORM_SQLITE;
	size_t len = from->name ? strlen(from->name) : 0;
	struct step *s;
	int r;

	if (!name_ok(from->name ? from->name : "", len))
		return orm_fail(err, ORM_E_SCHEMA,
				"version %u: '%.63s' is no name: "
				"[A-Za-z0-9_-]{1,63}",
				from->version, from->name ? from->name : "");
	r = step_of(m, from->version, from->name, len, &s, err);
	if (!r)
		r = take_text(s, true, from->up, lite ? from->up_sqlite : from->up_postgresql, err);
	if (!r)
		r = take_text(s, false, from->down,
			      lite ? from->down_sqlite : from->down_postgresql, err);
	return r;
}

int orm_migrations_of(const struct orm_migration_step *steps, size_t n, enum orm_dialect dialect,
		      struct orm_migrations **ret_migrations, struct orm_error *ret_error)
{
	cleanup_with(migrations_release) struct orm_migrations *m = calloc(1, sizeof(*m));
	int r = 0;

	if (!m)
		return orm_fail(ret_error, -ENOMEM, "no memory for migrations");
	for (size_t i = 0; i < n && !r; i++)
		r = take_step(m, &steps[i], dialect, ret_error);
	if (!r)
		r = finish(m, ret_error);
	if (r)
		return r;
	*ret_migrations = take_ptr(m);
	return 0;
}
