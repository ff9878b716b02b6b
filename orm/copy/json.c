/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The digest of a JSON value, in one pass over its text and without recursion: each open array or
 * object is a frame. An array's frame chains the digests of its elements; an object's adds those of
 * its members, so that their order does not count and nothing has to be sorted.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <strazh/base/own.h>

#include <orm/base/decimal.h>
#include <orm/copy/digest.h>

struct frame {
	bool object;
	bool keyed; /* an object's member: `key` is set */
	bool comma; /* an element must follow */
	uint64_t count;
	struct copy_sum sum;
	struct copy_sum key;
};

struct reader {
	struct copy_digester *d;
	const char *at, *end;
	struct frame frames[COPY_JSON_DEPTH];
	unsigned depth;
};

static void skip_space(struct reader *j)
{
	while (j->at < j->end &&
	       (*j->at == ' ' || *j->at == '\t' || *j->at == '\n' || *j->at == '\r'))
		j->at++;
}

/* The digest of a kind, a count, and one or two digests. */
static int digest_node(struct reader *j, char kind, uint64_t count, const struct copy_sum *a,
		       const struct copy_sum *b, struct copy_sum *ret)
{
	struct {
		uint64_t kind;
		uint64_t count;
		struct copy_sum a, b;
	} node = {(uint64_t)kind, count, *a, b ? *b : (struct copy_sum){{0}}};

	return copy_sha256(j->d, &node, sizeof(node), ret);
}

static int digest_text(struct reader *j, char kind, const char *text, size_t len,
		       struct copy_sum *ret)
{
	struct copy_sum plain;
	int r = copy_sha256(j->d, text, len, &plain);

	return r ? r : digest_node(j, kind, len, &plain, NULL, ret);
}

/* ---- strings ---- */

