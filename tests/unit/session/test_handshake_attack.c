/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What somebody between the two can do to frames: each change is refused, with its condition. */
#include <errno.h>

#include <tests/unit/session/rig.h>

enum { HELLO, ANSWER, FINISH, FRAMES };

/* What became of a handshake: who refused, and why. */
struct outcome {
	int server, client;
};

typedef void change_fn(struct frame_bytes *frame, size_t arg);

/* A handshake whose frame number `which` is changed on its way. */
static struct outcome shake(struct rig *rig, uint8_t suite, int which, change_fn *change,
			    size_t arg)
{
	struct outcome outcome = {0};
	struct frame_bytes frame;

	rig_begin(rig, suite);
	for (int i = 0; i < FRAMES && handshake_next(&rig->s) != HS_NEXT_DONE; i++) {
		bool by_client = i != ANSWER;
		struct handshake *from = by_client ? &rig->cl : &rig->s;
		struct handshake *to = by_client ? &rig->s : &rig->cl;
		int *ret = by_client ? &outcome.server : &outcome.client;
		int r = rig_write(rig, from, &frame);

		/* What was read makes no answer possible: a point of low order. */
		if (r) {
			*(by_client ? &outcome.client : &outcome.server) = r;
			return outcome;
		}
		if (i == which)
			change(&frame, arg);
		*ret = rig_read(rig, to, &frame);
		if (*ret)
			return outcome;
	}
	if (handshake_next(&rig->cl) != HS_NEXT_DONE) {
		assert_int_equal(rig_write(rig, &rig->s, &frame), 0);
		outcome.client = rig_read(rig, &rig->cl, &frame);
	}
	return outcome;
}

static size_t frame_len(struct rig *rig, uint8_t suite, int which)
{
	struct frame_bytes frame = {.len = 0};

	rig_begin(rig, suite);
	for (int i = 0; i <= which; i++) {
		struct handshake *from = i != ANSWER ? &rig->cl : &rig->s;

		if (handshake_next(from) != HS_NEXT_WRITE)
			return 0;
		assert_int_equal(rig_write(rig, from, &frame), 0);
		assert_int_equal(rig_read(rig, i != ANSWER ? &rig->s : &rig->cl, &frame), 0);
	}
	return frame.len;
}

/* Each attack on each frame of each suite: `run` gets the frame's length. */
static void for_each_frame(struct rig *rig,
			   void (*run)(struct rig *rig, uint8_t suite, int which, size_t len))
{
	for (size_t i = 0; i < sizeof(SUITES); i++)
		for (int which = HELLO; which < FRAMES; which++) {
			size_t len = frame_len(rig, SUITES[i], which);

			if (len)
				run(rig, SUITES[i], which, len);
		}
}

static void open_for_attack(struct rig *rig)
{
	rig_open(rig);
	rig_ticket(rig, PH_XK1);
	rig->client.offer = PH_OFFER_STRICT;
	rig->client.say_key = true;
}

/* ---- bits ---- */

static uint8_t mask;

static void flip(struct frame_bytes *frame, size_t at)
{
	frame->bytes[at] ^= mask;
}

/* The body of a hello proves nothing but in RESUME: its change shows on the client, if it parses.
 */
static void assert_hello_outcome(uint8_t suite, size_t at, size_t noise_len, struct outcome o)
{
	if (at < 4 + noise_len) {
		assert_int_equal(suite == PH_RESUME ? o.server : o.client, HS_BAD);
		return;
	}
	assert_true(o.server == HS_MALFORMED || o.server == HS_EXTENSION || o.server == HS_OFFER ||
		    o.server == HS_SERVER_KEY || o.server == HS_TICKET ||
		    o.server == HS_TICKET_KEY || o.server == HS_PUZZLE_UNASKED ||
		    (o.server == HS_BAD && suite == PH_RESUME) ||
		    (!o.server && o.client == HS_BAD));
}

static void flip_each(struct rig *rig, uint8_t suite, int which, size_t len)
{
	for (size_t at = 0; at < len; at++) {
		struct outcome o = shake(rig, suite, which, flip, at);
		int first = which == ANSWER ? o.client : o.server;

		assert_true(o.server || o.client);
		if (o.server)
			assert_wiped(&rig->s);
		if (o.client)
			assert_wiped(&rig->cl);
		if (at == 0)
			assert_int_equal(first, HS_TYPE);
		else if (at == 2 || at == 3)
			assert_int_equal(first, HS_FRAME);
		else if (at == 1 && which != HELLO)
			assert_true(first == HS_SUITE || first == HS_SUITE_OTHER);
		else if (at == 1)
			assert_true(o.server == HS_SUITE || o.server == HS_NO_KEM ||
				    o.server == HS_MALFORMED || o.server == HS_EXTENSION ||
				    o.client == HS_SUITE_OTHER);
		else if (which == HELLO)
			assert_hello_outcome(suite, at, suite == PH_RESUME ? 64 : 48, o);
		else
			assert_int_equal(first, HS_BAD);
	}
}

