/* SPDX-License-Identifier: Apache-2.0 */
/* What a handshake ends with, and all that the session behind it needs to begin. */
#ifndef STRAZH_USER_SESSION_KEYS_H
#define STRAZH_USER_SESSION_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include <strazh/wire/phantom.h>

struct session_keys {
	uint8_t suite;	   /* enum ph_suite, with PH_SUITE_HYBRID */
	uint8_t origin;	   /* of the first of a chain of resumed sessions; else `suite` */
	uint64_t origin_s; /* and when that was: UTC, seconds */
	bool identified;   /* the client, by a key of its own */
	bool strict;	   /* the seed moves on with every record */
	bool classes;	   /* records are padded to size classes */
	/* On the server the client's, when it is identified; on the client the server's. */
	uint8_t peer_key[PH_KEY_LEN];
	uint8_t capabilities[8];  /* of the client's finish */
	uint64_t first[2];	  /* operation that comes next, by direction */
	uint8_t h[PH_HASH_LEN];	  /* after the last message of the handshake */
	uint8_t t[3][PH_KEY_LEN]; /* t1, t2: the directions; t3: resumption. Secrets */
};

/*
 * Whether the client's first record, operation 0, has to be the finish: type PH_CLIENT_FINISH with
 * an empty plaintext. The client sends it at once; the server takes nothing else before it. In XK1
 * and XX the finish was a frame, and operation 0 is the first of the data.
 */
static inline bool session_finish_due(const struct session_keys *keys)
{
	uint8_t suite = keys->suite & (uint8_t)~PH_SUITE_HYBRID;

	return suite == PH_NK1 || suite == PH_NX || suite == PH_RESUME;
}

#endif
