/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Output: a chain of blocks; bytes are sent from the first and written to the last. `out_len` is
 * what is unsent in all of them. A block without bytes is there only between a reserve and the
 * next flush. `out_blocked`: the socket said it has no room, and epoll will say when it has.
 *
 * Slow readers: the mark is set at the end of what is unsent; `mark_left` counts down as bytes
 * leave. When the timer fires and it is not 0, bytes are unsent that were there slow_ms ago, no
 * matter how many trickled away meanwhile.
 */
#include <user/net/conn_core.h>

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/uio.h>

#define PIECES_MAX 16

void conn_out_release(struct conn *conn)
{
	while (conn->out_first) {
		struct block *block = conn->out_first;

		conn->out_first = block->next;
		pool_put(&conn->reactor->pool, block);
	}
	conn->out_last = NULL;
	conn->out_len = 0;
}

/* ---- writing ---- */

static struct block *add_block(struct conn *conn, size_t len)
{
	/* Behind other blocks more is to be expected: one of a useful size. */
	size_t need = conn->out_first ? MAX(len, (size_t)POOL_MEDIUM) : len;
	struct block *block = pool_take_patient(&conn->reactor->pool, need);

	if (!block) {
		net_count(&conn->reactor->stats, NET_NO_BUFFER, 1);
		return NULL;
	}
	if (conn->out_last)
		conn->out_last->next = block;
	else
		conn->out_first = block;
	conn->out_last = block;
	reactor_pend(conn);
	return block;
}

int conn_reserve(struct conn *conn, size_t len, uint8_t **ret_room)
{
	struct block *block = conn->out_last;

	if (conn->dead || conn->out_ending)
		return CONN_GONE;
	if (len > CONN_RESERVE_MAX)
		return -EMSGSIZE;
	if (conn->out_len + len > conn->limits->out_max)
		return CONN_FULL;
	if (!block || block->size - block->at - block->len < len)
		block = add_block(conn, len);
	if (!block)
		return CONN_EMPTY;
	*ret_room = block->bytes + block->at + block->len;
	return 0;
}

void conn_commit(struct conn *conn, size_t len)
{
	if (conn->dead || !conn->out_last)
		return;
	conn->out_last->len += (uint32_t)len;
	conn->out_len += (uint32_t)len;
	if (!conn->out_blocked)
		reactor_pend(conn);
	if (!conn->above && conn->out_len > conn->limits->high) {
		conn->above = true;
		if (conn->ops->on_pressure)
			conn->ops->on_pressure(conn, true);
	}
}

int conn_send(struct conn *conn, const void *bytes, size_t len)
{
	uint8_t *room;
	int r = conn_reserve(conn, len, &room);

	if (r)
		return r;
	memcpy(room, bytes, len);
	conn_commit(conn, len);
	return 0;
}

void conn_shutdown(struct conn *conn)
{
	if (conn->dead || conn->out_ending)
		return;
	conn->out_ending = true;
	reactor_pend(conn);
}

/* ---- sending ---- */

static void sent(struct conn *conn, size_t len)
{
	struct block *block;

	conn->out_len -= (uint32_t)len;
	conn->out_total += len;
	conn->mark_left -= MIN(conn->mark_left, (uint32_t)len);
	while ((block = conn->out_first) && len >= block->len) {
		len -= block->len;
		conn->out_first = block->next;
		pool_put(&conn->reactor->pool, block);
	}
	if (!block) {
		conn->out_last = NULL;
		return;
	}
	block->at += (uint32_t)len;
	block->len -= (uint32_t)len;
}

/* One after the other, and not by sendmsg(2): the worker must not have it
 * (user/daemon/worker/confine.c).
 */
static ssize_t send_blocks(struct conn *conn)
{
	ssize_t sum = 0;
	unsigned pieces = 0;

	for (struct block *block = conn->out_first; block && pieces < PIECES_MAX; pieces++) {
		const bool more = block->next && pieces + 1 < PIECES_MAX;
		ssize_t n = send(conn->watch.fd, block->bytes + block->at, block->len,
				 MSG_NOSIGNAL | (more ? MSG_MORE : 0));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return sum ? sum : n;
		sum += n;
		if ((uint32_t)n < block->len)
			break;
		block = block->next;
	}
	return sum;
}

static uint32_t slow_ms(const struct conn *conn)
{
	return conn->closing ? conn->limits->linger_ms : conn->limits->slow_ms;
}

static void on_slow(struct wheel_timer *timer)
{
	struct conn *conn = (void *)((char *)timer - offsetof(struct conn, slow));
	bool goes_on;

	if (conn->mark_left) {
		goes_on = !conn->closing && conn->ops->on_slow && conn->ops->on_slow(conn);
		if (!goes_on)
			conn_finish(conn, conn->closing ? CONN_LINGERED : CONN_SLOW, 0);
	}
	conn->mark_left = conn->out_len;
	if (!conn->dead && conn->out_len && slow_ms(conn))
		wheel_start(&conn->reactor->wheel, timer, slow_ms(conn));
}

void conn_out_init(struct conn *conn)
{
	conn->slow.on_time = on_slow;
}

static void watch_blocked(struct conn *conn)
{
	if (wheel_runs(&conn->slow) || !slow_ms(conn))
		return;
	conn->mark_left = conn->out_len;
	wheel_start(&conn->reactor->wheel, &conn->slow, slow_ms(conn));
}

static void end_output(struct conn *conn)
{
	conn->out_ended = true;
	if (conn->in_ended) {
		conn_finish(conn, CONN_DONE, 0);
		return;
	}
	/* A peer that has gone meanwhile is seen as an event of the socket. */
	(void)shutdown(conn->watch.fd, SHUT_WR);
	if (conn->closing)
		wheel_start(&conn->reactor->wheel, &conn->deadline, conn->limits->linger_ms);
}

static void send_all(struct conn *conn)
{
	struct net_stats *stats = &conn->reactor->stats;

	while (conn->out_len && !conn->out_blocked && !conn->dead) {
		ssize_t n = send_blocks(conn);

		if (n >= 0) {
			sent(conn, (size_t)n);
			net_count(stats, NET_WRITES, 1);
			net_count(stats, NET_BYTES_OUT, (uint64_t)n);
		} else if (errno == EAGAIN) {
			conn->out_blocked = true;
			net_count(stats, NET_BLOCKED, 1);
		} else {
			conn_finish(conn, CONN_RESET, errno);
		}
	}
	if (!conn->out_len)
		conn_out_release(conn);
}

void conn_flush(struct conn *conn)
{
	if (conn->dead || conn->connecting)
		return;
	if (conn->out_first)
		send_all(conn);
	if (conn->dead)
		return;
	if (conn->out_len)
		watch_blocked(conn);
	else
		wheel_stop(&conn->reactor->wheel, &conn->slow);
	if (conn->above && conn->out_len <= conn->limits->low) {
		conn->above = false;
		if (!conn->closing && conn->ops->on_pressure)
			conn->ops->on_pressure(conn, false);
	}
	if (conn->out_ending && !conn->out_ended && !conn->out_len && !conn->dead)
		end_output(conn);
}
