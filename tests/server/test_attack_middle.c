/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Somebody in the middle, who sees all and can change, keep, repeat and make up everything. What
 * must hold whatever is done: a client that pins a key gets an echo from the owner of that key or
 * none; the server does nothing that its client did not ask for, and nothing twice; and who sends
 * what is bad is counted and closed without another byte.
 */
#include <tests/server/house.h>
#include <tests/server/middle.h>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define SHORT_MS 400 /* for what never comes; a loaded machine makes it longer, not wrong */

static void brief(struct server_limits *limits)
{
	limits->hello_ms = limits->finish_ms = 300;
}

struct scene {
	struct house house;
	struct middle middle;
	struct strazh_options options;
	unsigned over; /* connections so far */
};

static void scene_open(struct scene *s)
{
	house_open(&s->house, &(struct house_plan){.limits = brief});
	middle_open(&s->middle, s->house.port);
	s->options = house_options(&s->house);
	s->options.address = s->middle.address;
	s->options.no_resume = true;
	s->options.connect_timeout_ms = SHORT_MS;
	s->over = 0;
}

static void scene_close(struct scene *s)
{
	house_quiet(&s->house);
	middle_close(&s->middle);
	house_close(&s->house);
}

/* One client, one echo. What became of it. */
static int play(struct scene *s, middle_touch *touch, void *context)
{
	struct strazh *client = house_client(&s->house, &s->options);
	int r;

	middle_set(&s->middle, touch, context);
	r = house_echo(client, 7, 100, SHORT_MS);
	strazh_close(client);
	middle_wait(&s->middle, ++s->over);
	house_quiet(&s->house);
	return r;
}

static void expect(int r, int class)
{
	if (r != class)
		fail_msg("%s instead of %s", strazh_class_text(r), strazh_class_text(class));
}

/* Nothing was done for anyone. */
static void expect_nothing_done(const struct scene *s)
{
	assert_int_equal(HOUSE_COUNT(&s->house, messages_in), 0);
	assert_int_equal(HOUSE_COUNT(&s->house, messages_out), 0);
}

static void all_unchanged(void **state)
{
	uint8_t secret[32], public[32];
	struct scene s;

	(void)state;
	scene_open(&s);
	assert_int_equal(dh_generate(s.house.crypto, secret, public), 0);
	expect(play(&s, NULL, NULL), 0);
	s.options.client_key = secret;
	expect(play(&s, NULL, NULL), 0);
	s.options.server_key = NULL;
	s.options.root_key = s.house.root;
	expect(play(&s, NULL, NULL), 0);
	assert_int_equal(HOUSE_COUNT(&s.house, opened), 3);
	assert_int_equal(house_failed(&s.house) + house_broken(&s.house), 0);
	scene_close(&s);
}

/* ---- one bit ---- */

struct flip {
	enum middle_way way;
	unsigned unit;
	size_t at, len; /* len: of the piece, as seen */
	uint8_t mask;
	uint64_t after; /* bytes to the client when it was done */
	bool done;
};

static void flip_bit(struct middle *m, enum middle_way way, unsigned unit, uint8_t *bytes,
		     size_t len)
{
	struct flip *f = m->context;

	if (way == f->way && unit == f->unit) {
		f->len = len;
		f->after = atomic_load(&m->sent[TO_CLIENT]);
		f->done = true;
		if (f->at < len)
			bytes[f->at] ^= f->mask;
	}
	middle_send(m, way, bytes, len);
}

/* Each byte of that piece. How many there were. */
static size_t flip_each(struct scene *s, enum middle_way way, unsigned unit)
{
	struct flip f = {.way = way, .unit = unit, .len = SIZE_MAX};
	size_t n;

	for (n = 0; n < f.len; n++) {
		f.at = n;
		f.done = false;
		f.mask = (uint8_t)(1U << (n % 8));
		if (play(s, flip_bit, &f) == 0)
			fail_msg("an echo although byte %zu was changed", n);
		assert_true(f.done);
	}
	return n;
}

static void each_byte_of_a_handshake(void **state)
{
	uint8_t secret[32], public[32];
	struct scene s;
	size_t n;

	(void)state;
	scene_open(&s);
	assert_true(flip_each(&s, TO_SERVER, 0) >= 52);
	assert_int_equal(flip_each(&s, TO_CLIENT, 0), 68);
	assert_int_equal(HOUSE_COUNT(&s.house, opened), 0);
	n = flip_each(&s, TO_SERVER, 1); /* a record: 16 + 16 + 48 */
	assert_int_equal(n, 80);
	assert_int_equal(HOUSE_COUNT(&s.house, opened), 0);
	assert_int_equal(dh_generate(s.house.crypto, secret, public), 0);
	s.options.client_key = secret;
	assert_true(flip_each(&s, TO_SERVER, 0) >= 52);
	assert_int_equal(flip_each(&s, TO_CLIENT, 0), 68);
	assert_int_equal(flip_each(&s, TO_SERVER, 1), 4 + 48 + 32);
	assert_int_equal(HOUSE_COUNT(&s.house, opened), 0);
	expect_nothing_done(&s);
	/* Not one of them stays in a bad mood. */
	expect(play(&s, NULL, NULL), 0);
	scene_close(&s);
}

