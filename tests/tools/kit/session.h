/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * One long session with an echo service, over TCP or UDP: requests at a steady rate, sent on time
 * whether or not the answers to earlier ones have come.
 *
 * A request is lost when its answer has not come within the deadline, however much later it comes.
 * A broken connection loses what is under way and what falls due until there is another one. What
 * was not sent because this program did not run (it was stopped) is no request.
 */
#ifndef STRAZH_TESTS_TOOLS_KIT_SESSION_H
#define STRAZH_TESTS_TOOLS_KIT_SESSION_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include <tests/tools/kit/samples.h>
#include <tests/tools/kit/target.h>

#define SESSION_FLIGHT 65536U /* requests under way at most, a power of two */

struct session {
	const struct target *target;
	int type; /* SOCK_STREAM, SOCK_DGRAM */
	uint16_t sport;
	uint64_t every_ns, timeout_ns;
	int fd;
	bool connecting;
	uint64_t retry_ns, next_ns;
	/* Requests [oldest, newest) are under way; 0 in sent_ns: answered. */
	uint64_t oldest, newest;
	uint64_t sent_ns[SESSION_FLIGHT];
	uint64_t expected; /* the next answer of a stream */
	unsigned char partial[MESSAGE_LEN];
	size_t partial_len;
	uint64_t segments_before, retrans_before;
	/* Since the last look; who looks sets them to zero. */
	unsigned int ok, lost, broken;
	struct samples answer;
};

/* rate: requests a second. sport: 0, any. */
void session_init(struct session *session, const struct target *target, int type, uint16_t sport,
		  unsigned int rate, unsigned int timeout_ms);
/* What is due; returns when it is to be called again at the latest. */
uint64_t session_on_time(struct session *session, uint64_t now);
void session_poll(const struct session *session, struct pollfd *ret_fd);
void session_on_events(struct session *session, const struct pollfd *fd);
/* Data segments that were sent, and sent again, since the last call; 0 for UDP. */
void session_segments(struct session *session, uint64_t *ret_sent, uint64_t *ret_again);

#endif
