/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * How the TCP of this network namespace is set, read from /proc/sys: what a SYN-ACK with a cookie
 * may promise (settings.tcp), and whether the kernel would take its cookie back. Nothing here
 * changes a sysctl.
 */
#ifndef STRAZH_USER_GATE_KERNELTCP_H
#define STRAZH_USER_GATE_KERNELTCP_H

#include <stdbool.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <user/gate/gate.h>

#define KERNELTCP_ROOT "/proc/sys/net"

struct kernel_tcp {
	uint32_t timestamps; /* net.ipv4.tcp_timestamps: 2 lets cookies carry options */
	/* net.ipv4.tcp_syncookies. 0: the kernel makes and takes none; 1: it makes one while the
	 * listener's SYN queue is full; 2: always. The gate asks it for each. */
	uint32_t syncookies;
	uint32_t ecn, sack, window_scaling, ttl, hops;
	uint32_t wscale; /* what a listener would announce */
};

/* `root`: NULL for KERNELTCP_ROOT. What cannot be read is as the kernel has it by default. */
void kernel_tcp_read(const char *root, struct kernel_tcp *ret);
/* As settings.tcp has it. Pure. */
uint32_t kernel_tcp_word(const struct kernel_tcp *tcp);
/* Bytes of receive buffer to the window scale that the kernel chooses for it. Pure. */
uint32_t kernel_tcp_wscale(uint64_t space);
/* Read it, and write settings.tcp where it differs; *ret_tcp may be NULL. True: it did. */
bool kernel_tcp_refresh(struct gate *gate, struct kernel_tcp *ret_tcp);

#endif
