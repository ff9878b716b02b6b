/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What the configuration says of a service, by a table of its keys. The target is a struct whose
 * fields hold the defaults when settings_parse() begins: uint64_t for all kinds but SETTING_TEXT,
 * a char array of max + 1 bytes for that one.
 */
#ifndef STRAZH_USER_SERVICE_SETTINGS_H
#define STRAZH_USER_SERVICE_SETTINGS_H

#include <stddef.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <user/service/service.h>

enum setting_kind {
	SETTING_NUMBER,
	SETTING_BYTES,	 /* 64K, 1M, 2G: powers of 1024 */
	SETTING_SECONDS, /* 90, 5m, 1h30m; 0 where min is 0 */
	SETTING_CHOICE,	 /* a word of `choices`; the field gets its index */
	SETTING_TEXT,	 /* UTF-8 without control characters, at most max bytes */
};

struct setting {
	const char *key;
	enum setting_kind kind;
	uint64_t min, max;
	size_t offset;
	const char *const *choices; /* ends with NULL */
};

/* A line whose key is in no table. 0, or -EINVAL and `why`. */
typedef int (*setting_other)(void *target, const struct service_setting *line,
			     char why[SERVICE_WHY_LEN]);

/*
 * Sets the fields of the lines there are; `other` (NULL: such a key is an error) gets the rest in
 * their order. 0, -EINVAL with `why` (key, value, what would be right), or what `other` says.
 */
int settings_parse(const struct setting table[], size_t count, const struct service_config *config,
		   setting_other other, void *target, char why[SERVICE_WHY_LEN]) must_check;

#endif
