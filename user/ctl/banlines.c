/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/ctl/banlines.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <user/base/clock.h>

static const char blanks[] = " \t\r\v\f";

/* Cut the first word off; what follows it, without leading blanks. */
static char *cut_word(char *text)
{
	char *end = text + strcspn(text, blanks);

	if (*end)
		*end++ = '\0';
	return end + strspn(end, blanks);
}

static void cut_tail(char *text)
{
	size_t len = strlen(text);

	while (len && strchr(blanks, text[len - 1]))
		text[--len] = '\0';
}

static int bad_prefix(const char *word, int fault, const struct prefix *meant,
		      char why[BANLINE_WHY_LEN])
{
	char right[PREFIX_TEXT_LEN];

	if (fault == PREFIX_HOST_BITS)
		(void)snprintf(why, BANLINE_WHY_LEN,
			       "'%.60s' has bits set beyond its length; did you mean %s?", word,
			       prefix_format(meant, right));
	else
		(void)snprintf(why, BANLINE_WHY_LEN, "'%.60s': %s", word, prefix_fault_text(fault));
	return -EINVAL;
}

int banline_parse(char *line, struct banline *ret_line, char why[BANLINE_WHY_LEN])
{
	struct banline parsed = {0};
	char *word = line + strspn(line, blanks), *rest, *after;
	const char *right;
	int fault;

	if (!*word || *word == '#' || *word == ';')
		return BANLINE_EMPTY;
	cut_tail(word);
	rest = cut_word(word);
	fault = prefix_parse(word, strlen(word), &parsed.prefix);
	if (fault)
		return bad_prefix(word, fault, &parsed.prefix, why);
	if (*rest >= '0' && *rest <= '9') {
		after = cut_word(rest);
		if (duration_parse(rest, &parsed.for_s, &right)) {
			(void)snprintf(why, BANLINE_WHY_LEN, "'%.40s' is no duration: %s", rest,
				       right);
			return -EINVAL;
		}
		rest = after;
	}
	parsed.reason = *rest ? rest : NULL;
	*ret_line = parsed;
	return 0;
}
