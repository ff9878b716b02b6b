/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Constant time (tests/unit/crypto/ctgrind.h) of whole handshakes, both sides, in each suite, and
 * of a channel with a rekey behind them. Secret: both static keys, each ephemeral key, the psk, the
 * ticket key, and by memcheck's own reckoning all that is made of these. No branch and no address
 * may depend on one.
 *
 * What is made of a secret and may be known is declared where it comes into being, by functions
 * that the linker puts before the product's (ld --wrap). That is all of it:
 *
 *	dh_generate()	the public key: it is sent
 *	crypto_same()	its answer: whether a tag, a signature fits is what the peer learns, and a
 *			shared secret of zeros was the peer's choice
 *	aead_open()	a payload that was authentic: nonce, certificate, client's public key,
 *			capabilities; of a ticket all but the psk: times, suite, client's public
 * key. The server acts upon them engine_open()	results, and the plaintext of records that were
 * authentic: the application's frames, wire	what is sent can be seen by everybody
 *
 * and inside of OpenSSL, by suppressions: whether a tag fits (gcm_open), and whether the result of
 * X25519 is zeros, in the one function that EVP_PKEY_derive() calls.
 *
 * Not seen here: ML-KEM (OpenSSL 3.5), since what OpenSSL declares of it is not known yet;
 * signatures of certificates, which are made where no peer can measure it.
 */
#include <tests/unit/crypto/ctgrind.h>
#include <tests/unit/session/pair.h>
#include <tests/unit/session/rig.h>

/* So many functions of the library deep and no deeper: arithmetic below them is not let off. */
static const char verdicts[] =
	"{\n   tag by OpenSSL\n   Memcheck:Cond\n   obj:*/libcrypto.so.3\n"
	"   obj:*/libcrypto.so.3\n   fun:run\n   fun:gcm_open\n}\n"
	"{\n   zeros by OpenSSL\n   Memcheck:Cond\n   obj:*/libcrypto.so.3\n   fun:derive\n}\n"
	"{\n   zeros by OpenSSL, no tail call\n   Memcheck:Cond\n   obj:*/libcrypto.so.3\n"
	"   fun:EVP_PKEY_derive\n   fun:derive\n}\n";

/* A control's deliberate mistake; NONE else. */
static enum leak { NONE, BRANCH, TABLE, COMPARE, FINISH } leak;
static bool marking; /* what is random is secret */

/* ---- before the product's functions ---- */

int __real_crypto_random(void *to, size_t len);
int __real_dh_generate(struct crypto *c, uint8_t ret_secret[32], uint8_t ret_public[32]);
int __real_dh_shared(struct crypto *c, const uint8_t secret[32], const uint8_t public[32],
		     uint8_t ret_shared[32]);
bool __real_crypto_same(const void *a, const void *b, size_t len);
int __real_aead_open(struct crypto *c, const uint8_t key[32], const uint8_t nonce[12],
		     const void *ad, size_t ad_len, const void *from, size_t len,
		     const uint8_t tag[16], void *to);
int __real_engine_open(struct engine *engine, struct record_op *ops, size_t n);

int __wrap_crypto_random(void *to, size_t len);
int __wrap_dh_generate(struct crypto *c, uint8_t ret_secret[32], uint8_t ret_public[32]);
int __wrap_dh_shared(struct crypto *c, const uint8_t secret[32], const uint8_t public[32],
		     uint8_t ret_shared[32]);
bool __wrap_crypto_same(const void *a, const void *b, size_t len);
int __wrap_aead_open(struct crypto *c, const uint8_t key[32], const uint8_t nonce[12],
		     const void *ad, size_t ad_len, const void *from, size_t len,
		     const uint8_t tag[16], void *to);
int __wrap_engine_open(struct engine *engine, struct record_op *ops, size_t n);

/* Whatever is as long as a key is one; nonces and names are shorter. */
int __wrap_crypto_random(void *to, size_t len)
{
	int r = __real_crypto_random(to, len);

	if (marking && len == 32)
		secret(to, len);
	return r;
}

int __wrap_dh_generate(struct crypto *c, uint8_t ret_secret[32], uint8_t ret_public[32])
{
	int r = __real_dh_generate(c, ret_secret, ret_public);

	public(ret_public, 32);
	return r;
}

static volatile unsigned seen;

int __wrap_dh_shared(struct crypto *c, const uint8_t key[32], const uint8_t their[32],
		     uint8_t ret_shared[32])
{
	static const uint8_t table[256] = {1};
	int r = __real_dh_shared(c, key, their, ret_shared);

	if (leak == BRANCH && key[3] & 4)
		seen = seen + 1;
	if (leak == TABLE)
		seen = seen + table[ret_shared[17]];
	return r;
}

