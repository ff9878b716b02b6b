/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/ctl/reporting.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <user/base/clock.h>
#include <user/ctl/journal.h>
#include <user/gate/note.h>

#define WEIGHT_MOST 100U
#define DETAIL_LEN 64

/* 0: not given. */
static bool parse_weight(const char *text, unsigned *ret_weight)
{
	unsigned long number;
	char *end;

	*ret_weight = 0;
	if (!text)
		return true;
	number = *text >= '0' && *text <= '9' ? strtoul(text, &end, 10) : 0;
	if (!number || *end || number > WEIGHT_MOST)
		return false;
	*ret_weight = (unsigned)number;
	return true;
}

/* "weight 40, for 2h"; "" where neither was given. */
static void describe(unsigned weight, uint64_t for_s, char detail[DETAIL_LEN])
{
	char of[24] = "", time[DURATION_TEXT_LEN];

	if (weight)
		(void)snprintf(of, sizeof(of), "weight %u", weight);
	if (for_s)
		(void)snprintf(detail, DETAIL_LEN, "%s%sfor %s", of, weight ? ", " : "",
			       duration_format(for_s, time));
	else
		(void)snprintf(detail, DETAIL_LEN, "%s", of);
}

static const char *outcome(enum host_reported said)
{
	switch (said) {
	case HOST_REPORTED_BANNED:
		return "banned";
	case HOST_REPORTED_LIMITED:
		return "limited";
	case HOST_REPORTED_HELD:
	case HOST_REPORTED_OFF:
		break;
	}
	return "held against it, and nothing is done; `strazhctl why` says why";
}

int reporting_tell(struct request *request, const struct prefix *prefix, const char *weight,
		   uint64_t for_s, const char *reason, char text[SAYING_LEN])
{
	const struct host *host = request->host;
	const uint8_t one = prefix_one_len(prefix->family);
	char what[PREFIX_TEXT_LEN], detail[DETAIL_LEN];
	enum host_reported said;
	struct prefix source;
	unsigned weighs;

	if (prefix->len < one) {
		(void)snprintf(text, SAYING_LEN,
			       "'%s' is no host: a report is about one address of IPv4, or one /64 "
			       "of IPv6; `strazhctl ban` takes prefixes",
			       prefix_format(prefix, what));
		return CTL_USAGE;
	}
	if (!parse_weight(weight, &weighs)) {
		(void)snprintf(text, SAYING_LEN, "'%.40s' is no weight: 1 to %u", weight,
			       WEIGHT_MOST);
		return CTL_USAGE;
	}
	if (reason && note_check(reason)) {
		(void)snprintf(text, SAYING_LEN, "%s", gate_error());
		return CTL_USAGE;
	}
	source = prefix_from(prefix->family, prefix->addr, one);
	said = host->report ? host->report(host->context, &source, weighs, for_s)
			    : HOST_REPORTED_OFF;
	if (said == HOST_REPORTED_OFF) {
		(void)snprintf(text, SAYING_LEN, "nobody weighs reports: %s",
			       host->report ? "guard.mode is off" : "strazhd is not running");
		return CTL_REFUSED;
	}
	describe(weighs, for_s, detail);
	request_act(request, journal_report(request->gate, &source, detail, reason));
	(void)snprintf(text, SAYING_LEN, "%s: reported%s%s: %s", prefix_format(&source, what),
		       reason && reason[0] ? ", " : "", reason ? reason : "", outcome(said));
	return CTL_DONE;
}
