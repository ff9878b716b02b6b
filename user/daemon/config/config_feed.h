/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Sections [feed NAME] of the configuration, each a block list; and [crowdsec]. */
#ifndef STRAZH_USER_DAEMON_CONFIG_CONFIG_FEED_H
#define STRAZH_USER_DAEMON_CONFIG_CONFIG_FEED_H

#include <user/daemon/config/config.h>
#include <user/daemon/config/config_feed_keys.h>

#define CONFIG_FEED_SECTION "feed NAME" /* as the manual has it */
#define CONFIG_FEEDS_MAX 32U
#define CONFIG_FEED_NAME_MAX 24U /* "feed." and it are the name of a list in the gate */

enum config_feed_key {
#define X(id, name, kind, standard, least, most, words, help) CFG_FEED_##id,
	CONFIG_FEED_KEYS(X)
#undef X
		CFG_FEED_KEYS,
};
extern const struct config_about config_feed_about[CFG_FEED_KEYS];

struct config_feed {
	char *name;
	struct config_value values[CFG_FEED_KEYS];
	unsigned line; /* of its heading */
};

static inline uint64_t config_feed_number(const struct config_feed *feed, enum config_feed_key key)
{
	return feed->values[key].number;
}
static inline const char *config_feed_text(const struct config_feed *feed, enum config_feed_key key)
{
	return feed->values[key].text;
}

/* The name in "feed NAME" or "feed.NAME"; NULL: the section is no feed's. */
const char *config_feed_section(const char *section);
/* NULL: there is none. */
struct config_feed *config_feed_find(const struct config *config, const char *name);
/*
 * A heading: a feed with all defaults. 0; CONFIG_WRONG and why[]; -ENOMEM.
 */
int config_feed_add(struct config *config, const char *name, unsigned line,
		    char why[CONFIG_WHY_LEN]) must_check;
/* A line below it. 0; CONFIG_WRONG and why[]; -ENOMEM. */
int config_feed_put(struct config_feed *feed, const char *key, const char *text, unsigned line,
		    char why[CONFIG_WHY_LEN]) must_check;
/* Of all feeds and of [crowdsec]: URLs, what belongs together. */
void config_feed_check(const struct config *config, struct config_faults *faults);
void config_feeds_free(struct config_feed *feeds, size_t len);
/* Calls back for each key ("feed.NAME.url") that is another; NULL: there is no such feed. */
void config_feed_diff(const struct config *old, const struct config *new,
		      void (*on_change)(const char *key, const char *old, const char *new,
					void *context),
		      void *context);

#endif