static void test_each_byte_flipped(void **state)
{
	struct rig rig;

	(void)state;
	open_for_attack(&rig);
	mask = 0x01;
	for_each_frame(&rig, flip_each);
	mask = 0x80; /* the bit of a key that X25519 does not look at, too */
	for_each_frame(&rig, flip_each);
	rig_close(&rig);
}

/* ---- lengths ---- */

static void cut(struct frame_bytes *frame, size_t len)
{
	frame->len = len;
}

static void cut_and_say_so(struct frame_bytes *frame, size_t len)
{
	frame->len = len;
	frame->bytes[2] = (uint8_t)((len - 4) >> 8);
	frame->bytes[3] = (uint8_t)(len - 4);
}

static void lengthen(struct frame_bytes *frame, size_t by)
{
	memset(frame->bytes + frame->len, 0, by);
	frame->len += by;
}

static void lengthen_and_say_so(struct frame_bytes *frame, size_t by)
{
	lengthen(frame, by);
	cut_and_say_so(frame, frame->len);
}

/* Within the key, or within what is sealed. */
static void assert_cut(int condition, size_t to)
{
	if (to < 4 + PH_KEY_LEN)
		assert_int_equal(condition, to == 4 ? HS_FRAME : HS_MALFORMED);
	else
		assert_true(condition == HS_MALFORMED || condition == HS_BAD);
}

static void cut_each(struct rig *rig, uint8_t suite, int which, size_t len)
{
	for (size_t to = 0; to < len; to++) {
		struct outcome o = shake(rig, suite, which, cut, to);

		assert_int_equal(which == ANSWER ? o.client : o.server, HS_FRAME);
		if (to < 4)
			continue;
		o = shake(rig, suite, which, cut_and_say_so, to);
		if (which == HELLO)
			assert_true(o.server == (to == 4 ? HS_FRAME : HS_MALFORMED) ||
				    o.server == HS_EXTENSION || o.client == HS_BAD);
		else
			assert_cut(which == ANSWER ? o.client : o.server, to);
	}
}

static void lengthen_each(struct rig *rig, uint8_t suite, int which, size_t len)
{
	(void)len;
	for (size_t by = 1; by <= 8; by++) {
		struct outcome o = shake(rig, suite, which, lengthen, by);

		assert_int_equal(which == ANSWER ? o.client : o.server, HS_FRAME);
		o = shake(rig, suite, which, lengthen_and_say_so, by);
		assert_true(o.server == HS_MALFORMED || o.client == HS_BAD || o.server == HS_BAD ||
			    o.client == HS_MALFORMED);
	}
}

static void test_each_length(void **state)
{
	struct rig rig;

	(void)state;
	open_for_attack(&rig);
	for_each_frame(&rig, cut_each);
	for_each_frame(&rig, lengthen_each);
	rig_close(&rig);
}

/* The longest that a frame can say, and more. */
static void test_oversize(void **state)
{
	static uint8_t bytes[4 + 65535];
	struct rig rig;

	(void)state;
	open_for_attack(&rig);
	memset(bytes, 1, sizeof(bytes));
	for (size_t len = 2047; len <= 65535; len = len < 2050 ? len + 1 : len * 2 + 1) {
		bytes[0] = PH_CLIENT_HELLO;
		bytes[1] = PH_NK1;
		bytes[2] = (uint8_t)(len >> 8);
		bytes[3] = (uint8_t)len;
		rig_begin(&rig, PH_NK1);
		assert_int_equal(handshake_read(&rig.s, rig.c, bytes, 4 + len, NOW),
				 len > PH_FRAME_MAX ? HS_FRAME : HS_MALFORMED);
	}
	rig_close(&rig);
}

/* ---- frames in the wrong place ---- */

static void test_reflection(void **state)
{
	struct frame_bytes hello, answer, frame;
	struct rig rig;

	(void)state;
	open_for_attack(&rig);
	for (size_t i = 0; i < sizeof(SUITES); i++) {
		rig_begin(&rig, SUITES[i]);
		assert_int_equal(rig_write(&rig, &rig.cl, &hello), 0);
		assert_int_equal(rig_read(&rig, &rig.cl, &hello), HS_TYPE);
		/* As an answer: the client meets its own key. */
		rig_begin(&rig, SUITES[i]);
		assert_int_equal(rig_write(&rig, &rig.cl, &hello), 0);
		frame = hello;
		frame.bytes[0] = PH_SERVER_HELLO;
		assert_int_equal(rig_read(&rig, &rig.cl, &frame),
				 SUITES[i] == PH_NX || SUITES[i] == PH_XX ? HS_MALFORMED : HS_BAD);
		rig_begin(&rig, SUITES[i]);
		rig_pass(&rig, &rig.cl, &rig.s);
		assert_int_equal(rig_write(&rig, &rig.s, &answer), 0);
		if (handshake_next(&rig.s) == HS_NEXT_READ) {
			assert_int_equal(rig_read(&rig, &rig.s, &answer), HS_TYPE);
			continue;
		}
		/* A server that has answered does not read frames any more. */
		assert_int_equal(rig_read(&rig, &rig.s, &answer), -EINVAL);
	}
	rig_close(&rig);
}

