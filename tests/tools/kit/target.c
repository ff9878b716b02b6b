/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <tests/tools/kit/target.h>

void target_parse(const char *option, const char *text, struct sockaddr_storage *ret_address,
		  socklen_t *ret_len)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret_address;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret_address;

	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		*ret_len = sizeof(*v4);
	} else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		*ret_len = sizeof(*v6);
	} else {
		fprintf(stderr, "%s: %s '%s': neither an IPv4 nor an IPv6 address\n",
			program_invocation_short_name, option, text);
		exit(2);
	}
}

void target_set_port(struct sockaddr_storage *address, uint16_t port)
{
	if (address->ss_family == AF_INET)
		((struct sockaddr_in *)address)->sin_port = htons(port);
	else
		((struct sockaddr_in6 *)address)->sin6_port = htons(port);
}

static int bind_source(int fd, const struct target *target, uint16_t sport)
{
	struct sockaddr_storage from = target->from;
	int on = 1;

	if (!from.ss_family && !sport)
		return 0;
	from.ss_family = target->to.ss_family;
	target_set_port(&from, sport);
	if (!sport)
		setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	return bind(fd, (const struct sockaddr *)&from, target->len);
}

int target_connect(const struct target *target, int type, uint16_t sport)
{
	int fd = socket(target->to.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd < 0)
		return -1;
	if (type == SOCK_STREAM)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (bind_source(fd, target, sport) ||
	    (connect(fd, (const struct sockaddr *)&target->to, target->len) &&
	     errno != EINPROGRESS)) {
		close(fd);
		return -1;
	}
	return fd;
}

void message_compose(uint64_t client, uint64_t number, unsigned char ret_message[MESSAGE_LEN])
{
	uint64_t x = (number + 1) * 0x9e3779b97f4a7c15ull + client;

	for (size_t i = 0; i < MESSAGE_LEN; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		ret_message[i] = (unsigned char)x;
	}
}
