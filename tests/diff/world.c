// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Lists that are worth asking about: everything is drawn around a few dozen neighbourhoods, so
 * that prefixes nest, hosts lie inside prefixes and next to them, and the same address stands in
 * several tables.
 *
 * An entry has one time per origin, however many prefixes its inherited say comes from. Merging
 * is exact all the same, because at any moment of a run a say is either over for good or outlives
 * the run: a say that is over adds nothing where another of its origin is in force.
 */
#include <arpa/inet.h>
#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <strazh/abi/limits.h>

#include "world.h"

#define HOOD_COUNT 48
#define NEAR_COUNT 1000
#define FAR_S 1000000U

static const struct {
	unsigned int family, count, len_min, len_max;
	enum model_table table;
} plan[] = {
	{4, 24, 16, 32, MODEL_NEVER}, {6, 24, 32, 128, MODEL_NEVER},
	{4, 80, 12, 32, MODEL_ALLOW}, {6, 80, 20, 128, MODEL_ALLOW},
	{4, 900, 32, 32, MODEL_HOST}, {6, 700, 128, 128, MODEL_HOST},
	{4, 400, 8, 31, MODEL_NET},   {6, 400, 10, 127, MODEL_NET},
};

/* Ranges with rules of their own belong to the neighbourhoods: loopback, private, bogons. */
static const char *const special[] = {
	"127.0.0.1",	"10.1.2.3",	   "172.16.9.9",  "192.168.1.1",  "100.64.3.3",
	"169.254.7.7",	"0.0.0.0",	   "0.1.2.3",	  "224.0.0.1",	  "239.255.255.250",
	"240.0.0.1",	"255.255.255.255", "192.0.2.7",	  "198.51.100.1", "203.0.113.9",
	"198.18.5.5",	"192.0.0.8",	   "192.88.99.1", "::",		  "::1",
	"ff02::1",	"::ffff:1.2.3.4",  "fe80::1",	  "fd00::7",	  "2001:db8::1",
	"3fff::1",	"2001:2::1",	   "100::1",	  "2001:10::1",	  "fec0::1",
	"64:ff9b::1",	"2002:102:304::1", "5f00::1",	  "::1.2.3.4",	  "2001::1",
	"192.31.196.1",
};

static void *need(void *memory)
{
	if (!memory)
		err(2, "no memory");
	return memory;
}

static struct world_address address_from(const char *text)
{
	struct world_address a = {.family = strchr(text, ':') ? 6 : 4};

	if (inet_pton(a.family == 6 ? AF_INET6 : AF_INET, text, a.addr) != 1)
		errx(2, "'%s' is no address", text);
	return a;
}

