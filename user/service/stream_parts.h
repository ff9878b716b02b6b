/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What stream.c and stream_tell.c share, and nobody else includes. */
#ifndef STRAZH_USER_SERVICE_STREAM_PARTS_H
#define STRAZH_USER_SERVICE_STREAM_PARTS_H

#include <user/service/stream.h>

static inline struct tunnel *tunnel_of(const struct stream *s)
{
	return s->owner->tunnel;
}

/* ---- stream_tell.c: true when it is in the queue, or when nobody is left to be told ---- */

bool stream_say_data(struct stream *s, const void *bytes, size_t len) must_check;
/* s->held, which is then no more; else it stays. */
bool stream_say_held(struct stream *s);
/* What lies where peer_place() said: that goes at once. */
void stream_say_placed(struct stream *s, const uint8_t *place, size_t len);
/* All that is owed, in its order, until the queue is full. */
void stream_tell(struct stream *s);

#endif