bool __wrap_crypto_same(const void *a, const void *b, size_t len)
{
	const uint8_t *x = a, *y = b;
	bool same = __real_crypto_same(a, b, len);

	for (size_t i = 0; leak == COMPARE && i < len; i++) {
		if (x[i] != y[i])
			break;
		seen = seen + 1;
	}
	public(&same, sizeof(same));
	return same;
}

int __wrap_aead_open(struct crypto *c, const uint8_t key[32], const uint8_t nonce[12],
		     const void *ad, size_t ad_len, const void *from, size_t len,
		     const uint8_t tag[16], void *to)
{
	int r = __real_aead_open(c, key, nonce, ad, ad_len, from, len, tag, to);
	const size_t kept = len == TICKET_PLAIN_LEN ? PH_KEY_LEN : 0; /* the psk */

	if (r)
		return r;
	public((uint8_t *)to + kept, len - kept);
	return 0;
}

int __wrap_engine_open(struct engine *engine, struct record_op *ops, size_t n)
{
	int r = __real_engine_open(engine, ops, n);

	for (size_t i = 0; i < n; i++) {
		public(&ops[i].result, sizeof(ops[i].result));
		if (!ops[i].result)
		public(ops[i].record + PH_RECORD_HEAD, ops[i].len);
	}
	return r;
}

/* ---- handshakes ---- */

static void open_rig(struct rig *rig)
{
	rig_open(rig);
	rig_ticket(rig, PH_XK1);
	for (unsigned i = 0; i < 2; i++)
		secret(rig->secrets[i], PH_KEY_LEN);
	secret(rig->client_secret, PH_KEY_LEN);
	secret(rig->resume.psk, PH_KEY_LEN);
	secret(rig->tickets.keys[0].key, PH_KEY_LEN);
	marking = true;
}

/* Over the wire; `flip`: with another last byte, which is the tag's. What the reader says. */
static int pass(struct rig *rig, struct handshake *from, struct handshake *to, bool flip)
{
	struct frame_bytes frame;

	if (rig_write(rig, from, &frame))
		return -1;
	public(frame.bytes, frame.len);
	if (leak == FINISH && from->state == HS_DONE && from->noise.ck[0] == 7)
		seen = seen + 1;
	frame.bytes[frame.len - 1] ^= flip;
	return rig_read(rig, to, &frame);
}

/* Frame number `bad` (0: none) is changed: a condition, and nothing is left. 0 is right. */
static int shake(struct rig *rig, uint8_t suite, unsigned bad, struct session_keys *client,
		 struct session_keys *server)
{
	rig_begin(rig, suite);
	for (unsigned i = 1;
	     handshake_next(&rig->s) != HS_NEXT_DONE || handshake_next(&rig->cl) != HS_NEXT_DONE;
	     i++) {
		bool says = handshake_next(&rig->cl) == HS_NEXT_WRITE;
		struct handshake *to = says ? &rig->s : &rig->cl;
		int r = pass(rig, says ? &rig->cl : &rig->s, to, i == bad);

		if (i == bad)
			return r <= 0 || handshake_next(to) != HS_NEXT_NOTHING;
		if (r || i > 3)
			return 3;
	}
	return bad || handshake_keys(&rig->cl, client) || handshake_keys(&rig->s, server);
}

/* The hello has a tag in RESUME alone; a finish is there in XK1 and XX. */
static int part_shake(uint8_t suite)
{
	static struct rig rig;
	struct session_keys client, server;
	int r;

	open_rig(&rig);
	r = shake(&rig, suite, 0, &client, &server);
	public(client.t, sizeof(client.t));
	public(server.t, sizeof(server.t));
	r |= memcmp(client.t, server.t, sizeof(client.t)) != 0;
	r |= shake(&rig, suite, 2, &client, &server);
	if (suite == PH_RESUME)
		r |= shake(&rig, suite, 1, &client, &server);
	if (suite == PH_XK1 || suite == PH_XX)
		r |= shake(&rig, suite, 3, &client, &server);
	rig_close(&rig);
	return r;
}

/* Its ticket from the server's pen: sealed with a key that is secret, of keys that are. */
static int part_ticket(void)
{
	static struct rig rig;
	struct session_keys client, server;
	struct ticket ticket;
	int r;

	open_rig(&rig);
	r = shake(&rig, PH_NK1, 0, &client, &server);
	r |= ticket_make(&rig.tickets, &server, NOW, &ticket);
	r |= ticket_seal(&rig.tickets, rig.c, &ticket, rig.ticket);
	public(rig.ticket, sizeof(rig.ticket));
	ticket_psk(&client, rig.resume.psk);
	rig.resume.origin = client.origin;
	r |= shake(&rig, PH_RESUME, 0, &client, &server);
	rig_close(&rig);
	return r;
}