/* The request: the server sees it, counts it, and says not one byte more. */
static void each_byte_of_a_request(void **state)
{
	struct flip f = {.way = TO_SERVER, .unit = 2, .len = SIZE_MAX};
	struct scene s;

	(void)state;
	scene_open(&s);
	for (f.at = 0; f.at < f.len; f.at++) {
		uint64_t broken = house_broken(&s.house);

		/* A longer length is a record that never ends: the highest bit is too long. */
		f.mask = f.at == 3 ? 1 : (uint8_t)(1U << (f.at % 8));
		f.done = false;
		assert_int_not_equal(play(&s, flip_bit, &f), 0);
		assert_true(f.done);
		assert_int_equal(house_broken(&s.house), broken + 1);
		/* The ticket may have been under way. */
		assert_true(atomic_load(&s.middle.sent[TO_CLIENT]) - f.after <= TICKET_LEN + 128);
	}
	assert_int_equal(f.len, 16 + 112 + 48);
	expect_nothing_done(&s);
	assert_true(house_count(&s.house, offsetof(struct server_counters, channel) +
						  CHANNEL_BAD_SEAL * sizeof(_Atomic(uint64_t))) >
		    100);
	scene_close(&s);
}

static void each_byte_of_a_reply(void **state)
{
	struct scene s;

	(void)state;
	scene_open(&s);
	/* The first record back is the ticket, the second the reply. */
	assert_int_equal(flip_each(&s, TO_CLIENT, 2), 16 + 112 + 48);
	/* Each was done once, and not once more. */
	assert_int_equal(HOUSE_COUNT(&s.house, messages_in), 16 + 112 + 48);
	scene_close(&s);
}

/* ---- other hellos ---- */

struct edit {
	const char *what;
	int class; /* of the client */
	void (*change)(uint8_t *bytes, size_t *len);
};

static void set_len(uint8_t *bytes, size_t *len)
{
	bytes[2] = (uint8_t)((*len - PH_FRAME_HEAD) >> 8);
	bytes[3] = (uint8_t)(*len - PH_FRAME_HEAD);
}
static void to_xk1(uint8_t *bytes, size_t *len)
{
	(void)len;
	bytes[1] = PH_XK1;
}
static void to_nx(uint8_t *bytes, size_t *len)
{
	(void)len;
	bytes[1] = PH_NX;
}
static void to_resume(uint8_t *bytes, size_t *len)
{
	(void)len;
	bytes[1] = PH_RESUME;
}
static void to_hybrid(uint8_t *bytes, size_t *len)
{
	(void)len;
	bytes[1] |= PH_SUITE_HYBRID;
}
static void to_nothing(uint8_t *bytes, size_t *len)
{
	(void)len;
	bytes[1] = 0;
}
static void drop_extensions(uint8_t *bytes, size_t *len)
{
	*len = PH_FRAME_HEAD + 48;
	set_len(bytes, len);
}
static void other_offer(uint8_t *bytes, size_t *len)
{
	static const uint8_t offer[] = {PH_EXT_OFFER, 0, 2, 0, PH_OFFER_CLASSES};

	*len = PH_FRAME_HEAD + 48;
	memcpy(bytes + *len, offer, sizeof(offer));
	*len += sizeof(offer);
	set_len(bytes, len);
}
static void unknown_extension(uint8_t *bytes, size_t *len)
{
	static const uint8_t unknown[] = {0x63, 0, 1, 0};

	memcpy(bytes + *len, unknown, sizeof(unknown));
	*len += sizeof(unknown);
	set_len(bytes, len);
}
static void a_solution(uint8_t *bytes, size_t *len)
{
	static const uint8_t solution[3 + 8] = {PH_EXT_SOLUTION, 0, 8, 1, 2, 3};

	*len = PH_FRAME_HEAD + 48;
	memcpy(bytes + *len, solution, sizeof(solution));
	*len += sizeof(solution);
	set_len(bytes, len);
}
static void other_key(uint8_t *bytes, size_t *len)
{
	(void)len;
	memset(bytes + PH_FRAME_HEAD, 9, PH_KEY_LEN);
}
static void zero_key(uint8_t *bytes, size_t *len)
{
	(void)len;
	memset(bytes + PH_FRAME_HEAD, 0, PH_KEY_LEN);
}
static void too_long(uint8_t *bytes, size_t *len)
{
	(void)len;
	bytes[2] = 0xff;
	bytes[3] = 0xff;
}
static void no_body(uint8_t *bytes, size_t *len)
{
	*len = PH_FRAME_HEAD;
	set_len(bytes, len);
}
static void a_server_hello(uint8_t *bytes, size_t *len)
{
	(void)len;
	bytes[0] = PH_SERVER_HELLO;
}
static void a_finish(uint8_t *bytes, size_t *len)
{
	(void)len;
	bytes[0] = PH_CLIENT_FINISH;
}
static void tls(uint8_t *bytes, size_t *len)
{
	(void)len;
	bytes[0] = 0x16;
}

