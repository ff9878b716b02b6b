/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Settings under the names that people use: `strazhctl set`. rate.mode, events.per_second,
 * bogon.<group>, and mode (observe, enforce). Limits of rates: limits.h of user/gate.
 */
#ifndef STRAZH_USER_CTL_SETTINGS_H
#define STRAZH_USER_CTL_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <strazh/abi/settings.h>
#include <strazh/base/compiler.h>

#define SETTINGS_COUNT 8U
#define SETTINGS_WHY_LEN 240

struct setting {
	const char *name;
	const char *values; /* what can be said */
	const char *text;   /* what it does */
};

extern const struct setting settings_all[SETTINGS_COUNT];

/* The value in words; false: there is no setting of that name. */
bool settings_get(const volatile struct sz_settings *settings, const char *name, char *value,
		  size_t size);
/* Is it what holds when nothing was ever said? */
bool settings_is_default(const volatile struct sz_settings *settings, const char *name);
/* Set it: one store. 0, or -ENOENT or -EINVAL and then `why`. */
int settings_put(volatile struct sz_settings *settings, const char *name, const char *value,
		 char why[SETTINGS_WHY_LEN]) must_check;
/* Put values back to the default that no command can have set. How many there were. */
unsigned int settings_mend(volatile struct sz_settings *settings);

#endif
