/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Records of whole Phantom sessions, from the t1 and t2 of the file on: the schedule is walked to
 * the record's operation, and its seed, keys and nonce are compared; each engine seals the record,
 * byte for byte, and opens it again. In NK1 the finish is what a channel says first.
 */
#include <tests/tools/run-vectors/vectors.h>

#include <string.h>

#include <user/crypto/crypto.h>
#include <user/crypto/engine.h>
#include <user/crypto/record.h>
#include <user/session/channel.h>
#include <user/session/schedule.h>
#include <user/wire/record.h>

#define RECORD_MAX 4096

struct subject {
	struct session_keys keys;
	struct schedule at;
	struct record_head head;
	uint8_t wire[RECORD_MAX];
	size_t len;
};

static void copy(const json_t *object, const char *name, uint8_t *to, size_t len)
{
	own_bytes struct bytes bytes = bytes_of(object, name);

	if (bytes.len != len)
		die("'%s' has %zu bytes, not %zu", name, bytes.len, len);
	memcpy(to, bytes.at, len);
}

static void copy_nth(const json_t *session, const char *list, size_t n, uint8_t *to, size_t len)
{
	const json_t *item = json_array_get(json_object_get(session, list), n);
	json_t *named;

	if (!json_is_string(item))
		die("no '%s' %zu", list, n);
	named = json_pack("{sO}", "it", item);
	if (!named)
		die("no memory");
	copy(named, "it", to, len);
	json_decref(named);
}

static void read_keys(const json_t *session, struct session_keys *keys)
{
	*keys = (struct session_keys){0};
	keys->suite = strcmp(text_of(session, "suite"), "nk1") != 0 ? PH_XK1 : PH_NK1;
	copy(session, "h", keys->h, sizeof(keys->h));
	for (size_t i = 0; i < 3; i++)
		copy_nth(session, "t", i, keys->t[i], sizeof(keys->t[i]));
}

/* The schedule of its direction at its operation, and the record with its text and padding. */
static void prepare(const json_t *session, const json_t *record, struct subject *s)
{
	own_bytes struct bytes plain = bytes_of(record, "plaintext");
	size_t padded = record_padded_len(plain.len, false);
	uint8_t *text;

	if (PH_RECORD_HEAD + padded + PH_RECORD_TAIL > sizeof(s->wire))
		die("a record longer than %d bytes", RECORD_MAX);
	read_keys(session, &s->keys);
	schedule_init(&s->at, &s->keys, (uint8_t)number_of(record, "direction"));
	while (s->at.n < (uint64_t)number_of(record, "n"))
		schedule_advance(&s->at, 1, 16);
	s->head = (struct record_head){.type = (uint8_t)number_of(record, "type"),
				       .flags = (uint8_t)number_of(record, "flags"),
				       .len = (uint16_t)padded,
				       .n = s->at.n};
	s->len = record_wire_len(&s->head);
	text = record_emit(&s->head, s->wire);
	memcpy(text, plain.at, plain.len);
	record_pad(text, plain.len, padded);
}

static bool key_fits(const struct subject *s, const json_t *record, const char *name,
		     const char *label)
{
	own_bytes struct bytes want = bytes_of(record, name);
	uint8_t info[RECORD_INFO], got[32];

	record_info(info, label, s->wire);
	kdf_expand1(&s->at.key.seed, info, sizeof(info), got);
	return bytes_same(&want, got, sizeof(got));
}

/* The reply of a session comes without these. */
static bool schedule_fits(const struct subject *s, const json_t *record)
{
	uint8_t seed[32], nonce[12];
	struct hmac_key key;

	if (!json_object_get(record, "seed"))
		return true;
	copy(record, "seed", seed, sizeof(seed));
	hmac_key_set(&key, seed, sizeof(seed));
	copy(record, "nonce", seed, sizeof(nonce));
	record_nonce(nonce, s->at.key.iv, s->wire);
	return !memcmp(&key, &s->at.key.seed, sizeof(key)) && !memcmp(seed, nonce, sizeof(nonce)) &&
	       key_fits(s, record, "k_enc", RECORD_LABEL_ENC) &&
	       key_fits(s, record, "k_mac", RECORD_LABEL_MAC);
}

static bool engine_fits(const char *name, const struct subject *s, const json_t *record)
{
	own_bytes struct bytes want = bytes_of(record, "wire");
	struct subject copy_of = *s;
	struct record_op op = {.key = &s->at.key, .record = copy_of.wire, .len = s->head.len};
	struct engine *engine;
	bool fits;

	if (engine_new(name, &engine))
		die("no engine '%s'", name);
	fits = !engine_seal(engine, &op, 1) && !op.result &&
	       bytes_same(&want, copy_of.wire, s->len) && !engine_open(engine, &op, 1) &&
	       !op.result && !memcmp(copy_of.wire, s->wire, PH_RECORD_HEAD + s->head.len);
	engine_free(engine);
	return fits;
}

static void one(const json_t *session, const json_t *record, struct tally *tally)
{
	struct subject s = {0};
	bool iv;

	prepare(session, record, &s);
	{
		uint8_t want[12];

		copy_nth(session, "iv", s.at.direction, want, sizeof(want));
		iv = !memcmp(want, s.at.key.iv, sizeof(want));
	}
	tally_count(tally, iv && schedule_fits(&s, record), "%s: schedule of %d:%llu",
		    text_of(session, "suite"), s.at.direction, (unsigned long long)s.at.n);
	for (const char *const *name = engine_names(); *name; name++)
		tally_count(tally, engine_fits(*name, &s, record), "%s: %s: record %d:%llu",
			    text_of(session, "suite"), *name, s.at.direction,
			    (unsigned long long)s.at.n);
}

/* What a client's channel says before anything was sent. */
static void finish(const json_t *session, struct tally *tally)
{
	static const struct channel_ops none;
	own_bytes struct bytes want = bytes_of(session, "client_finish");
	struct channel_host host = {.ops = &none, .limits = channel_limits_usual};
	struct session_keys keys;
	struct channel ch;
	uint8_t got[RECORD_MAX];
	size_t len;

	if (engine_new(NULL, &host.engine))
		die("no engine");
	read_keys(session, &keys);
	channel_init(&ch, &host, &keys, true, NULL, 0);
	tally_count(tally,
		    !channel_write(&ch, got, sizeof(got), 0, &len) && bytes_same(&want, got, len),
		    "%s: finish", text_of(session, "suite"));
	channel_deinit(&ch);
	engine_free(host.engine);
}

void run_phantom_records(const json_t *root, struct tally *tally)
{
	const json_t *sessions = json_object_get(root, "sessions"), *session, *record;
	size_t i, k;

	if (!json_is_array(sessions))
		die("no sessions in it");
	json_array_foreach(sessions, i, session)
	{
		const char *suite = text_of(session, "suite");

		if (strcmp(suite, "nk1") != 0 && strcmp(suite, "xk1") != 0) {
			tally_skip(tally, 1);
			continue;
		}
		json_array_foreach(json_object_get(session, "records"), k, record)
			one(session, record, tally);
		if (json_object_get(session, "reply"))
			one(session, json_object_get(session, "reply"), tally);
		if (!strcmp(suite, "nk1"))
			finish(session, tally);
	}
}
