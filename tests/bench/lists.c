// SPDX-License-Identifier: AGPL-3.0-or-later
/* The lists that everything is measured under: a million hosts, and prefixes of both families. */
#include <tests/bench/bench.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <user/gate/act.h>
#include <user/gate/sweep.h>

static uint32_t rng = 2463534242U;

static uint32_t draw(uint32_t below)
{
	rng ^= rng << 13;
	rng ^= rng >> 17;
	rng ^= rng << 5;
	return (uint32_t)((uint64_t)rng * below >> 32);
}

static struct prefix *new_prefixes(size_t count)
{
	struct prefix *p = calloc(count, sizeof(*p));

	if (!p)
		die("no memory for %zu prefixes", count);
	return p;
}

static size_t sort_unique(struct prefix *p, size_t count)
{
	size_t kept = 0;

	qsort(p, count, sizeof(*p), prefix_compare);
	for (size_t n = 0; n < count; n++)
		if (!kept || prefix_compare(&p[kept - 1], &p[n]))
			p[kept++] = p[n];
	return kept;
}

static struct prefix host4(uint32_t number)
{
	uint32_t addr = htonl(source4(number, SOURCE_DENIED));

	return prefix_from(4, &addr, 32);
}

static struct prefix entry6(uint32_t number, uint8_t len)
{
	__u64 half[2];
	uint8_t addr[16];

	source6(number, SOURCE_DENIED, half);
	for (int n = 0; n < 16; n++)
		addr[n] = (uint8_t)(half[n / 8] >> (56 - n % 8 * 8));
	return prefix_from(6, addr, len);
}

struct prefix *lists_hosts(uint32_t first, uint32_t count, size_t *ret_count)
{
	struct prefix *p = new_prefixes(count);

	for (uint32_t n = 0; n < count; n++)
		p[n] = host4(first + n);
	*ret_count = sort_unique(p, count);
	return p;
}

/* As published lists have them: half of them /24, one in twenty wide, the others small. */
static struct prefix net4(uint32_t number)
{
	uint32_t addr = source_net4_zone(number);
	uint32_t kind = draw(20);
	uint8_t len = 24;

	if (!kind) {
		/* 193 to 200: first octets that no source has */
		addr = (193 + draw(8)) << 24 | draw(1 << 24);
		len = (uint8_t)(17 + draw(7));
	} else if (kind > 10) {
		addr |= draw(256);
		len = (uint8_t)(25 + draw(6));
	}
	addr = htonl(addr);
	return prefix_from(4, &addr, len);
}

static struct prefix net6(uint32_t number)
{
	static const uint8_t lens[] = {32, 44, 48, 48, 56, 64, 64, 64};

	struct prefix p = entry6(number, lens[draw(ARRAY_LEN(lens))]);

	p.addr[0] = 0x2b; /* sources have 0x2a */
	return p;
}

void lists_make(struct lists *lists)
{
	const uint32_t all = LISTS_NETS4 + LISTS_ENTRIES6;
	struct prefix *rest = new_prefixes(all);

	lists->hosts4 = lists_hosts(0, LISTS_HOSTS4, &lists->hosts4_count);
	for (uint32_t n = 0; n < all; n++) {
		if (n < LISTS_NETS4)
			rest[n] = net4(n);
		else if (n < LISTS_NETS4 + LISTS_HOSTS6)
			rest[n] = entry6(n - LISTS_NETS4, 128);
		else
			rest[n] = net6(n);
	}
	lists->rest = rest;
	lists->rest_count = sort_unique(rest, all);
}

void lists_free(struct lists *lists)
{
	free(lists->hosts4);
	free(lists->rest);
}

void lists_file(const char *path, const struct prefix *entries, size_t count)
{
	uint32_t *order = calloc(count, sizeof(*order));
	FILE *file = fopen(path, "w");
	char text[PREFIX_TEXT_LEN];

	if (!order || !file)
		die("'%s': %s", path, strerror(errno));
	for (uint32_t n = 0; n < count; n++) {
		uint32_t at = draw(n + 1);

		order[n] = order[at];
		order[at] = n;
	}
	for (size_t n = 0; n < count; n++)
		fprintf(file, "%s\n", prefix_format(&entries[order[n]], text));
	if (fclose(file))
		die("'%s': %s", path, strerror(errno));
	free(order);
}

double lists_load(struct gate *gate, const char *name, const struct prefix *entries, size_t count)
{
	struct list_report answer = {0};
	double begin = now_s();
	int r = act_load(gate, name, entries, count, 0, &answer);

	if (r)
		die("act_load of '%s': %d, %s", name, r, gate_error());
	if (answer.refused)
		die("act_load of '%s' refused %llu entries", name,
		    (unsigned long long)answer.refused);
	return now_s() - begin;
}

static void pass(struct gate *gate, enum sz_table table, struct prefix prefix)
{
	struct act act = {.table = table, .prefix = prefix, .bit = SZ_PASS_OPERATOR};
	struct act_answer answer;
	int r = act_add(gate, &act, &answer);

	if (r)
		die("act_add: %d, %s", r, gate_error());
}

void lists_pass(struct gate *gate)
{
	for (uint32_t n = 0; n < LISTS_PASS; n++) {
		uint32_t addr = htonl(source_net4_zone(0x10000000 + n) | n);
		enum sz_table table = n % 4 ? SZ_TABLE_ALLOW : SZ_TABLE_NEVER;
		struct prefix ip6 = net6(0x10000000 + n);

		pass(gate, table, prefix_from(4, &addr, n % 2 ? 32 : 28));
		ip6.addr[0] = 0x2c;
		pass(gate, table, ip6);
	}
}

void lists_sweep(struct gate *gate)
{
	struct sweep *sweep;
	double begin = now_s();
	int r = sweep_new(gate, &sweep);

	if (!r)
		r = sweep_all(sweep);
	if (r)
		die("sweep: %d, %s", r, gate_error());
	say("sweep: a round over the lists took %.2f s", now_s() - begin);
	sweep_free(sweep);
}
