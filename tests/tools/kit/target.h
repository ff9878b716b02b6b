/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Where an honest client goes, and under which address. */
#ifndef STRAZH_TESTS_TOOLS_KIT_TARGET_H
#define STRAZH_TESTS_TOOLS_KIT_TARGET_H

#include <stdint.h>
#include <sys/socket.h>

#define TARGETS_MAX 4
#define MESSAGE_LEN 64

struct target {
	struct sockaddr_storage to, from; /* from: family 0, the kernel chooses */
	socklen_t len;
};

/* An IPv4 or IPv6 address; else says so of `option` and exits with status 2. */
void target_parse(const char *option, const char *text, struct sockaddr_storage *ret_address,
		  socklen_t *ret_len);
void target_set_port(struct sockaddr_storage *address, uint16_t port);

/*
 * A socket on its way to the target, non-blocking, from source port `sport` (0: any); -1: errno.
 * type: SOCK_STREAM, SOCK_DGRAM.
 */
int target_connect(const struct target *target, int type, uint16_t sport);

/* MESSAGE_LEN bytes that differ from request to request and from client to client. */
void message_compose(uint64_t client, uint64_t number, unsigned char ret_message[MESSAGE_LEN]);

#endif