static void cut(uint8_t addr[16], unsigned int len)
{
	for (unsigned int i = len; i < 128; i++)
		addr[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
}

static void hoods_draw(struct world_address hoods[2][HOOD_COUNT], struct rng *rng)
{
	for (unsigned int i = 0; i < HOOD_COUNT; i++) {
		hoods[0][i].family = 4;
		rng_bytes(rng, hoods[0][i].addr, 4);
		hoods[1][i].family = 6;
		rng_bytes(rng, hoods[1][i].addr, 16);
		hoods[1][i].addr[0] = (uint8_t)(0x20 | (hoods[1][i].addr[0] & 1));
	}
	for (unsigned int i = 0; i < sizeof(special) / sizeof(special[0]); i++) {
		struct world_address a = address_from(special[i]);

		if (rng_percent(rng, 50))
			hoods[a.family == 6][rng_below(rng, HOOD_COUNT)] = a;
	}
}

static void say_draw(struct model_say *say, uint32_t now_s, struct rng *rng)
{
	for (unsigned int i = 0, bits = 1 + rng_below(rng, 3); i < bits; i++)
		say->lists |= 1ULL
			      << (rng_percent(rng, 50) ? rng_below(rng, 3) : rng_below(rng, 64));
	for (unsigned int o = 0; o < SZ_ORIGINS; o++) {
		unsigned int kind = rng_below(rng, 8);

		say->until_s[o] = kind < 4 ? 0 : kind < 6 ? now_s + FAR_S : kind < 7 ? now_s : 1;
	}
}

/* A neighbourhood's address with the bits behind a random place drawn anew. */
static void near(uint8_t addr[16], const struct world_address *hood, struct rng *rng)
{
	unsigned int bits = hood->family == 4 ? 32 : 128, keep = 8 + rng_below(rng, bits - 7);
	uint8_t fresh[16];

	memcpy(addr, hood->addr, 16);
	rng_bytes(rng, fresh, sizeof(fresh));
	for (unsigned int i = keep; i < bits; i++) {
		uint8_t bit = (uint8_t)(0x80 >> i % 8);

		addr[i / 8] = (uint8_t)((addr[i / 8] & ~bit) | (fresh[i / 8] & bit));
	}
}

static bool taken(const struct model_world *m, enum model_table table, const struct model_say *say)
{
	for (size_t i = 0; i < m->counts[table]; i++) {
		const struct model_say *old = &m->says[table][i];

		if (old->family == say->family && old->len == say->len &&
		    !memcmp(old->addr, say->addr, 16))
			return true;
	}
	return false;
}

static void says_draw(struct world *world, size_t row, struct world_address hoods[2][HOOD_COUNT],
		      struct rng *rng)
{
	struct model_world *m = &world->model;
	enum model_table table = plan[row].table;
	size_t *count = &m->counts[table];

	m->says[table] = need(
		realloc(m->says[table], (*count + plan[row].count) * sizeof(*m->says[table])));
	for (unsigned int i = 0; i < plan[row].count; i++) {
		const struct world_address *hood =
			&hoods[plan[row].family == 6][rng_below(rng, HOOD_COUNT)];
		struct model_say say = {.family = (uint8_t)plan[row].family};

		say.len = (uint8_t)(plan[row].len_min +
				    rng_below(rng, plan[row].len_max - plan[row].len_min + 1));
		near(say.addr, hood, rng);
		cut(say.addr, say.len);
		say_draw(&say, m->now_s, rng);
		if (!taken(m, table, &say))
			m->says[table][(*count)++] = say;
	}
}

/* Its first address, and any address inside it. */
static void pool_add_say(struct world *world, const struct model_say *say, struct rng *rng)
{
	struct world_address *a = &world->pool[world->pool_count];
	uint8_t outside[16];

	a[0].family = a[1].family = say->family;
	memcpy(a[0].addr, say->addr, 16);
	rng_bytes(rng, a[1].addr, say->family == 4 ? 4 : 16);
	memcpy(outside, a[1].addr, 16);
	cut(outside, say->len);
	for (unsigned int i = 0; i < 16; i++)
		a[1].addr[i] ^= outside[i] ^ say->addr[i];
	world->pool_count += 2;
}

/* Sources: in each entry, near each neighbourhood, and the special ones. */
static void pool_make(struct world *world, struct world_address hoods[2][HOOD_COUNT],
		      struct rng *rng)
{
	const struct model_world *m = &world->model;
	size_t room = NEAR_COUNT + sizeof(special) / sizeof(special[0]);

	for (unsigned int t = 0; t < MODEL_TABLES; t++)
		room += m->counts[t] * 2;
	world->pool = need(calloc(room, sizeof(*world->pool)));
	for (unsigned int t = 0; t < MODEL_TABLES; t++)
		for (size_t i = 0; i < m->counts[t]; i++)
			pool_add_say(world, &m->says[t][i], rng);
	for (unsigned int i = 0; i < NEAR_COUNT; i++) {
		struct world_address *a = &world->pool[world->pool_count++];
		const struct world_address *hood = &hoods[i % 2][rng_below(rng, HOOD_COUNT)];

		a->family = hood->family;
		near(a->addr, hood, rng);
	}
	for (unsigned int i = 0; i < sizeof(special) / sizeof(special[0]); i++)
		world->pool[world->pool_count++] = address_from(special[i]);
}

void world_make(struct world *world, uint64_t seed)
{
	static struct world_address hoods[2][HOOD_COUNT];
	struct rng rng = {.state = seed};
	struct timespec now;

	*world = (struct world){0};
	if (clock_gettime(CLOCK_BOOTTIME, &now) < 0)
		err(2, "clock_gettime");
	world->model.now_s = (uint32_t)now.tv_sec;
	world->model.ifindex = 1;
	hoods_draw(hoods, &rng);
	for (size_t row = 0; row < sizeof(plan) / sizeof(plan[0]); row++)
		says_draw(world, row, hoods, &rng);
	pool_make(world, hoods, &rng);
}

void world_free(struct world *world)
{
	for (unsigned int t = 0; t < MODEL_TABLES; t++)
		free(world->model.says[t]);
	free(world->pool);
	*world = (struct world){0};
}

const struct world_address *world_pick(const struct world *world, unsigned int family,
				       struct rng *rng)
{
	const struct world_address *a;

	do
		a = &world->pool[rng_below(rng, (uint32_t)world->pool_count)];
	while (a->family != family);
	return a;
}

/* ---- what the maps hold ---------------------------------------------------------------- */

static uint64_t origin_mask(enum model_table table, unsigned int origin)
{
	uint64_t feed = table == MODEL_HOST || table == MODEL_NET ? ~3ULL : 0;

	if (origin == SZ_ORIGIN_OPERATOR)
		return 1;
	return origin == SZ_ORIGIN_FEED ? feed : ~1ULL & ~feed;
}

static bool over(uint32_t until_s, uint32_t now_s)
{
	return until_s != 0 && until_s <= now_s;
}

/* What an origin says of the wider prefix holds for this one too. */
static void inherit(struct sz_rule *rule, const struct model_say *wide, unsigned int origin,
		    uint64_t mask, uint32_t now_s)
{
	uint32_t *until_s = &rule->until_s[origin];

	if (!(wide->lists & mask) || over(wide->until_s[origin], now_s))
		return;
	if (over(*until_s, now_s) || !(rule->lists & mask)) {
		rule->lists &= ~mask;
		*until_s = wide->until_s[origin];
	} else if (wide->until_s[origin] == 0) {
		*until_s = 0;
	}
	rule->lists |= wide->lists & mask;
}

struct sz_net_rule world_net_rule(const struct world *world, enum model_table table,
				  const struct model_say *say)
{
	const struct model_world *m = &world->model;
	struct sz_net_rule made = {.own_lists = say->lists, .len = say->len};

	made.rule.lists = say->lists;
	memcpy(made.rule.until_s, say->until_s, sizeof(say->until_s));
	memcpy(made.own_until_s, say->until_s, sizeof(say->until_s));
	for (size_t i = 0; i < m->counts[table]; i++) {
		const struct model_say *wide = &m->says[table][i];

		if (wide->family != say->family || wide->len >= say->len ||
		    !model_same_bits(wide->addr, say->addr, wide->len))
			continue;
		for (unsigned int o = 0; o < SZ_ORIGINS; o++)
			inherit(&made.rule, wide, o, origin_mask(table, o), m->now_s);
	}
	return made;
}

/* ---- for the other programs ------------------------------------------------------------ */

static const char *address_text(unsigned int family, const uint8_t *addr,
				char text[INET6_ADDRSTRLEN])
{
	return inet_ntop(family == 6 ? AF_INET6 : AF_INET, addr, text, INET6_ADDRSTRLEN);
}

void world_print_addresses(const struct world *world, FILE *to)
{
	char text[INET6_ADDRSTRLEN];

	for (size_t i = 0; i < world->pool_count; i++)
		fprintf(to, "%s\n", address_text(world->pool[i].family, world->pool[i].addr, text));
}

static void set_print(const struct world *world, enum model_table table, unsigned int family,
		      const char *name, FILE *to)
{
	const struct model_world *m = &world->model;
	char text[INET6_ADDRSTRLEN];
	const char *comma = "";

	fprintf(to, "\tset %s%u {\n\t\ttype ipv%u_addr\n", name, family, family);
	fprintf(to, "\t\tflags interval\n\t\tauto-merge\n\t\telements = {\n");
	for (size_t i = 0; i < m->counts[table]; i++) {
		const struct model_say *say = &m->says[table][i];

		if (say->family != family || !model_holds(m, table, say))
			continue;
		fprintf(to, "%s\t\t\t%s/%u", comma, address_text(family, say->addr, text),
			say->len);
		comma = ",\n";
	}
	fprintf(to, "\n\t\t}\n\t}\n");
}

/*
 * Frames come in at "in1". What is not denied leaves by "pass0". What is denied leaves a copy at
 * "drop0" and is dropped: so each frame must be seen at one of the two, and none can be lost
 * unseen. Markers (ethertype 0x88b5) show up at both.
 */
void world_print_ruleset(const struct world *world, FILE *to)
{
	static const char *const names[] = {"never", "allow", "host", "net"};

	fprintf(to, "table netdev diff {\n");
	for (unsigned int t = 0; t < MODEL_TABLES; t++) {
		set_print(world, (enum model_table)t, 4, names[t], to);
		set_print(world, (enum model_table)t, 6, names[t], to);
	}
	fprintf(to, "\tchain in1 {\n\t\ttype filter hook ingress device \"in1\" priority 0; "
		    "policy accept;\n");
	fprintf(to, "\t\tether type 0x88b5 dup to \"drop0\" fwd to \"pass0\"\n");
	for (unsigned int t = 0; t < MODEL_TABLES; t++)
		for (unsigned int family = 4; family <= 6; family += 2)
			fprintf(to, "\t\t%s saddr @%s%u %s\n", family == 4 ? "ip" : "ip6", names[t],
				family,
				t < MODEL_HOST ? "fwd to \"pass0\"" : "dup to \"drop0\" drop");
	fprintf(to, "\t\tfwd to \"pass0\"\n\t}\n}\n");
}
