/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of a channel share among themselves, and nobody else includes. */
#ifndef STRAZH_USER_SESSION_CHANNEL_PARTS_H
#define STRAZH_USER_SESSION_CHANNEL_PARTS_H

#include <stdbool.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <user/session/channel.h>
#include <user/wire/record.h>

/* Records that go to the engine at once; a block of the schedule holds four of these. */
#define CHANNEL_BATCH 64

enum rekey_state {
	REKEY_NONE,
	REKEY_DUE,    /* client: a Rekey is to be sent */
	REKEY_ASKED,  /* client: it was */
	REKEY_ANSWER, /* server: the answer is to be sent */
	REKEY_SWITCH, /* ours go under the new epoch, the peer's next may */
};

/* Ends the channel: keys are wiped, what waits is thrown away. Returns the condition that ended it,
 * which is not this one if something else has before. */
int channel_fail(struct channel *ch, enum channel_condition condition);

/* ---- channel_rekey.c ---- */

/* Client: starts one if it is time. */
void rekey_if_due(struct channel *ch, uint64_t now_ms);
/* Client: a fresh key to send in a PH_REKEY. */
int rekey_ask(struct channel *ch, uint64_t now_ms) must_check;
/* The body of a PH_REKEY or PH_REKEYED came, which may come here. */
int rekey_heard(struct channel *ch, const uint8_t *body, size_t len, uint64_t now_ms) must_check;
/* Server: the PH_REKEYED with our key was sealed; the next goes under the new epoch. */
void rekey_answered(struct channel *ch);
/* Does the peer's next record begin the new epoch; may it, or must it not? */
enum rekey_switch { SWITCH_NO, SWITCH_MAY, SWITCH_MUST };
enum rekey_switch rekey_switch(const struct channel *ch) must_check;
/* The peer's first record under the new epoch was right. */
void rekey_confirmed(struct channel *ch, uint64_t now_ms);

#endif
