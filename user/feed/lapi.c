/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * jansson reads it all at once, in strazh-fetch, whose memory is limited. Nesting is bounded by
 * jansson (JSON_PARSER_MAX_DEPTH). One wrong decision does not spoil the others.
 */
#include <user/feed/lapi.h>

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- durations ---- */

static const struct {
	const char *name;
	uint64_t ns;
} units[] = {
	/* The longer name before the one that it begins with. */
	{"ms", 1000000ULL},	 {"us", 1000ULL},	{"\xc2\xb5s", 1000ULL}, {"ns", 1ULL},
	{"h", 3600000000000ULL}, {"m", 60000000000ULL}, {"s", 1000000000ULL},
};

#define DIGITS_MOST 15 /* that a part of a duration may have */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static const char *digits(const char *at, uint64_t *n, uint64_t *scale)
{
	const char *start = at;

	*n = 0;
	*scale = 1;
	for (; is_digit(*at); at++) {
		if (at - start == DIGITS_MOST)
			return NULL;
		*n = *n * 10 + (uint64_t)(*at - '0');
		*scale *= 10;
	}
	return at;
}

static const char *unit(const char *at, uint64_t *ret_ns)
{
	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (strncmp(at, units[i].name, strlen(units[i].name)) == 0) {
			*ret_ns = units[i].ns;
			return at + strlen(units[i].name);
		}
	return NULL;
}

/* "12.3s": a number, with a fraction perhaps, and its unit. NULL: it is none. */
static const char *part(const char *at, unsigned __int128 *total)
{
	uint64_t whole, fraction = 0, scale = 1, ns;
	const char *start = at;
	bool any;

	at = digits(at, &whole, &scale);
	if (!at)
		return NULL;
	any = at != start;
	scale = 1;
	if (*at == '.') {
		start = ++at;
		at = digits(at, &fraction, &scale);
		any = any || (at && at != start);
	}
	if (!at || !any)
		return NULL;
	at = unit(at, &ns);
	if (!at)
		return NULL;
	*total += (unsigned __int128)whole * ns + (unsigned __int128)fraction * ns / scale;
	return at;
}

int lapi_duration_parse(const char *text, uint64_t *ret_ms)
{
	const unsigned __int128 most = (unsigned __int128)LAPI_DURATION_MOST_MS * 1000000;
	const bool negative = *text == '-';
	unsigned __int128 total = 0;
	const char *at = text + (*text == '-' || *text == '+');

	if (strcmp(at, "0") == 0) {
		*ret_ms = 0;
		return 0;
	}
	if (!*at)
		return -EINVAL;
	while (at && *at) {
		at = part(at, &total);
		total = MIN(total, most);
	}
	if (!at)
		return -EINVAL;
	*ret_ms = negative ? 0 : (uint64_t)((total + 999999) / 1000000);
	return 0;
}

/* ---- decisions ---- */

struct reading {
	struct lapi_changes changes;
	unsigned scopes;
	uint64_t max;
};

static void wrong(struct reading *r, const char *text, const char *why)
{
	struct lapi_changes *c = &r->changes;

	if (c->wrong < FEED_WRONG_KEPT) {
		struct feed_wrong *w = &c->wrongs[c->wrong];

		w->line = c->all;
		(void)snprintf(w->text, sizeof(w->text), "%s", text ? text : "");
		feed_text_clean(w->text, sizeof(w->text));
		(void)snprintf(w->why, sizeof(w->why), "%s", why);
	}
	c->wrong++;
}

static bool wanted(const struct reading *r, const char *type, const char *scope)
{
	unsigned bit = 0;

	if (strcasecmp(type, "ban") != 0)
		return false;
	if (strcasecmp(scope, "ip") == 0)
		bit = FEED_SCOPE_IP;
	else if (strcasecmp(scope, "range") == 0)
		bit = FEED_SCOPE_RANGE;
	return r->scopes & bit;
}

static int take(struct reading *r, const json_t *decision, bool gone)
{
	const char *type = json_string_value(json_object_get(decision, "type"));
	const char *scope = json_string_value(json_object_get(decision, "scope"));
	const char *value = json_string_value(json_object_get(decision, "value"));
	const char *duration = json_string_value(json_object_get(decision, "duration"));
	json_int_t id = json_integer_value(json_object_get(decision, "id"));
	struct feed_decision made = {.id = id > 0 ? (uint64_t)id : 0, .gone = gone};
	int fault;

	r->changes.all++;
	if (!type || !scope || !value) {
		wrong(r, value, "a decision has texts \"type\", \"scope\" and \"value\"");
		return 0;
	}
	if (!wanted(r, type, scope)) {
		r->changes.other++;
		return 0;
	}
	fault = prefix_parse(value, strlen(value), &made.prefix);
	if (fault && fault != PREFIX_HOST_BITS) {
		wrong(r, value, prefix_fault_text(fault));
		return 0;
	}
	if (!gone && (!duration || lapi_duration_parse(duration, &made.left_ms))) {
		wrong(r, duration ? duration : value, "\"duration\" is like \"3h59m12.3s\"");
		return 0;
	}
	made.gone = gone || !made.left_ms;
	if (r->changes.count == r->max)
		return LAPI_TOO_MANY;
	r->changes.list[r->changes.count++] = made;
	return 0;
}

static int take_all(struct reading *r, const json_t *array, bool gone)
{
	size_t i, n = json_array_size(array);
	int status = 0;

	for (i = 0; !status && i < n; i++)
		status = take(r, json_array_get(array, i), gone);
	return status;
}

static bool is_part(const json_t *value)
{
	return json_is_array(value) || json_is_null(value);
}

static int take_answer(struct reading *r, const json_t *root, char why[LAPI_WHY_LEN])
{
	const json_t *came = json_object_get(root, "new");
	const json_t *went = json_object_get(root, "deleted");
	size_t most = json_array_size(came) + json_array_size(went);
	int status;

	if (!is_part(came) || !is_part(went)) {
		(void)snprintf(why, LAPI_WHY_LEN,
			       "an answer has \"new\" and \"deleted\", each a list or null");
		return LAPI_NO_JSON;
	}
	r->changes.list = calloc(MIN(most, r->max) + 1, sizeof(*r->changes.list));
	if (!r->changes.list)
		return -ENOMEM;
	status = take_all(r, came, false);
	return status ? status : take_all(r, went, true);
}

void lapi_changes_deinit(struct lapi_changes *changes)
{
	free(changes->list);
	*changes = (struct lapi_changes){0};
}

int lapi_parse(const char *text, size_t len, unsigned scopes, uint64_t max_entries,
	       struct lapi_changes *ret_changes, char why[LAPI_WHY_LEN])
{
	struct reading r = {.scopes = scopes, .max = max_entries};
	json_error_t error;
	json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	int status;

	if (!root) {
		if (json_error_code(&error) == json_error_out_of_memory)
			return -ENOMEM;
		(void)snprintf(why, LAPI_WHY_LEN, "no JSON: line %d, column %d: %.100s", error.line,
			       error.column, error.text);
		feed_text_clean(why, LAPI_WHY_LEN);
		return LAPI_NO_JSON;
	}
	status = take_answer(&r, root, why);
	json_decref(root);
	if (status)
		lapi_changes_deinit(&r.changes);
	else
		*ret_changes = r.changes;
	return status;
}
