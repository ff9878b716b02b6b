/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* [store] of the configuration, as user/store takes it; its URL is memory.h's. */
#ifndef STRAZH_USER_DAEMON_CONFIG_CONFIG_STORE_H
#define STRAZH_USER_DAEMON_CONFIG_CONFIG_STORE_H

#include <user/daemon/config/config.h>
#include <user/store/store.h>

/* What no key says is left at 0, which is the store's default. */
struct store_options config_store(const struct config *config);

#endif
