/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * An answer of CrowdSec's local API to GET /v1/decisions/stream
 * (https://docs.crowdsec.net, "Local API", its swagger file):
 *
 *	{"new": [DECISION...] or null, "deleted": [DECISION...] or null}
 *	DECISION: {"id": 12, "type": "ban", "scope": "Ip", "value": "192.0.2.1",
 *		"duration": "3h59m12.3s", "origin": "crowdsec", "scenario": "..."}
 *
 * Pure: text in, records out.
 */
#ifndef STRAZH_USER_FEED_LAPI_H
#define STRAZH_USER_FEED_LAPI_H

#include <stddef.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <user/feed/message.h>

#define LAPI_DURATION_MOST_MS (400ULL * 86400 * 1000) /* longer ones are cut to it */

/*
 * As Go writes a duration: "-1h2m3.5s", "12.3s", "500ms", "0s". *ret_ms: 0 where it is negative,
 * rounded up else. 0 or -EINVAL.
 */
int lapi_duration_parse(const char *text, uint64_t *ret_ms) must_check;

struct lapi_changes {
	struct feed_decision *list; /* what came, then what went, each in the order of the text */
	size_t count;
	uint64_t all;				   /* decisions in the text */
	uint64_t other;				   /* of another type or scope than was asked for */
	uint64_t wrong;				   /* not as above */
	struct feed_wrong wrongs[FEED_WRONG_KEPT]; /* the first; line: which decision, from 1 */
};
void lapi_changes_deinit(struct lapi_changes *changes);

#define LAPI_TOO_MANY 1
#define LAPI_NO_JSON 2 /* and why[] says where */
#define LAPI_WHY_LEN 160
/* 0, one of these, or -ENOMEM. `scopes`: enum feed_scope. A negative duration is over, and goes. */
int lapi_parse(const char *text, size_t len, unsigned scopes, uint64_t max_entries,
	       struct lapi_changes *ret_changes, char why[LAPI_WHY_LEN]) must_check;

#endif
