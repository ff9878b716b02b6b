/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * libstrazh over a line that passes bytes on in crumbs and breaks at any of them: in a handshake,
 * in a record, while threads post and sessions are renewed. Nothing arrives twice, nothing changed,
 * and once the line holds all that is asked is answered.
 */
#include <tests/server/house.h>

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BREAKS = 150, REQUESTS_MAX = 2000000, POSTERS = 2, LONGEST = 20000 };

/* ---- the line ---- */

struct line {
	const struct house *house;
	int listener;
	char address[32];
	uint64_t dice;
	_Atomic(unsigned) breaks; /* so many until it holds */
	atomic_bool over;
};

static uint64_t throw(struct line * line, uint64_t sides)
{
	line->dice ^= line->dice << 13; /* xorshift64: the same line in every run */
	line->dice ^= line->dice >> 7;
	line->dice ^= line->dice << 17;
	return line->dice % sides;
}

static void cut(int fd)
{
	const struct linger hard = {.l_onoff = 1};

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(fd);
}

/* False: it ended. */
static bool pass(struct line *line, int from, int to)
{
	uint8_t bytes[8192];
	size_t most = throw(line, 4) ? 1 + throw(line, sizeof(bytes)) : 1 + throw(line, 20);
	ssize_t n = recv(from, bytes, most, 0);

	return n > 0 && send(to, bytes, (size_t)n, MSG_NOSIGNAL) == n;
}

/* One connection, until it ends or is broken after so many pieces. */
static void carry(struct line *line, int client)
{
	int server = house_socket(line->house);
	struct pollfd fds[] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
	unsigned breaks = atomic_load(&line->breaks);
	uint64_t pieces = !breaks ? UINT64_MAX : throw(line, 3) ? throw(line, 8) : throw(line, 400);
	bool goes_on = true;

	while (goes_on && pieces-- && !atomic_load(&line->over)) {
		if (poll(fds, 2, 50) < 0)
			break;
		if (fds[0].revents)
			goes_on = pass(line, client, server);
		if (goes_on && fds[1].revents)
			goes_on = pass(line, server, client);
	}
	if (breaks)
		atomic_fetch_sub(&line->breaks, 1);
	if (breaks && throw(line, 2)) {
		cut(client);
		cut(server);
	} else {
		close(client);
		close(server);
	}
}

static void *run_line(void *data)
{
	struct line *line = data;

	while (!atomic_load(&line->over)) {
		struct pollfd fd = {line->listener, POLLIN, 0};
		int client;

		if (poll(&fd, 1, 50) <= 0)
			continue;
		client = accept4(line->listener, NULL, NULL, SOCK_CLOEXEC);
		if (client >= 0)
			carry(line, client);
	}
	return NULL;
}

static void line_open(struct line *line, const struct house *house)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);

	*line = (struct line){.house = house, .dice = 88172645463325252ULL, .breaks = BREAKS};
	line->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(line->listener >= 0);
	assert_int_equal(bind(line->listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(line->listener, 16), 0);
	assert_int_equal(getsockname(line->listener, (struct sockaddr *)&at, &len), 0);
	snprintf(line->address, sizeof(line->address), "127.0.0.1:%u", ntohs(at.sin_port));
}

/* ---- who talks over it ---- */

struct talker {
	struct strazh *client;
	_Atomic(uint32_t) next; /* request */
	atomic_bool over;
	uint32_t received, wrong;
	uint32_t last; /* that was asked when the line held */
	bool last_came;
	uint8_t *seen; /* by request */
};

static struct strazh_message question(struct talker *t, uint8_t *payload)
{
	uint32_t request = atomic_fetch_add(&t->next, 1);
	size_t len = request % 7 ? request % 50 : request % LONGEST;

	memset(payload, (int)(request & 0xff), len);
	return (struct strazh_message){.service = PH_S_ECHO,
				       .priority = (uint8_t)(request % PH_PRIORITIES),
				       .request = request,
				       .payload = payload,
				       .len = len};
}

static void on_message(void *data, const struct strazh_message *message)
{
	struct talker *t = data;
	const uint8_t *bytes = message->payload;
	bool right = message->request < REQUESTS_MAX && !t->seen[message->request]++;

	for (size_t i = 0; right && i < message->len; i++)
		right = bytes[i] == (message->request & 0xff);
	t->received++;
	t->wrong += !right || message->opcode != PH_OP_REPLY;
	t->last_came = t->last_came || (t->last && message->request == t->last);
}

static void *post_questions(void *data)
{
	const struct timespec pause = {.tv_nsec = 300000};
	struct talker *t = data;
	uint8_t *payload = malloc(LONGEST);

	while (payload && !atomic_load(&t->over)) {
		const struct strazh_message message = question(t, payload);

		(void)!strazh_post(t->client, &message); /* FULL while the line is down */
		nanosleep(&pause, NULL);
	}
	free(payload);
	return NULL;
}

static void turn(struct talker *t)
{
	struct pollfd fd = {.fd = strazh_fd(t->client), .events = POLLIN};

	if (poll(&fd, 1, 40000) != 1)
		fail_msg("nothing comes any more");
	assert_int_equal(strazh_on_ready(t->client), 0);
}

static void a_bad_line(void **state)
{
	static const uint8_t secret[32] = {7};
	static uint8_t payload[LONGEST];
	pthread_t thread, posters[POSTERS];
	struct strazh_options options;
	struct talker t = {.next = 1};
	struct strazh_message message;
	struct strazh_about about;
	struct house house;
	struct line line;

	(void)state;
	house_open(&house, &(struct house_plan){.reactors = 2});
	line_open(&line, &house);
	assert_int_equal(pthread_create(&thread, NULL, run_line, &line), 0);
	t.seen = calloc(REQUESTS_MAX, 1);
	assert_non_null(t.seen);
	options = house_options(&house);
	options.address = line.address;
	options.client_key = secret;
	options.reconnects = 0;
	options.on_message = on_message;
	options.data = &t;
	t.client = house_client(&house, &options);
	for (unsigned i = 0; i < POSTERS; i++)
		assert_int_equal(pthread_create(&posters[i], NULL, post_questions, &t), 0);
	assert_int_equal(strazh_on_ready(t.client), 0);
	for (unsigned n = 0; atomic_load(&line.breaks); n++) {
		turn(&t);
		/* Also while it pauses, or the pauses would grow to half a minute. */
		assert_int_equal(strazh_renew(t.client), 0);
		for (unsigned i = 0; i < n % 90; i++)
			turn(&t);
		message = question(&t, payload);
		(void)!strazh_queue(t.client, &message);
	}
	atomic_store(&t.over, true);
	for (unsigned i = 0; i < POSTERS; i++)
		pthread_join(posters[i], NULL);
	do {
		turn(&t);
		strazh_about(t.client, &about);
	} while (about.state != STRAZH_UP || strazh_queued(t.client));
	message = question(&t, payload);
	t.last = message.request;
	assert_int_equal(strazh_queue(t.client, &message), 0);
	while (!t.last_came)
		turn(&t);
	printf("# %u asked, %u answered, %ju sessions\n", t.next - 1, t.received,
	       (uintmax_t)about.sessions);
	assert_int_equal(t.wrong, 0);
	assert_true(about.sessions > 3 && t.received > 10);
	strazh_close(t.client);
	atomic_store(&line.over, true);
	pthread_join(thread, NULL);
	close(line.listener);
	free(t.seen);
	house_close(&house);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bad_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
