/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Failures of the world around the test are fatal at once: they are no verdict on the gate. */
#include "netns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include <strazh/abi/dline.h>
#include <strazh/abi/meta.h>
#include <strazh/abi/present.h>
#include <strazh/abi/rule.h>
#include <user/gate/gate.h>

#define FRAME_LEN 60
#define PAUSE_US 100

static void die(const char *what)
{
	fprintf(stderr, "# %s: %s\n", what, strerror(errno));
	exit(99);
}

bool netns_enter(void)
{
	if (geteuid()) {
		puts("1..0 # SKIP needs root");
		return false;
	}
	if (unshare(CLONE_NEWNET | CLONE_NEWNS))
		die("unshare");
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		die("make mounts private");
	if (mount("tmpfs", "/run", "tmpfs", 0, NULL))
		die("mount /run");
	if (mount("bpf", "/sys/fs/bpf", "bpf", 0, NULL))
		die("mount /sys/fs/bpf");
	return true;
}

int sh(const char *format, ...)
{
	char command[512], quiet[600];
	va_list args;
	int status;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	snprintf(quiet, sizeof(quiet), "(%s) >/run/sh.out 2>&1 </dev/null", command);
	status = system(quiet);
	if (status) {
		fprintf(stderr, "# '%s' failed:\n", command);
		if (system("sed 's/^/#   /' /run/sh.out >&2"))
			fputs("# and its output is lost\n", stderr);
	}
	return status;
}

unsigned int veth_up(int n)
{
	char name[IF_NAMESIZE];
	unsigned int ifindex;

	if (sh("ip link add sz%d type veth peer name pr%d && ip link set pr%d up && "
	       "ip link set sz%d up",
	       n, n, n, n))
		die("veth pair");
	snprintf(name, sizeof(name), "sz%d", n);
	ifindex = if_nametoindex(name);
	if (!ifindex)
		die("veth index");
	return ifindex;
}

void veth_down(int n)
{
	if (sh("ip link del sz%d", n))
		die("veth pair removal");
}

/* ---- frames ---- */

static int packet_socket(const char *side, int n)
{
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	char name[IF_NAMESIZE];
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));

	snprintf(name, sizeof(name), "%s%d", side, n);
	address.sll_ifindex = (int)if_nametoindex(name);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)))
		die("packet socket");
	return fd;
}

static uint16_t ip_checksum(const struct iphdr *ip)
{
	const uint8_t *bytes = (const uint8_t *)ip;
	uint32_t sum = 0;

	for (size_t i = 0; i < sizeof(*ip); i += 2)
		sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t) ~(sum + (sum >> 16)));
}

static void frame_build(uint8_t frame[FRAME_LEN], const char *source)
{
	struct ethhdr eth = {.h_proto = htons(ETH_P_IP)};
	struct iphdr ip = {
		.version = 4,
		.ihl = 5,
		.ttl = 64,
		.protocol = IPPROTO_UDP,
		.tot_len = htons(FRAME_LEN - sizeof(struct ethhdr)),
		.daddr = htonl(0x0a090001), /* 10.9.0.1 */
	};
	struct udphdr udp = {
		.source = htons(4000),
		.dest = htons(5000),
		.len = htons(FRAME_LEN - sizeof(struct ethhdr) - sizeof(struct iphdr)),
	};

	memset(frame, 0, FRAME_LEN);
	memset(eth.h_dest, 0xff, sizeof(eth.h_dest));
	eth.h_source[0] = 2;
	if (inet_pton(AF_INET, source, &ip.saddr) != 1)
		die("source address");
	ip.check = ip_checksum(&ip);
	memcpy(frame, &eth, sizeof(eth));
	memcpy(frame + sizeof(eth), &ip, sizeof(ip));
	memcpy(frame + sizeof(eth) + sizeof(ip), &udp, sizeof(udp));
}

static in_addr_t frame_source(const uint8_t *frame, ssize_t len)
{
	struct ethhdr eth;
	struct iphdr ip;

	if (len < (ssize_t)(sizeof(eth) + sizeof(ip)))
		return 0;
	memcpy(&eth, frame, sizeof(eth));
	memcpy(&ip, frame + sizeof(eth), sizeof(ip));
	return eth.h_proto == htons(ETH_P_IP) ? ip.saddr : 0;
}

static void send_on(int fd, const uint8_t frame[FRAME_LEN])
{
	if (send(fd, frame, FRAME_LEN, 0) != FRAME_LEN && errno != ENOBUFS && errno != ENETDOWN)
		die("send");
}

