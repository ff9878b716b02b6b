/* SPDX-License-Identifier: Apache-2.0 */
/* What waits to go: `posted` by any thread, `early` while there is no session, then the channel's
 * own queue. */
#include <stdlib.h>
#include <unistd.h>

#include <user/client/parts.h>

int machine_queue(struct strazh *s, const struct strazh_message *message)
{
	const struct ph_message out = {.service = message->service,
				       .opcode = message->opcode,
				       .content = message->content,
				       .priority = message->priority,
				       .request = message->request,
				       .payload = message->payload,
				       .len = message->len};
	int r;

	r = message_fault(message);
	if (r)
		return r;
	if (s->phase == PHASE_ENDED)
		return s->why.class ? s->why.class : STRAZH_E_CLOSED;
	if (!s->has_channel) {
		if (kept_fits(&s->early, message, s->options.queue_bytes))
			return kept_add(&s->early, message);
		s->full = true;
		return STRAZH_E_FULL;
	}
	r = channel_send(&s->channel, &out);
	if (!r)
		s->about.sent++;
	if (r == CHANNEL_FULL)
		s->full = true;
	return r == CHANNEL_FULL ? STRAZH_E_FULL : r > 0 ? STRAZH_E_CLOSED : r;
}

void take_wake(struct strazh *s)
{
	uint64_t count;

	pthread_mutex_lock(&s->lock);
	if (s->woken)
		(void)!read(s->post, &count, sizeof(count));
	s->woken = false;
	pthread_mutex_unlock(&s->lock);
}

bool take_posted(struct strazh *s)
{
	struct kept *kept;
	bool some = false;

	pthread_mutex_lock(&s->lock);
	while ((kept = s->posted.first) != NULL && strazh_queued(s) <= s->options.queue_bytes / 2 &&
	       !machine_queue(s, &kept->message)) {
		free(kept_take(&s->posted));
		some = true;
	}
	s->post_waits = kept != NULL;
	if (s->post_full && s->posted.bytes <= s->options.queue_bytes / 2) {
		s->post_full = false;
		s->full = true; /* tell_room() tells */
	}
	pthread_mutex_unlock(&s->lock);
	return some;
}

bool tell_room(struct strazh *s)
{
	size_t waits = s->has_channel ? channel_queued(&s->channel) : s->early.bytes;

	if (!s->full || s->phase == PHASE_ENDED || waits > s->options.queue_bytes / 2)
		return false;
	s->full = false;
	if (s->options.on_room)
		s->options.on_room(s->options.data);
	return true;
}
