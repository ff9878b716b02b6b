/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A service reads its keys by itself; that both sides have the same ones is a unit test's. */
#include <user/daemon/config/config_service.h>

#include <string.h>

static bool section_of(const struct config_about *about, const char *name)
{
	static const char prefix[] = "service.";

	return strncmp(about->section, prefix, sizeof(prefix) - 1) == 0 &&
	       strcmp(about->section + sizeof(prefix) - 1, name) == 0;
}

size_t config_service_settings(const struct config *config, const char *name,
			       struct service_setting ret_settings[CONFIG_SETTINGS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < CFG_KEYS; i++)
		if (section_of(&config_about[i], name) &&
		    strcmp(config_about[i].name, "enable") != 0)
			ret_settings[n++] = (struct service_setting){config_about[i].name,
								     config->values[i].text};
	for (size_t i = 0; strcmp(name, "tunnel") == 0 && i < config->upstreams_len; i++)
		ret_settings[n++] = (struct service_setting){config->upstreams[i].name,
							     config->upstreams[i].target};
	return n;
}

bool config_service_enabled(const struct config *config, const char *name)
{
	for (size_t i = 0; i < CFG_KEYS; i++)
		if (section_of(&config_about[i], name) &&
		    strcmp(config_about[i].name, "enable") == 0)
			return config->values[i].number;
	return false;
}