void frame_send(int n, const char *source)
{
	uint8_t frame[FRAME_LEN];
	int fd = packet_socket("pr", n);

	frame_build(frame, source);
	send_on(fd, frame);
	close(fd);
}

/* ---- traffic ---- */

struct traffic {
	pthread_t sender, counter;
	int send_fd, see_fd;
	uint8_t bad[FRAME_LEN], honest[FRAME_LEN];
	atomic_bool stop_sending, stop_counting;
	struct traffic_seen seen;
};

static void *sender_run(void *argument)
{
	struct traffic *traffic = argument;

	while (!traffic->stop_sending) {
		send_on(traffic->send_fd, traffic->bad);
		send_on(traffic->send_fd, traffic->honest);
		traffic->seen.sent++;
		usleep(PAUSE_US);
	}
	return NULL;
}

static void count_one(struct traffic *traffic)
{
	uint8_t frame[2048];
	in_addr_t source = frame_source(frame,
					recv(traffic->see_fd, frame, sizeof(frame), MSG_DONTWAIT));

	if (source && source == frame_source(traffic->bad, FRAME_LEN))
		traffic->seen.bad++;
	else if (source && source == frame_source(traffic->honest, FRAME_LEN))
		traffic->seen.honest++;
}

static void *counter_run(void *argument)
{
	struct traffic *traffic = argument;
	struct pollfd wait = {.fd = traffic->see_fd, .events = POLLIN};

	for (;;) {
		int ready = poll(&wait, 1, 50);

		if (ready > 0)
			count_one(traffic);
		else if (!ready && traffic->stop_counting)
			return NULL;
	}
}

struct traffic *traffic_start(int n, const char *bad, const char *honest)
{
	struct traffic *traffic = calloc(1, sizeof(*traffic));

	if (!traffic)
		die("traffic");
	frame_build(traffic->bad, bad);
	frame_build(traffic->honest, honest);
	traffic->send_fd = packet_socket("pr", n);
	traffic->see_fd = packet_socket("sz", n);
	if (pthread_create(&traffic->counter, NULL, counter_run, traffic) ||
	    pthread_create(&traffic->sender, NULL, sender_run, traffic))
		die("traffic thread");
	return traffic;
}

struct traffic_seen traffic_stop(struct traffic *traffic)
{
	struct traffic_seen seen;

	traffic->stop_sending = true;
	pthread_join(traffic->sender, NULL);
	traffic->stop_counting = true;
	pthread_join(traffic->counter, NULL);
	close(traffic->send_fd);
	close(traffic->see_fd);
	seen = traffic->seen;
	free(traffic);
	return seen;
}

bool passes(int n, const char *source)
{
	struct traffic *traffic = traffic_start(n, source, "10.1.2.3");

	usleep(20000);
	return traffic_stop(traffic).bad > 0;
}

/* Its line says nothing, so packets ask the hash. */
static void line_raw(const int *map, const struct sz_host4 *host)
{
	const struct sz_dline nothing = {0};
	struct sz_meta meta;
	uint32_t first = 0, line;

	if (bpf_map_lookup_elem(map[GATE_MAP_META], &first, &meta))
		die("meta lookup");
	line = sz_dline_of(&meta.seed, host->addr);
	if (bpf_map_update_elem(map[GATE_MAP_DLINE4], &line, &nothing, BPF_ANY))
		die("line update");
}

void deny_raw(const int *map, const char *address, uint32_t until_s)
{
	struct sz_rule rule = {.lists = 1U << SZ_LIST_OPERATOR, .until_s = {until_s}};
	struct sz_present4 present;
	struct sz_host4 host;
	uint32_t line, third;

	if (inet_pton(AF_INET, address, &host.addr) != 1)
		die("address");
	line = ntohl(host.addr) >> 16;
	third = ntohl(host.addr) >> 8 & 0xff;
	line_raw(map, &host);
	if (bpf_map_lookup_elem(map[GATE_MAP_PRESENT4], &line, &present))
		die("presence lookup");
	present.bits[third / 64] |= 1ULL << (third % 64);
	if (bpf_map_update_elem(map[GATE_MAP_PRESENT4], &line, &present, BPF_ANY) ||
	    bpf_map_update_elem(map[GATE_MAP_DHOST4], &host, &rule, BPF_ANY))
		die("raw denial");
}
