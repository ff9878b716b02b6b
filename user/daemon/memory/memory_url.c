/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The URL of the store: what the default means, and what is wrong with one. The path of the default
 * is a person's and a URL's at once: what means something in a URL is escaped.
 */
#include <user/daemon/memory/memory.h>
#include <user/daemon/memory/moving.h>

#include <stdio.h>
#include <string.h>

#include <strazh/orm/db.h>

#define FILE_NAME "/strazh.db"

static const char *of_state_dir(const char *dir, char text[MEMORY_URL_LEN])
{
	size_t at = (size_t)snprintf(text, MEMORY_URL_LEN, "sqlite://");

	for (; *dir && at + 3 + sizeof(FILE_NAME) < MEMORY_URL_LEN; dir++) {
		if (strchr("%?#", *dir))
			at += (size_t)snprintf(text + at, 4, "%%%02X", (unsigned char)*dir);
		else
			text[at++] = *dir;
	}
	(void)snprintf(text + at, MEMORY_URL_LEN - at, "%s", FILE_NAME);
	return text;
}

const char *memory_url_configured(const struct config *config, char text[MEMORY_URL_LEN])
{
	const char *url = config_text(config, CFG_STORE_URL);

	if (strcmp(url, "none") == 0)
		return NULL;
	if (!*url)
		return of_state_dir(config_text(config, CFG_STATE_DIR), text);
	(void)snprintf(text, MEMORY_URL_LEN, "%s", url);
	return text;
}

const char *memory_url(const struct config *config, char text[MEMORY_URL_LEN])
{
	if (!memory_url_configured(config, text))
		return NULL;
	/* A file that cannot be read, or is nonsense, leaves the one that is configured. */
	if (moving_follow(config_text(config, CFG_STATE_DIR), text))
		return text;
	return text;
}

const char *memory_url_fault(const struct config *config, char text[CONFIG_WHY_LEN])
{
	char url[MEMORY_URL_LEN];
	struct orm_error error = {0};

	if (!memory_url(config, url) || !orm_url_check(url, &error))
		return NULL;
	(void)snprintf(text, CONFIG_WHY_LEN, "%.*s", CONFIG_WHY_LEN - 1, error.text);
	return text;
}
