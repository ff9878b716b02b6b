/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The configuration: default < file < environment < command line. Every key is a row of
 * user/daemon/config/config_keys.h; a struct config holds a right value for each of them, in its
 * one normal form, so that two configurations can be compared as text.
 *
 * Faults are all collected, not only the first: each names where (file and line, variable, option),
 * the key, what is wrong, and what would be right. With a single fault there is no configuration.
 *
 * Values: NUMBER 10; SIZE 64K, 1M, 1G, powers of 1024; TIME 5s, 10m, 1h30m, and 0 where that is
 * allowed; SWITCH on or off; WORD one of its words; WORDS some of them; TEXT clean UTF-8; PATH
 * absolute; URL a text whose password is shown to nobody; LISTEN addresses with ports; PREFIXES;
 * NAMES of interfaces. Items of a list are separated by spaces or commas, and a list is normal with
 * single spaces.
 */
#ifndef STRAZH_USER_DAEMON_CONFIG_CONFIG_H
#define STRAZH_USER_DAEMON_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#include <strazh/base/compiler.h>
#include <user/daemon/config/config_keys.h>

#define CONFIG_FILE "/etc/strazh/strazh.conf"
#define CONFIG_FILE_MAX (256U << 10)
#define CONFIG_LINE_MAX 4096 /* of bytes, with its end */
#define CONFIG_UPSTREAMS_MAX 256U
#define CONFIG_UPSTREAM_NAME_MAX 64U
#define CONFIG_ITEM_LEN 80 /* of a list, with its NUL */
#define CONFIG_WHY_LEN 256
#define CONFIG_FAULTS_MAX 50U

enum config_key {
#define X(id, section, name, kind, standard, least, most, words, when, help) CFG_##id,
	CONFIG_KEYS(X)
#undef X
		CFG_KEYS,
};

enum config_kind {
	KIND_NUMBER,
	KIND_SIZE,
	KIND_TIME,
	KIND_SWITCH,
	KIND_WORD,
	KIND_WORDS,
	KIND_TEXT,
	KIND_PATH,
	KIND_URL,
	KIND_LISTEN,
	KIND_PREFIXES,
	KIND_NAMES,
};
enum config_when { WHEN_LIVE, WHEN_RESTART };

struct config_about {
	const char *section, *name;
	enum config_kind kind;
	const char *standard;
	uint64_t least, most;
	const char *words;
	enum config_when when;
	const char *help;
};
extern const struct config_about config_about[CFG_KEYS];

enum config_from { FROM_DEFAULT, FROM_FILE, FROM_ENVIRONMENT, FROM_COMMAND };

struct config_value {
	char *text;	 /* normal form */
	uint64_t number; /* bytes, seconds, which word, bits of words; of a list: its length */
	enum config_from from;
	unsigned line; /* of the file */
};

struct config_upstream {
	char *name, *target;
	unsigned line;
};

struct config_feed; /* config_feed.h */

struct config {
	char *path; /* the file that was read; NULL: there was none */
	struct config_value values[CFG_KEYS];
	struct config_upstream *upstreams; /* in the order of the file */
	size_t upstreams_len;
	struct config_feed *feeds; /* likewise */
	size_t feeds_len;
};

struct config_faults {
	size_t total; /* of these the first CONFIG_FAULTS_MAX are kept */
	struct config_fault {
		char where[128]; /* "FILE:12", "STRAZH_SERVER_NAME", "--set" */
		char key[64];	 /* "server.name"; "": it is not about a key */
		char why[CONFIG_WHY_LEN];
	} list[CONFIG_FAULTS_MAX];
};
void config_fault_add(struct config_faults *faults, const char *where, const char *key,
		      const char *why, ...) printf_like(4, 5);

/* What the command line says of one key. `option` is how it was said, for faults. */
struct config_set {
	const char *option;
	enum config_key key;
	const char *text;
};

struct config_sources {
	const char *path;   /* NULL: CONFIG_FILE, which may be absent */
	char **environment; /* NULL: none */
	const struct config_set *sets;
	size_t sets_len;
};

#define CONFIG_WRONG 1
/*
 * 0 and *ret_config is the caller's; CONFIG_WRONG: `faults` says why; -ENOMEM. Not from two threads
 * at once: libinih is told about lines by variables of its own.
 */
int config_load(const struct config_sources *sources, struct config **ret_config,
		struct config_faults *ret_faults) must_check;
void config_free(struct config *config); /* NULL is fine */

/* ---- parts of it, each pure ---- */

/* All defaults. NULL: no memory. */
struct config *config_new(void) must_check;
/* Faults are added, right lines are taken. 0, or -ENOMEM. `name` is what faults call the file. */
int config_read(struct config *config, const char *name, const char *text, size_t len,
		struct config_faults *faults) must_check;
int config_read_environment(struct config *config, char **environment,
			    struct config_faults *faults) must_check;
int config_put(struct config *config, const struct config_set *set,
	       struct config_faults *faults) must_check;
/* What no key can see alone. */
void config_check(const struct config *config, struct config_faults *faults);

/* `section.name` or CFG_KEYS. */
enum config_key config_find(const char *section, const char *name);
/* "did you mean ...": the nearest name of that section, of all sections for NULL; NULL: none. */
const char *config_nearest_name(const char *section, const char *name);
const char *config_nearest_section(const char *section);
bool config_section_known(const char *section);
#define CONFIG_VARIABLE_LEN 80
/* STRAZH_SECTION_NAME. */
const char *config_variable(enum config_key key, char ret_name[CONFIG_VARIABLE_LEN]);

/*
 * A value in its normal form (free() it) and its number. 0; CONFIG_WRONG and `why`; -ENOMEM.
 */
int config_value_parse(const struct config_about *about, const char *text, char **ret_text,
		       uint64_t *ret_number, char why[CONFIG_WHY_LEN]) must_check;
/* "a size from 64K to 1G": what config_value_parse() takes. */
void config_value_right(const struct config_about *about, char ret_text[CONFIG_WHY_LEN]);
/* name is not NUL-terminated in the file's sense: letters, digits, - _ . and at most 64. */
bool config_upstream_name_right(const char *name) must_check;
/* host:port, [v6]:port. */
bool config_target_right(const char *text) must_check;

/* ---- use ---- */

static inline uint64_t config_number(const struct config *config, enum config_key key)
{
	return config->values[key].number;
}
static inline const char *config_text(const struct config *config, enum config_key key)
{
	return config->values[key].text;
}
/* The next item of a normal list, from *at on; false: there is none. */
bool config_item(const char **at, char ret_item[CONFIG_ITEM_LEN]) must_check;
/* An item of LISTEN. */
int config_address(const char *item, struct sockaddr_storage *ret_address,
		   socklen_t *ret_len) must_check;

#endif
