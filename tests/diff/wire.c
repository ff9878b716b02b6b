// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * One batch at a time, and a marker behind each: the kernel handles a batch on the processor that
 * sends it, in order, so when the marker is out, everything before it is. A frame of the batch
 * that is then at neither end was lost, and the caller sees that.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wire.h"

#define MARKER_TYPE 0x88b5 /* IEEE 802, local experiments */
#define MARKER_LEN 60
#define BUFFER_BYTES (64 * 1024 * 1024)
#define PATIENCE_MS 5000

static int socket_on(const char *device, unsigned int protocol)
{
	struct sockaddr_ll where = {.sll_family = AF_PACKET,
				    .sll_protocol = htons((uint16_t)protocol),
				    .sll_ifindex = (int)if_nametoindex(device)};
	int fd, bytes = BUFFER_BYTES;

	if (!where.sll_ifindex)
		err(2, "no link '%s': call this through tests/diff/run.sh", device);
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&where, sizeof(where)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) < 0)
		err(2, "socket on '%s'", device);
	return fd;
}

void wire_open(struct wire *wire)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET((size_t)sched_getcpu(), &one);
	if (sched_setaffinity(0, sizeof(one), &one) < 0)
		err(2, "staying on one processor");
	*wire = (struct wire){.in_fd = socket_on("in0", 0),
			      .pass_fd = socket_on("pass1", ETH_P_ALL),
			      .drop_fd = socket_on("drop1", ETH_P_ALL)};
}

void wire_close(struct wire *wire)
{
	close(wire->in_fd);
	close(wire->pass_fd);
	close(wire->drop_fd);
}

/* 02:5a and the number for a frame of the test, 02:5b for a marker. */
static void address_write(uint8_t *bytes, uint8_t kind, uint32_t number)
{
	uint8_t mac[6] = {0x02,
			  kind,
			  (uint8_t)(number >> 24),
			  (uint8_t)(number >> 16),
			  (uint8_t)(number >> 8),
			  (uint8_t)number};

	memcpy(bytes + 6, mac, sizeof(mac));
}

static uint32_t address_number(const uint8_t *bytes)
{
	return (uint32_t)bytes[8] << 24 | (uint32_t)bytes[9] << 16 | (uint32_t)bytes[10] << 8 |
	       bytes[11];
}

static void send_all(int fd, struct mmsghdr *messages, unsigned int count)
{
	unsigned int done = 0;

	while (done < count) {
		int sent = sendmmsg(fd, messages + done, count - done, 0);

		if (sent < 0 && errno != EINTR && errno != ENOBUFS)
			err(2, "sending frame %u of a batch, %zu bytes", done,
			    messages[done].msg_hdr.msg_iov->iov_len);
		if (sent > 0)
			done += (unsigned int)sent;
	}
}

static void batch_send(struct wire *wire, struct frame *frames, uint32_t first, uint32_t count)
{
	struct mmsghdr messages[WIRE_BATCH + 1] = {0};
	struct iovec parts[WIRE_BATCH + 1];
	uint8_t marker[MARKER_LEN] = {
		0x02, 0, 0, 0, 0, 2, [12] = MARKER_TYPE >> 8, [13] = MARKER_TYPE & 0xff};

	for (uint32_t i = 0; i < count; i++) {
		address_write(frames[i].bytes, 0x5a, first + i);
		parts[i] = (struct iovec){frames[i].bytes, frames[i].len};
	}
	address_write(marker, 0x5b, ++wire->markers);
	parts[count] = (struct iovec){marker, sizeof(marker)};
	for (uint32_t i = 0; i <= count; i++)
		messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
	send_all(wire->in_fd, messages, count + 1);
}

/* Read one end until the marker. */
static bool batch_collect(struct wire *wire, int fd, uint8_t mark, uint32_t first, uint32_t count,
			  uint8_t *seen)
{
	for (;;) {
		struct pollfd ready = {.fd = fd, .events = POLLIN};
		uint8_t head[14];
		uint32_t number;
		ssize_t len = recv(fd, head, sizeof(head), MSG_DONTWAIT | MSG_TRUNC);

		if (len < 0 && (errno == EAGAIN || errno == EINTR)) {
			if (poll(&ready, 1, PATIENCE_MS) == 0)
				return false;
			continue;
		}
		if (len < 0)
			err(2, "receiving");
		number = address_number(head);
		if (len < 14 || head[6] != 0x02 || (head[7] != 0x5a && head[7] != 0x5b))
			wire->strangers++;
		else if (head[7] == 0x5b && number == wire->markers)
			return true;
		else if (head[7] == 0x5b || number < first || number - first >= count)
			wire->strangers++;
		else
			seen[number] |= seen[number] & mark ? WIRE_TWICE : mark;
	}
}

bool wire_ask(struct wire *wire, struct frame *frames, uint32_t first, uint32_t count,
	      uint8_t *seen)
{
	batch_send(wire, frames, first, count);
	return batch_collect(wire, wire->pass_fd, WIRE_PASSED, first, count, seen) &&
	       batch_collect(wire, wire->drop_fd, WIRE_DROPPED, first, count, seen);
}
