/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * SIGHUP: the configuration anew, from the same file, environment and command line. It is read into
 * one of its own; with a fault, or when somebody whom it concerns cannot take it, it is let go and
 * what there was goes on. keeper->options->config is what holds: values that need a restart stay in
 * it as they were at the start.
 */
#include <user/daemon/keeper.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <strazh/base/own.h>
#include <user/base/log.h>
#include <user/daemon/config_diff.h>
#include <user/daemon/config_mask.h>
#include <user/daemon/guarding.h>

static void say_change(const struct config_change *change, void *context)
{
	char new[CONFIG_LINE_MAX], old[CONFIG_LINE_MAX];

	(void)context;
	log_info("'%s' is '%s', and was '%s'%s", change->key,
		 config_mask(change->id, change->new ? change->new : "", new),
		 config_mask(change->id, change->old ? change->old : "", old),
		 change->restart ? ": it holds after a restart" : "");
}

static void say_faults(const struct config_faults *faults)
{
	for (size_t i = 0; i < MIN(faults->total, (size_t)CONFIG_FAULTS_MAX); i++) {
		const struct config_fault *fault = &faults->list[i];

		log_error("%s: %s%s%s", fault->where, fault->key, fault->key[0] ? ": " : "",
			  fault->why);
	}
	log_error("the configuration has %zu fault%s: nothing of it is taken", faults->total,
		  faults->total == 1 ? "" : "s");
}

/*
 * What is offered is what would hold: the new values of keys that are live, and of the others those
 * of the start. Taking over twice is as it was before.
 */
static int offer(struct keeper *keeper, struct config *from, struct config_faults *faults)
{
	struct config *config = keeper->options->config;
	int r;

	config_take_live(config, from);
	r = guarding_prepare(keeper, config);
	if (!r && keeper->on_config)
		r = keeper->on_config(keeper->on_config_owner, config, faults);
	config_take_live(config, from);
	return r;
}

static int take(struct keeper *keeper, struct config *from, struct config_faults *faults)
{
	struct config *config = keeper->options->config;
	int r;

	if (!config_diff(config, from, NULL, NULL)) {
		/* Files that it names may have changed all the same. */
		log_info("the configuration is as it was");
	}
	r = offer(keeper, from, faults);
	if (r)
		return r;
	config_diff(config, from, say_change, NULL);
	config_take_live(config, from);
	guarding_take(keeper);
	log_level_set(daemon_options_level(config));
	return 0;
}

void reload_config(struct keeper *keeper)
{
	own_free struct config_faults *faults = calloc(1, sizeof(*faults));
	struct config *from = NULL;
	int r = faults ? daemon_options_reload(keeper->options, environ, &from, faults) : -ENOMEM;

	if (!r)
		r = take(keeper, from, faults);
	if (r == CONFIG_WRONG)
		say_faults(faults);
	else if (r)
		log_error("nothing of the configuration is taken: %s", strerror(-r));
	config_free(from);
}
