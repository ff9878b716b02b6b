/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A service as a line of the journal: everything that is said of it, nothing that is counted. */
#include <user/ctl/journal.h>

#include <string.h>

#include <user/base/clock.h>
#include <user/ctl/ports.h>
#include <user/gate/services.h>

#define FLAGS (SZ_SERVICE_LOCAL | SZ_SERVICE_NO_FRAGMENTS | SZ_SERVICE_SIZE_ENFORCE)
#define WSCALE_PLUS_MAX 15

static json_t *limits_json(const struct sz_service *config)
{
	json_t *limits = json_array();

	for (int i = 0; limits && i < SZ_RATE_CLASSES; i++) {
		const struct sz_limit *limit = &config->limit[i];

		(void)!json_array_append_new(
			limits, json_pack("[I, I, I, I]", (json_int_t)limit->step_ns,
					  (json_int_t)limit->burst_ns, (json_int_t)limit->byte_step,
					  (json_int_t)limit->byte_burst_ns));
	}
	return limits;
}

json_t *journal_service(struct gate *gate, const struct sz_service *config)
{
	char text[PORT_TEXT_LEN];
	json_t *act = journal_other(gate, "service", "service",
				    port_format(config->proto, config->port, text));

	if (!act)
		return NULL;
	(void)!json_object_set_new(act, "flags", json_integer(config->flags & FLAGS));
	(void)!json_object_set_new(act, "cookies", json_integer(config->cookies));
	(void)!json_object_set_new(act, "wscale_plus", json_integer(config->wscale_plus));
	(void)!json_object_set_new(act, "mss", json_integer(config->mss));
	(void)!json_object_set_new(act, "usual", json_integer(config->size_usual));
	(void)!json_object_set_new(act, "learned", json_integer(config->profile_s));
	(void)!json_object_set_new(act, "limits", limits_json(config));
	return act;
}

/* A number of 0 to `most`; the journal is a file, and files can hold anything. */
static bool take(const json_t *value, json_int_t most, uint32_t *ret)
{
	json_int_t number = json_integer_value(value);

	if (!json_is_integer(value) || number < 0 || number > most)
		return false;
	*ret = (uint32_t)number;
	return true;
}

static bool take_limit(const json_t *value, struct sz_limit *ret_limit)
{
	struct sz_limit limit;

	if (!take(json_array_get(value, 0), SZ_RATE_NS_MAX, &limit.step_ns) ||
	    !take(json_array_get(value, 1), SZ_RATE_NS_MAX, &limit.burst_ns) ||
	    !take(json_array_get(value, 2), UINT32_MAX, &limit.byte_step) ||
	    !take(json_array_get(value, 3), SZ_RATE_NS_MAX, &limit.byte_burst_ns))
		return false;
	if (limit.step_ns && limit.burst_ns < MAX(limit.step_ns, SZ_RATE_TICK_NS))
		return false;
	*ret_limit = limit;
	return true;
}

bool journal_decode_service(const json_t *entry, uint32_t boot_s, struct sz_service *ret_config)
{
	const char *name = json_string_value(json_object_get(entry, "service"));
	const json_t *limits = json_object_get(entry, "limits");
	struct sz_service config = {.since_s = MAX(boot_s, 1U)};
	uint32_t flags, cookies, wscale_plus, mss;
	char why[PORT_WHY_LEN];

	if (!name || port_parse(name, &config.proto, &config.port, why) ||
	    !take(json_object_get(entry, "flags"), FLAGS, &flags) ||
	    !take(json_object_get(entry, "cookies"), SZ_COOKIES_ALWAYS, &cookies) ||
	    !take(json_object_get(entry, "wscale_plus"), WSCALE_PLUS_MAX, &wscale_plus) ||
	    !take(json_object_get(entry, "mss"), UINT16_MAX, &mss) ||
	    !take(json_object_get(entry, "usual"), (1 << SZ_SIZE_BINS) - 1, &config.size_usual) ||
	    !take(json_object_get(entry, "learned"), UINT32_MAX, &config.profile_s) ||
	    json_array_size(limits) != SZ_RATE_CLASSES)
		return false;
	for (size_t i = 0; i < SZ_RATE_CLASSES; i++)
		if (!take_limit(json_array_get(limits, i), &config.limit[i]))
			return false;
	config.flags = (uint8_t)((flags & FLAGS) | SZ_SERVICE_USED);
	config.cookies = (uint8_t)cookies;
	config.wscale_plus = (uint8_t)wscale_plus;
	config.mss = (uint16_t)mss;
	*ret_config = config;
	return true;
}
