/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The tunnel against real sockets: ends, resets, slow sides, upstreams that are not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <tests/unit/service/upstreamkit.h>
#include <user/service/stream.h>

#define WINDOW (64U * 1024)

struct fixture {
	struct upstream_end end;
	struct peer *peer;
	size_t sent, read, want;
	bool eof;
	int error;
};
static struct fixture f;

static int set_up(void **state)
{
	struct service_setting lines[] = {
		{"window", "64K"}, {"streams_max", "4"}, {"idle_timeout", "60"},
		{"web", NULL},	   {"again", NULL},
	};
	char by_name[32];

	(void)state;
	f = (struct fixture){.end = upstream_listen(64)};
	snprintf(by_name, sizeof(by_name), "localhost:%u", f.end.port);
	lines[3].value = f.end.address;
	lines[4].value = by_name;
	world_open(&service_tunnel, 1, lines, ARRAY_LEN(lines));
	f.peer = peer_new(0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	if (f.peer)
		peer_gone(f.peer);
	assert_int_equal(world_count("streams"), 0);
	world_close();
	upstream_close(&f.end);
	return 0;
}

static bool is_open(void *context)
{
	upstream_accept(&f.end);
	return f.end.fd >= 0 && heard(f.peer, *(uint32_t *)context, PH_OP_REPLY);
}

static void open_stream(uint32_t id, uint32_t window)
{
	say_open(f.peer, id, "web", window);
	run_until(is_open, &id);
}

/* ---- the upstream's side ---- */

static bool upstream_reads(void *context)
{
	uint8_t bytes[16384];
	ssize_t n;

	(void)context;
	while (f.read < f.want) {
		n = recv(f.end.fd, bytes, sizeof(bytes), 0);
		if (n < 0 && errno == EAGAIN)
			return false;
		if (n < 0)
			f.error = errno;
		if (!n)
			f.eof = true;
		if (n <= 0)
			return true;
		for (ssize_t i = 0; i < n; i++)
			assert_int_equal(bytes[i], pattern(f.read++));
	}
	return true;
}

static bool upstream_writes(void)
{
	uint8_t bytes[16384];
	ssize_t n = 1;

	while (n > 0 && f.sent < f.want) {
		size_t len = MIN(sizeof(bytes), f.want - f.sent);

		for (size_t i = 0; i < len; i++)
			bytes[i] = pattern(f.sent + i);
		n = send(f.end.fd, bytes, len, MSG_NOSIGNAL);
		if (n > 0)
			f.sent += (size_t)n;
	}
	return f.sent == f.want;
}

/* All that the client got is the pattern. */
static void check_heard(uint32_t id)
{
	size_t at = 0;

	for (size_t i = 0; i < f.peer->count; i++) {
		const struct ph_message *m = &f.peer->got[i].head;

		if (m->opcode != TUNNEL_DATA || m->request != id)
			continue;
		for (size_t b = 0; b < m->len; b++)
			assert_int_equal(m->payload[b], pattern(at++));
	}
}

static bool is_closed(void *context)
{
	return closed_why(f.peer, *(uint32_t *)context) >= 0;
}

static void expect_close(uint32_t id, enum tunnel_reason why)
{
	run_until(is_closed, &id);
	assert_int_equal(closed_why(f.peer, id), why);
}

static bool has_error(void *context)
{
	return heard(f.peer, *(uint32_t *)context, PH_OP_ERROR);
}

static void expect_error(uint32_t id, enum ph_code code)
{
	run_until(has_error, &id);
	for (size_t i = 0; i < f.peer->count; i++)
		if (f.peer->got[i].head.request == id)
			assert_int_equal(f.peer->got[i].head.payload[1], code);
}

static bool has_end(void *context)
{
	return heard(f.peer, *(uint32_t *)context, TUNNEL_END);
}

/* ---- tests ---- */

static void test_both_ways(void **state)
{
	uint8_t bytes[3000];
	uint32_t id = 9;

	(void)state;
	open_stream(id, 1 << 20);
	assert_int_equal(granted(f.peer, id), WINDOW);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = pattern(i);
	peer_says(f.peer, TUNNEL_DATA, id, bytes, sizeof(bytes));
	f.want = sizeof(bytes);
	run_until(upstream_reads, NULL);
	/* The client has ended, the upstream goes on. */
	peer_says(f.peer, TUNNEL_END, id, NULL, 0);
	f.want++;
	run_until(upstream_reads, NULL);
	assert_true(f.eof);
	f.want = 5000;
	assert_true(upstream_writes());
	shutdown(f.end.fd, SHUT_WR);
	run_until(has_end, &id);
	assert_int_equal(heard_bytes(f.peer, id), 5000);
	check_heard(id);
	expect_close(id, TUNNEL_DONE);
	assert_int_equal(world_count("finished"), 1);
	/* The id is taken until the client has said so, too. */
	assert_non_null(stream_find(peer_slot(f.peer, PH_S_TUNNEL), id));
	say_closed(f.peer, id);
	assert_null(stream_find(peer_slot(f.peer, PH_S_TUNNEL), id));
	say_closed(f.peer, id);
	assert_int_equal(world_count("stray"), 1);
}

/* The other end first; and by a name that may have an address that nobody listens on. */
static void test_upstream_ends_first(void **state)
{
	uint32_t id = 1;

	(void)state;
	say_open(f.peer, id, "again", 1000);
	run_until(is_open, &id);
	shutdown(f.end.fd, SHUT_WR);
	run_until(has_end, &id);
	assert_int_equal(closed_why(f.peer, id), -1);
	peer_says(f.peer, TUNNEL_DATA, id, (uint8_t[]){pattern(0)}, 1);
	peer_says(f.peer, TUNNEL_END, id, NULL, 0);
	f.want = 2;
	run_until(upstream_reads, NULL);
	assert_true(f.eof);
	assert_int_equal(f.read, 1);
	expect_close(id, TUNNEL_DONE);
}

static void test_refused(void **state)
{
	(void)state;
	close(f.end.listener);
	f.end.listener = -1;
	say_open(f.peer, 3, "web", 1000);
	expect_error(3, PH_C_UPSTREAM);
	assert_int_equal(world_count("connect_failed"), 1);
	assert_null(stream_find(peer_slot(f.peer, PH_S_TUNNEL), 3));
}

static void test_upstream_resets(void **state)
{
	(void)state;
	open_stream(1, 1 << 20);
	f.want = 700;
	assert_true(upstream_writes());
	upstream_reset(&f.end);
	expect_close(1, TUNNEL_RESET);
	/* What came before it is not lost. */
	assert_int_equal(heard_bytes(f.peer, 1), 700);
	assert_int_equal(world_count("resets"), 1);
	/* What was under way is no offence. */
	peer_says(f.peer, TUNNEL_DATA, 1, "late", 4);
	assert_int_equal(world_count("violations"), 0);
}

static bool fill_upstream(void *context)
{
	(void)context;
	upstream_writes();
	return heard_bytes(f.peer, 1) == f.want;
}

/* A client that takes few messages at a time: the upstream has to wait, and nothing is lost. */
static void test_slow_client(void **state)
{
	(void)state;
	open_stream(1, TUNNEL_WINDOW_MAX);
	f.want = 8U << 20;
	f.peer->room = 0;
	upstream_writes();
	for (int i = 0; i < 50; i++) {
		struct stream *s = stream_find(peer_slot(f.peer, PH_S_TUNNEL), 1);

		run_a_while();
		upstream_writes();
		/* Waiting costs no turns of the loop. */
		assert_int_equal(s->interest, 0);
		assert_non_null(s->held);
		peer_give_room(f.peer, 1);
	}
	assert_true(f.sent < f.want);
	peer_give_room(f.peer, 1U << 30);
	run_until(fill_upstream, NULL);
	check_heard(1);
}

static bool flows(void *context)
{
	(void)context;
	upstream_writes();
	return f.peer->placed > 0 && heard_bytes(f.peer, 1) == f.want;
}

/* Much at a time goes without a queue; as soon as the peer has no place for it, by the queue, and
 * then again without. Nothing is lost or turned round. */
static void test_placed(void **state)
{
	unsigned long placed;

	(void)state;
	f.peer->places = true;
	open_stream(1, TUNNEL_WINDOW_MAX);
	f.want = 2U << 20;
	run_until(flows, NULL);
	check_heard(1);
	assert_true(f.peer->pushes > 0);
	placed = f.peer->placed;
	f.peer->room = 0;
	f.want += 12U << 20;
	upstream_writes();
	for (int i = 0; i < 20; i++) {
		run_a_while();
		upstream_writes();
		assert_int_equal(stream_find(peer_slot(f.peer, PH_S_TUNNEL), 1)->interest, 0);
		peer_give_room(f.peer, 1);
	}
	assert_true(f.sent < f.want);
	peer_give_room(f.peer, 1U << 30);
	run_until(flows, NULL);
	assert_true(f.peer->placed > placed);
	check_heard(1);
	/* Few bytes again: they take no place. */
	f.want += 10;
	run_until(flows, NULL);
	assert_false(stream_find(peer_slot(f.peer, PH_S_TUNNEL), 1)->flows);
	check_heard(1);
}

/* Messages that come together go in one call, for whatever streams they are, and what does not go
 * waits in its order. */
static void test_gathered(void **state)
{
	static uint8_t bytes[WINDOW];
	struct ph_message message = {.service = PH_S_TUNNEL,
				     .opcode = TUNNEL_DATA,
				     .priority = PH_NORMAL,
				     .request = 1,
				     .len = 100};
	const struct ph_message end = {.service = PH_S_TUNNEL, .opcode = TUNNEL_END, .request = 1};
	struct tunnel *tunnel = instance_of(f.peer);
	const size_t many = 3 * GATHER_MAX + 7;

	(void)state;
	open_stream(1, 1000);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = pattern(i);
	for (size_t i = 0; i < many; i++) {
		message.payload = bytes + 100 * i;
		service_tunnel.on_message(tunnel, f.peer, &message);
		assert_int_equal(tunnel->gather.stream != NULL, (i + 1) % GATHER_MAX != 0);
	}
	assert_int_equal(tunnel->gather.count, many % GATHER_MAX);
	/* Its end comes behind its bytes. */
	service_tunnel.on_message(tunnel, f.peer, &end);
	assert_null(tunnel->gather.stream);
	service_tunnel.on_batch_end(tunnel, f.peer);
	f.want = 100 * many + 1;
	run_until(upstream_reads, NULL);
	assert_true(f.eof);
	assert_int_equal(f.read, 100 * many);
}

/* A stream that ends between its bytes and the end of the batch takes them with it. */
static void test_gathered_and_gone(void **state)
{
	const struct ph_message message = {.service = PH_S_TUNNEL,
					   .opcode = TUNNEL_DATA,
					   .request = 1,
					   .payload = (const uint8_t *)"bytes",
					   .len = 5};
	struct tunnel *tunnel = instance_of(f.peer);

	(void)state;
	open_stream(1, 1000);
	service_tunnel.on_message(tunnel, f.peer, &message);
	assert_non_null(tunnel->gather.stream);
	world.now_ms += 60000;
	streams_expire(tunnel, world.now_ms);
	assert_null(tunnel->gather.stream);
	service_tunnel.on_batch_end(tunnel, f.peer);
	assert_int_equal(closed_why(f.peer, 1), TUNNEL_TIMEOUT);
}

/* Without credit nothing is read, and an upstream that hangs up is heard of later. */
static void test_no_credit(void **state)
{
	struct stream *s;
	uint32_t id = 1;

	(void)state;
	open_stream(id, 100);
	f.want = 250;
	assert_true(upstream_writes());
	shutdown(f.end.fd, SHUT_WR);
	peer_says(f.peer, TUNNEL_END, id, NULL, 0);
	run_a_while();
	assert_int_equal(heard_bytes(f.peer, id), 100);
	s = stream_find(peer_slot(f.peer, PH_S_TUNNEL), id);
	assert_int_equal(s->interest, 0);
	say_window(f.peer, id, 149);
	run_a_while();
	assert_int_equal(heard_bytes(f.peer, id), 249);
	assert_int_equal(heard(f.peer, id, TUNNEL_END), 0);
	say_window(f.peer, id, 5);
	expect_close(id, TUNNEL_DONE);
	assert_int_equal(heard_bytes(f.peer, id), 250);
	check_heard(id);
}

/* An upstream that does not read: the client runs out of credit, and gets it back. */
static void test_slow_upstream(void **state)
{
	uint8_t bytes[4096];
	size_t sent = 0;

	(void)state;
	open_stream(1, 1000);
	for (int idle = 0; idle < 3; run_a_while(), idle++)
		for (; granted(f.peer, 1) - sent >= sizeof(bytes); idle = 0) {
			for (size_t i = 0; i < sizeof(bytes); i++)
				bytes[i] = pattern(sent + i);
			peer_says(f.peer, TUNNEL_DATA, 1, bytes, sizeof(bytes));
			sent += sizeof(bytes);
		}
	assert_int_equal(world_count("violations"), 0);
	assert_true(granted(f.peer, 1) - sent < sizeof(bytes));
	f.want = sent;
	run_until(upstream_reads, NULL);
	run_a_while();
	assert_true(granted(f.peer, 1) - sent >= WINDOW * 3 / 4);
	peer_says(f.peer, TUNNEL_END, 1, NULL, 0);
	f.want++;
	run_until(upstream_reads, NULL);
	assert_true(f.eof);
	assert_int_equal(f.read, sent);
}

static void test_overrun(void **state)
{
	static uint8_t bytes[WINDOW + 1];

	(void)state;
	open_stream(1, 1000);
	peer_says(f.peer, TUNNEL_DATA, 1, bytes, WINDOW + 1);
	expect_close(1, TUNNEL_OVERRUN);
	assert_int_equal(world_count("violations"), 1);
	f.want = 1;
	run_until(upstream_reads, NULL);
	assert_int_equal(f.error, ECONNRESET);
}

/* Once what found no room in its queue stayed with a stream that was over, and was not counted. */
static void test_overrun_holds_nothing(void **state)
{
	static uint8_t bytes[WINDOW + 1];
	struct stream *s;

	(void)state;
	open_stream(1, TUNNEL_WINDOW_MAX);
	f.want = 1U << 20;
	f.peer->room = 0;
	upstream_writes();
	run_a_while();
	s = stream_find(peer_slot(f.peer, PH_S_TUNNEL), 1);
	assert_non_null(s->held);
	peer_says(f.peer, TUNNEL_DATA, 1, bytes, WINDOW + 1);
	assert_int_equal(world_count("streams"), 0);
	assert_null(s->held);
	peer_give_room(f.peer, 1);
	expect_close(1, TUNNEL_OVERRUN);
	assert_int_equal(heard_bytes(f.peer, 1), 0);
}

static void test_credit_overflow(void **state)
{
	(void)state;
	open_stream(1, TUNNEL_WINDOW_MAX);
	say_window(f.peer, 1, 1);
	expect_close(1, TUNNEL_OVERRUN);
}

/* Connections that the listener's queue has no room for hang in SYN_SENT. */
static void test_hang(void **state)
{
	int fillers[8];
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(f.end.port),
				 .sin_addr = {htonl(INADDR_LOOPBACK)}};

	(void)state;
	assert_int_equal(listen(f.end.listener, 0), 0);
	for (size_t i = 0; i < ARRAY_LEN(fillers); i++) {
		fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		(void)!connect(fillers[i], (struct sockaddr *)&to, sizeof(to));
	}
	run_a_while();
	say_open(f.peer, 1, "web", 1000);
	run_a_while();
	world.now_ms += 9999;
	streams_expire(world.reactors[0].instance, world.now_ms);
	assert_int_equal(f.peer->count, 0);
	world.now_ms += 1;
	streams_expire(world.reactors[0].instance, world.now_ms);
	expect_error(1, PH_C_UPSTREAM);
	assert_int_equal(world_count("connect_timeouts"), 1);
	for (size_t i = 0; i < ARRAY_LEN(fillers); i++)
		close(fillers[i]);
}

