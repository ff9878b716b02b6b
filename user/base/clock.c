/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * clock_gettime(CLOCK_BOOTTIME) in a time namespace is the host's clock plus an offset that is
 * fixed once the namespace has a process in it, so it is read once. Not from the clock itself
 * but from /proc/self/timens_offsets, which says it to the nanosecond.
 */
#include <user/base/clock.h>

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#include <strazh/base/own.h>

#define MINUTE_S 60ULL
#define HOUR_S 3600ULL
#define DAY_S 86400ULL
#define WEEK_S 604800ULL
#define DURATION_MAX_S (36525ULL * DAY_S)

static int64_t boot_offset_ns;

static void read_offset(void)
{
	own_file FILE *file = fopen("/proc/self/timens_offsets", "re");
	char line[128];

	while (file && fgets(line, sizeof(line), file)) {
		int64_t seconds, ns;

		if (sscanf(line, "boottime %" SCNd64 " %" SCNd64, &seconds, &ns) == 2)
			boot_offset_ns = seconds * (int64_t)NS_PER_S + ns;
	}
}

static uint64_t now_ns(clockid_t clock)
{
	struct timespec t = {0};

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

uint64_t clock_boot_ns(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, read_offset);
	return now_ns(CLOCK_BOOTTIME) - (uint64_t)boot_offset_ns;
}

uint32_t clock_boot_s(void)
{
	return (uint32_t)(clock_boot_ns() / NS_PER_S);
}

uint64_t clock_wall_s(void)
{
	return now_ns(CLOCK_REALTIME) / NS_PER_S;
}

uint32_t clock_until(uint64_t for_s)
{
	uint64_t now = (clock_boot_ns() + NS_PER_S - 1) / NS_PER_S;

	/* 0 means for good: the end of the field's range is the longest time that is not. */
	return for_s > UINT32_MAX - now ? UINT32_MAX : (uint32_t)MAX(now + for_s, 1);
}

uint64_t clock_left(uint32_t until_s)
{
	uint64_t end = until_s * NS_PER_S, now;

	if (!until_s)
		return UINT64_MAX;
	now = clock_boot_ns();
	/* An end was rounded up when it was made: rounded down here, "10m" reads 10m. */
	return end <= now ? 0 : MAX((end - now) / NS_PER_S, 1ULL);
}

uint64_t clock_wall_of(uint32_t boot_s)
{
	uint64_t wall = clock_wall_s(), boot = clock_boot_s();

	if (boot_s < boot && boot - boot_s > wall)
		return 0;
	return wall - boot + boot_s;
}

/* ---- durations ---- */

static const struct unit {
	char letter;
	uint64_t seconds;
} units[] = {{'w', WEEK_S}, {'d', DAY_S}, {'h', HOUR_S}, {'m', MINUTE_S}, {'s', 1}};

static const struct unit *unit_find(char letter)
{
	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (units[i].letter == letter)
			return &units[i];
	return NULL;
}

static int refuse(const char **ret_why, const char *why)
{
	*ret_why = why;
	return -EINVAL;
}

/* Digits; a number above the longest duration is left just above it. */
static const char *read_number(const char *at, uint64_t *ret_number)
{
	const char *start = at;
	uint64_t n = 0;

	for (; *at >= '0' && *at <= '9'; at++)
		n = MIN(n * 10 + (uint64_t)(*at - '0'), DURATION_MAX_S + 1);
	*ret_number = n;
	return at == start ? NULL : at;
}

int duration_parse(const char *text, uint64_t *ret_s, const char **ret_why)
{
	static const char form[] = "a time is a number and a unit: 90s, 10m, 2h, 7d, 4w, or 1h30m";
	const struct unit *last = NULL;
	const char *at = text;
	uint64_t sum = 0;

	do {
		const struct unit *unit = &units[ARRAY_LEN(units) - 1];
		uint64_t n;

		at = read_number(at, &n);
		if (!at)
			return refuse(ret_why, form);
		if (*at) {
			unit = unit_find(*at++);
			if (!unit)
				return refuse(ret_why, form);
		} else if (last) {
			return refuse(ret_why, form); /* 1h30: minutes or seconds? */
		}
		if (last && unit <= last)
			return refuse(ret_why, "units go from long to short, each once: 1d12h");
		last = unit;
		sum = n > DURATION_MAX_S ? n : sum + n * unit->seconds;
		if (sum > DURATION_MAX_S)
			return refuse(ret_why, "longer than 100 years: leave the time out instead");
	} while (*at);
	if (!sum)
		return refuse(ret_why, "a time must be longer than nothing: 1s at least");
	*ret_s = sum;
	return 0;
}

const char *duration_format(uint64_t seconds, char text[DURATION_TEXT_LEN])
{
	size_t i = 1; /* days are the longest unit that is shown */
	uint64_t first, second;

	if (seconds == UINT64_MAX) {
		snprintf(text, DURATION_TEXT_LEN, "never");
		return text;
	}
	while (i + 1 < ARRAY_LEN(units) && seconds < units[i].seconds)
		i++;
	first = seconds / units[i].seconds;
	second = i + 1 < ARRAY_LEN(units) ? seconds % units[i].seconds / units[i + 1].seconds : 0;
	if (second)
		snprintf(text, DURATION_TEXT_LEN, "%" PRIu64 "%c%" PRIu64 "%c", first,
			 units[i].letter, second, units[i + 1].letter);
	else
		snprintf(text, DURATION_TEXT_LEN, "%" PRIu64 "%c", first, units[i].letter);
	return text;
}
