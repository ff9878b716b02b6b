/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * One value: its text becomes its normal form and its number, or a reason why not. Whatever is read
 * is read whole; a number that does not fit is out of bounds, it never wraps.
 */
#include <user/daemon/config/config.h>

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <strazh/base/own.h>
#include <user/base/clock.h>
#include <user/base/prefix.h>
#include <user/wire/text.h>

static const char separators[] = " \t,";

/* ---- numbers, sizes, times ---- */

static bool read_number(const char *text, uint64_t *ret_number, const char **ret_rest)
{
	uint64_t number = 0;

	if (*text < '0' || *text > '9')
		return false;
	for (; *text >= '0' && *text <= '9'; text++)
		if (__builtin_mul_overflow(number, 10U, &number) ||
		    __builtin_add_overflow(number, (uint64_t)(*text - '0'), &number))
			return false;
	*ret_number = number;
	*ret_rest = text;
	return true;
}

static bool read_size(const char *text, uint64_t *ret_bytes)
{
	static const char units[] = "KMG";
	const char *rest, *unit;
	unsigned shift = 0;
	uint64_t number;

	if (!read_number(text, &number, &rest))
		return false;
	unit = *rest ? strchr(units, *rest) : NULL;
	if (unit) {
		shift = 10 * (unsigned)(unit - units + 1);
		rest++;
	}
	if (*rest || number > UINT64_MAX >> shift)
		return false;
	*ret_bytes = number << shift;
	return true;
}

static void show_number(enum config_kind kind, uint64_t number, char text[DURATION_TEXT_LEN])
{
	static const char units[] = "KMG";
	unsigned unit = 0;

	/* Of a time only what its short form says whole is written so. */
	if (kind == KIND_TIME && number) {
		uint64_t again;
		const char *why;

		duration_format(number, text);
		if (!duration_parse(text, &again, &why) && again == number)
			return;
		snprintf(text, DURATION_TEXT_LEN, "%" PRIu64 "s", number);
		return;
	}
	while (kind == KIND_SIZE && unit < 3 && number && number % 1024 == 0) {
		number /= 1024;
		unit++;
	}
	snprintf(text, DURATION_TEXT_LEN, "%" PRIu64 "%.*s", number, unit ? 1 : 0,
		 unit ? units + unit - 1 : "");
}

static bool parse_number(const struct config_about *about, const char *text, char *ret_text,
			 uint64_t *ret_number)
{
	const char *rest = "", *why;
	uint64_t number = 0;
	bool right;

	if (about->kind == KIND_SIZE)
		right = read_size(text, &number);
	else if (about->kind == KIND_TIME && strcmp(text, "0") != 0)
		right = duration_parse(text, &number, &why) == 0;
	else
		right = read_number(text, &number, &rest) && !*rest;
	if (!right || number < about->least || number > about->most)
		return false;
	show_number(about->kind, number, ret_text);
	*ret_number = number;
	return true;
}

/* ---- words ---- */

/* Which word of the list `words` it is, from 0; -1: none. */
static int word_index(const char *words, const char *word, size_t len)
{
	for (int i = 0; *words; i++) {
		size_t n = strcspn(words, " ");

		if (n == len && memcmp(words, word, len) == 0)
			return i;
		words += n;
		words += *words == ' ';
	}
	return -1;
}

static bool parse_word(const char *words, const char *text, char *ret_text, uint64_t *ret_number)
{
	int index = word_index(words, text, strlen(text));

	if (index < 0)
		return false;
	snprintf(ret_text, CONFIG_LINE_MAX, "%s", text);
	*ret_number = (uint64_t)index;
	return true;
}

/* ---- lists ---- */

bool config_item(const char **at, char ret_item[CONFIG_ITEM_LEN])
{
	const char *begin = *at + strspn(*at, separators);
	size_t len = strcspn(begin, separators);

	*at = begin + len;
	if (!len)
		return false;
	/* Longer ones are cut: no right item is. */
	snprintf(ret_item, CONFIG_ITEM_LEN, "%.*s", (int)MIN(len, CONFIG_ITEM_LEN - 1), begin);
	return true;
}

static bool port_right(const char *text, uint16_t *ret_port)
{
	const char *rest;
	uint64_t port;

	if (!read_number(text, &port, &rest) || *rest || !port || port > UINT16_MAX)
		return false;
	*ret_port = (uint16_t)port;
	return true;
}

