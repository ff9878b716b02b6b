/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Values are parsed as those of other keys; only their number is not known beforehand. */
#include <user/daemon/config/config_feed.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <user/ctl/nearest.h>

const struct config_about config_feed_about[CFG_FEED_KEYS] = {
#define X(id, name, kind, standard, least, most, words, help)                                      \
	[CFG_FEED_##id] = {CONFIG_FEED_SECTION, name, KIND_##kind, standard, least, most, words,   \
			   WHEN_LIVE,		help},
	CONFIG_FEED_KEYS(X)
#undef X
};

const char *config_feed_section(const char *section)
{
	static const char word[] = "feed";

	if (strncmp(section, word, sizeof(word) - 1) != 0)
		return NULL;
	section += sizeof(word) - 1;
	if (!*section)
		return section;
	if (!strchr(" \t.", *section))
		return NULL;
	return section + strspn(section, *section == '.' ? "." : " \t");
}

struct config_feed *config_feed_find(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->feeds_len; i++)
		if (strcmp(config->feeds[i].name, name) == 0)
			return &config->feeds[i];
	return NULL;
}

/* ---- headings ---- */

static bool name_right(const char *name)
{
	size_t len = strlen(name);

	return len && len <= CONFIG_FEED_NAME_MAX &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ==
		       len;
}

static void feed_deinit(struct config_feed *feed)
{
	for (size_t i = 0; i < CFG_FEED_KEYS; i++)
		free(feed->values[i].text);
	free(feed->name);
}

static int feed_init(struct config_feed *feed, const char *name, unsigned line)
{
	char why[CONFIG_WHY_LEN];

	*feed = (struct config_feed){.name = strdup(name), .line = line};
	if (!feed->name)
		return -ENOMEM;
	for (size_t i = 0; i < CFG_FEED_KEYS; i++) {
		struct config_value *value = &feed->values[i];
		int r = config_value_parse(&config_feed_about[i], config_feed_about[i].standard,
					   &value->text, &value->number, why);

		if (r) {
			feed_deinit(feed);
			return -ENOMEM;
		}
	}
	return 0;
}

