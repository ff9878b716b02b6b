/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Settings that were said before, in the gate again; `from` says in the log who remembered. */
#ifndef STRAZH_USER_DAEMON_ACTS_REPLAY_H
#define STRAZH_USER_DAEMON_ACTS_REPLAY_H

#include <jansson.h>

#include <user/gate/gate.h>

/* One of `strazhctl set`, or a limit: rate.TIER.host|prefix.CLASS, rate.other.CLASS, rate.source.*
 */
void replay_set(struct gate *gate, const char *from, const char *name, const char *value);
void replay_service(struct gate *gate, const char *from, const char *name, const json_t *entry);
/* Where that limit stands; NULL: it is none. `name` begins with "rate." and has 8 bytes at least.
 */
struct sz_limit *replay_limit(struct gate *gate, const char *name);

#endif