static void test_second_hello(void **state)
{
	struct frame_bytes hello, answer;
	struct rig rig;

	(void)state;
	open_for_attack(&rig);
	rig_begin(&rig, PH_XK1);
	assert_int_equal(rig_write(&rig, &rig.cl, &hello), 0);
	assert_int_equal(rig_read(&rig, &rig.s, &hello), 0);
	assert_int_equal(rig_write(&rig, &rig.s, &answer), 0);
	assert_int_equal(rig_read(&rig, &rig.s, &hello), HS_TYPE);
	rig_close(&rig);
}

/* ---- downgrade ---- */

static uint8_t other_suite;

static void change_suite(struct frame_bytes *frame, size_t arg)
{
	(void)arg;
	frame->bytes[1] = other_suite;
}

static void test_suite_changed_both_ways(void **state)
{
	struct frame_bytes frame;
	struct rig rig;

	(void)state;
	open_for_attack(&rig);
	for (size_t i = 0; i < sizeof(SUITES) - 1; i++)
		for (size_t k = 0; k < sizeof(SUITES) - 1; k++) {
			if (i == k)
				continue;
			/* The key id does not belong to NX and XX, and would tell. */
			rig.client.say_key = false;
			rig_begin(&rig, SUITES[i]);
			assert_int_equal(rig_write(&rig, &rig.cl, &frame), 0);
			other_suite = SUITES[k];
			change_suite(&frame, 0);
			assert_int_equal(rig_read(&rig, &rig.s, &frame), 0);
			assert_int_equal(rig_write(&rig, &rig.s, &frame), 0);
			other_suite = SUITES[i];
			change_suite(&frame, 0);
			assert_true(rig_read(&rig, &rig.cl, &frame) > 0);
			assert_wiped(&rig.cl);
		}
	rig_close(&rig);
}

/* All extensions go: strict mode is not negotiated away. */
static void drop_extensions(struct frame_bytes *frame, size_t arg)
{
	cut_and_say_so(frame, 4 + 48);
	(void)arg;
}

static void test_extension_removed(void **state)
{
	struct rig rig;

	(void)state;
	open_for_attack(&rig);
	for (size_t i = 0; i < sizeof(SUITES) - 1; i++) {
		struct outcome o = shake(&rig, SUITES[i], HELLO, drop_extensions, 0);

		assert_int_equal(o.server, 0);
		assert_int_equal(o.client, HS_BAD);
	}
	rig_close(&rig);
}

static void test_suites_that_are_not_taken(void **state)
{
	struct frame_bytes frame;
	struct rig rig;

	(void)state;
	open_for_attack(&rig);
	for (size_t i = 0; i < sizeof(SUITES); i++) {
		rig.server.suites = ALL_SUITES & ~HS_SUITE_BIT(SUITES[i]);
		rig_begin(&rig, SUITES[i]);
		assert_int_equal(rig_write(&rig, &rig.cl, &frame), 0);
		assert_int_equal(rig_read(&rig, &rig.s, &frame), HS_SUITE);
	}
	/* Nor do its tickets live on; nor is there NX without a certificate. */
	rig.server.suites = ALL_SUITES & ~HS_SUITE_BIT(PH_XK1);
	rig_begin(&rig, PH_RESUME);
	assert_int_equal(rig_write(&rig, &rig.cl, &frame), 0);
	assert_int_equal(rig_read(&rig, &rig.s, &frame), HS_SUITE);
	rig.server.suites = ALL_SUITES;
	rig.keys[0].cert = NULL;
	rig_begin(&rig, PH_NX);
	assert_int_equal(rig_write(&rig, &rig.cl, &frame), 0);
	assert_int_equal(rig_read(&rig, &rig.s, &frame), HS_SUITE);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_byte_flipped),
		cmocka_unit_test(test_each_length),
		cmocka_unit_test(test_oversize),
		cmocka_unit_test(test_reflection),
		cmocka_unit_test(test_second_hello),
		cmocka_unit_test(test_suite_changed_both_ways),
		cmocka_unit_test(test_extension_removed),
		cmocka_unit_test(test_suites_that_are_not_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
