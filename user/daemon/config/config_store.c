/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/daemon/config/config_store.h>

/* For ever is 0 in the configuration; the store has its default there, and -1 for it. */
static int64_t keep_ms(const struct config *config, enum config_key key)
{
	uint64_t seconds = config_number(config, key);

	return seconds ? (int64_t)seconds * 1000 : -1;
}

struct store_options config_store(const struct config *config)
{
	return (struct store_options){
		.backlog_max = (uint32_t)config_number(config, CFG_STORE_BACKLOG),
		.bans_keep_ms = keep_ms(config, CFG_STORE_BANS_KEEP),
		.sources_keep_ms = keep_ms(config, CFG_STORE_SOURCES_KEEP),
		.alerts_keep_ms = keep_ms(config, CFG_STORE_ALERTS_KEEP),
		.audit_keep_ms = keep_ms(config, CFG_STORE_AUDIT_KEEP),
	};
}