static const struct edit edits[] = {
	{"XK1", STRAZH_E_PROTOCOL, to_xk1},
	{"NX", STRAZH_E_REFUSED, to_nx},
	{"resumption", STRAZH_E_REFUSED, to_resume},
	{"hybrid", STRAZH_E_REFUSED, to_hybrid},
	{"no suite", STRAZH_E_REFUSED, to_nothing},
	{"no extensions", STRAZH_E_SERVER, drop_extensions},
	{"another offer", STRAZH_E_SERVER, other_offer},
	{"an unknown extension", STRAZH_E_REFUSED, unknown_extension},
	{"a solution", STRAZH_E_REFUSED, a_solution},
	{"another key", STRAZH_E_SERVER, other_key},
	{"a key of zeros", STRAZH_E_REFUSED, zero_key},
	{"65,535 bytes", STRAZH_E_REFUSED, too_long},
	{"no body", STRAZH_E_REFUSED, no_body},
	{"a server's hello", STRAZH_E_REFUSED, a_server_hello},
	{"a finish", STRAZH_E_REFUSED, a_finish},
	{"TLS", STRAZH_E_REFUSED, tls},
};

static void edit_hello(struct middle *m, enum middle_way way, unsigned unit, uint8_t *bytes,
		       size_t len)
{
	const struct edit *edit = m->context;

	if (way == TO_SERVER && !unit)
		edit->change(bytes, &len);
	middle_send(m, way, bytes, len);
}

static void other_hellos(void **state)
{
	struct scene s;

	(void)state;
	scene_open(&s);
	s.options.strict = true; /* an extension that is there */
	expect(play(&s, NULL, NULL), 0);
	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		uint64_t before = house_failed(&s.house);
		int r = play(&s, edit_hello, (void *)(uintptr_t)&edits[i]);

		if (r != edits[i].class)
			fail_msg("%s: %s", edits[i].what, strazh_class_text(r));
		if (r == STRAZH_E_REFUSED && house_failed(&s.house) != before + 1)
			fail_msg("%s: not counted", edits[i].what);
	}
	assert_int_equal(HOUSE_COUNT(&s.house, opened), 1);
	assert_int_equal(HOUSE_COUNT(&s.house, messages_in), 1);
	scene_close(&s);
}

/* ---- another server ---- */

static void another_server(void **state)
{
	struct house other;
	struct scene s;

	(void)state;
	house_open(&other, NULL);
	scene_open(&s);
	s.middle.target = other.port;
	/* The hello says which key it is for. */
	expect(play(&s, NULL, NULL), STRAZH_E_REFUSED);
	s.options.server_key = NULL;
	s.options.root_key = s.house.root;
	expect(play(&s, NULL, NULL), STRAZH_E_SERVER);
	assert_int_equal(HOUSE_COUNT(&other, opened), 0);
	expect_nothing_done(&s);
	house_quiet(&other);
	scene_close(&s);
	house_close(&other);
}

/* ---- work that the server did not ask for ---- */

struct retry {
	uint8_t bits;
	unsigned times;
	unsigned hellos;
};

static void ask_for_work(struct middle *m, enum middle_way way, unsigned unit, uint8_t *bytes,
			 size_t len)
{
	struct retry *retry = m->context;
	uint8_t frame[PH_FRAME_HEAD + 1 + PH_CHALLENGE_LEN] = {PH_RETRY, bytes[1], 0,
							       1 + PH_CHALLENGE_LEN, retry->bits};

	(void)unit;
	if (way == TO_SERVER && bytes[0] == PH_CLIENT_HELLO && retry->hellos++ < retry->times)
		middle_send(m, TO_CLIENT, frame, sizeof(frame));
	else
		middle_send(m, way, bytes, len);
}

static void work_from_the_middle(void **state)
{
	struct retry once = {14, 1, 0}, twice = {14, 2, 0}, hard = {23, 1, 0}, easy = {1, 1, 0};
	struct scene s;

	(void)state;
	scene_open(&s);
	s.options.connect_timeout_ms = 10000; /* to do it */
	expect(play(&s, ask_for_work, &once), STRAZH_E_REFUSED);
	assert_int_equal(
		house_count(&s.house, offsetof(struct server_counters, handshake) +
					      HS_PUZZLE_UNASKED * sizeof(_Atomic(uint64_t))),
		1);
	expect(play(&s, ask_for_work, &twice), STRAZH_E_PROTOCOL);
	expect(play(&s, ask_for_work, &hard), STRAZH_E_PROTOCOL);
	expect(play(&s, ask_for_work, &easy), STRAZH_E_PROTOCOL);
	assert_int_equal(HOUSE_COUNT(&s.house, opened), 0);
	expect_nothing_done(&s);
	scene_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_unchanged),
		cmocka_unit_test(each_byte_of_a_handshake),
		cmocka_unit_test(each_byte_of_a_request),
		cmocka_unit_test(each_byte_of_a_reply),
		cmocka_unit_test(other_hellos),
		cmocka_unit_test(another_server),
		cmocka_unit_test(work_from_the_middle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
