/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * SIGHUP: the configuration anew, from the same file, environment and command line. It is read into
 * one of its own; with a fault, or when somebody whom it concerns cannot take it, it is let go and
 * what there was goes on. keeper->options->config is what holds: values that need a restart stay in
 * it as they were at the start.
 *
 * The worker answers when it has read its files, and nobody waits for it: keeper->reloading is what
 * it was offered meanwhile, and what there was holds until it has answered.
 */
#include <user/daemon/keeper.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

#include <strazh/base/own.h>
#include <user/base/log.h>
#include <user/daemon/config/config_diff.h>
#include <user/daemon/config/config_mask.h>
#include <user/daemon/feeding/feeding.h>
#include <user/daemon/guarding/guarding.h>
#include <user/daemon/testmode.h>

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
	if (!r)
		r = feeding_prepare(keeper, config);
	if (!r && keeper->on_config)
		r = keeper->on_config(keeper->on_config_owner, config, faults);
	config_take_live(config, from);
	return r;
}

static void take(struct keeper *keeper, struct config *from)
{
	struct config *config = keeper->options->config;

	config_diff(config, from, say_change, NULL);
	config_take_live(config, from);
	guarding_take(keeper);
	feeding_take(keeper);
	log_level_set(daemon_options_level(config));
	testmode_tick(keeper);
}

/* `from` is let go. */
static void settle(struct keeper *keeper, struct config *from, int r,
		   const struct config_faults *faults)
{
	if (!r)
		take(keeper, from);
	else if (r == CONFIG_WRONG)
		say_faults(faults);
	else
		log_error("nothing of the configuration is taken: %s", strerror(-r));
	config_free(from);
}

void reload_end(struct keeper *keeper, int r, const struct config_faults *faults)
{
	settle(keeper, take_ptr(keeper->reloading), r, faults);
	if (keeper->reload_again)
		reload_config(keeper);
	if (!keeper->reloading)
		(void)sd_notify(0, "READY=1");
}

void reload_config(struct keeper *keeper)
{
	own_free struct config_faults *faults = calloc(1, sizeof(*faults));
	struct config *from = NULL;
	int r;

	keeper->reload_again = keeper->reloading;
	if (keeper->reloading)
		return;
	r = faults ? daemon_options_reload(keeper->options, environ, &from, faults) : -ENOMEM;
	/* Files that it names may have changed all the same. */
	if (!r && !config_diff(keeper->options->config, from, NULL, NULL))
		log_info("the configuration is as it was");
	if (!r)
		r = offer(keeper, from, faults);
	if (r == RELOAD_LATER)
		keeper->reloading = from;
	else
		settle(keeper, from, r, faults);
}
