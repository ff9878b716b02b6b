/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <tests/tools/kit/caller.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static struct sockaddr_storage caller;
static socklen_t caller_len;
static int caller_last = -1;

/* Of IPv4 the address, of IPv6 its lower half: a /64 after the other takes a step of its own. */
void caller_is(const struct callers *callers, uint32_t n)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&caller;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&caller;
	uint32_t add = n % (callers->count ? callers->count : 1);
	uint32_t low;

	add *= callers->step ? callers->step : 1;
	caller = callers->first;
	caller_len = callers->len;
	if (caller.ss_family == AF_INET) {
		in->sin_addr.s_addr = htonl(ntohl(in->sin_addr.s_addr) + add);
	} else if (caller.ss_family == AF_INET6) {
		memcpy(&low, &in6->sin6_addr.s6_addr[12], sizeof(low));
		low = htonl(ntohl(low) + add);
		memcpy(&in6->sin6_addr.s6_addr[12], &low, sizeof(low));
	}
}

/* In place of libc's. Ports are chosen once the other end is known, so that they do not run out. */
int connect(int fd, const struct sockaddr *to, socklen_t len)
{
	int on = 1;

	caller_last = fd;
	if (caller.ss_family && caller.ss_family == to->sa_family) {
		(void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
		if (bind(fd, (const struct sockaddr *)&caller, caller_len))
			return -1;
	}
	return (int)syscall(SYS_connect, fd, to, len);
}

int caller_socket(void)
{
	return caller_last;
}

void caller_room(unsigned int count)
{
	struct rlimit room = {.rlim_cur = count + 64, .rlim_max = count + 64};

	if (!setrlimit(RLIMIT_NOFILE, &room))
		return;
	fprintf(stderr, "%s: %u descriptors: %s\n", program_invocation_short_name, count,
		strerror(errno));
	exit(2);
}

double caller_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}