/* "host:port" or "[v6]:port" apart. */
static bool split_port(const char *text, char host[CONFIG_WHY_LEN], uint16_t *ret_port,
		       bool *ret_bracketed)
{
	const char *colon = strrchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : 0;

	if (!len || len >= CONFIG_WHY_LEN || !port_right(colon + 1, ret_port))
		return false;
	*ret_bracketed = text[0] == '[';
	if (*ret_bracketed) {
		if (len < 3 || text[len - 1] != ']')
			return false;
		text++;
		len -= 2;
	}
	memcpy(host, text, len);
	host[len] = '\0';
	return true;
}

int config_address(const char *item, struct sockaddr_storage *ret_address, socklen_t *ret_len)
{
	struct sockaddr_in6 six = {.sin6_family = AF_INET6};
	struct sockaddr_in four = {.sin_family = AF_INET};
	char host[CONFIG_WHY_LEN];
	bool bracketed;
	uint16_t port;

	if (!split_port(item, host, &port, &bracketed))
		return CONFIG_WRONG;
	four.sin_port = htons(port);
	six.sin6_port = htons(port);
	memset(ret_address, 0, sizeof(*ret_address));
	if (!bracketed && inet_pton(AF_INET, host, &four.sin_addr) == 1) {
		memcpy(ret_address, &four, sizeof(four));
		*ret_len = sizeof(four);
		return 0;
	}
	if (bracketed && inet_pton(AF_INET6, host, &six.sin6_addr) == 1) {
		memcpy(ret_address, &six, sizeof(six));
		*ret_len = sizeof(six);
		return 0;
	}
	return CONFIG_WRONG;
}

bool config_target_right(const char *text)
{
	struct in6_addr six;
	char host[CONFIG_WHY_LEN];
	bool bracketed;
	uint16_t port;

	if (!split_port(text, host, &port, &bracketed))
		return false;
	if (bracketed)
		return inet_pton(AF_INET6, host, &six) == 1;
	return strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") ==
	       strlen(host);
}

bool config_upstream_name_right(const char *name)
{
	size_t len = strlen(name);

	return len && len <= CONFIG_UPSTREAM_NAME_MAX &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") ==
		       len;
}

/* The item in its normal form, in place. */
static bool item_right(const struct config_about *about, char item[CONFIG_ITEM_LEN])
{
	struct sockaddr_storage address;
	struct prefix prefix;
	socklen_t len;

	switch (about->kind) {
	case KIND_WORDS:
		return word_index(about->words, item, strlen(item)) >= 0;
	case KIND_LISTEN:
		return config_address(item, &address, &len) == 0;
	case KIND_NAMES:
		return strlen(item) < IF_NAMESIZE && !strchr(item, '/') && strcmp(item, ".") &&
		       strcmp(item, "..") && text_clean(item, strlen(item));
	case KIND_PREFIXES:
		if (prefix_parse(item, strlen(item), &prefix))
			return false;
		prefix_format(&prefix, item);
		return true;
	case KIND_NUMBER:
	case KIND_SIZE:
	case KIND_TIME:
	case KIND_SWITCH:
	case KIND_WORD:
	case KIND_TEXT:
	case KIND_PATH:
	case KIND_URL:
	default:
		return false;
	}
}

/* Is it among the items that there are already? */
static bool twice(const char *list, const char *item)
{
	char other[CONFIG_ITEM_LEN];

	while (config_item(&list, other))
		if (strcmp(other, item) == 0)
			return true;
	return false;
}

static bool parse_list(const struct config_about *about, const char *text, char *ret_text,
		       uint64_t *ret_number, char why[CONFIG_WHY_LEN])
{
	char item[CONFIG_ITEM_LEN];
	uint64_t count = 0, bits = 0;
	size_t len = 0;

	ret_text[0] = '\0';
	while (config_item(&text, item)) {
		char said[CONFIG_ITEM_LEN];

		memcpy(said, item, sizeof(said));
		if (!item_right(about, item)) {
			snprintf(why, CONFIG_WHY_LEN, "'%s': ", said);
			return false;
		}
		if (twice(ret_text, item)) {
			snprintf(why, CONFIG_WHY_LEN, "'%s' comes twice: ", said);
			return false;
		}
		if (about->kind == KIND_WORDS)
			bits |= 1ULL << word_index(about->words, item, strlen(item));
		len += (size_t)snprintf(ret_text + len, CONFIG_LINE_MAX - len, "%s%s",
					len ? " " : "", item);
		/* A normal form may be longer than what was written: "::/0" is not, but who
		 * knows. */
		if (len >= CONFIG_LINE_MAX || ++count > about->most)
			return false;
	}
	*ret_number = about->kind == KIND_WORDS ? bits : count;
	return count >= about->least;
}

