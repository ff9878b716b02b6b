/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What changed from one configuration to another, and taking over what may change at once. */
#ifndef STRAZH_USER_DAEMON_CONFIG_CONFIG_DIFF_H
#define STRAZH_USER_DAEMON_CONFIG_CONFIG_DIFF_H

#include <stdbool.h>
#include <stddef.h>

#include <user/daemon/config/config.h>

struct config_change {
	char key[CONFIG_UPSTREAM_NAME_MAX + 32]; /* "server.name" */
	enum config_key id;			 /* CFG_KEYS: an upstream or a feed */
	const char *old, *new; /* of the configurations; NULL: an upstream that is not there */
	bool restart;	       /* strazhd has to be started again before it holds */
};

/*
 * Calls back for each key whose value is another, in the order of the table, then for upstreams
 * that came, went or lead elsewhere. Where a value comes from does not count, nor does the order of
 * upstreams. Returns how many there are. `on_change` NULL: only that.
 */
size_t config_diff(const struct config *old, const struct config *new,
		   void (*on_change)(const struct config_change *change, void *context),
		   void *context);
/*
 * Values that need no restart go over to `config`, from where `from` has them; `from` gets the old
 * ones. What needs a restart stays, texts as well as pointers to them, so that the next comparison
 * says it again.
 */
void config_take_live(struct config *config, struct config *from);

#endif
