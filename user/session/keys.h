/* SPDX-License-Identifier: Apache-2.0 */
/* What a handshake ends with, and all that the session behind it needs to begin. */
#ifndef STRAZH_USER_SESSION_KEYS_H
#define STRAZH_USER_SESSION_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include <strazh/wire/phantom.h>

struct session_keys {
	uint8_t suite; /* enum ph_suite, with PH_SUITE_HYBRID */
	bool identified;
	bool strict;		      /* the seed moves on with every record */
	uint8_t peer_key[PH_KEY_LEN]; /* identified: the client's; on the client: the server's */
	uint8_t capabilities[8];      /* of the client's finish */
	uint64_t first[2];	      /* operation that comes next, by direction */
	uint8_t h[PH_HASH_LEN];	      /* after the last message of the handshake */
	uint8_t t[3][PH_KEY_LEN];     /* t1, t2: the directions; t3: resumption. Secrets */
};

#endif
