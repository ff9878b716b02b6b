/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Words, each with its NUL:
 *
 *	MARK VERSION KEYS  path  values  (key from line text)...  upstreams  (name target line)...
 *	files  (path error)...
 *
 * Numbers are decimal. The last word is followed by nothing.
 */
#include <user/daemon/config/config_pass.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <strazh/base/own.h>
#include <user/base/file.h>
#include <user/daemon/config/config_parts.h>

#define MARK "strazh-configuration"
#define PASS_MAX (4U << 20) /* CONFIG_FILE_MAX and what stands beside it, by far */

/* ---- out ---- */

static void put(FILE *to, const char *word)
{
	(void)fputs(word, to);
	(void)fputc('\0', to);
}

static void put_number(FILE *to, long long number)
{
	(void)fprintf(to, "%lld", number);
	(void)fputc('\0', to);
}

/* Not what it has no use for: the URL of a store has a password in it. */
static bool is_for_worker(const struct config *config, size_t key)
{
	static const char *const sections[] = {"daemon", "server", "service."};

	if (config->values[key].from == FROM_DEFAULT)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(sections); i++)
		if (strncmp(config_about[key].section, sections[i], strlen(sections[i])) == 0)
			return true;
	return false;
}

static void put_values(FILE *to, const struct config *config)
{
	long long count = 0;

	for (size_t i = 0; i < CFG_KEYS; i++)
		count += is_for_worker(config, i);
	put_number(to, count);
	for (size_t i = 0; i < CFG_KEYS; i++) {
		const struct config_value *value = &config->values[i];

		if (!is_for_worker(config, i))
			continue;
		put_number(to, (long long)i);
		put_number(to, value->from);
		put_number(to, value->line);
		put(to, value->text);
	}
}

static void put_all(FILE *to, const struct config *config, const struct identity_files *files)
{
	put(to, MARK);
	put(to, STRAZH_VERSION);
	put_number(to, CFG_KEYS);
	put(to, config->path ? config->path : "");
	put_values(to, config);
	put_number(to, (long long)config->upstreams_len);
	for (size_t i = 0; i < config->upstreams_len; i++) {
		put(to, config->upstreams[i].name);
		put(to, config->upstreams[i].target);
		put_number(to, config->upstreams[i].line);
	}
	put_number(to, (long long)files->count);
	for (size_t i = 0; i < files->count; i++) {
		put(to, files->list[i].path);
		put_number(to, MIN(files->list[i].fd, 0));
	}
}

int config_pass(const struct config *config, const struct identity_files *files, int *ret_fd)
{
	own_fd int fd = memfd_create("strazh-configuration", MFD_CLOEXEC), copy = -1;
	own_file FILE *to = NULL;

	if (fd < 0)
		return -errno;
	copy = dup(fd);
	if (copy < 0)
		return -errno;
	to = fdopen(copy, "w");
	if (!to)
		return -errno;
	take_fd(&copy);
	put_all(to, config, files);
	if (fflush(to) || ferror(to))
		return errno ? -errno : -EIO;
	*ret_fd = take_fd(&fd);
	return 0;
}

/* ---- in ---- */

struct words {
	const char *at, *end;
};

/* NULL: there is none more. */
static const char *next(struct words *words)
{
	const char *word = words->at, *end;

	if (word == words->end)
		return NULL;
	end = memchr(word, '\0', (size_t)(words->end - word));
	if (!end)
		return NULL;
	words->at = end + 1;
	return word;
}

/* -EBADMSG: there is none, or none from `least` to `most`. */
static int next_number(struct words *words, long long least, long long most, long long *ret_number)
{
	const char *word = next(words);
	char *end;
	long long number;

	if (!word || !*word)
		return -EBADMSG;
	errno = 0;
	number = strtoll(word, &end, 10);
	if (errno || *end || number < least || number > most)
		return -EBADMSG;
	*ret_number = number;
	return 0;
}

static int take_value(struct words *words, struct config *config, struct config_faults *faults)
{
	long long key, from, line;
	const char *text;
	int r = next_number(words, 0, CFG_KEYS - 1, &key);

	if (!r)
		r = next_number(words, FROM_FILE, FROM_COMMAND, &from);
	if (!r)
		r = next_number(words, 0, UINT32_MAX, &line);
	text = r ? NULL : next(words);
	if (!text)
		return -EBADMSG;
	r = config_set_value(config, (enum config_key)key, text, (enum config_from)from, "",
			     faults);
	if (r)
		return r < 0 ? r : -EBADMSG;
	config->values[key].line = (unsigned)line;
	return 0;
}

static int take_upstream(struct words *words, struct config *config)
{
	const char *name = next(words), *target = name ? next(words) : NULL;
	long long line;

	if (!target || next_number(words, 0, UINT32_MAX, &line))
		return -EBADMSG;
	return config_add_upstream(config, name, target, (unsigned)line);
}

static int take_config(struct words *words, struct config *config)
{
	own_free struct config_faults *faults = calloc(1, sizeof(*faults));
	const char *path;
	long long count;
	int r;

	if (!faults)
		return -ENOMEM;
	path = next(words);
	if (!path)
		return -EBADMSG;
	if (*path) {
		config->path = strdup(path);
		if (!config->path)
			return -ENOMEM;
	}
	r = next_number(words, 0, CFG_KEYS, &count);
	for (; !r && count; count--)
		r = take_value(words, config, faults);
	if (!r)
		r = next_number(words, 0, CONFIG_UPSTREAMS_MAX, &count);
	for (; !r && count; count--)
		r = take_upstream(words, config);
	return r;
}

static int take_files(struct words *words, int *fds, size_t fds_len, struct identity_files *files)
{
	long long count, error;
	size_t used = 0;
	int r = next_number(words, 0, IDENTITY_FILES_MAX, &count);

	for (; !r && count; count--) {
		struct identity_file *file = &files->list[files->count];
		const char *path = next(words);

		if (!path || next_number(words, -4095, 0, &error) || (!error && used == fds_len))
			return -EBADMSG;
		file->path = strdup(path);
		if (!file->path)
			return -ENOMEM;
		file->fd = (int)error;
		if (!error) {
			file->fd = fds[used];
			fds[used++] = -1;
		}
		files->count++;
	}
	return r;
}

static int take_all(struct words *words, int *fds, size_t fds_len, struct config *config,
		    struct identity_files *files)
{
	const char *mark = next(words), *version = mark ? next(words) : NULL;
	long long keys;
	int r;

	if (!version || strcmp(mark, MARK) != 0 || strcmp(version, STRAZH_VERSION) != 0 ||
	    next_number(words, CFG_KEYS, CFG_KEYS, &keys))
		return -EBADMSG;
	r = take_config(words, config);
	if (!r)
		r = take_files(words, fds, fds_len, files);
	return !r && words->at != words->end ? -EBADMSG : r;
}

int config_receive(int fd, int *fds, size_t fds_len, struct config **ret_config,
		   struct identity_files *ret_files)
{
	struct identity_files files = {0};
	struct config *config = config_new();
	own_free char *text = NULL;
	size_t len = 0;
	int r = config ? file_read(fd, PASS_MAX, &text, &len) : -ENOMEM;

	if (r == -EFBIG)
		r = -EBADMSG;
	if (!r) {
		struct words words = {text, text + len};

		r = take_all(&words, fds, fds_len, config, &files);
	}
	for (size_t i = 0; i < fds_len; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	if (r) {
		config_free(config);
		identity_files_close(&files);
		return r;
	}
	*ret_config = config;
	*ret_files = files;
	return 0;
}
