/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Messages on their way to many. */
#ifndef STRAZH_USER_SERVICE_CAST_H
#define STRAZH_USER_SERVICE_CAST_H

#include <strazh/base/compiler.h>
#include <user/service/relay.h>

/* One reference, and the payload is taken. NULL: no memory, and the payload is the caller's. */
struct cast *cast_new(struct relay *relay, struct shared_bytes *payload);
struct cast *cast_get(struct cast *cast);
void cast_put(struct cast *cast); /* NULL is fine */
/* What keeping it costs. */
size_t cast_cost(const struct cast *cast);
/* What a member is sent; the payload is cast->payload. */
struct ph_message cast_head(const struct cast *cast);
bool cast_is_for(const struct cast *cast, const struct member *member);

void past_free(struct past *past, struct relay_shared *shared); /* NULL is fine */

#endif
