/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The configuration as a service gets it: the keys and values of its section. */
#ifndef STRAZH_USER_DAEMON_CONFIG_CONFIG_SERVICE_H
#define STRAZH_USER_DAEMON_CONFIG_CONFIG_SERVICE_H

#include <stdbool.h>
#include <stddef.h>

#include <strazh/base/compiler.h>
#include <user/daemon/config/config.h>
#include <user/service/service.h>

/* The most that there are. */
#define CONFIG_SETTINGS_MAX (CFG_KEYS + CONFIG_UPSTREAMS_MAX)

/*
 * All of [service.NAME], upstreams as well, but `enable`, which is for us alone: at most
 * CONFIG_SETTINGS_MAX of them. Texts are the configuration's.
 */
size_t config_service_settings(const struct config *config, const char *name,
			       struct service_setting ret_settings[CONFIG_SETTINGS_MAX]);
/* False also for a service that there is not. */
bool config_service_enabled(const struct config *config, const char *name) must_check;

#endif
