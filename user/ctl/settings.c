/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/ctl/settings.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <strazh/abi/limits.h>
#include <user/ctl/nearest.h>

#define EVENTS_MAX 1000000U

const struct setting settings_all[SETTINGS_COUNT] = {
	{"mode", "observe|enforce", "observe: count only, drop nothing"},
	{"rate.mode", "auto|observe|enforce", "packets above a limit; auto: as the guard's mode"},
	{"events.per_second", "1 to 1000000", "samples, per reason and CPU"},
	{"bogon.martian", "on|off", "drop 127/8, 224/4, 240/4, ::1, ff00::/8"},
	{"bogon.reserved", "on|off", "drop documentation, benchmark ranges"},
	{"bogon.private", "on|off", "drop 10/8, 192.168/16, ..., fc00::/7"},
	{"bogon.linklocal", "on|off", "drop 169.254/16, fe80::/10"},
	{"bogon.unspecified", "on|off", "drop 0.0.0.0/8, ::"},
};

static const struct {
	const char *name;
	uint32_t bit;
} groups[] = {
	{"bogon.martian", SZ_BOGON_MARTIAN},	     {"bogon.reserved", SZ_BOGON_RESERVED},
	{"bogon.private", SZ_BOGON_PRIVATE},	     {"bogon.linklocal", SZ_BOGON_LINKLOCAL},
	{"bogon.unspecified", SZ_BOGON_UNSPECIFIED},
};

static uint32_t group_bit(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(groups); i++)
		if (strcmp(groups[i].name, name) == 0)
			return groups[i].bit;
	return 0;
}

static const char *rate_mode(uint32_t flags)
{
	if (flags & SZ_SET_RATE_ENFORCE)
		return "enforce";
	return flags & SZ_SET_RATE_OBSERVE ? "observe" : "auto";
}

/* ---- get ---- */

static bool get_number(const volatile struct sz_settings *settings, const char *name, uint64_t *ret)
{
	if (strcmp(name, "events.per_second") == 0)
		*ret = settings->events_per_s ? settings->events_per_s : SZ_EVENTS_PER_S;
	else
		return false;
	return true;
}

bool settings_get(const volatile struct sz_settings *settings, const char *name, char *value,
		  size_t size)
{
	const char *word = NULL;
	uint64_t number;

	if (strcmp(name, "mode") == 0)
		word = settings->flags & SZ_SET_OBSERVE ? "observe" : "enforce";
	else if (strcmp(name, "rate.mode") == 0)
		word = rate_mode(settings->flags);
	else if (group_bit(name))
		word = (SZ_BOGON_DEFAULT ^ settings->bogon_flip) & group_bit(name) ? "on" : "off";
	if (word)
		(void)snprintf(value, size, "%s", word);
	else if (get_number(settings, name, &number))
		(void)snprintf(value, size, "%llu", (unsigned long long)number);
	else
		return false;
	return true;
}

bool settings_is_default(const volatile struct sz_settings *settings, const char *name)
{
	const volatile struct sz_settings zero = {0};
	char now[32] = "", standard[32] = "";

	settings_get(settings, name, now, sizeof(now));
	settings_get(&zero, name, standard, sizeof(standard));
	return strcmp(now, standard) == 0;
}

/* ---- put ---- */

static int wants(const char *name, const char *value, const char *right, char why[SETTINGS_WHY_LEN])
{
	(void)snprintf(why, SETTINGS_WHY_LEN, "'%.40s' is no value for %s: %s", value, name, right);
	return -EINVAL;
}

static int put_mode(volatile struct sz_settings *settings, const char *value,
		    char why[SETTINGS_WHY_LEN])
{
	if (strcmp(value, "observe") == 0)
		settings->flags |= SZ_SET_OBSERVE;
	else if (strcmp(value, "enforce") == 0)
		settings->flags &= ~SZ_SET_OBSERVE;
	else
		return wants("mode", value, "observe or enforce", why);
	return 0;
}

