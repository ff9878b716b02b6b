/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fresh keys by a new Diffie-Hellman, inside the session:
 *
 *	client NONE -> DUE -> (Rekey sent) ASKED -> (Rekeyed came: sends under the new epoch) SWITCH
 *	server NONE -> (Rekey came) ANSWER -> (Rekeyed sent: sends under the new epoch) SWITCH
 *	both   SWITCH -> (a record of the new epoch was right) NONE
 *
 * Records of one direction are in order. So the client knows that what follows the Rekeyed is under
 * the new epoch; the server cannot know when the client hears of it, and takes records of the old
 * epoch until the first of the new one. That one is the confirmation; until then the old seed
 * lives. The client says something at once, so that it does not live long.
 *
 * hash = SHA-256(client's key 32 | server's key 32), the bodies of the two records.
 */
#include <user/session/channel_parts.h>

#include <string.h>

#include <user/crypto/crypto.h>
#include <user/crypto/hash.h>
#include <user/crypto/wipe.h>

void rekey_if_due(struct channel *ch, uint64_t now_ms)
{
	const struct channel_limits *limits = &ch->host->limits;
	struct channel_rekey *rekey = &ch->rekey;

	if (!ch->client || rekey->state != REKEY_NONE || ch->closing)
		return;
	if (schedule_age(&ch->in) >= limits->rekey_operations ||
	    schedule_age(&ch->out) >= limits->rekey_operations ||
	    ch->in.bytes >= limits->rekey_bytes || ch->out.bytes >= limits->rekey_bytes ||
	    now_ms - ch->rekeyed_ms >= limits->rekey_ms)
		rekey->state = REKEY_DUE;
}

int rekey_ask(struct channel *ch, uint64_t now_ms)
{
	struct channel_rekey *rekey = &ch->rekey;
	int r = dh_generate(ch->host->crypto, rekey->secret, rekey->public);

	if (r)
		return r;
	rekey->state = REKEY_ASKED;
	rekey->since_ms = now_ms;
	ch->host->counters.rekeys++;
	return 0;
}

/* Both keys are there: what the new seeds are made of. */
static int agree(struct channel *ch, const uint8_t theirs[PH_KEY_LEN])
{
	struct channel_rekey *rekey = &ch->rekey;
	uint8_t both[2 * PH_KEY_LEN];
	/* The result overwrites the secret; a failure ends the channel and wipes it. */
	int r = dh_shared(ch->host->crypto, rekey->secret, theirs, rekey->dh);

	if (r)
		return r == CRYPTO_ZERO ? channel_fail(ch, CHANNEL_BAD_REKEY) : r;
	memcpy(both, ch->client ? rekey->public : theirs, PH_KEY_LEN);
	memcpy(both + PH_KEY_LEN, ch->client ? theirs : rekey->public, PH_KEY_LEN);
	sha256(both, sizeof(both), rekey->hash);
	return 0;
}

static bool too_early(const struct channel *ch, uint64_t now_ms)
{
	const struct channel_limits *limits = &ch->host->limits;

	return MAX(schedule_age(&ch->in), schedule_age(&ch->out)) <
		       limits->rekey_floor_operations &&
	       now_ms - ch->rekeyed_ms < limits->rekey_floor_ms;
}

static int asked(struct channel *ch, const uint8_t theirs[PH_KEY_LEN], uint64_t now_ms)
{
	struct channel_rekey *rekey = &ch->rekey;
	int r;

	if (rekey->state != REKEY_NONE || too_early(ch, now_ms))
		return channel_fail(ch, CHANNEL_EARLY_REKEY);
	r = dh_generate(ch->host->crypto, rekey->secret, rekey->public);
	if (!r)
		r = agree(ch, theirs);
	if (r)
		return r;
	rekey->state = REKEY_ANSWER;
	rekey->since_ms = now_ms;
	ch->host->counters.rekeys++;
	return 0;
}

static int answered(struct channel *ch, const uint8_t theirs[PH_KEY_LEN])
{
	struct channel_rekey *rekey = &ch->rekey;
	int r = agree(ch, theirs);

	if (r)
		return r;
	schedule_rekey(&ch->out, rekey->dh, rekey->hash);
	rekey->state = REKEY_SWITCH;
	ch->beat = !ch->close_sent;
	return 0;
}

int rekey_heard(struct channel *ch, const uint8_t *body, size_t len, uint64_t now_ms)
{
	if (len != PH_KEY_LEN)
		return channel_fail(ch, CHANNEL_BAD_BODY);
	return ch->client ? answered(ch, body) : asked(ch, body, now_ms);
}

void rekey_answered(struct channel *ch)
{
	schedule_rekey(&ch->out, ch->rekey.dh, ch->rekey.hash);
	ch->rekey.state = REKEY_SWITCH;
	ch->beat = true;
}

enum rekey_switch rekey_switch(const struct channel *ch)
{
	if (ch->rekey.state != REKEY_SWITCH)
		return SWITCH_NO;
	return ch->client ? SWITCH_MUST : SWITCH_MAY;
}

void rekey_confirmed(struct channel *ch, uint64_t now_ms)
{
	wipe(&ch->rekey, sizeof(ch->rekey)); /* REKEY_NONE */
	ch->rekeyed_ms = now_ms;
}