int config_feed_add(struct config *config, const char *name, unsigned line,
		    char why[CONFIG_WHY_LEN])
{
	const struct config_feed *there = config_feed_find(config, name);
	struct config_feed *list;
	int r;

	if (!name_right(name) || strcmp(name, "crowdsec") == 0)
		snprintf(why, CONFIG_WHY_LEN,
			 "a feed is [feed NAME]; a name is letters, digits and - _ , at most %u, "
			 "and not 'crowdsec'",
			 CONFIG_FEED_NAME_MAX);
	else if (there)
		snprintf(why, CONFIG_WHY_LEN, "this feed began in line %u already", there->line);
	else if (config->feeds_len == CONFIG_FEEDS_MAX)
		snprintf(why, CONFIG_WHY_LEN, "%u feeds are the most", CONFIG_FEEDS_MAX);
	else
		goto add;
	return CONFIG_WRONG;
add:
	list = reallocarray(config->feeds, config->feeds_len + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	config->feeds = list;
	r = feed_init(&list[config->feeds_len], name, line);
	config->feeds_len += !r;
	return r;
}

void config_feeds_free(struct config_feed *feeds, size_t len)
{
	for (size_t i = 0; i < len; i++)
		feed_deinit(&feeds[i]);
	free(feeds);
}

/* ---- keys ---- */

static size_t find_key(const char *name)
{
	size_t i = 0;

	while (i < CFG_FEED_KEYS && strcmp(config_feed_about[i].name, name) != 0)
		i++;
	return i;
}

static void say_unknown(const char *name, char why[CONFIG_WHY_LEN])
{
	for (size_t i = 0; i < CFG_FEED_KEYS; i++)
		if (word_near(name, config_feed_about[i].name)) {
			snprintf(why, CONFIG_WHY_LEN, "there is no such key; did you mean '%s'?",
				 config_feed_about[i].name);
			return;
		}
	snprintf(why, CONFIG_WHY_LEN, "there is no such key in [feed NAME]");
}

int config_feed_put(struct config_feed *feed, const char *key, const char *text, unsigned line,
		    char why[CONFIG_WHY_LEN])
{
	size_t i = find_key(key);
	struct config_value *value;
	uint64_t number;
	char *normal;
	int r;

	if (i == CFG_FEED_KEYS) {
		say_unknown(key, why);
		return CONFIG_WRONG;
	}
	value = &feed->values[i];
	if (value->line) {
		snprintf(why, CONFIG_WHY_LEN, "set in line %u already", value->line);
		return CONFIG_WRONG;
	}
	value->line = line;
	r = config_value_parse(&config_feed_about[i], text, &normal, &number, why);
	if (r)
		return r;
	free(value->text);
	value->text = normal;
	value->number = number;
	value->from = FROM_FILE;
	return 0;
}

/* ---- what belongs together ---- */

static bool has_host(const char *url, const char *scheme)
{
	size_t len = strlen(scheme);

	return strncmp(url, scheme, len) == 0 && url[len] && !strchr("/:?#", url[len]);
}

/* NULL: it is right. */
static const char *url_fault(const char *url, bool file)
{
	const char *host = strstr(url, "://");

	if (file && strncmp(url, "file:/", 6) == 0)
		return NULL;
	if (!has_host(url, "http://") && !has_host(url, "https://"))
		return file ? "a URL is https://HOST/PATH, http://HOST/PATH or file:/PATH"
			    : "a URL is https://HOST:PORT or http://HOST:PORT";
	host += strlen("://");
	/* It is shown by `strazhctl feeds`. */
	if (memchr(host, '@', strcspn(host, "/?#")))
		return "a password does not belong into a URL";
	return strpbrk(url, " \"<>\\^`{|}") ? "a URL has no spaces and no quotes" : NULL;
}

static void check_feed(const struct config *config, const struct config_feed *feed,
		       struct config_faults *faults)
{
	const char *why = url_fault(config_feed_text(feed, CFG_FEED_URL), true);
	char where[128], key[64];

	snprintf(where, sizeof(where), "%.110s:%u", config->path ? config->path : "configuration",
		 feed->line);
	snprintf(key, sizeof(key), "feed.%.24s", feed->name);
	if (why)
		config_fault_add(faults, where, key, "url: %s", why);
	if (config_feed_number(feed, CFG_FEED_EXPIRY) < config_feed_number(feed, CFG_FEED_EVERY))
		config_fault_add(faults, where, key, "expiry: less than every, %s",
				 config_feed_text(feed, CFG_FEED_EVERY));
}

void config_feed_check(const struct config *config, struct config_faults *faults)
{
	const char *url = config_text(config, CFG_CROWDSEC_URL), *why;

	for (size_t i = 0; i < config->feeds_len; i++)
		check_feed(config, &config->feeds[i], faults);
	if (!url[0])
		return;
	why = url_fault(url, false);
	if (why)
		config_fault_add(faults, "configuration", "crowdsec.url", "%s", why);
	if (!config_text(config, CFG_CROWDSEC_KEY_FILE)[0])
		config_fault_add(faults, "configuration", "crowdsec.key_file",
				 "crowdsec.url is set, and its API wants a key: `cscli bouncers "
				 "add strazh`");
}

/* ---- changes ---- */

static void tell_feed(const struct config_feed *old, const struct config_feed *new,
		      void (*on_change)(const char *key, const char *old, const char *new,
					void *context),
		      void *context)
{
	char key[96];

	for (size_t i = 0; i < CFG_FEED_KEYS; i++) {
		const char *from = old ? old->values[i].text : NULL;
		const char *to = new ? new->values[i].text : NULL;

		if (from && to && strcmp(from, to) == 0)
			continue;
		if ((!from || !to) && i != CFG_FEED_URL)
			continue; /* that it came or went is said by its URL */
		snprintf(key, sizeof(key), "feed.%.24s.%.24s", old ? old->name : new->name,
			 config_feed_about[i].name);
		on_change(key, from, to, context);
	}
}

void config_feed_diff(const struct config *old, const struct config *new,
		      void (*on_change)(const char *key, const char *old, const char *new,
					void *context),
		      void *context)
{
	for (size_t i = 0; i < old->feeds_len; i++)
		tell_feed(&old->feeds[i], config_feed_find(new, old->feeds[i].name), on_change,
			  context);
	for (size_t i = 0; i < new->feeds_len; i++)
		if (!config_feed_find(old, new->feeds[i].name))
			tell_feed(NULL, &new->feeds[i], on_change, context);
}