/* The guard's word is beside it and stays. */
static int put_rate_mode(volatile struct sz_settings *settings, const char *value,
			 char why[SETTINGS_WHY_LEN])
{
	uint32_t said = 0;

	if (strcmp(value, "observe") == 0)
		said = SZ_SET_RATE_OBSERVE;
	else if (strcmp(value, "enforce") == 0)
		said = SZ_SET_RATE_ENFORCE;
	else if (strcmp(value, "auto") != 0)
		return wants("rate.mode", value, "auto, observe or enforce", why);
	settings->flags = (settings->flags & ~(SZ_SET_RATE_OBSERVE | SZ_SET_RATE_ENFORCE)) | said;
	return 0;
}

static int put_group(volatile struct sz_settings *settings, const char *name, const char *value,
		     char why[SETTINGS_WHY_LEN])
{
	uint32_t bit = group_bit(name), want;

	if (strcmp(value, "on") != 0 && strcmp(value, "off") != 0)
		return wants(name, value, "on or off", why);
	want = strcmp(value, "on") == 0 ? bit : 0;
	settings->bogon_flip = (settings->bogon_flip & ~bit) | ((SZ_BOGON_DEFAULT & bit) ^ want);
	return 0;
}

static int parse_number(const char *name, const char *value, uint64_t most, uint64_t *ret,
			char why[SETTINGS_WHY_LEN])
{
	char right[60], *end;
	unsigned long long number;

	(void)snprintf(right, sizeof(right), "a number, 1 to %llu", (unsigned long long)most);
	if (value[0] < '0' || value[0] > '9')
		return wants(name, value, right, why);
	errno = 0;
	number = strtoull(value, &end, 10);
	if (errno || *end || !number || number > most)
		return wants(name, value, right, why);
	*ret = number;
	return 0;
}

static int put_events(volatile struct sz_settings *settings, const char *value,
		      char why[SETTINGS_WHY_LEN])
{
	uint64_t number;
	int r = parse_number("events.per_second", value, EVENTS_MAX, &number, why);

	if (!r)
		settings->events_per_s = (uint32_t)number;
	return r;
}

static int no_such(const char *name, char why[SETTINGS_WHY_LEN])
{
	const char *near = NULL;

	/* What an operator of an older version types, and whoever mistypes it. */
	if (strncmp(name, "rate.", 5) == 0 && strcmp(name, "rate.mode") != 0 &&
	    !word_near(name, "rate.mode")) {
		(void)snprintf(why, SETTINGS_WHY_LEN,
			       "there is no setting '%.40s': limits are of classes of packets now; "
			       "`strazhctl rate show` shows them, `strazhctl rate set udp --pps "
			       "5000 --burst 1000` sets one",
			       name);
		return -ENOENT;
	}
	for (size_t i = 0; i < SETTINGS_COUNT; i++)
		if (!near || word_distance(name, settings_all[i].name) < word_distance(name, near))
			near = settings_all[i].name;
	if (!word_near(name, near))
		near = NULL;
	(void)snprintf(why, SETTINGS_WHY_LEN, "there is no setting '%.40s'%s%s%s", name,
		       near ? "; did you mean " : "; `strazhctl set` shows all", near ? near : "",
		       near ? "?" : "");
	return -ENOENT;
}

int settings_put(volatile struct sz_settings *settings, const char *name, const char *value,
		 char why[SETTINGS_WHY_LEN])
{
	if (strcmp(name, "mode") == 0)
		return put_mode(settings, value, why);
	if (strcmp(name, "rate.mode") == 0)
		return put_rate_mode(settings, value, why);
	if (group_bit(name))
		return put_group(settings, name, value, why);
	if (strcmp(name, "events.per_second") == 0)
		return put_events(settings, value, why);
	return no_such(name, why);
}

unsigned int settings_mend(volatile struct sz_settings *settings)
{
	const uint32_t known = SZ_SET_OBSERVE | SZ_SET_RATE_ENFORCE | SZ_SET_RATE_GUARD |
			       SZ_SET_RATE_OBSERVE;
	unsigned int mended = 0;

	if (settings->flags & ~known) {
		settings->flags &= known;
		mended++;
	}
	if (settings->bogon_flip & ~SZ_BOGON_ALL) {
		settings->bogon_flip &= SZ_BOGON_ALL;
		mended++;
	}
	return mended;
}
