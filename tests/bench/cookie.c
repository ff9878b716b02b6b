// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * A SYN answered with a cookie, every one from another source: look-up of the listener, the
 * kernel's cookie, and the whole SYN-ACK. A socket listens here; nobody else can reach it.
 */
#include <tests/bench/bench.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <strazh/abi/service.h>
#include <tests/bench/frame.h>

#define ROUNDS 9
#define REPEAT 200000U
#define NEW_FIRST 800000000U
#define PORT 443
#define SERVICE (SZ_SERVICES - 1)
#define BUDGET_NS 1000.0

/* Else the kernel gives cookies only when the SYN queue of the listener is full. */
static void kernel_gives_cookies(void)
{
	int fd = open("/proc/sys/net/ipv4/tcp_syncookies", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "2", 1) != 1)
		die("net.ipv4.tcp_syncookies: %s", strerror(errno));
	close(fd);
}

static int listen_here(void)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(PORT)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(any)) || listen(fd, 16))
		die("listening on port %d: %s", PORT, strerror(errno));
	return fd;
}

/* As `strazhctl service add 443/tcp --cookies always` writes it, tables behind first. */
static void service(struct gate *gate, bool there)
{
	struct sz_service config = {
		.port = PORT,
		.proto = IPPROTO_TCP,
		.flags = SZ_SERVICE_USED | SZ_SERVICE_LOCAL,
		.cookies = SZ_COOKIES_ALWAYS,
	};

	if (there)
		gate->services[SERVICE] = config;
	gate->ports[sz_port_line(0, PORT)].service[PORT & 63] = there ? SERVICE : 0;
}

static double drive(struct rig *rig, int program)
{
	static uint32_t next = NEW_FIRST;
	const uint32_t first[2] = {0, next}, count[2] = {1, 0};

	next += REPEAT;
	rig_sources(rig, first, count, 256, false);
	return rig_run(rig, program, REPEAT);
}

void bench_cookie(struct rig *rig)
{
	static struct samples own, whole;
	unsigned char syn[SOURCE_FRAME_LEN];
	uint32_t tcp = rig->gate->settings->tcp;
	int fd = listen_here();
	uint64_t before;

	say("cookies: %d rounds", ROUNDS);
	kernel_gives_cookies();
	frame_syn(syn);
	rig_rewrite(rig, syn);
	service(rig->gate, true);
	rig->gate->settings->tcp = SZ_TCP_TIMESTAMPS | SZ_TCP_SACK | SZ_TCP_WINDOWS | 7 << 8;
	world_cpu(1);
	(void)drive(rig, rig->gate_fd);
	before = rig_count(rig, SZ_REASON_SYN_COOKIE);
	for (int round = 0; round < ROUNDS; round++) {
		samples_add(&own, drive(rig, rig->source_end_fd));
		samples_add(&whole, drive(rig, rig->gate_fd));
	}
	world_cpu(-1);
	before = rig_count(rig, SZ_REASON_SYN_COOKIE) - before;
	if (before != (uint64_t)ROUNDS * REPEAT)
		die("of %u SYNs only %llu were answered", ROUNDS * REPEAT,
		    (unsigned long long)before);
	for (int n = 0; n < ROUNDS; n++)
		whole.value[n] -= samples_at(&own, 50);
	service(rig->gate, false);
	rig->gate->settings->tcp = tcp;
	rig_rewrite(rig, NULL);
	close(fd);
	report_budget("gate.syncookie_ns", samples_at(&whole, 50), "ns", BUDGET_NS, &whole);
}
