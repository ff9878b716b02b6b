/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The queue is the bounded one of Dmitry Vyukov (1024cores.net, "Bounded MPMC queue") with a single
 * reader: each cell has a turn. turn == position: free for the writer of that position;
 * turn == position + 1: filled, for the reader; the reader sets it to position + length, the
 * next round's writer. A writer that was interrupted between claiming and filling holds up what
 * was posted behind it, never another writer.
 *
 * `signalled` says that the eventfd was written and the reader has not come yet, so a burst costs
 * one system call. The reader clears it before it looks: a writer that finds it set has filled its
 * cell before that, and the reader will see it; one that comes later finds it clear and writes.
 *
 * Letters that are pushed are a list, the last one first; the reader takes all of it and turns it
 * round.
 */
#include <user/net/mailbox.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <strazh/base/own.h>

#define LEN_MAX (1U << 20)
#define CACHE_LINE 64

struct cell {
	_Atomic(size_t) turn;
	mail_run *run;
	void *item;
};

struct mailbox {
	struct cell *cells;
	size_t mask;
	int fd;
	size_t head; /* the reader's */
	_Alignas(CACHE_LINE) _Atomic(size_t) tail;
	_Atomic(int) signalled;
	_Atomic(struct mail *) pushed;
	_Atomic(uint64_t) refused;
};

int mailbox_new(size_t len, struct mailbox **ret_box)
{
	own_free struct mailbox *box = NULL;
	size_t size = 2;

	if (len > LEN_MAX)
		return -EINVAL;
	while (size < len)
		size *= 2;
	box = aligned_alloc(CACHE_LINE, (sizeof(*box) + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);
	if (!box)
		return -ENOMEM;
	*box = (struct mailbox){.mask = size - 1};
	box->cells = calloc(size, sizeof(*box->cells));
	if (!box->cells)
		return -ENOMEM;
	for (size_t i = 0; i < size; i++)
		atomic_init(&box->cells[i].turn, i);
	box->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (box->fd < 0) {
		int error = errno;

		free(box->cells);
		return -error;
	}
	*ret_box = take_ptr(box);
	return 0;
}

int mailbox_fd(const struct mailbox *box)
{
	return box->fd;
}

void mailbox_wake(struct mailbox *box)
{
	const uint64_t one = 1;
	int saved = errno;

	/* Fails only when the counter is at its end, and then it is readable anyway. */
	if (!atomic_exchange(&box->signalled, 1) && write(box->fd, &one, sizeof(one)) < 0)
		errno = saved;
}

int mailbox_post(struct mailbox *box, mail_run *run, void *item)
{
	size_t at = atomic_load_explicit(&box->tail, memory_order_relaxed);
	struct cell *cell;

	for (;;) {
		size_t turn;

		cell = &box->cells[at & box->mask];
		turn = atomic_load_explicit(&cell->turn, memory_order_acquire);
		if (turn == at) {
			if (atomic_compare_exchange_weak_explicit(&box->tail, &at, at + 1,
								  memory_order_relaxed,
								  memory_order_relaxed))
				break;
		} else if ((ptrdiff_t)(turn - at) < 0) {
			atomic_fetch_add_explicit(&box->refused, 1, memory_order_relaxed);
			return MAILBOX_FULL;
		} else {
			at = atomic_load_explicit(&box->tail, memory_order_relaxed);
		}
	}
	cell->run = run;
	cell->item = item;
	atomic_store_explicit(&cell->turn, at + 1, memory_order_release);
	mailbox_wake(box);
	return 0;
}

void mailbox_push(struct mailbox *box, struct mail *letter)
{
	letter->next = atomic_load_explicit(&box->pushed, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(&box->pushed, &letter->next, letter,
						      memory_order_release, memory_order_relaxed))
		;
	mailbox_wake(box);
}

static size_t run_pushed(struct mailbox *box, void *receiver)
{
	struct mail *last = atomic_exchange_explicit(&box->pushed, NULL, memory_order_acquire);
	struct mail *first = NULL;
	size_t n = 0;

	while (last) {
		struct mail *before = last->next;

		last->next = first;
		first = last;
		last = before;
	}
	for (; first; n++) {
		struct mail *letter = first;

		first = letter->next;
		letter->run(receiver, letter->item);
	}
	return n;
}

static bool run_one(struct mailbox *box, void *receiver)
{
	struct cell *cell = &box->cells[box->head & box->mask];
	mail_run *run;
	void *item;

	if (atomic_load_explicit(&cell->turn, memory_order_acquire) != box->head + 1)
		return false;
	run = cell->run;
	item = cell->item;
	atomic_store_explicit(&cell->turn, box->head + box->mask + 1, memory_order_release);
	box->head++;
	run(receiver, item);
	return true;
}

size_t mailbox_run(struct mailbox *box, void *receiver)
{
	uint64_t times;
	size_t pushed;

	if (read(box->fd, &times, sizeof(times)) < 0 && errno != EAGAIN)
		return 0;
	atomic_exchange(&box->signalled, 0);
	pushed = run_pushed(box, receiver);
	for (size_t i = 0; i <= box->mask; i++)
		if (!run_one(box, receiver))
			return pushed + i;
	/* Those who run may post to this box themselves: the sockets have their turn, too. */
	mailbox_wake(box);
	return pushed + box->mask + 1;
}

void mailbox_free(struct mailbox *box)
{
	if (!box)
		return;
	(void)run_pushed(box, NULL);
	while (run_one(box, NULL))
		;
	close(box->fd);
	free(box->cells);
	free(box);
}

uint64_t mailbox_refused(const struct mailbox *box)
{
	return atomic_load_explicit(&box->refused, memory_order_relaxed);
}
