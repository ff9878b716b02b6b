/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Copies come from the disk by a thread, while the loop goes on: here the disk is a pipe with a
 * name, whose open() waits until somebody writes. Who read by the loop's own hand hangs here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <user/daemon/feeding/feed_reads.h>

#define ENTRIES 200U

static char folder[] = "/tmp/test_feed_reads.XXXXXX";
static char good[64], slow[64];

struct told {
	unsigned times;
	int r;
	size_t left;
	uint64_t allowed, listed;
};

static void on_done(void *context, struct feed_read_result *result)
{
	struct told *told = context;

	told->times++;
	told->r = result->r;
	told->left = result->left;
	told->allowed = result->sieve.allowed;
	told->listed = result->listed.count;
	assert_true(!result->r || result->why);
}

static struct prefix nth(unsigned n)
{
	const uint8_t addr[16] = {192, 0, 2, (uint8_t)n};

	return prefix_from(4, addr, 32);
}

static int set_up(void **state)
{
	struct feed_head head = {
		.magic = FEED_MAGIC, .version = FEED_VERSION, .format = FEED_PLAIN};
	FILE *file;
	bool well;

	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(good, sizeof(good), "%s/good", folder);
	snprintf(slow, sizeof(slow), "%s/slow", folder);
	head.count = ENTRIES;
	file = fopen(good, "we");
	if (!file)
		return -1;
	well = fwrite(&head, sizeof(head), 1, file) == 1;
	for (unsigned i = 0; i < ENTRIES; i++) {
		const struct prefix entry = nth(i);

		well = well && fwrite(&entry, sizeof(entry), 1, file) == 1;
	}
	return fclose(file) || !well || mkfifo(slow, 0600);
}

static int tear_down(void **state)
{
	(void)state;
	(void)unlink(good);
	(void)unlink(slow);
	return rmdir(folder);
}

static struct feed_read_wanted want(const char *path, struct told *told)
{
	struct feed_read_wanted wanted = {
		.max_entries = ENTRIES, .weighed = true, .done = on_done, .context = told};

	(void)snprintf(wanted.path, sizeof(wanted.path), "%s", path);
	return wanted;
}

/* The thread's open() ends when it is written to. */
static void let_go(void)
{
	int fd = open(slow, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	close(fd);
}

static void test_waits_for_nobody(void **state)
{
	struct told first = {0}, second = {0};
	struct feed_read_wanted wanted;
	struct feed_reads *reads;
	struct feed_read *read;
	struct loop *loop;

	(void)state;
	assert_int_equal(loop_new(&loop), 0);
	assert_int_equal(feed_reads_open(loop, &reads), 0);
	alarm(60); /* of what waited */
	wanted = want(slow, &first);
	assert_int_equal(feed_reads_add(reads, &wanted, &read), 0);
	wanted = want(good, &second);
	wanted.allow = malloc(2 * sizeof(*wanted.allow));
	assert_non_null(wanted.allow);
	wanted.allow[0] = nth(9); /* in no order */
	wanted.allow[1] = nth(3);
	wanted.allow_len = 2;
	assert_int_equal(feed_reads_add(reads, &wanted, &read), 0);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(loop_turn(loop, 0), 0);
	alarm(0);
	assert_int_equal(first.times + second.times, 0);
	let_go();
	while (!second.times)
		assert_int_equal(loop_turn(loop, -1), 0);
	assert_int_equal(first.times, 1);
	assert_int_equal(first.r, -EFBIG); /* it is no file */
	assert_int_equal(second.r, 0);
	assert_int_equal(second.allowed, 2);
	assert_int_equal(second.left, ENTRIES - 2);
	assert_int_equal(second.listed, ENTRIES - 2);
	feed_reads_close(reads);
	loop_free(loop);
}

/* One at work and one that waits are dropped: nobody is told of them, and the next comes. */
static void test_dropped(void **state)
{
	struct feed_read *at_work, *waits, *read;
	struct told told = {0}, last = {0};
	struct feed_read_wanted wanted;
	struct feed_reads *reads;
	struct loop *loop;

	(void)state;
	assert_int_equal(loop_new(&loop), 0);
	assert_int_equal(feed_reads_open(loop, &reads), 0);
	wanted = want(slow, &told);
	assert_int_equal(feed_reads_add(reads, &wanted, &at_work), 0);
	wanted = want(good, &told);
	assert_int_equal(feed_reads_add(reads, &wanted, &waits), 0);
	wanted = want("/nowhere/at/all", &last);
	feed_reads_drop(waits);
	assert_int_equal(feed_reads_add(reads, &wanted, &read), 0);
	feed_reads_drop(at_work);
	let_go();
	while (!last.times)
		assert_int_equal(loop_turn(loop, -1), 0);
	assert_int_equal(last.r, -ENOENT);
	assert_int_equal(told.times, 0);
	/* The end does not tell either. */
	wanted = want(good, &told);
	assert_int_equal(feed_reads_add(reads, &wanted, &read), 0);
	assert_int_equal(feed_reads_add(reads, &wanted, &read), 0);
	feed_reads_close(reads);
	assert_int_equal(told.times, 0);
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_waits_for_nobody),
		cmocka_unit_test(test_dropped),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
