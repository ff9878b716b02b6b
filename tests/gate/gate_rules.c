// SPDX-License-Identifier: AGPL-3.0-or-later
/* Lists for tests. Presence is computed here a second time, from the text of abi/present.h. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include <tests/gate/gate_run.h>

uint64_t boot_now_ns(void)
{
	struct timespec now;

	assert_int_equal(clock_gettime(CLOCK_BOOTTIME, &now), 0);
	return (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec;
}

uint32_t boot_now_s(void)
{
	return (uint32_t)(boot_now_ns() / 1000000000ULL);
}

uint8_t prefix_split(const char *text, uint8_t ret_addr[16], uint8_t *ret_len)
{
	const char *slash = strchr(text, '/');
	char addr[64];
	uint8_t family;

	snprintf(addr, sizeof(addr), "%.*s", slash ? (int)(slash - text) : (int)strlen(text), text);
	family = address_parse(addr, ret_addr);
	*ret_len = family == 4 ? 32 : 128;
	if (slash)
		*ret_len = (uint8_t)strtoul(slash + 1, NULL, 10);
	return family;
}

static uint32_t number(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void present4(struct run *run, uint32_t addr, uint8_t len)
{
	uint32_t first = addr >> 8, count = len < 24 ? 1U << (24 - len) : 1;

	for (uint32_t net = first; net < first + count; net++)
		run->present4[net >> 8].bits[net >> 6 & 3] |= 1ULL << (net & 63);
}

static void present6_bit(struct run *run, uint32_t bit)
{
	run->present6[bit / 512].bits[bit / 64 % 8] |= 1ULL << bit % 64;
}

static void present6_hashed(struct run *run, uint32_t hi, uint32_t lo)
{
	struct sz_seed seed;

	assert_int_not_equal(run->meta->layout, 0); /* no seed before the first packet */
	memcpy(&seed, (const void *)(uintptr_t)&run->meta->seed, sizeof(seed));
	present6_bit(run, SZ_PRESENT6_DIRECT * 512 + sz_hash64(&seed, 0, hi, lo) % (1U << 24));
}

static void present6(struct run *run, const uint8_t *addr, uint8_t len)
{
	uint32_t hi = number(addr), lo = number(addr + 4);
	uint32_t first = hi >> 16, count = len < 16 ? 1U << (16 - len) : 1;

	if (len >= 64) {
		present6_hashed(run, hi, lo);
		run->settings->present6_levels |= SZ_LEVEL6_64;
	} else if (len >= 48) {
		present6_hashed(run, hi, lo & 0xffff0000);
		run->settings->present6_levels |= SZ_LEVEL6_48;
	} else if (len >= 32) {
		present6_hashed(run, hi, 0);
		run->settings->present6_levels |= SZ_LEVEL6_32;
	} else {
		for (uint32_t net = first; net < first + count; net++)
			present6_bit(run, net);
		run->settings->present6_levels |= SZ_LEVEL6_16;
	}
}

void presence_set(struct run *run, const char *text)
{
	uint8_t addr[16], len;

	if (prefix_split(text, addr, &len) == 4)
		present4(run, number(addr), len);
	else
		present6(run, addr, len);
}

/* The map of a table and the key in it. */
static int rule_place(struct run *run, const char *table, const char *text, uint8_t ret_key[20])
{
	uint8_t addr[16], len, family = prefix_split(text, addr, &len);
	size_t at = strcmp(table, "dhost") ? sizeof(uint32_t) : 0;
	char name[16];

	memset(ret_key, 0, 20);
	ret_key[0] = len;
	memcpy(ret_key + at, addr, family == 4 ? 4 : 16);
	snprintf(name, sizeof(name), "sz_%s%u", table, family);
	return run_map(run, name);
}

void rule_set(struct run *run, const char *table, const char *text, struct sz_rule rule)
{
	struct sz_net_rule net = {.rule = rule, .own_lists = rule.lists};
	int fd;
	uint8_t key[20];

	presence_set(run, text);
	fd = rule_place(run, table, text, key);
	net.len = key[0];
	memcpy(net.own_until_s, rule.until_s, sizeof(rule.until_s));
	if (bpf_map_update_elem(fd, key, &net, BPF_ANY))
		fail_msg("%s %s: %s", table, text, strerror(errno));
}

struct sz_rule rule_get(struct run *run, const char *table, const char *text)
{
	struct sz_net_rule net = {0};
	uint8_t key[20];
	int fd = rule_place(run, table, text, key);

	if (bpf_map_lookup_elem(fd, key, &net))
		fail_msg("%s %s: %s", table, text, strerror(errno));
	return net.rule;
}

void rule_delete(struct run *run, const char *table, const char *text)
{
	uint8_t key[20];
	int fd = rule_place(run, table, text, key);

	assert_int_equal(bpf_map_delete_elem(fd, key), 0);
}