static void test_idle(void **state)
{
	(void)state;
	open_stream(1, 1000);
	world.now_ms += 59999;
	streams_expire(world.reactors[0].instance, world.now_ms);
	assert_int_equal(closed_why(f.peer, 1), -1);
	world.now_ms += 1;
	streams_expire(world.reactors[0].instance, world.now_ms);
	assert_int_equal(closed_why(f.peer, 1), TUNNEL_TIMEOUT);
}

/* What the client cuts must not look whole to the upstream. */
static void test_client_aborts(void **state)
{
	(void)state;
	open_stream(1, 1000);
	say_closed(f.peer, 1);
	assert_int_equal(closed_why(f.peer, 1), TUNNEL_DONE);
	assert_null(stream_find(peer_slot(f.peer, PH_S_TUNNEL), 1));
	f.want = 1;
	run_until(upstream_reads, NULL);
	assert_int_equal(f.error, ECONNRESET);
}

static void test_client_goes(void **state)
{
	(void)state;
	open_stream(1, 1000);
	peer_gone(f.peer);
	f.peer = NULL;
	f.want = 1;
	run_until(upstream_reads, NULL);
	assert_int_equal(f.error, ECONNRESET);
	assert_int_equal(world_count("aborted"), 1);
}

static void test_refusals(void **state)
{
	(void)state;
	say_open(f.peer, 1, "else", 1000);
	assert_int_equal(f.peer->got[0].code, PH_C_ABSENT);
	say_open(f.peer, 1, "127.0.0.1:22", 1000);
	assert_int_equal(f.peer->got[1].code, PH_C_ABSENT);
	peer_says(f.peer, TUNNEL_OPEN, 1, "\0", 1);
	assert_int_equal(f.peer->got[2].code, PH_C_MALFORMED);
	peer_says(f.peer, TUNNEL_CLOSE + 1, 1, NULL, 0);
	assert_int_equal(f.peer->got[3].code, PH_C_UNKNOWN);
	for (uint32_t id = 1; id <= 5; id++)
		say_open(f.peer, id, "web", 1000);
	assert_int_equal(f.peer->got[f.peer->count - 1].code, PH_C_LIMIT);
	assert_int_equal(world_count("streams"), 4);
	/* Data before it is open; the same id again. */
	peer_says(f.peer, TUNNEL_DATA, 1, "x", 1);
	assert_int_equal(heard(f.peer, 1, PH_OP_ERROR) + (closed_why(f.peer, 1) >= 0), 5);
	say_open(f.peer, 2, "web", 1000);
	assert_int_equal(world_count("violations"), 2);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(test_both_ways),
		WITH(test_upstream_ends_first),
		WITH(test_refused),
		WITH(test_upstream_resets),
		WITH(test_slow_client),
		WITH(test_placed),
		WITH(test_gathered),
		WITH(test_gathered_and_gone),
		WITH(test_no_credit),
		WITH(test_slow_upstream),
		WITH(test_overrun),
		WITH(test_overrun_holds_nothing),
		WITH(test_credit_overflow),
		WITH(test_hang),
		WITH(test_idle),
		WITH(test_client_aborts),
		WITH(test_client_goes),
		WITH(test_refusals),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
