/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/ctl/rate.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <user/base/clock.h>
#include <user/ctl/journal.h>
#include <user/gate/reput.h>

#define SLOW_LEAST 0.1
#define SLOW_MOST 4095.0 /* of an entry's 16 bits, in sixteenths */
#define JOURNAL_NAME "rate.source."
#define NAME_LEN (sizeof(JOURNAL_NAME) + PREFIX_TEXT_LEN)

int rate_take_tier(struct request *request, uint32_t *ret_tier)
{
	const char *text = request_text(request, "tier");

	if (!text)
		return CTL_DONE;
	if (text[0] < '0' || text[0] >= '0' + SZ_TIERS || text[1])
		return request_say(request, CTL_USAGE, "rate: '%.40s' is no tier: 0 to %d", text,
				   SZ_TIERS - 1);
	*ret_tier = (uint32_t)(text[0] - '0');
	return CTL_DONE;
}

static int take_source(struct request *request, struct prefix *ret_prefix)
{
	const char *text = request_text(request, "what"), *verb = request_text(request, "verb");

	if (!text)
		return request_say(request, CTL_USAGE,
				   "rate %s: want an address or a prefix: rate %s 192.0.2.7%s",
				   verb, verb, strcmp(verb, "source") == 0 ? " --slow 4" : "");
	if (prefix_parse(text, strlen(text), ret_prefix))
		return request_say(request, CTL_USAGE, "rate: '%.60s' is no address and no prefix",
				   text);
	return CTL_DONE;
}

static int take_slow(struct request *request, struct sz_reput *reput)
{
	const char *text = request_text(request, "slow");
	char *end;
	double value;

	if (!text)
		return CTL_DONE;
	value = strtod(text, &end);
	if (*end || strpbrk(text, "eExX") || text[0] < '0' || text[0] > '9' ||
	    !(value >= SLOW_LEAST && value <= SLOW_MOST))
		return request_say(request, CTL_USAGE,
				   "rate: '%.40s' is no value for --slow: %g to %.0f; its limits "
				   "are divided by it",
				   text, SLOW_LEAST, SLOW_MOST);
	reput->slow = (uint16_t)(value * SZ_SLOW_ONE + 0.5);
	return CTL_DONE;
}

static int reput_code(struct request *request, int r)
{
	if (r == REPUT_LENGTH)
		return request_say(request, CTL_USAGE, "rate: %s", gate_error());
	if (r == REPUT_FULL)
		return request_say(request, CTL_FULL, "rate: %s", gate_error());
	return r;
}

static json_t *act_of(struct gate *gate, const struct prefix *key, const char *value)
{
	char name[NAME_LEN], text[PREFIX_TEXT_LEN];

	(void)snprintf(name, sizeof(name), JOURNAL_NAME "%s", prefix_format(key, text));
	return journal_set(gate, name, value);
}

static void record(struct request *request, const struct prefix *key, const char *value)
{
	request_act(request, act_of(request->gate, key, value));
}

json_t *rate_source_act(struct gate *gate, const struct prefix *key, const struct sz_reput *reput)
{
	const uint64_t until = reput->until_s ? clock_wall_of(reput->until_s) : 0;
	char value[48];

	(void)snprintf(value, sizeof(value), "%u,%u,%llu", reput->tier, reput->slow,
		       (unsigned long long)until);
	return act_of(gate, key, value);
}

int rate_source(struct request *request)
{
	const uint32_t now_s = clock_boot_s();
	const uint64_t seconds = request_seconds(request, "for");
	struct sz_reput reput = {
		.slow = SZ_SLOW_ONE,
		.origin = SZ_ORIGIN_OPERATOR,
		.first_s = now_s,
		.last_s = now_s,
		.until_s = seconds ? clock_until(seconds) : 0,
	};
	char text[PREFIX_TEXT_LEN];
	struct prefix prefix, key;
	uint32_t tier = 0;
	int r = take_source(request, &prefix);

	if (!r)
		r = rate_take_tier(request, &tier);
	if (!r)
		r = take_slow(request, &reput);
	if (r)
		return r;
	if (!request_text(request, "tier") && !request_text(request, "slow"))
		return request_say(request, CTL_USAGE, "rate source: want --tier or --slow");
	reput.tier = (uint8_t)tier;
	r = reput_key(&prefix, &key);
	if (!r)
		r = reput_put(request->gate, &key, &reput);
	if (r)
		return reput_code(request, r);
	request_act(request, rate_source_act(request->gate, &key, &reput));
	return request_say(request, CTL_DONE, "%s: tier %u, limits divided by %g%s",
			   prefix_format(&key, text), tier, (double)reput.slow / SZ_SLOW_ONE,
			   key.len != prefix.len ? "; a host of IPv6 is its /64" : "");
}

int rate_forget(struct request *request)
{
	char text[PREFIX_TEXT_LEN];
	struct prefix prefix, key;
	int r = take_source(request, &prefix);

	if (r)
		return r;
	r = reput_key(&prefix, &key);
	if (!r)
		r = reput_drop(request->gate, &key, SZ_ORIGIN_OPERATOR);
	if (r == REPUT_ABSENT)
		return request_say(request, CTL_NOT_FOUND, "rate: %s has no limits of its own",
				   prefix_format(&key, text));
	if (r)
		return reput_code(request, r);
	record(request, &key, "none");
	return request_say(request, CTL_DONE, "%s has the limits that everybody has",
			   prefix_format(&key, text));
}

static int show_one(void *context, const struct prefix *prefix, const struct sz_reput *reput)
{
	const uint32_t now_s = clock_boot_s();
	char text[PREFIX_TEXT_LEN];

	if (reput_is_over(reput, now_s))
		return 0;
	return request_row(
		context,
		json_pack("{s:s, s:i, s:f, s:o, s:f, s:f}", "source", prefix_format(prefix, text),
			  "tier", (int)reput->tier, "slow",
			  (double)(reput->slow ? reput->slow : SZ_SLOW_ONE) / SZ_SLOW_ONE, "left_s",
			  reput->until_s ? json_integer(reput->until_s - now_s) : json_null(),
			  "score", reput->score / 1000.0, "pressure", reput->pressure / 1000.0));
}

int rate_show_sources(struct request *request)
{
	struct reput_cursor cursor = {0};
	bool done = false;
	int r = 0;

	while (!r && !done)
		r = reput_walk(request->gate, &cursor, UINT32_MAX, show_one, request, &done);
	return r;
}

int rate_redo_source(struct gate *gate, const char *name, const char *value)
{
	const char *source = name + strlen(JOURNAL_NAME);
	struct sz_reput reput = {.origin = SZ_ORIGIN_OPERATOR, .first_s = clock_boot_s()};
	unsigned int tier, slow;
	unsigned long long until;
	struct prefix prefix;
	char tail;

	if (strncmp(name, JOURNAL_NAME, strlen(JOURNAL_NAME)) != 0)
		return -ENOENT;
	if (value && strcmp(value, "none") == 0)
		return 0;
	if (!value || prefix_parse(source, strlen(source), &prefix) ||
	    sscanf(value, "%u,%u,%llu%c", &tier, &slow, &until, &tail) != 3 || tier >= SZ_TIERS ||
	    !slow || slow > UINT16_MAX)
		return -EINVAL;
	if (until && until <= clock_wall_s())
		return 0;
	reput.tier = (uint8_t)tier;
	reput.slow = (uint16_t)slow;
	reput.last_s = reput.first_s;
	reput.until_s = until ? clock_until(until - clock_wall_s()) : 0;
	return reput_put(gate, &prefix, &reput);
}
