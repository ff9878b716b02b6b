/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <user/base/prefix.h>
#include <user/crypto/workpool.h>
#include <user/daemon/testmode.h>
#include <user/daemon/worker/worker_plan.h>
#include <user/net/reactors.h>

#define BUFFERS_PER_CONN 16384U /* on average, with many of them at once */
#define BUFFERS_MIN (64U << 20)

static uint32_t ms(const struct config *config, enum config_key key)
{
	return (uint32_t)MIN(config_number(config, key) * 1000, UINT32_MAX);
}

static uint32_t number(const struct config *config, enum config_key key)
{
	return (uint32_t)MIN(config_number(config, key), UINT32_MAX);
}

static unsigned processors(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) ? 1 : (unsigned)CPU_COUNT(&set);
}

static bool is(const struct config *config, enum config_key key, const char *word)
{
	return !strcmp(config_text(config, key), word);
}

static int take_addresses(const struct config *config, struct worker_plan *plan)
{
	const char *at = config_text(config, CFG_SERVER_LISTEN);
	char item[CONFIG_ITEM_LEN];

	while (plan->addresses_len < WORKER_ADDRESSES_MAX && config_item(&at, item)) {
		size_t n = plan->addresses_len++;

		snprintf(plan->addresses[n].text, sizeof(plan->addresses[n].text), "%s", item);
		if (config_address(item, &plan->addresses[n].at, &plan->addresses[n].len))
			return -EINVAL;
	}
	return 0;
}

static int take_proxies(const struct config *config, struct worker_plan *plan)
{
	size_t n = (size_t)config_number(config, CFG_SERVER_PROXIES);
	const char *at = config_text(config, CFG_SERVER_PROXIES);
	char item[CONFIG_ITEM_LEN];

	plan->proxies = calloc(n + 1, sizeof(*plan->proxies));
	if (!plan->proxies)
		return -ENOMEM;
	while (plan->proxies_len < n && config_item(&at, item))
		if (prefix_parse(item, strlen(item), &plan->proxies[plan->proxies_len++]))
			return -EINVAL;
	return 0;
}

static struct server_limits limits_of(const struct config *config)
{
	struct server_limits limits = server_limits_usual();

	limits.half_open = number(config, CFG_SERVER_MAX_HALF_OPEN);
	limits.links = number(config, CFG_SERVER_MAX_CONNECTIONS);
	limits.hello_ms = ms(config, CFG_SERVER_HELLO_TIMEOUT);
	limits.finish_ms = ms(config, CFG_SERVER_FINISH_TIMEOUT);
	limits.nominal_s = number(config, CFG_SERVER_PUZZLE_ABOVE);
	limits.handshakes_s = is(config, CFG_SERVER_PUZZLE, "off") ? 0 : limits.nominal_s;
	limits.puzzle_always = is(config, CFG_SERVER_PUZZLE, "always");
	limits.puzzle_bits = limits.handshakes_s ? number(config, CFG_SERVER_PUZZLE_BITS) : 0;
	limits.conn.slow_ms = ms(config, CFG_SERVER_SLOW_TIMEOUT);
	limits.channel.queue_bytes = number(config, CFG_SERVER_QUEUE_BYTES);
	limits.channel.heartbeat_ms = ms(config, CFG_SERVER_HEARTBEAT);
	limits.channel.heartbeats = number(config, CFG_SERVER_HEARTBEAT_MISSED);
	return limits;
}

struct worker_live worker_plan_live(const struct config *config)
{
	struct worker_live live = {
		.drain_ms = ms(config, CFG_SERVER_DRAIN_TIMEOUT),
		.limits = limits_of(config),
		.sources =
			{
				.total = number(config, CFG_SERVER_MAX_CONNECTIONS),
				.half_open = number(config, CFG_SERVER_MAX_HALF_OPEN),
				.source_total = number(config, CFG_SERVER_MAX_PER_SOURCE),
				.source_half_open = number(config,
							   CFG_SERVER_MAX_HALF_OPEN_PER_SOURCE),
			},
	};

	if (config_number(config, CFG_SERVER_TICKETS)) {
		live.ticket_s = number(config, CFG_SERVER_TICKET_LIFETIME);
		live.ticket_chain_s = number(config, CFG_SERVER_TICKET_CHAIN);
	}
	testmode_relax_sources(config, &live.sources);
	return live;
}

int worker_plan_make(const struct config *config, struct worker_plan *plan)
{
	int r = take_addresses(config, plan);

	if (!r)
		r = take_proxies(config, plan);
	if (r)
		return r;
	plan->live = worker_plan_live(config);
	plan->reactors = number(config, CFG_SERVER_REACTORS);
	if (!plan->reactors)
		plan->reactors = MIN(processors(), REACTORS_MAX);
	plan->crypto_threads = workpool_threads_for(number(config, CFG_SERVER_CRYPTO_THREADS),
						    processors());
	plan->buffers_max = MAX((size_t)plan->live.limits.links * BUFFERS_PER_CONN / plan->reactors,
				BUFFERS_MIN);
	if (!is(config, CFG_SERVER_ENGINE, "auto"))
		snprintf(plan->engine, sizeof(plan->engine), "%s",
			 config_text(config, CFG_SERVER_ENGINE));
	return 0;
}

void worker_plan_deinit(struct worker_plan *plan)
{
	free(plan->proxies);
	plan->proxies = NULL;
}

static const char *path_or_none(const struct config *config, enum config_key key)
{
	const char *path = config_text(config, key);

	return *path ? path : NULL;
}

static uint32_t suites_of(const struct config *config)
{
	static const struct {
		const char *word;
		uint8_t suite;
	} words[] = {{"nk1", PH_NK1}, {"xk1", PH_XK1}, {"nx", PH_NX}, {"xx", PH_XX}};
	const char *at = config_text(config, CFG_SERVER_SUITES);
	bool require = is(config, CFG_SERVER_HYBRID, "require");
	char item[CONFIG_ITEM_LEN];
	uint32_t suites = 0;

	while (config_item(&at, item))
		for (size_t i = 0; i < ARRAY_LEN(words); i++)
			if (!strcmp(item, words[i].word))
				suites |= HS_SUITE_BIT(words[i].suite);
	if (require)
		suites <<= PH_SUITE_HYBRID;
	return suites | HS_SUITE_BIT(PH_RESUME);
}

void worker_plan_identity(const struct config *config, struct identity_config *ret_identity)
{
	*ret_identity = (struct identity_config){
		.name = config_text(config, CFG_SERVER_NAME),
		.suites = suites_of(config),
		.hybrid = is(config, CFG_SERVER_HYBRID, "on"),
		.demand = (config_number(config, CFG_SERVER_STRICT) ? PH_OFFER_STRICT : 0) |
			  (is(config, CFG_SERVER_PADDING, "classes") ? PH_OFFER_CLASSES : 0),
		.key_path = config_text(config, CFG_SERVER_KEY),
		.passphrase_path = path_or_none(config, CFG_SERVER_PASSPHRASE),
		.cert_path = path_or_none(config, CFG_SERVER_CERTIFICATE),
		.clients_path = path_or_none(config, CFG_SERVER_CLIENTS),
	};
}
