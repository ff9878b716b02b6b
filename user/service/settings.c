/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A value is read whole or refused: nothing behind a number, nothing that wraps. */
#include <user/service/settings.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <user/base/clock.h>
#include <user/wire/text.h>

#define RIGHT_LEN 64 /* of what would be right: the whole fits in `why` */

static int refuse(char why[SERVICE_WHY_LEN], const struct service_setting *line, const char *right)
{
	snprintf(why, SERVICE_WHY_LEN, "%.32s '%.32s': %.58s", line->key, line->value, right);
	return -EINVAL;
}

static int read_number(const char *text, uint64_t *ret_number, const char **ret_rest)
{
	uint64_t number = 0;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	for (; *text >= '0' && *text <= '9'; text++)
		if (__builtin_mul_overflow(number, 10U, &number) ||
		    __builtin_add_overflow(number, (uint64_t)(*text - '0'), &number))
			return -EINVAL;
	*ret_number = number;
	*ret_rest = text;
	return 0;
}

static int read_bytes(const char *text, uint64_t *ret_bytes)
{
	static const char units[] = "KMG";
	const char *rest, *unit;
	unsigned shift = 0;
	uint64_t number;

	if (read_number(text, &number, &rest))
		return -EINVAL;
	unit = *rest ? strchr(units, *rest) : NULL;
	if (unit) {
		shift = 10 * (unsigned)(unit - units + 1);
		rest++;
	}
	if (*rest || number > UINT64_MAX >> shift)
		return -EINVAL;
	*ret_bytes = number << shift;
	return 0;
}

static int read_seconds(const char *text, uint64_t *ret_seconds)
{
	const char *why;

	if (!strcmp(text, "0")) {
		*ret_seconds = 0;
		return 0;
	}
	return duration_parse(text, ret_seconds, &why);
}

/* "from 1K to 64M": as one would write it. */
static const char *shown(enum setting_kind kind, uint64_t value, char text[DURATION_TEXT_LEN])
{
	static const char units[] = "KMG";
	unsigned unit = 0;

	if (kind == SETTING_SECONDS && value)
		return duration_format(value, text);
	while (kind == SETTING_BYTES && unit < 3 && value && value % 1024 == 0) {
		value /= 1024;
		unit++;
	}
	snprintf(text, DURATION_TEXT_LEN, "%" PRIu64 "%.*s", value, unit ? 1 : 0,
		 unit ? units + unit - 1 : "");
	return text;
}

static int set_quantity(const struct setting *s, const struct service_setting *line,
			uint64_t *field, char why[SERVICE_WHY_LEN])
{
	char min[DURATION_TEXT_LEN], max[DURATION_TEXT_LEN], right[RIGHT_LEN];
	const char *what = "a number", *rest = "";
	uint64_t value = 0;
	int r;

	if (s->kind == SETTING_BYTES) {
		what = "a size";
		r = read_bytes(line->value, &value);
	} else if (s->kind == SETTING_SECONDS) {
		what = "a time";
		r = read_seconds(line->value, &value);
	} else {
		r = read_number(line->value, &value, &rest);
	}
	if (r || *rest || value < s->min || value > s->max) {
		snprintf(right, sizeof(right), "%s from %s to %s", what,
			 shown(s->kind, s->min, min), shown(s->kind, s->max, max));
		return refuse(why, line, right);
	}
	*field = value;
	return 0;
}

static int set_choice(const struct setting *s, const struct service_setting *line, uint64_t *field,
		      char why[SERVICE_WHY_LEN])
{
	char right[RIGHT_LEN] = "one of";
	size_t at = strlen(right);

	for (uint64_t i = 0; s->choices[i]; i++) {
		if (!strcmp(s->choices[i], line->value)) {
			*field = i;
			return 0;
		}
		if (at < sizeof(right))
			at += (size_t)snprintf(right + at, sizeof(right) - at, " %s",
					       s->choices[i]);
	}
	return refuse(why, line, right);
}

static int set_text(const struct setting *s, const struct service_setting *line, char *field,
		    char why[SERVICE_WHY_LEN])
{
	size_t len = strlen(line->value);
	char right[RIGHT_LEN];

	if (len < s->min || len > s->max || !text_clean(line->value, len)) {
		snprintf(right, sizeof(right),
			 "UTF-8 without control characters, %" PRIu64 " to %" PRIu64 " bytes",
			 s->min, s->max);
		return refuse(why, line, right);
	}
	memcpy(field, line->value, len + 1);
	return 0;
}

static int set(const struct setting *s, const struct service_setting *line, void *target,
	       char why[SERVICE_WHY_LEN])
{
	void *field = (uint8_t *)target + s->offset;

	switch (s->kind) {
	case SETTING_TEXT:
		return set_text(s, line, field, why);
	case SETTING_CHOICE:
		return set_choice(s, line, field, why);
	case SETTING_NUMBER:
	case SETTING_BYTES:
	case SETTING_SECONDS:
		break;
	}
	return set_quantity(s, line, field, why);
}

int settings_parse(const struct setting table[], size_t count, const struct service_config *config,
		   setting_other other, void *target, char why[SERVICE_WHY_LEN])
{
	for (size_t i = 0; i < config->count; i++) {
		const struct service_setting *line = &config->settings[i];
		size_t at = 0;
		int r;

		while (at < count && strcmp(table[at].key, line->key))
			at++;
		if (at < count)
			r = set(&table[at], line, target, why);
		else if (other)
			r = other(target, line, why);
		else
			r = refuse(why, line, "there is no such key");
		if (r)
			return r;
	}
	return 0;
}
