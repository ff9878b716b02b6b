// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * A process that writes is killed, 50 times on each database (STORE_KILL_ROUNDS). What it was told
 * is written is there; what is there has its record, once; the chain is whole; and a source is as
 * it was said to be after a flush, or newer.
 */
#include <tests/store/depot.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 50
#define LIFE_MAX_MS 60
#define LIFE_NUMBERS 20000U /* of one process at most */
#define NUMBERS_MAX 4000000U

/* Told by the process: that this number is durable; or, `flushed`, all sources up to it. */
struct told {
	uint32_t number;
	uint32_t flushed;
};

struct sent {
	int pipe;
	uint32_t number;
};

static void report(int pipe, uint32_t number, uint32_t flushed)
{
	struct told told = {number, flushed};

	if (write(pipe, &told, sizeof(told)) != sizeof(told))
		_exit(3);
}

static void done(void *data, int result)
{
	struct sent *sent = data;

	if (result)
		_exit(4);
	report(sent->pipe, sent->number, 0);
	free(sent);
}

/* Each number is a ban of its own host, so that bans and records can be compared. */
static void submit(struct store *st, uint32_t number, int pipe)
{
	struct sent *sent = malloc(sizeof(*sent));
	struct store_act act = depot_ban("10.0.0.1", 0, "killed");
	char detail[16];

	if (!sent)
		_exit(5);
	*sent = (struct sent){pipe, number};
	snprintf(detail, sizeof(detail), "%u", number);
	act.detail = detail;
	act.ban.prefix = depot_host(number);
	if (store_submit(st, &act, done, sent))
		_exit(6);
}

static _Noreturn void be_child(const struct database *db, uint32_t number, int pipe)
{
	struct store_options options = {.group_max = 64, .sources_every_ms = 1};
	struct store *st;
	uint32_t given = number, back = number;

	if (store_open(db->url, &options, &st, NULL))
		_exit(1);
	report(pipe, UINT32_MAX, 0);
	for (;;) {
		struct pollfd fd = {.fd = store_fd(st), .events = POLLIN};

		while (given - back < 200 && given - number < LIFE_NUMBERS)
			submit(st, given++, pipe);
		for (uint32_t i = 0; i < 20; i++) {
			struct store_source source = depot_source(i, given);

			if (store_source_put(st, &source))
				_exit(7);
		}
		if (given % 16 == 0) {
			if (store_flush(st, 0))
				_exit(8);
			report(pipe, 0, given);
		}
		if (poll(&fd, 1, -1) == 1)
			back += store_collect(st);
	}
}

struct judge {
	uint8_t *acknowledged; /* by number */
	uint8_t *banned;
	uint32_t next; /* number that was never used */
	uint32_t flushed;
	unsigned told;
};

/* false: nobody writes any more */
static bool take(struct judge *j, int pipe)
{
	struct told told;
	ssize_t n = read(pipe, &told, sizeof(told));

	if (n == 0)
		return false;
	assert_int_equal(n, sizeof(told));
	if (told.flushed) {
		j->flushed = told.flushed;
	} else if (told.number != UINT32_MAX) {
		assert_true(told.number < NUMBERS_MAX);
		assert_int_equal(j->acknowledged[told.number]++, 0);
		j->told++;
	}
	return true;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void live_and_die(const struct database *db, struct judge *j, int64_t life_ms)
{
	int ends[2], status;
	struct pollfd fd;
	int64_t until;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ends[0]);
		be_child(db, j->next, ends[1]);
	}
	close(ends[1]);
	fd = (struct pollfd){.fd = ends[0], .events = POLLIN};
	assert_int_equal(poll(&fd, 1, 60000), 1);
	assert_true(take(j, ends[0])); /* it is open */
	until = now_ms() + life_ms;
	while (now_ms() < until)
		if (poll(&fd, 1, 1) == 1 && !take(j, ends[0]))
			fail_msg("it ended by itself");
	kill(pid, SIGKILL);
	while (take(j, ends[0]))
		;
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static int see_ban(void *data, const struct store_ban *ban)
{
	struct judge *j = data;
	uint32_t number = (uint32_t)ban->prefix.addr[1] << 16 | ban->prefix.addr[2] << 8 |
			  ban->prefix.addr[3];

	assert_int_equal(j->banned[number]++, 0);
	return 0;
}

static int see_record(void *data, const struct store_record *record)
{
	struct judge *j = data;
	unsigned long number = strtoul(record->detail, NULL, 10);

	assert_true(number < NUMBERS_MAX);
	assert_int_equal(j->banned[number], 1); /* 2 would be a second record */
	j->banned[number]++;
	j->next = MAX(j->next, (uint32_t)number + 1);
	return 0;
}

static int see_source(void *data, const struct store_source *source)
{
	const struct judge *j = data;

	assert_true(source->evidence[0] >= j->flushed);
	return 0;
}

static void judge(const struct database *db, struct judge *j)
{
	struct store *st = depot_open(db, NULL);

	memset(j->banned, 0, NUMBERS_MAX);
	assert_int_equal(store_each_ban(st, 0, see_ban, j, NULL), 0);
	assert_int_equal(store_each_record(st, NULL, 0, see_record, j, NULL), 0);
	assert_int_equal(store_each_source(st, 0, see_source, j, NULL), 0);
	for (uint32_t i = 0; i < NUMBERS_MAX; i++) {
		if (j->acknowledged[i] && j->banned[i] != 2)
			fail_msg("%u was acknowledged and is not there", i);
		if (j->banned[i] == 1)
			fail_msg("ban %u has no record", i);
	}
	assert_int_equal(store_audit_verify(st, &(struct store_audit_state){0}, NULL), 0);
	depot_close(st);
}

static unsigned rounds(void)
{
	const char *text = getenv("STORE_KILL_ROUNDS");
	unsigned long n = text ? strtoul(text, NULL, 10) : 0;

	return n ? (unsigned)n : ROUNDS;
}

static void killed_while_it_writes(void **state)
{
	const struct database *db = *state;
	struct judge j = {.acknowledged = calloc(NUMBERS_MAX, 1), .banned = calloc(NUMBERS_MAX, 1)};
	uint32_t random = 1;

	assert_true(j.acknowledged && j.banned);
	for (unsigned round = 0; round < rounds(); round++) {
		random = random * 1103515245U + 12345U;
		live_and_die(db, &j, (random >> 16) % LIFE_MAX_MS);
		if (round % 5 == 4 || round + 1 == rounds())
			judge(db, &j);
		else /* numbers that nobody can have used */
			j.next += LIFE_NUMBERS;
	}
	printf("# %u processes killed, %u acts acknowledged\n", rounds(), j.told);
	assert_true(j.told > rounds());
	free(j.acknowledged);
	free(j.banned);
}

int main(void)
{
	static const struct database_test tests[] = {DATABASE_TEST(killed_while_it_writes)};

	return DATABASE_RUN(tests);
}
