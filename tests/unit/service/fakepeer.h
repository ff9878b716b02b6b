/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A peer of fakehost.h: what it was sent, and what it does not take. */
#ifndef TESTS_UNIT_SERVICE_FAKEPEER_H
#define TESTS_UNIT_SERVICE_FAKEPEER_H

#include <user/service/service.h>

struct got {
	struct ph_message head;
	struct shared_bytes *payload;
	enum ph_code code; /* of a refusal */
};

struct peer {
	struct peer_about about;
	void *slots[PH_SERVICES];
	unsigned reactor;
	unsigned long room; /* messages that it takes yet */
	bool full, closed, paused, fails, places;
	const char *why;
	struct got *got;
	size_t count, room_for;
	unsigned long pauses, placed, pushes;
	uint8_t place[4 * 1024];
};

#endif
