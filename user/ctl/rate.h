/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* `rate source`, `rate forget`, and what `rate show` says of sources. Limits: cmd_rate.c. */
#ifndef STRAZH_USER_CTL_RATE_H
#define STRAZH_USER_CTL_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <user/ctl/request.h>
#include <user/gate/reput.h>

/* --tier; *ret_tier untouched where it is not given. A ctl_code, and it has been said. */
int rate_take_tier(struct request *request, uint32_t *ret_tier) must_check;
int rate_source(struct request *request) must_check;
int rate_forget(struct request *request) must_check;
/* A row for each source with limits of its own. 0, or what stopped it. */
int rate_show_sources(struct request *request) must_check;

/*
 * A source in the journal: `set` of "rate.source.ADDR[/LEN]" to "TIER,SLOW,UNTIL" (sixteenths; wall
 * clock, 0: for good) or "none". 0; -ENOENT: another name; -EINVAL: nonsense; or what reput_put()
 * returned. What is over meanwhile is left out.
 */
int rate_redo_source(struct gate *gate, const char *name, const char *value) must_check;
/* The act that says it so of one that is in the gate. NULL: no memory. */
json_t *rate_source_act(struct gate *gate, const struct prefix *key, const struct sz_reput *reput);

#endif
