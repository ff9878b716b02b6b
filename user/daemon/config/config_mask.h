/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What may be shown of a value. */
#ifndef STRAZH_USER_DAEMON_CONFIG_CONFIG_MASK_H
#define STRAZH_USER_DAEMON_CONFIG_CONFIG_MASK_H

#include <stddef.h>

#include <user/daemon/config/config.h>

/* The text of a key as it may be shown: of a URL without its passwords. In `shown`, returned. */
const char *config_mask(enum config_key key, const char *text, char shown[CONFIG_LINE_MAX]);
/* The same of a URL; cut to `size`. */
const char *config_mask_url(const char *url, char *shown, size_t size);

#endif
