/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What the room says, as lines for people or as JSON. Bytes of strangers reach a terminal only as
 * clean UTF-8 without control characters: all else becomes '?'.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include <user/client/cli/chat.h>
#include <user/client/cli/keys.h>
#include <user/crypto/base64.h>
#include <user/wire/message.h>
#include <user/wire/text.h>

size_t chat_signed_text(const struct chat *c, uint8_t content, const void *body, size_t len,
			uint8_t *to)
{
	static const uint8_t label[9] = {'P', 'H', 'S', '1', ' ', 'p', 'o', 's', 't'};
	uint8_t *at = to;

	memcpy(at, label, sizeof(label));
	at += sizeof(label);
	*at++ = (uint8_t)c->name_len;
	memcpy(at, c->name, c->name_len);
	at += c->name_len;
	*at++ = content;
	memcpy(at, body, len);
	return (size_t)(at - to) + len;
}

/* ---- texts ---- */

/* A terminated copy, clean; to be freed; NULL: no memory. */
static char *cleaned(const void *bytes, size_t len)
{
	const uint8_t *from = bytes;
	char *text = malloc(len + 1);
	size_t at = 0;

	if (!text)
		return NULL;
	while (at < len) {
		size_t n = 1; /* of one character */

		while (n < 4 && at + n < len && (from[at + n] & 0xc0) == 0x80)
			n++;
		if (text_clean(from + at, n)) {
			memcpy(text + at, from + at, n);
			at += n;
		} else {
			text[at++] = '?';
		}
	}
	text[len] = 0;
	return text;
}

#define WHO_LEN 48
static const char *who(const struct chat *c, const uint8_t *key, uint64_t member,
		       char text[WHO_LEN])
{
	const struct known *known = key ? known_find(&c->known, key) : NULL;
	char id[KEYFILE_ID_TEXT_LEN];

	if (known)
		snprintf(text, WHO_LEN, "%s", known->name);
	else if (key)
		snprintf(text, WHO_LEN, "%s", keys_short(key, id));
	else
		snprintf(text, WHO_LEN, "anonymous-%" PRIx64, member);
	return text;
}

/* ---- signatures ---- */

static const char *judge(const struct chat *c, uint8_t content, const struct relay_event *e)
{
	const struct known *known = e->key ? known_find(&c->known, e->key) : NULL;
	const char *verdict = "unknown";
	uint8_t *text;

	if (!e->signature)
		return "none";
	if (!known || !known->has_signing || e->len > PH_MESSAGE_MAX)
		return verdict;
	text = malloc(CHAT_SIGNED_MAX);
	if (text)
		verdict = sign_check(c->cli->crypto, known->signing, text,
				     chat_signed_text(c, content, e->body, e->len, text),
				     e->signature)
				  ? "bad"
				  : "good";
	free(text);
	return verdict;
}

/* ---- output ---- */

static void put_json(json_t *object)
{
	if (!object)
		return;
	json_dumpf(object, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(object);
}

void chat_show_joined(const struct chat *c, const struct relay_joined *joined)
{
	char *welcome = cleaned(joined->welcome, joined->welcome_len);

	if (c->cli->json)
		put_json(json_pack("{ss ss sI si ss}", "event", "joined", "room", c->name, "member",
				   (json_int_t)joined->member, "members", (int)joined->members,
				   "welcome", welcome ? welcome : ""));
	else
		printf("* joined %s, %" PRIu32 " here%s%s\n", c->name, joined->members,
		       welcome && *welcome ? ": " : "", welcome ? welcome : "");
	free(welcome);
	fflush(stdout);
}

void chat_show_presence(const struct chat *c, const struct relay_presence *p)
{
	const char *what = p->what == RELAY_HERE ? "here" : p->what == RELAY_CAME ? "came" : "went";
	char name[WHO_LEN];

	who(c, p->key, p->member, name);
	if (c->cli->json)
		put_json(json_pack("{ss ss ss sI}", "event", "presence", "what", what, "from", name,
				   "member", (json_int_t)p->member));
	else
		printf("* %s %s%s\n", name, p->what == RELAY_HERE ? "is " : "", what);
	fflush(stdout);
}

static void show_line(const char *name, const char *text, const char *signature, uint64_t time_s)
{
	char when[32] = "";
	time_t at = (time_t)time_s;
	struct tm tm;

	if (time_s && localtime_r(&at, &tm))
		(void)!strftime(when, sizeof(when), "(%Y-%m-%d %H:%M:%S) ", &tm);
	printf("%s%s%s: %s\n", when, name,
	       !strcmp(signature, "good")  ? " (signed)"
	       : !strcmp(signature, "bad") ? " (BAD SIGNATURE)"
	       : *signature == 'u'	   ? " (signature not checked)"
					   : "",
	       text);
}

void chat_show_event(const struct chat *c, uint8_t content, const struct relay_event *e)
{
	const char *signature = judge(c, content, e);
	char name[WHO_LEN], *text = cleaned(e->body, e->len);
	char key[BASE64_LEN(PH_KEY_LEN) + 1] = "";

	if (!text)
		return;
	who(c, e->key, e->member, name);
	if (e->key)
		base64_emit(e->key, PH_KEY_LEN, key);
	if (c->cli->json)
		put_json(json_pack("{ss ss ss sI ss ss sI ss}", "event",
				   e->room ? "message" : "direct", "from", name, "key", key,
				   "member", (json_int_t)e->member, "text", text, "signature",
				   signature, "time", (json_int_t)e->time, "content",
				   content_name(content)));
	else
		show_line(name, text, signature, e->time);
	free(text);
	fflush(stdout);
}

void chat_show_missed(const struct chat *c, uint32_t count)
{
	if (c->cli->json)
		printf("{\"event\":\"missed\",\"count\":%" PRIu32 "}\n", count);
	else
		printf("* %" PRIu32 " messages were dropped: we are slow\n", count);
	fflush(stdout);
}

void chat_show_state(const struct chat *c, const char *what, const char *why)
{
	if (c->cli->json)
		put_json(json_pack("{ss ss}", "event", what, "why", why));
	else
		printf("* %s: %s; connecting again\n", what, why);
	fflush(stdout);
}
