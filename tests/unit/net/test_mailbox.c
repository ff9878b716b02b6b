/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The mailbox: each letter once, in its sender's order, bounded, and the reader is always woken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>

#include <cmocka.h>

#include <user/net/mailbox.h>

#define SENDERS 4
#define LETTERS 20000

static int released;

static void count_item(void *receiver, void *item)
{
	(void)item;
	if (receiver)
		++*(int *)receiver;
	else
		released++;
}

static void test_bounded(void **state)
{
	struct mailbox *box;
	int ran = 0;

	(void)state;
	assert_int_equal(mailbox_new(3, &box), 0); /* rounded up to 4 */
	for (int i = 0; i < 4; i++)
		assert_int_equal(mailbox_post(box, count_item, NULL), 0);
	assert_int_equal(mailbox_post(box, count_item, NULL), MAILBOX_FULL);
	assert_int_equal(mailbox_refused(box), 1);
	assert_int_equal(mailbox_run(box, &ran), 4);
	assert_int_equal(ran, 4);
	assert_int_equal(mailbox_post(box, count_item, NULL), 0);
	released = 0;
	mailbox_free(box);
	assert_int_equal(ran, 4);
	assert_int_equal(released, 1);
	assert_int_equal(mailbox_new(SIZE_MAX, &box), -EINVAL);
}

static void post_again(void *receiver, void *item)
{
	if (receiver)
		assert_int_equal(mailbox_post(receiver, post_again, item), 0);
}

/* Who posts to himself is stopped after as much as the box holds, and woken for the rest. */
static void test_self(void **state)
{
	struct mailbox *box;
	struct pollfd poll_fd;

	(void)state;
	assert_int_equal(mailbox_new(8, &box), 0);
	assert_int_equal(mailbox_post(box, post_again, NULL), 0);
	assert_int_equal(mailbox_run(box, box), 8);
	poll_fd = (struct pollfd){.fd = mailbox_fd(box), .events = POLLIN};
	assert_int_equal(poll(&poll_fd, 1, 0), 1);
	mailbox_free(box);
}

struct letter {
	unsigned sender, number;
};

struct reader {
	unsigned next[SENDERS];
	unsigned got;
};

static void check_letter(void *receiver, void *item)
{
	struct reader *reader = receiver;
	struct letter *letter = item;

	if (reader) {
		assert_int_equal(letter->number, reader->next[letter->sender]);
		reader->next[letter->sender]++;
		reader->got++;
	}
	free(letter);
}

struct sender {
	struct mailbox *box;
	unsigned number;
};

static void *send_letters(void *context)
{
	struct sender *sender = context;

	for (unsigned i = 0; i < LETTERS; i++) {
		struct letter *letter = malloc(sizeof(*letter));

		if (!letter)
			return NULL;
		*letter = (struct letter){sender->number, i};
		while (mailbox_post(sender->box, check_letter, letter))
			sched_yield();
	}
	return NULL;
}

/* The reader sleeps on the descriptor alone: a wake-up that is lost would hang it. */
static void test_threads(void **state)
{
	struct sender senders[SENDERS];
	pthread_t threads[SENDERS];
	struct reader reader = {0};
	struct mailbox *box;

	(void)state;
	assert_int_equal(mailbox_new(64, &box), 0);
	for (unsigned i = 0; i < SENDERS; i++) {
		senders[i] = (struct sender){box, i};
		assert_int_equal(pthread_create(&threads[i], NULL, send_letters, &senders[i]), 0);
	}
	while (reader.got < SENDERS * LETTERS) {
		struct pollfd poll_fd = {.fd = mailbox_fd(box), .events = POLLIN};

		assert_int_equal(poll(&poll_fd, 1, 60000), 1);
		mailbox_run(box, &reader);
	}
	for (unsigned i = 0; i < SENDERS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(reader.next[i], LETTERS);
	}
	mailbox_free(box);
}

/* ---- letters that are pushed ---- */

struct parcel {
	struct mail letter;
	unsigned number;
};

struct row {
	unsigned numbers[8], len;
};

static unsigned returned;

static void receive_parcel(void *receiver, void *item)
{
	struct row *row = receiver;
	struct parcel *parcel = item;

	if (row)
		row->numbers[row->len++ % ARRAY_LEN(row->numbers)] = parcel->number;
	else
		returned++;
}

static struct parcel parcel_of(unsigned number)
{
	return (struct parcel){.letter = {.run = receive_parcel}, .number = number};
}

static void push(struct mailbox *box, struct parcel *parcel)
{
	parcel->letter.item = parcel;
	mailbox_push(box, &parcel->letter);
}

/* A box that is full takes letters all the same, and gives them out first and in order. */
static void test_pushed(void **state)
{
	struct parcel posted = parcel_of(9), parcels[4];
	struct pollfd ready;
	struct row row = {0};
	struct mailbox *box;
	unsigned room = 0;

	(void)state;
	assert_int_equal(mailbox_new(2, &box), 0);
	while (!mailbox_post(box, receive_parcel, &posted))
		room++;
	for (unsigned i = 0; i < ARRAY_LEN(parcels); i++) {
		parcels[i] = parcel_of(i);
		push(box, &parcels[i]);
	}
	ready = (struct pollfd){.fd = mailbox_fd(box), .events = POLLIN};
	assert_int_equal(poll(&ready, 1, 0), 1);
	assert_int_equal(mailbox_run(box, &row), ARRAY_LEN(parcels) + room);
	for (unsigned i = 0; i < ARRAY_LEN(parcels); i++)
		assert_int_equal(row.numbers[i], i);
	assert_int_equal(row.numbers[ARRAY_LEN(parcels)], 9);
	push(box, &parcels[0]);
	push(box, &parcels[1]);
	mailbox_free(box);
	assert_int_equal(returned, 2);
}

struct pusher {
	struct mailbox *box;
	struct parcel parcels[1000];
};

static void *push_all(void *context)
{
	struct pusher *pusher = context;

	for (unsigned i = 0; i < ARRAY_LEN(pusher->parcels); i++) {
		pusher->parcels[i] = parcel_of(i);
		push(pusher->box, &pusher->parcels[i]);
	}
	return NULL;
}

/* None is lost between threads, and none wakes nobody. */
static void test_pushed_by_threads(void **state)
{
	static struct pusher pushers[SENDERS];
	pthread_t threads[SENDERS];
	struct row row = {0};
	struct mailbox *box;
	unsigned got = 0;

	(void)state;
	assert_int_equal(mailbox_new(2, &box), 0);
	for (unsigned i = 0; i < SENDERS; i++) {
		pushers[i].box = box;
		assert_int_equal(pthread_create(&threads[i], NULL, push_all, &pushers[i]), 0);
	}
	while (got < SENDERS * ARRAY_LEN(pushers[0].parcels)) {
		struct pollfd ready = {.fd = mailbox_fd(box), .events = POLLIN};

		assert_int_equal(poll(&ready, 1, 60000), 1);
		got += (unsigned)mailbox_run(box, &row);
		row.len = 0;
	}
	for (unsigned i = 0; i < SENDERS; i++)
		pthread_join(threads[i], NULL);
	mailbox_free(box);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bounded),		  cmocka_unit_test(test_self),
		cmocka_unit_test(test_threads),		  cmocka_unit_test(test_pushed),
		cmocka_unit_test(test_pushed_by_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
