/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A bounded attacker for namespaces: raw frames of a few hostile kinds at a given rate for a
 * given time, on an AF_PACKET socket of one veth interface. It refuses any other kind of
 * interface, and the network namespace of the machine.
 *
 * Kinds and destinations take turns, frame by frame; every spoofed frame of a family takes the
 * next source. A clock, not the socket, sets the pace: what is due since the begin is sent in
 * batches by sendmmsg(2). What a full wire refuses is sent again, so a frame that is counted is a
 * frame that arrived at the other end of the pair. Checksums are right, so a frame is hostile by
 * its source, number or shape and by nothing else.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <tests/tools/kit/flood.h>
#include <tests/tools/kit/frame.h>
#include <tests/tools/kit/stop.h>
#include <tests/tools/kit/wire.h>

#define BATCH 64
#define NS_PER_S 1000000000ull
#define PAUSE_NS 500000
#define REFUSED_PAUSE_NS 20000

/* Frames that are made; [begin, end) of them are still to be sent. */
static struct {
	struct frame frame[BATCH];
	struct flood_pick *pick[BATCH];
	int family[BATCH];
	struct iovec part[BATCH];
	struct mmsghdr message[BATCH];
	unsigned int begin, end;
} batch;

static struct flood flood;
/* Of IPv4 and IPv6: spoofed frames that were made, and that were sent. They leave in order. */
static uint64_t made[2], spoofed[2];
static uint64_t key, turn;

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* ---- frames ---- */

static void write_source(const struct flood_pick *pick, int family, uint8_t ret_bytes[16])
{
	const struct flood_address *as = flood_as(&flood, family);
	unsigned int index = flood_family(family);
	unsigned int ranges = flood.ranges[index] ? flood.ranges[index] : 1;
	uint64_t number;

	if (pick->kind == FLOOD_BANNED || as) {
		memcpy(ret_bytes, as && pick->kind != FLOOD_BANNED ? as->bytes : pick->source.bytes,
		       16);
		return;
	}
	number = made[index]++ % flood.sources;
	source_address(&flood.range[index][number % ranges], key, number / ranges, ret_bytes);
}

static void make_frame(struct frame *frame, const struct flood_pick *pick,
		       const struct flood_address *to)
{
	struct frame_ends ends = {.family = to->family, .port = flood.port, .sport = flood.sport};

	memcpy(ends.from_mac, flood.from_mac, ETH_ALEN);
	memcpy(ends.to_mac, flood.to_mac, ETH_ALEN);
	memcpy(ends.to, to->bytes, sizeof(ends.to));
	write_source(pick, to->family, ends.from);
	switch (pick->kind) {
	case FLOOD_UDP:
		frame_udp(frame, &ends);
		break;
	case FLOOD_SYN:
		frame_tcp(frame, &ends, TH_SYN);
		break;
	case FLOOD_ACK:
		frame_tcp(frame, &ends, TH_ACK);
		break;
	case FLOOD_FRAG:
		frame_frag(frame, &ends);
		break;
	case FLOOD_MALFORMED:
		frame_malformed(frame, &ends, turn / flood.picks);
		break;
	case FLOOD_BANNED:
		if (turn / flood.picks & 1)
			frame_udp(frame, &ends);
		else
			frame_tcp(frame, &ends, TH_SYN);
		break;
	}
}

/* The destination for the n-th frame of a pick; a banned source has one family. */
static const struct flood_address *choose_to(const struct flood_pick *pick, uint64_t n)
{
	for (unsigned int i = 0; i < flood.tos; i++) {
		const struct flood_address *to = &flood.to[(n + i) % flood.tos];

		if (pick->kind != FLOOD_BANNED || to->family == pick->source.family)
			return to;
	}
	abort(); /* flood_parse() has seen to it */
}

static void make_batch(unsigned int count)
{
	batch.begin = 0;
	for (batch.end = 0; batch.end < count; batch.end++, turn++) {
		unsigned int i = batch.end, picks = flood.picks ? flood.picks : 1;
		struct flood_pick *pick = &flood.pick[turn % picks];
		const struct flood_address *to = choose_to(pick, turn / picks);

		make_frame(&batch.frame[i], pick, to);
		batch.pick[i] = pick;
		batch.family[i] = to->family;
		batch.part[i] = (struct iovec){.iov_base = batch.frame[i].data,
					       .iov_len = batch.frame[i].len};
		batch.message[i].msg_hdr = (struct msghdr){.msg_iov = &batch.part[i],
							   .msg_iovlen = 1};
	}
}

/* ---- sending ---- */

static void count_sent(unsigned int i)
{
	batch.pick[i]->sent++;
	if (batch.pick[i]->kind != FLOOD_BANNED && !flood_as(&flood, batch.family[i]))
		spoofed[flood_family(batch.family[i])]++;
}

/* How many left. */
static unsigned int send_batch(int fd)
{
	int sent = sendmmsg(fd, &batch.message[batch.begin], batch.end - batch.begin, 0);

	if (sent < 0) {
		if (errno != ENOBUFS && errno != EAGAIN && errno != EINTR)
			wire_fail("send on", flood.dev, strerror(errno));
		nanosleep(&(struct timespec){.tv_nsec = REFUSED_PAUSE_NS}, NULL);
		return 0;
	}
	for (int i = 0; i < sent; i++)
		count_sent(batch.begin++);
	return (unsigned int)sent;
}

static void run(int fd)
{
	uint64_t begin = now_ns(), end = begin + flood.seconds * NS_PER_S, sent = 0, skipped = 0;

	for (uint64_t now = begin; now < end && !stop && sent < flood.count; now = now_ns()) {
		uint64_t due = (now - begin) / 1000 * flood.rate / 1000000;

		/* A sender that was held up does not make up for it with a burst. */
		if (due > sent + skipped + flood.rate / 10 + BATCH)
			skipped = due - BATCH - sent;
		due = due > sent + skipped ? due - sent - skipped : 0;
		if (due > flood.count - sent)
			due = flood.count - sent;
		if (!due) {
			nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
			continue;
		}
		if (batch.begin == batch.end)
			make_batch(due < BATCH ? (unsigned int)due : BATCH);
		sent += send_batch(fd);
	}
}

static unsigned long long distinct(unsigned int family)
{
	return spoofed[family] < flood.sources ? spoofed[family] : flood.sources;
}

static void report(uint64_t begin_ns, uint64_t took_ns)
{
	unsigned long long total = 0;

	printf("{\"begin_ms\":%.1f,\"seconds\":%.2f,\"sent\":{", (double)begin_ns / 1e6,
	       (double)took_ns / NS_PER_S);
	for (unsigned int i = 0; i < flood.picks; i++) {
		printf("%s\"%s\":%llu", i ? "," : "", flood.pick[i].text,
		       (unsigned long long)flood.pick[i].sent);
		total += flood.pick[i].sent;
	}
	printf("},\"sources\":{\"v4\":%llu,\"v6\":%llu},\"total\":%llu}\n", distinct(0),
	       distinct(1), total);
}

int main(int argc, char **argv)
{
	uint8_t own_mac[ETH_ALEN];
	uint64_t begin;
	int fd;

	flood_parse(argc, argv, &flood);
	wire_refuse_real_network();
	fd = wire_open(flood.dev, own_mac);
	if (!flood.has_from_mac)
		memcpy(flood.from_mac, own_mac, ETH_ALEN);
	stop_by_signals();
	begin = now_ns();
	random_seed(begin);
	key = random_draw();
	run(fd);
	report(begin, now_ns() - begin);
	close(fd);
	return 0;
}