/* ---- a channel ---- */

static void over(struct pair *p, struct side *from, struct side *to)
{
	size_t before = to->len;

	assert_int_equal(side_write(p, from, to, 1 << 20), 0);
	public(to->wire + before, to->len - before);
}

static void settle(struct pair *p)
{
	do {
		over(p, &p->client, &p->server);
		assert_int_equal(side_read(p, &p->server), 0);
		over(p, &p->server, &p->client);
		assert_int_equal(side_read(p, &p->client), 0);
	} while (channel_has_output(&p->client.ch) || channel_has_output(&p->server.ch));
}

/* The last record's byte `back` from its end is another: nothing of it comes. */
static void bad_record(struct pair *p, size_t back)
{
	unsigned before = p->server.messages;

	assert_int_equal(say(&p->client, 1, 9, "more", 4), 0);
	over(p, &p->client, &p->server);
	p->server.wire[p->server.len - back] ^= 1;
	assert_int_equal(side_read(p, &p->server), CHANNEL_BAD_SEAL);
	assert_int_equal(p->server.messages, before);
}

static void part_channel(bool strict, size_t back)
{
	struct pair *p = pair_new(PH_XK1, strict);
	struct session_keys keys = p->keys;

	marking = true;
	secret(keys.t, sizeof(keys.t));
	channel_deinit(&p->client.ch);
	channel_deinit(&p->server.ch);
	channel_init(&p->client.ch, &p->client.host, &keys, true, &p->client, p->now);
	channel_init(&p->server.ch, &p->server.host, &keys, false, &p->server, p->now);
	/* Over the end of a block, and of an epoch. */
	for (unsigned i = 0; i < 300; i++) {
		assert_int_equal(say(&p->client, 1, i, "a message", 9), 0);
		assert_int_equal(say(&p->server, 1, i, "an answer", 9), 0);
		if (i % 100 == 99)
			settle(p);
	}
	p->now += p->client.host.limits.rekey_ms;
	settle(p);
	settle(p);
	assert_int_equal(say(&p->client, 1, 1, "after", 5), 0);
	settle(p);
	assert_int_equal(p->server.messages, 301);
	assert_int_equal(p->client.host.counters.rekeys, 1);
	assert_true(p->server.ch.in.epoch);
	bad_record(p, back);
	pair_free(p);
}

/* ---- the parts, under valgrind; 0 is right ---- */

static const struct {
	const char *name;
	uint8_t suite;
} shakes[] = {
	{"nk1", PH_NK1}, {"xk1", PH_XK1}, {"nx", PH_NX}, {"xx", PH_XX}, {"resume", PH_RESUME},
};

static const struct {
	const char *name;
	enum leak leak;
} leaks[] = {{"branch", BRANCH}, {"table", TABLE}, {"compare", COMPARE}, {"finish", FINISH}};

static int part(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(shakes); i++)
		if (!strcmp(name, shakes[i].name))
			return part_shake(shakes[i].suite);
	for (size_t i = 0; i < ARRAY_LEN(leaks); i++) {
		if (strcmp(name, leaks[i].name) != 0)
			continue;
		leak = leaks[i].leak;
		return part_shake(PH_XK1);
	}
	if (!strcmp(name, "ticket"))
		return part_ticket();
	if (!strcmp(name, "channel"))
		part_channel(false, 1); /* the signature's last byte */
	if (!strcmp(name, "strict"))
		part_channel(true, PH_RECORD_TAIL + 1); /* of C: signed, and the tag does not fit */
	return 0;
}

/* ---- the tests ---- */

static void handshakes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(shakes); i++)
		expect(shakes[i].name, 0);
}

static void tickets(void **state)
{
	(void)state;
	expect("ticket", 0);
}

static void channels(void **state)
{
	(void)state;
	expect("channel", 0);
	expect("strict", 0);
}

/* What the tests are worth: a branch on the static or an ephemeral key, a table read at a byte of a
 * shared secret, a comparison that ends early, a branch on the chaining key. */
static void leaks_are_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(leaks); i++)
		expect(leaks[i].name, FOUND);
}

int main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(handshakes),
		cmocka_unit_test(tickets),
		cmocka_unit_test(channels),
		cmocka_unit_test(leaks_are_found),
	};

	return argc > 1 ? part(argv[1]) : ctgrind_run(tests, verdicts);
}
