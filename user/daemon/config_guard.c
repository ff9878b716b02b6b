/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Few bars are keys; the others of the guard follow those, so that they stay in order. */
#include <user/daemon/config_guard.h>

#include <user/daemon/testmode.h>

#define SHARE_OF(hundredths) ((float)(hundredths) / 100)

enum guarding_mode config_guard_mode(const struct config *config)
{
	return (enum guarding_mode)config_number(config, CFG_GUARD_MODE);
}

struct guard_config config_guard(const struct config *config)
{
	struct guard_config guard = guard_config_usual();

	guard.learning = config_guard_mode(config) != GUARDING_ENFORCE;
	guard.half_s = (float)config_number(config, CFG_GUARD_HALF_LIFE);
	guard.limit = SHARE_OF(config_number(config, CFG_GUARD_LIMIT));
	guard.ban = SHARE_OF(config_number(config, CFG_GUARD_BAN));
	guard.free = MIN(guard.free, guard.limit);
	guard.trusted_ban = MAX(guard.trusted_ban, guard.ban);
	guard.trusted_limit = MAX(guard.trusted_limit, guard.limit);
	guard.block = MAX(guard.block, guard.limit);
	guard.ban_s = (uint32_t)config_number(config, CFG_GUARD_BAN_TIME);
	guard.ban_max_s = (uint32_t)config_number(config, CFG_GUARD_BAN_TIME_MOST);
	guard.trust.days = (uint32_t)config_number(config, CFG_GUARD_TRUST_DAYS);
	guard.trust.sessions = (uint32_t)config_number(config, CFG_GUARD_TRUST_SESSIONS);
	/* 0: what was measured is not told to the guard, see loading.h. */
	if (config_number(config, CFG_GUARD_PSI))
		guard.attack.psi_full = (float)config_number(config, CFG_GUARD_PSI);
	testmode_relax_guard(config, &guard);
	return guard;
}

void config_guard_check(const struct config *config, struct config_faults *faults)
{
	struct guard_config guard = config_guard(config);
	size_t before = faults->total;
	const char *why;

	if (config_number(config, CFG_GUARD_LIMIT) > config_number(config, CFG_GUARD_BAN))
		config_fault_add(faults, "configuration", "guard.limit", "above guard.ban, %s",
				 config_text(config, CFG_GUARD_BAN));
	if (guard.ban_s > guard.ban_max_s)
		config_fault_add(faults, "configuration", "guard.ban_time",
				 "more than guard.ban_time_most, %s",
				 config_text(config, CFG_GUARD_BAN_TIME_MOST));
	if (faults->total == before && guard_config_check(&guard, &why))
		config_fault_add(faults, "configuration", "guard", "%s", why);
}
