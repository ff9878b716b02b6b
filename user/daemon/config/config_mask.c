/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Passwords stand in a URL as USER:PASSWORD@ and as parameters. Rather too much is hidden than too
 * little: what is before the last '@', and every parameter whose name might be one.
 */
#include <user/daemon/config/config_mask.h>

#include <stdio.h>
#include <string.h>

#define STARS "***"

struct text {
	char *at;
	size_t len, size;
};

static void put(struct text *to, const char *from, size_t len)
{
	size_t room = to->size - to->len - 1;

	len = MIN(len, room);
	memcpy(to->at + to->len, from, len);
	to->len += len;
	to->at[to->len] = '\0';
}

/* "%70assword" is a password, too. */
static bool is_secret(const char *name, size_t len)
{
	return memchr(name, '%', len) || memmem(name, len, "pass", 4);
}

static void put_parameters(struct text *to, const char *at)
{
	while (*at) {
		size_t len = 1 + strcspn(at + 1, "&"), name = strcspn(at, "=");

		if (name < len && is_secret(at, name)) {
			put(to, at, name + 1);
			put(to, STARS, strlen(STARS));
		} else {
			put(to, at, len);
		}
		at += len;
	}
}

const char *config_mask_url(const char *url, char *shown, size_t size)
{
	struct text to = {.at = shown, .size = size};
	const char *host = strstr(url, "://"), *at, *query;
	const char *colon;

	shown[0] = '\0';
	host = host ? host + 3 : url;
	at = strrchr(host, '@');
	colon = at ? memchr(host, ':', (size_t)(at - host)) : NULL;
	if (colon) {
		put(&to, url, (size_t)(colon + 1 - url));
		put(&to, STARS, strlen(STARS));
	} else {
		at = url;
	}
	/* A '?' between that ':' and the '@' may be of the password: it is hidden with it. */
	query = strchr(at, '?');
	put(&to, at, query ? (size_t)(query - at) : strlen(at));
	if (query)
		put_parameters(&to, query);
	return shown;
}

const char *config_mask(enum config_key key, const char *text, char shown[CONFIG_LINE_MAX])
{
	if (key < CFG_KEYS && config_about[key].kind == KIND_URL)
		return config_mask_url(text, shown, CONFIG_LINE_MAX);
	(void)snprintf(shown, CONFIG_LINE_MAX, "%s", text);
	return shown;
}