/* ---- all kinds ---- */

static bool parse_text(const struct config_about *about, const char *text, char *ret_text,
		       uint64_t *ret_number)
{
	size_t len = strlen(text);

	if (len < about->least || len > about->most || !text_clean(text, len))
		return false;
	if (about->kind == KIND_PATH && len && text[0] != '/')
		return false;
	memcpy(ret_text, text, len + 1);
	*ret_number = len;
	return true;
}

static bool parse(const struct config_about *about, const char *text, char *ret_text,
		  uint64_t *ret_number, char why[CONFIG_WHY_LEN])
{
	switch (about->kind) {
	case KIND_NUMBER:
	case KIND_SIZE:
	case KIND_TIME:
		return parse_number(about, text, ret_text, ret_number);
	case KIND_SWITCH:
		return parse_word("off on", text, ret_text, ret_number);
	case KIND_WORD:
		return parse_word(about->words, text, ret_text, ret_number);
	case KIND_TEXT:
	case KIND_PATH:
	case KIND_URL:
		return parse_text(about, text, ret_text, ret_number);
	case KIND_WORDS:
	case KIND_LISTEN:
	case KIND_PREFIXES:
	case KIND_NAMES:
		return parse_list(about, text, ret_text, ret_number, why);
	default:
		return false;
	}
}

void config_value_right(const struct config_about *about, char ret_text[CONFIG_WHY_LEN])
{
	char least[DURATION_TEXT_LEN], most[DURATION_TEXT_LEN];
	static const char *const what[] = {
		[KIND_NUMBER] = "a number",
		[KIND_SIZE] = "a size",
		[KIND_TIME] = "a time",
		[KIND_TEXT] = "UTF-8 without control characters,",
		[KIND_PATH] = "an absolute path,",
		[KIND_URL] = "a URL,",
		[KIND_LISTEN] = "addresses with ports, 0.0.0.0:8000 or [::]:8000,",
		[KIND_PREFIXES] = "prefixes like 10.0.0.0/8 and addresses,",
		[KIND_NAMES] = "names of interfaces,",
	};

	switch (about->kind) {
	case KIND_SWITCH:
		snprintf(ret_text, CONFIG_WHY_LEN, "on or off");
		return;
	case KIND_WORD:
	case KIND_WORDS:
		snprintf(ret_text, CONFIG_WHY_LEN, "%s of: %s",
			 about->kind == KIND_WORD ? "one" : "one or more", about->words);
		return;
	case KIND_NUMBER:
	case KIND_SIZE:
	case KIND_TIME:
		show_number(about->kind, about->least, least);
		show_number(about->kind, about->most, most);
		snprintf(ret_text, CONFIG_WHY_LEN, "%s from %s to %s", what[about->kind], least,
			 most);
		return;
	case KIND_TEXT:
	case KIND_PATH:
	case KIND_URL:
	case KIND_LISTEN:
	case KIND_PREFIXES:
	case KIND_NAMES:
	default:
		snprintf(ret_text, CONFIG_WHY_LEN, "%s %" PRIu64 " to %" PRIu64 " %s",
			 what[about->kind], about->least, about->most,
			 about->kind == KIND_TEXT || about->kind == KIND_PATH ||
					 about->kind == KIND_URL
				 ? "bytes"
				 : "of them");
	}
}

int config_value_parse(const struct config_about *about, const char *text, char **ret_text,
		       uint64_t *ret_number, char why[CONFIG_WHY_LEN])
{
	char normal[CONFIG_LINE_MAX], right[CONFIG_WHY_LEN], begin[CONFIG_WHY_LEN] = "";
	uint64_t number = 0;
	char *copy;

	if (strlen(text) >= CONFIG_LINE_MAX || !parse(about, text, normal, &number, begin)) {
		if (!begin[0] && about->kind != KIND_URL)
			snprintf(begin, sizeof(begin), "'%.60s%s': ", text,
				 strlen(text) > 60 ? "..." : "");
		config_value_right(about, right);
		snprintf(why, CONFIG_WHY_LEN, "%.100s%.150s", begin, right);
		return CONFIG_WRONG;
	}
	copy = strdup(normal);
	if (!copy)
		return -ENOMEM;
	*ret_text = copy;
	*ret_number = number;
	return 0;
}
