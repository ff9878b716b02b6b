/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/gate/kerneltcp.h>

#include <stdio.h>
#include <stdlib.h>

#include <strazh/base/own.h>

#define LINE 200
#define WSCALE_MAX 14U
#define TIMESTAMPS_PLAIN 2U /* without the secret offset of each connection */

/* The nth number (from 0) of a sysctl; `standard` where there is none. */
static uint64_t sysctl_number(const char *root, const char *name, int nth, uint64_t standard)
{
	char path[300], line[LINE] = "", *at = line;
	own_file FILE *file = NULL;

	(void)snprintf(path, sizeof(path), "%s/%s", root, name);
	file = fopen(path, "re");
	if (!file || !fgets(line, sizeof(line), file))
		return standard;
	for (int i = 0;; i++) {
		char *end;
		unsigned long long number = strtoull(at, &end, 10);

		if (end == at)
			return standard;
		if (i == nth)
			return number;
		at = end;
	}
}

/* tcp_select_initial_window() of the kernel. */
uint32_t kernel_tcp_wscale(uint64_t space)
{
	uint32_t log2 = 0;

	while (space >>= 1)
		log2++;
	return log2 <= 15 ? 0 : MIN(log2 - 15, WSCALE_MAX);
}

void kernel_tcp_read(const char *root, struct kernel_tcp *ret)
{
	const char *at = root ? root : KERNELTCP_ROOT;
	/* The second is in no network namespace but the first one before Linux 6.8. */
	uint64_t rmem = sysctl_number(at, "ipv4/tcp_rmem", 2, 6291456);
	uint64_t most = sysctl_number(at, "core/rmem_max", 0, 212992);

	*ret = (struct kernel_tcp){
		.timestamps = (uint32_t)sysctl_number(at, "ipv4/tcp_timestamps", 0, 1),
		.syncookies = (uint32_t)sysctl_number(at, "ipv4/tcp_syncookies", 0, 1),
		.ecn = (uint32_t)sysctl_number(at, "ipv4/tcp_ecn", 0, 2),
		.sack = (uint32_t)sysctl_number(at, "ipv4/tcp_sack", 0, 1),
		.window_scaling = (uint32_t)sysctl_number(at, "ipv4/tcp_window_scaling", 0, 1),
		.ttl = (uint32_t)sysctl_number(at, "ipv4/ip_default_ttl", 0, 64),
		.hops = (uint32_t)sysctl_number(at, "ipv6/conf/all/hop_limit", 0, 64),
		.wscale = kernel_tcp_wscale(MAX(rmem, most)),
	};
}

uint32_t kernel_tcp_word(const struct kernel_tcp *tcp)
{
	uint32_t word = 0;

	word |= tcp->timestamps == TIMESTAMPS_PLAIN ? SZ_TCP_TIMESTAMPS : 0;
	word |= tcp->ecn ? SZ_TCP_ECN : 0;
	word |= tcp->sack ? SZ_TCP_SACK : 0;
	word |= tcp->window_scaling ? SZ_TCP_WINDOWS : 0;
	word |= (tcp->wscale & 15) << 8;
	word |= (tcp->ttl & 255) << 16;
	return word | (tcp->hops & 255) << 24;
}

bool kernel_tcp_refresh(struct gate *gate, struct kernel_tcp *ret_tcp)
{
	struct kernel_tcp tcp;
	uint32_t word;

	kernel_tcp_read(NULL, &tcp);
	if (ret_tcp)
		*ret_tcp = tcp;
	word = kernel_tcp_word(&tcp);
	if (gate->settings->tcp == word)
		return false;
	gate->settings->tcp = word;
	return true;
}
