/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/feed/text.h>

#include <stdbool.h>
#include <string.h>

#define LOOKED_AT 32U /* lines, to know the format */

static size_t line_len(const char *at, const char *end)
{
	const char *newline = memchr(at, '\n', (size_t)(end - at));

	return newline ? (size_t)(newline - at) : (size_t)(end - at);
}

/* Nothing, a comment, or a line that has commas for other reasons. */
static bool is_other(const char *line, size_t len)
{
	static const char add[] = "add ";

	while (len && (*line == ' ' || *line == '\t'))
		line++, len--;
	if (!len || strchr("#;{\r", *line))
		return true;
	return len >= sizeof(add) - 1 && memcmp(line, add, sizeof(add) - 1) == 0;
}

enum feed_format feed_text_format(const char *text, size_t len)
{
	const char *end = text + len;
	unsigned lines = 0, commas = 0;

	while (text < end && lines < LOOKED_AT) {
		size_t line = line_len(text, end);

		if (!is_other(text, line)) {
			lines++;
			commas += memchr(text, ',', line) != NULL;
		}
		text += MIN(line + 1, (size_t)(end - text));
	}
	return commas * 2 > lines ? FEED_CSV : FEED_PLAIN;
}

static bool names_columns(const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((line[i] >= '0' && line[i] <= '9') || line[i] == ':')
			return false;
	return true;
}

/* The first column alone, without its quotes; *first: no line with entries was seen yet. */
static void cut_line(char *line, size_t len, bool *first)
{
	size_t column;
	char *comma;

	if (is_other(line, len))
		return;
	comma = memchr(line, ',', len);
	column = comma ? (size_t)(comma - line) : len;
	if (*first && names_columns(line, column))
		column = 0;
	*first = false;
	memset(line + column, ' ', len - column);
	for (size_t i = 0; i < column; i++)
		if (line[i] == '"' || line[i] == '\'')
			line[i] = ' ';
}

static void cut_columns(char *text, size_t len)
{
	char *end = text + len;
	bool first = true;

	while (text < end) {
		size_t line = line_len(text, end);

		cut_line(text, line, &first);
		text += MIN(line + 1, (size_t)(end - text));
	}
}

int feed_text_parse(enum feed_format format, char *text, size_t len, uint64_t max_entries,
		    struct cidrlist *ret_list)
{
	struct cidrlist list;
	int r;

	if (format == FEED_AUTO)
		format = feed_text_format(text, len);
	if (format == FEED_CSV)
		cut_columns(text, len);
	r = cidrlist_parse(text, len, &list);
	if (r)
		return r == CIDRLIST_TOO_MANY ? FEED_TEXT_TOO_MANY : r;
	if (list.count > max_entries) {
		cidrlist_deinit(&list);
		return FEED_TEXT_TOO_MANY;
	}
	*ret_list = list;
	return 0;
}
