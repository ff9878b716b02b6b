/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A configuration from a text, read and checked; after <cmocka.h>. */
#ifndef STRAZH_TESTS_UNIT_DAEMON_CONFIG_TEXT_H
#define STRAZH_TESTS_UNIT_DAEMON_CONFIG_TEXT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <user/daemon/config/config.h>

/* Of the last text. */
static struct config_faults faults;

static struct config *read_text(const char *text)
{
	struct config *config = config_new();

	memset(&faults, 0, sizeof(faults));
	assert_non_null(config);
	assert_int_equal(config_read(config, "f", text, strlen(text), &faults), 0);
	config_check(config, &faults);
	return config;
}

#endif
