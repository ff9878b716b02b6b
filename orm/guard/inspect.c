/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One value in its contexts. Inside quotes nothing happens before the closing quote, so most values
 * cost one memchr() there; bare, prose ends at its second or third word. What is encoded is decoded
 * into a buffer on the stack and judged again, twice at most.
 */
#include <string.h>

#include <orm/guard/decode.h>
#include <orm/guard/parse.h>
#include <strazh/base/compiler.h>

#define HEAD_MAX (ORM_GUARD_VALUE_MAX / 4 * 3)
#define TAIL_MAX (ORM_GUARD_VALUE_MAX - HEAD_MAX)
#define ROUNDS 2

static const char *const context_names[] = {"bare", "single", "double"};
static const char *const class_names[] = {
#define NAME_OF(NAME, name, text) name,
	ORM_GUARD_CLASSES(NAME_OF)
#undef NAME_OF
};
static const char *const reasons[ORM_GUARD_CONTEXTS][ORM_GUARD_CLASS_COUNT] = {
	{
#define REASON_OF(NAME, name, text) "continues behind the value and " text,
		ORM_GUARD_CLASSES(REASON_OF)
#undef REASON_OF
	},
	{
#define REASON_OF(NAME, name, text) "closes '...' and " text,
		ORM_GUARD_CLASSES(REASON_OF)
#undef REASON_OF
	},
	{
#define REASON_OF(NAME, name, text) "closes \"...\" and " text,
		ORM_GUARD_CLASSES(REASON_OF)
#undef REASON_OF
	},
};

const char *orm_guard_class_name(enum orm_guard_class class)
{
	return class < ORM_GUARD_CLASS_COUNT ? class_names[class] : "?";
}

const char *orm_guard_context_name(enum orm_guard_context context)
{
	return context < ORM_GUARD_CONTEXTS ? context_names[context] : "?";
}

/* What is looked at: a piece of the value, at `base` bytes from its beginning. */
struct piece {
	const uint8_t *p, *end;
	size_t base;
	bool encoded;
	float threshold;
};

static void note(struct orm_guard_finding *f, enum orm_guard_context context,
		 const struct piece *piece, const uint8_t *at, const struct guard_parse *s)
{
	enum orm_guard_class class;
	float score = guard_score(s, &class);

	if (score >= piece->threshold) {
		f->injection = true;
		f->contexts |= (uint8_t)(1U << context);
	}
	if (score <= f->score || !class)
		return;
	f->score = score;
	f->context = (uint8_t)context;
	f->class = (uint8_t) class;
	f->encoded = piece->encoded;
	f->offset = piece->base + (size_t)(at - piece->p);
	f->reason = reasons[context][class];
}

/* The quote that ends the value's string; doubled ones do not. NULL: none does. */
static const uint8_t *closing(const struct piece *piece, uint8_t quote)
{
	const uint8_t *q = piece->p;

	while ((q = memchr(q, quote, (size_t)(piece->end - q)))) {
		if (q + 1 == piece->end || q[1] != quote)
			return q;
		q += 2;
		if (q >= piece->end)
			return NULL;
	}
	return NULL;
}

static void inspect_quoted(struct orm_guard_finding *f, enum orm_guard_context context,
			   const struct piece *piece, uint8_t quote)
{
	const uint8_t *q = piece->p < piece->end ? closing(piece, quote) : NULL;
	struct guard_parse s;

	if (!q)
		return;
	guard_parse(&s, q + 1, piece->end, quote);
	note(f, context, piece, q, &s);
}

/* Where the value itself ends, of a bare one: blanks, then a number or name. */
static const uint8_t *word_end(const struct piece *piece)
{
	const uint8_t *p = piece->p;

	while (p < piece->end && (*p == ' ' || *p == '-' || *p == '+'))
		p++;
	while (p < piece->end && (*p == '_' || *p == '.' || (*p >= '0' && *p <= '9') ||
				  ((*p | 0x20) >= 'a' && (*p | 0x20) <= 'z') || *p >= 0x80))
		p++;
	return p;
}

static void inspect_bare(struct orm_guard_finding *f, const struct piece *piece)
{
	const uint8_t *end = word_end(piece);
	struct guard_parse s;

	if (end == piece->end)
		return; /* one word */
	guard_parse(&s, piece->p, piece->end, 0);
	note(f, ORM_GUARD_BARE, piece, end, &s);
	/* A bare name may be in quotes of its own. */
	inspect_quoted(f, ORM_GUARD_BARE, piece, '`');
	inspect_quoted(f, ORM_GUARD_BARE, piece, ']');
}

static void inspect_piece(struct orm_guard_finding *f, unsigned contexts, const struct piece *piece)
{
	if (contexts & 1U << ORM_GUARD_SINGLE)
		inspect_quoted(f, ORM_GUARD_SINGLE, piece, '\'');
	if (contexts & 1U << ORM_GUARD_DOUBLE)
		inspect_quoted(f, ORM_GUARD_DOUBLE, piece, '"');
	if (contexts & 1U << ORM_GUARD_BARE)
		inspect_bare(f, piece);
}

static void inspect_decoded(struct orm_guard_finding *f, unsigned contexts,
			    const struct piece *piece)
{
	uint8_t buffer[GUARD_DECODE_MAX];
	size_t len = (size_t)(piece->end - piece->p);
	struct piece decoded = {.p = buffer, .encoded = true, .threshold = piece->threshold};

	for (unsigned i = 0; i < ROUNDS && !f->injection; i++) {
		len = i ? guard_decode(buffer, len, buffer) : guard_decode(piece->p, len, buffer);
		if (!len)
			return;
		decoded.end = buffer + len;
		inspect_piece(f, contexts, &decoded);
	}
}

void orm_guard_inspect(const void *text, size_t len, unsigned contexts, float threshold,
		       struct orm_guard_finding *ret_finding)
{
	struct orm_guard_finding f = {.reason = ""};
	struct piece piece = {.p = text,
			      .threshold = threshold > 0 ? threshold : ORM_GUARD_THRESHOLD};

	if (!text)
		len = 0;
	piece.end = piece.p + (len > ORM_GUARD_VALUE_MAX ? HEAD_MAX : len);
	if (len)
		inspect_piece(&f, contexts, &piece);
	if (len && !f.injection && guard_is_encoded(piece.p, (size_t)(piece.end - piece.p)))
		inspect_decoded(&f, contexts, &piece);
	if (len > ORM_GUARD_VALUE_MAX && !f.injection) {
		piece.base = len - TAIL_MAX;
		piece.p = (const uint8_t *)text + piece.base;
		piece.end = piece.p + TAIL_MAX;
		inspect_piece(&f, contexts & ~(1U << ORM_GUARD_BARE), &piece);
	}
	if (!f.injection)
		f.reason = "";
	*ret_finding = f;
}
