/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/feed/message.h>

#include <string.h>

const char *const feed_outcome_texts[FEED_OUTCOME_COUNT] = {
#define X(name, text) [FEED_##name] = text,
	FEED_OUTCOMES(X)
#undef X
};

void feed_text_clean(char *text, size_t size)
{
	text[size - 1] = '\0';
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

static bool ends(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

bool feed_request_right(const struct feed_request *r)
{
	return r->magic == FEED_MAGIC && r->version == FEED_VERSION && r->format < FEED_FORMATS &&
	       r->max_bytes && r->max_entries && r->max_entries <= FEED_ENTRIES_MOST &&
	       r->seconds && r->url[0] && ends(r->url, sizeof(r->url)) &&
	       ends(r->etag, sizeof(r->etag)) && ends(r->modified, sizeof(r->modified)) &&
	       ends(r->key, sizeof(r->key));
}

bool feed_answer_right(struct feed_answer *answer)
{
	feed_text_clean(answer->text, sizeof(answer->text));
	return answer->magic == FEED_MAGIC && answer->outcome < FEED_OUTCOME_COUNT;
}