static int hex4(struct reader *j, unsigned *ret)
{
	unsigned n = 0;

	if (j->end - j->at < 4)
		return ORM_E_VALUE;
	for (unsigned i = 0; i < 4; i++) {
		char c = *j->at++;

		if (!isxdigit((unsigned char)c))
			return ORM_E_VALUE;
		n = n << 4 | (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	*ret = n;
	return 0;
}

static size_t put_utf8(char *to, unsigned c)
{
	if (c < 0x80) {
		to[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		to[0] = (char)(0xc0 | c >> 6);
		to[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		to[0] = (char)(0xe0 | c >> 12);
		to[1] = (char)(0x80 | (c >> 6 & 0x3f));
		to[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	to[0] = (char)(0xf0 | c >> 18);
	to[1] = (char)(0x80 | (c >> 12 & 0x3f));
	to[2] = (char)(0x80 | (c >> 6 & 0x3f));
	to[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* Behind "\u". Six characters become three bytes at most, twelve become four. */
static int take_unicode(struct reader *j, char *to, size_t *len)
{
	unsigned c, low;
	int r = hex4(j, &c);

	if (r)
		return r;
	if (c >= 0xd800 && c < 0xdc00) {
		if (j->end - j->at < 6 || j->at[0] != '\\' || j->at[1] != 'u')
			return ORM_E_VALUE;
		j->at += 2;
		r = hex4(j, &low);
		if (r || low < 0xdc00 || low > 0xdfff)
			return ORM_E_VALUE;
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	}
	*len += put_utf8(to + *len, c);
	return 0;
}

static int take_escape(struct reader *j, char *to, size_t *len)
{
	static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
	const char *at;

	if (j->at == j->end)
		return ORM_E_VALUE;
	if (*j->at == 'u') {
		j->at++;
		return take_unicode(j, to, len);
	}
	at = memchr(from, *j->at++, sizeof(from) - 1);
	if (!at)
		return ORM_E_VALUE;
	to[(*len)++] = into[at - from];
	return 0;
}

static int take_string(struct reader *j, struct copy_sum *ret)
{
	size_t len = 0;
	int r = 0;

	for (j->at++; j->at < j->end && *j->at != '"' && !r;) {
		if (*j->at != '\\') {
			j->d->text[len++] = *j->at++;
			continue;
		}
		j->at++;
		r = take_escape(j, j->d->text, &len);
	}
	if (r || j->at == j->end)
		return ORM_E_VALUE;
	j->at++;
	return digest_text(j, 's', j->d->text, len, ret);
}

/* ---- other scalars ---- */

static int take_number(struct reader *j, struct copy_sum *ret)
{
	const char *begin = j->at, *why;
	struct orm_decimal decimal;
	own_free char *text = NULL;

	while (j->at < j->end && *j->at &&
	       (isdigit((unsigned char)*j->at) || strchr("+-.eE", *j->at)))
		j->at++;
	if (orm_decimal_parse(begin, (size_t)(j->at - begin), &decimal, &why))
		return ORM_E_VALUE;
	text = malloc(orm_decimal_len(&decimal) + 1);
	if (!text)
		return -ENOMEM;
	orm_decimal_emit(&decimal, text);
	return digest_text(j, 'n', text, strlen(text), ret);
}

static int take_scalar(struct reader *j, struct copy_sum *ret)
{
	static const char *const words[] = {"true", "false", "null"};

	if (*j->at == '"')
		return take_string(j, ret);
	for (unsigned i = 0; i < ARRAY_LEN(words); i++) {
		size_t len = strlen(words[i]);

		if ((size_t)(j->end - j->at) >= len && !memcmp(j->at, words[i], len)) {
			j->at += len;
			return digest_text(j, 'w', words[i], len, ret);
		}
	}
	return *j->at == '-' || isdigit((unsigned char)*j->at) ? take_number(j, ret) : ORM_E_VALUE;
}

/* ---- arrays and objects ---- */

static int enter(struct reader *j)
{
	if (j->depth == COPY_JSON_DEPTH)
		return ORM_E_VALUE;
	j->frames[j->depth++] = (struct frame){.object = *j->at++ == '{'};
	return 0;
}

/* A value is complete: into the frame that it is in. */
static int add_to(struct reader *j, struct frame *f, const struct copy_sum *value)
{
	struct copy_sum node;
	int r;

	if (f->object && !f->keyed)
		return ORM_E_VALUE;
	r = digest_node(j, f->object ? 'm' : 'e', f->object ? 0 : f->count,
			f->object ? &f->key : &f->sum, value, &node);
	if (r)
		return r;
	if (f->object)
		copy_sum_add(&f->sum, &node);
	else
		f->sum = node;
	f->count++;
	f->keyed = f->comma = false;
	return 0;
}

/* In an object, before a member: its name and colon. */
static int take_key(struct reader *j, struct frame *f)
{
	int r;

	if (*j->at != '"')
		return ORM_E_VALUE;
	r = take_string(j, &f->key);
	if (r)
		return r;
	skip_space(j);
	if (j->at == j->end || *j->at++ != ':')
		return ORM_E_VALUE;
	f->keyed = true;
	skip_space(j);
	return j->at == j->end ? ORM_E_VALUE : 0;
}

/* One step inside a frame: its end, or what comes before its next value. *ret_ended: with *ret. */
static int inside(struct reader *j, struct frame *f, bool *ret_ended, struct copy_sum *ret)
{
	*ret_ended = false;
	skip_space(j);
	if (j->at == j->end)
		return ORM_E_VALUE;
	if (*j->at == (f->object ? '}' : ']') && !f->comma) {
		j->at++;
		j->depth--;
		*ret_ended = true;
		return digest_node(j, f->object ? 'o' : 'a', f->count, &f->sum, NULL, ret);
	}
	if (f->count && !f->comma) {
		if (*j->at++ != ',')
			return ORM_E_VALUE;
		f->comma = true;
		skip_space(j);
		if (j->at == j->end)
			return ORM_E_VALUE;
	}
	return f->object ? take_key(j, f) : 0;
}

static int read_value(struct reader *j, struct copy_sum *ret)
{
	struct copy_sum value;
	int r;

	for (;;) {
		bool ended = false;

		if (j->depth) {
			r = inside(j, &j->frames[j->depth - 1], &ended, &value);
			if (r)
				return r;
		}
		if (!ended && (*j->at == '[' || *j->at == '{')) {
			r = enter(j);
			if (r)
				return r;
			continue;
		}
		r = ended ? 0 : take_scalar(j, &value);
		if (!r && j->depth)
			r = add_to(j, &j->frames[j->depth - 1], &value);
		if (r)
			return r;
		if (!j->depth) {
			*ret = value;
			return 0;
		}
	}
}

int copy_json_digest(struct copy_digester *d, const char *text, size_t len,
		     struct copy_sum *ret_digest)
{
	struct reader *j;
	int r;

	if (len + 4 > d->text_room) {
		char *more = realloc(d->text, len * 2 + 64);

		if (!more)
			return -ENOMEM;
		d->text = more;
		d->text_room = len * 2 + 64;
	}
	j = malloc(sizeof(*j));
	if (!j)
		return -ENOMEM;
	j->d = d;
	j->at = text;
	j->end = text + len;
	j->depth = 0;
	skip_space(j);
	r = j->at == j->end ? ORM_E_VALUE : read_value(j, ret_digest);
	if (!r)
		skip_space(j);
	if (!r && j->at != j->end)
		r = ORM_E_VALUE;
	free(j);
	return r;
}
