/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Values are in normal form, so equal ones are equal texts. */
#include <user/daemon/config/config_diff.h>

#include <stdio.h>
#include <string.h>

#include <user/daemon/config/config_feed.h>

struct telling {
	void (*on_change)(const struct config_change *change, void *context);
	void *context;
	size_t count;
};

static void tell(struct telling *telling, const struct config_change *change)
{
	telling->count++;
	if (telling->on_change)
		telling->on_change(change, telling->context);
}

static const char *target_of(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->upstreams_len; i++)
		if (strcmp(config->upstreams[i].name, name) == 0)
			return config->upstreams[i].target;
	return NULL;
}

static void tell_upstream(struct telling *telling, const char *name, const char *old,
			  const char *new)
{
	struct config_change change = {.id = CFG_KEYS, .old = old, .new = new, .restart = true};

	snprintf(change.key, sizeof(change.key), "service.tunnel.%.64s", name);
	tell(telling, &change);
}

static void tell_feed(const char *key, const char *old, const char *new, void *context)
{
	struct config_change change = {.id = CFG_KEYS, .old = old, .new = new};

	snprintf(change.key, sizeof(change.key), "%s", key);
	tell(context, &change);
}

size_t config_diff(const struct config *old, const struct config *new,
		   void (*on_change)(const struct config_change *change, void *context),
		   void *context)
{
	struct telling telling = {.on_change = on_change, .context = context};

	for (size_t i = 0; i < CFG_KEYS; i++) {
		const struct config_about *about = &config_about[i];
		struct config_change change = {
			.id = (enum config_key)i,
			.old = old->values[i].text,
			.new = new->values[i].text,
			.restart = about->when == WHEN_RESTART,
		};

		if (strcmp(change.old, change.new) == 0)
			continue;
		snprintf(change.key, sizeof(change.key), "%s.%s", about->section, about->name);
		tell(&telling, &change);
	}
	for (size_t i = 0; i < old->upstreams_len; i++) {
		const char *name = old->upstreams[i].name, *target = target_of(new, name);

		if (!target || strcmp(target, old->upstreams[i].target) != 0)
			tell_upstream(&telling, name, old->upstreams[i].target, target);
	}
	for (size_t i = 0; i < new->upstreams_len; i++)
		if (!target_of(old, new->upstreams[i].name))
			tell_upstream(&telling, new->upstreams[i].name, NULL,
				      new->upstreams[i].target);
	config_feed_diff(old, new, tell_feed, &telling);
	return telling.count;
}

void config_take_live(struct config *config, struct config *from)
{
	struct config_feed *feeds = config->feeds;
	size_t feeds_len = config->feeds_len;

	config->feeds = from->feeds;
	config->feeds_len = from->feeds_len;
	from->feeds = feeds;
	from->feeds_len = feeds_len;
	for (size_t i = 0; i < CFG_KEYS; i++) {
		struct config_value value = config->values[i];

		if (config_about[i].when != WHEN_LIVE)
			continue;
		config->values[i] = from->values[i];
		from->values[i] = value;
	}
}
