/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* [guard] of the configuration, as user/guard takes it. */
#ifndef STRAZH_USER_DAEMON_CONFIG_CONFIG_GUARD_H
#define STRAZH_USER_DAEMON_CONFIG_CONFIG_GUARD_H

#include <user/daemon/config/config.h>
#include <user/guard/config.h>

/* As the words of guard.mode. */
enum guarding_mode { GUARDING_OFF, GUARDING_LEARN, GUARDING_ENFORCE };

enum guarding_mode config_guard_mode(const struct config *config);
/* The seed is left to the caller. */
struct guard_config config_guard(const struct config *config);
/* What no key of it can see alone. */
void config_guard_check(const struct config *config, struct config_faults *faults);

#endif
