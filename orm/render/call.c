/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions, aggregates and windows. PostgreSQL widens the sum of integers to numeric;
 * here it is a BIGINT again on both, so that a result type does not depend on the database.
 */
#include <orm/render/call.h>
#include <orm/render/typing.h>

static const struct {
	const char *name;
	const char *pg;
	const char *sqlite;
	uint8_t least, most;
	char group;
} funcs[] = {
#define FUNC_ROW(name, pg, sqlite, least, most, group) {#name, pg, sqlite, least, most, group},
	ORM_FUNCS(FUNC_ROW)
#undef FUNC_ROW
};

static const struct typed faulty = {.type = ORM_T_NONE};

bool has_op(const uint64_t *at, const uint64_t *end, enum orm_op op)
{
	uint32_t operands;

	for (; at < end; at += node_size(at, &operands)) {
		if (word_op(*at) == op)
			return true;
	}
	return false;
}

bool has_aggregate(const uint64_t *at, const uint64_t *end)
{
	bool window = false;
	uint32_t operands;

	for (; at < end; at += node_size(at, &operands)) {
		unsigned op = word_op(*at), func = word_func(*at);

		if (op == ORM_OP_CALL && func < ORM_F_COUNT_ && funcs[func].group == 'a' && !window)
			return true;
		/* OVER(call) and OVER(FILTER(call)) are windows. */
		window = op == ORM_OP_OVER || (window && op == ORM_OP_FILTER);
	}
	return false;
}

struct typed refuse_call(struct render *r, enum orm_func f, const struct typed *a)
{
	render_fault(r, ORM_E_QUERY, "%s of %s: there is no such function%s", funcs[f].name,
		     orm_type_name(a->type), is_pg(r) ? "" : " in SQLite");
	return faulty;
}

/* ---- functions whose form is their own in each database: part.c has more ---- */

/* a OP b, in PostgreSQL only. */
static struct typed render_pg_pair(struct render *r, struct scope *s, struct words *w,
				   enum orm_func f)
{
	bool match = f == ORM_F_TEXT_MATCH, net = f == ORM_F_NET_HAS;
	struct typed a, b;
	bool fits;

	if (!is_pg(r)) {
		render_fault(r, ORM_E_QUERY, "%s is for PostgreSQL; SQLite has no such operation",
			     funcs[f].name);
		return faulty;
	}
	put(r, match ? "(to_tsvector('simple', " : "(");
	a = render_expr(r, s, w);
	put(r, match		      ? ") @@ plainto_tsquery('simple', "
	       : net		      ? " >>= "
	       : f == ORM_F_VECTOR_L2 ? " <-> "
				      : " <=> ");
	b = render_expr(r, s, w);
	put(r, match ? "))" : ")");
	if (r->class || !settle(r, &a, &b))
		return faulty;
	if (match)
		fits = a.type == ORM_T_TEXT && b.type == ORM_T_TEXT;
	else if (net)
		fits = (a.type == ORM_T_INET || a.type == ORM_T_CIDR) &&
		       types_compare(a.type, b.type, r->dialect);
	else
		fits = a.type == ORM_T_VECTOR && b.type == ORM_T_VECTOR;
	if (!fits)
		return refuse_call(r, f, &a);
	return (struct typed){.type = match || net ? ORM_T_BOOLEAN : ORM_T_DOUBLE,
			      .nullable = true};
}

static struct typed render_now(struct render *r)
{
	put(r, is_pg(r) ? "now()" : "CAST((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER)");
	return (struct typed){.type = ORM_T_TIMESTAMP_MS};
}

/* ---- functions that are written alike ---- */

static enum orm_type aggregate_type(enum orm_func f, const struct typed *a,
				    enum orm_dialect dialect)
{
	switch ((unsigned)f) {
	case ORM_F_SUM:
		return type_is_integer(a->type)				       ? ORM_T_BIGINT
		       : type_is_float(a->type)				       ? ORM_T_DOUBLE
		       : a->type == ORM_T_NUMERIC && dialect == ORM_POSTGRESQL ? ORM_T_NUMERIC
									       : ORM_T_NONE;
	case ORM_F_AVG:
		return type_is_number(a->type) ? ORM_T_DOUBLE : ORM_T_NONE;
	case ORM_F_MIN:
	case ORM_F_MAX:
		return type_has_min(a->type, dialect) ? a->type : ORM_T_NONE;
	default:
		return a->type == ORM_T_NONE ? ORM_T_NONE : ORM_T_BIGINT; /* COUNT */
	}
}

/* The type of the first, as PostgreSQL's `=` takes it. */
static enum orm_type nullif_type(struct render *r, struct typed *args)
{
	enum orm_type type;

	if (!settle(r, &args[0], &args[1]) ||
	    !types_compare(args[0].type, args[1].type, r->dialect) ||
	    !type_has_equality(args[0].type, r->dialect))
		return ORM_T_NONE;
	type = args[0].type;
	if (type_is_number(type) && type_is_integer(type) != type_is_integer(args[1].type))
		return ORM_T_DOUBLE;
	return type == ORM_T_CIDR && args[1].type == ORM_T_INET ? ORM_T_INET : type;
}

static enum orm_type plain_type(struct render *r, enum orm_func f, struct typed *args, uint32_t n)
{
	enum orm_type type = args[0].type;

	switch ((unsigned)f) {
	case ORM_F_LOWER:
	case ORM_F_UPPER:
	case ORM_F_TRIM:
		return type == ORM_T_TEXT ? ORM_T_TEXT : ORM_T_NONE;
	case ORM_F_LENGTH:
		return type == ORM_T_TEXT ? ORM_T_INTEGER : ORM_T_NONE;
	case ORM_F_SUBSTR:
		return type == ORM_T_TEXT && type_is_integer(args[1].type) &&
				       (n == 2 || type_is_integer(args[2].type))
			       ? ORM_T_TEXT
			       : ORM_T_NONE;
	case ORM_F_REPLACE:
		return type == ORM_T_TEXT && args[1].type == ORM_T_TEXT &&
				       args[2].type == ORM_T_TEXT
			       ? ORM_T_TEXT
			       : ORM_T_NONE;
	case ORM_F_ABS:
		return type_is_number(type) ? type : ORM_T_NONE;
	case ORM_F_ROUND:
		return type_is_number(type) ? ORM_T_DOUBLE : ORM_T_NONE;
	case ORM_F_NULLIF:
		return nullif_type(r, args);
	case ORM_F_COALESCE:
		return common_type(r, args, n, &type) ? type : ORM_T_NONE;
	case ORM_F_NTILE:
		return type_is_integer(type) ? ORM_T_INTEGER : ORM_T_NONE;
	case ORM_F_LAG:
	case ORM_F_LEAD:
	case ORM_F_FIRST_VALUE:
	case ORM_F_LAST_VALUE:
		return type;
	default:
		return aggregate_type(f, &args[0], r->dialect);
	}
}

/* Where PostgreSQL has the function for 32-bit numbers only. */
static bool wants_int4(enum orm_func f, uint32_t argument)
{
	return f == ORM_F_NTILE || (f == ORM_F_SUBSTR && argument > 0);
}

/* Where each argument stands: [begin, end). */
struct places {
	size_t begin[ARGS_MAX], end[ARGS_MAX];
};

static void render_args(struct render *r, struct scope *s, struct words *w, enum orm_func f,
			uint32_t n, struct typed *args, struct places *at)
{
	bool aggregate = funcs[f].group == 'a';

	if (!n && f == ORM_F_COUNT)
		put(r, "*");
	for (uint32_t i = 0; i < n && !r->class; i++) {
		if (i)
			put(r, ", ");
		if (aggregate && word_op(*w->at) == ORM_OP_DISTINCT) {
			put(r, "DISTINCT ");
			w->at++;
			args[i] = render_expr(r, s, w);
			if (!r->class && !type_has_equality(args[i].type, r->dialect))
				render_fault(r, ORM_E_QUERY, "DISTINCT of %s",
					     orm_type_name(args[i].type));
		} else {
			at->begin[i] = r->len;
			args[i] = render_expr(r, s, w);
			at->end[i] = r->len;
		}
		if (is_pg(r) && wants_int4(f, i))
			put(r, "::integer");
		/* PostgreSQL would sum with the digits of a REAL. */
		if (is_pg(r) && f == ORM_F_SUM && args[i].type == ORM_T_REAL)
			put(r, "::double precision");
	}
}

/* What is not the same function in both databases: its text once more, in other words. */

/* SQLite counts from the end below 1, and backwards for a negative length. */
static void substr_in_sqlite(struct render *r, uint32_t n, const struct places *at, size_t call)
{
	size_t begin = r->len;

	put(r, "substr(");
	put_again(r, at->begin[0], at->end[0]);
	put(r, ", max(");
	put_again(r, at->begin[1], at->end[1]);
	put(r, ", 1)");
	if (n == 3) {
		put(r, ", max(");
		put_again(r, at->begin[1], at->end[1]);
		put(r, " + ");
		put_again(r, at->begin[2], at->end[2]);
		put(r, " - max(");
		put_again(r, at->begin[1], at->end[1]);
		put(r, ", 1), 0)");
	}
	put(r, ")");
	keep_tail(r, call, begin);
}

/* SQLite looks at the third operand only when the second is not empty; NULL in is NULL out. */
static void replace_in_sqlite(struct render *r, const struct places *at, size_t call)
{
	size_t begin = r->len;

	put(r, "(CASE WHEN ");
	put_again(r, at->begin[2], at->end[2]);
	put(r, " IS NOT NULL THEN ");
	put_again(r, call, begin);
	put(r, " END)");
	keep_tail(r, call, begin);
}

/* PostgreSQL rounds a half to the even number; here away from zero, as SQLite does. */
static void round_in_pg(struct render *r, const struct places *at, size_t call)
{
	size_t begin = r->len;

	put(r, "(CASE WHEN abs(");
	put_again(r, at->begin[0], at->end[0]);
	put(r, ") < 4503599627370496 THEN trunc(");
	put_again(r, at->begin[0], at->end[0]);
	put(r, " + sign(");
	put_again(r, at->begin[0], at->end[0]);
	put(r, ") * 0.5) ELSE ");
	put_again(r, at->begin[0], at->end[0]);
	put(r, " END)");
	keep_tail(r, call, begin);
}

/* The text of the call, which begins at `call` and is complete, as the types want it. */
static void mend_call(struct render *r, enum orm_func f, const struct typed *args, uint32_t n,
		      enum orm_type type, const struct places *at, size_t call)
{
	if (f == ORM_F_SUBSTR && !is_pg(r)) {
		substr_in_sqlite(r, n, at, call);
	} else if (f == ORM_F_REPLACE && !is_pg(r) && args[2].nullable) {
		replace_in_sqlite(r, at, call);
	} else if (f == ORM_F_ROUND && is_pg(r) && type_is_float(args[0].type)) {
		round_in_pg(r, at, call);
	} else if (f == ORM_F_COALESCE && is_mixed(args, n, type)) {
		put_real(r, call, r->len);
	} else if (f == ORM_F_NULLIF && is_mixed(args, n, type)) {
		for (unsigned i = 2; i--;) {
			if (type_is_integer(args[i].type))
				put_real(r, at->begin[i], at->end[i]);
		}
	} else if (f == ORM_F_NULLIF && is_pg(r) && type == ORM_T_CIDR) {
		put(r, "::cidr"); /* which has no `=` of its own: it was made an inet */
	}
}

/* PostgreSQL only: sums and averages back to what both databases have. */
static const char *cast_of(const struct render *r, enum orm_func f, enum orm_type type)
{
	if (!is_pg(r) || (f != ORM_F_SUM && f != ORM_F_AVG) || type == ORM_T_NUMERIC)
		return NULL;
	return type == ORM_T_BIGINT ? ")::bigint" : ")::double precision";
}

/* The call without its cast; the words are behind the CALL word. */
static struct typed render_bare(struct render *r, struct scope *s, struct words *w, enum orm_func f,
				uint32_t n)
{
	struct typed args[ARGS_MAX] = {{0}};
	struct places at;
	size_t begin = r->len;
	enum orm_type type;

	put(r, is_pg(r) ? funcs[f].pg : funcs[f].sqlite);
	put(r, "(");
	render_args(r, s, w, f, n, args, &at);
	put(r, ")");
	if (r->class)
		return faulty;
	if (!n)
		return (struct typed){.type = ORM_T_BIGINT};
	type = plain_type(r, f, args, n);
	if (type == ORM_T_NONE)
		return refuse_call(r, f, &args[0]);
	mend_call(r, f, args, n, type, &at, begin);
	return (struct typed){.type = type, .nullable = f != ORM_F_COUNT};
}

static bool call_fits(struct render *r, uint64_t word)
{
	unsigned f = word_func(word);
	uint32_t n = word_n(word);

	if (f >= ORM_F_COUNT_)
		render_fault(r, ORM_E_QUERY, "there is no function number %u", f);
	else if (n < funcs[f].least || n > funcs[f].most)
		render_fault(r, ORM_E_QUERY, "%s takes %u to %u operands, not %u", funcs[f].name,
			     funcs[f].least, funcs[f].most, n);
	return !r->class;
}

/* Whose columns an aggregate names: begin, render it, end. */
struct seen {
	bool own, foreign;
};

static struct seen seen_begin(struct scope *s)
{
	struct seen had = {s->own, s->foreign};

	s->own = s->foreign = false;
	return had;
}

/* SQL gives an aggregate of outer columns alone to the outer query, and groups that. */
static void seen_end(struct render *r, struct scope *s, struct seen had, enum orm_func f)
{
	if (s->foreign && !s->own)
		render_fault(r, ORM_E_QUERY, "%s of columns of the outer query alone",
			     funcs[f].name);
	s->own |= had.own;
	s->foreign |= had.foreign;
}

/* An aggregate: inside it columns are free again, and other aggregates are not allowed. */
static struct typed render_aggregate(struct render *r, struct scope *s, struct words *w,
				     enum orm_func f, uint32_t n, bool cast)
{
	uint16_t may = s->may;
	bool was = s->in_aggregate;
	const char *behind;
	struct typed t;

	if (!(may & MAY_AGGREGATE)) {
		render_fault(r, ORM_E_QUERY, "the aggregate %s has no place here", funcs[f].name);
		return faulty;
	}
	cast = cast && is_pg(r) && (f == ORM_F_SUM || f == ORM_F_AVG);
	if (cast)
		put(r, "(");
	s->may = 0;
	s->in_aggregate = true;
	t = render_bare(r, s, w, f, n);
	s->may = may;
	s->in_aggregate = was;
	behind = cast_of(r, f, t.type);
	if (cast)
		put(r, behind ? behind : ")");
	return t;
}

struct typed render_call(struct render *r, struct scope *s, struct words *w)
{
	uint64_t word = words_take(w);
	enum orm_func f = word_func(word);
	struct seen had;
	struct typed t;

	if (!call_fits(r, word))
		return faulty;
	switch ((unsigned)f) {
	case ORM_F_JSON_TEXT:
	case ORM_F_JSON_HAS:
		return render_json(r, s, w, f);
	case ORM_F_ARRAY_HAS:
		return render_array_has(r, s, w);
	case ORM_F_ARRAY_LEN:
		return render_array_len(r, s, w);
	case ORM_F_NET_HAS:
	case ORM_F_TEXT_MATCH:
	case ORM_F_VECTOR_L2:
	case ORM_F_VECTOR_COSINE:
		return render_pg_pair(r, s, w, f);
	case ORM_F_NOW_MS:
		return render_now(r);
	default:
		break;
	}
	if (funcs[f].group == 'w') {
		render_fault(r, ORM_E_QUERY, "%s needs OVER", funcs[f].name);
		return faulty;
	}
	if (funcs[f].group == 'a') {
		had = seen_begin(s);
		t = render_aggregate(r, s, w, f, word_n(word), true);
		seen_end(r, s, had, f);
		return t;
	}
	return render_bare(r, s, w, f, word_n(word));
}

/* The aggregate and its FILTER, without cast; *ret_func for the caller's. */
static struct typed filter_inside(struct render *r, struct scope *s, struct words *w,
				  enum orm_func *ret_func)
{
	uint64_t call;
	uint16_t may = s->may;
	bool was = s->in_aggregate;
	struct seen had;
	struct typed t;

	w->at++;
	call = *w->at;
	if (word_op(call) != ORM_OP_CALL || !call_fits(r, call) ||
	    funcs[word_func(call)].group != 'a') {
		render_fault(r, ORM_E_QUERY, "FILTER is for aggregates");
		return faulty;
	}
	w->at++;
	*ret_func = word_func(call);
	had = seen_begin(s);
	t = render_aggregate(r, s, w, *ret_func, word_n(call), false);
	put(r, " FILTER (WHERE ");
	s->may = 0;
	s->in_aggregate = true;
	render_condition(r, s, w, "FILTER");
	s->may = may;
	s->in_aggregate = was;
	seen_end(r, s, had, *ret_func);
	put(r, ")");
	return t;
}

struct typed render_filter(struct render *r, struct scope *s, struct words *w)
{
	enum orm_func f = ORM_F_COUNT;
	const char *behind;
	struct typed t;

	put(r, "(");
	t = filter_inside(r, s, w, &f);
	behind = cast_of(r, f, t.type);
	put(r, behind ? behind : ")");
	return t;
}

static void render_window(struct render *r, struct scope *s, struct words *w)
{
	uint64_t partition, order;

	put(r, " OVER (");
	partition = words_take(w);
	if (word_op(partition) != ORM_OP_PARTITION) {
		render_fault(r, ORM_E_QUERY, "the second operand of OVER is orm_partition()");
		return;
	}
	for (uint32_t i = 0; i < word_n(partition) && !r->class; i++) {
		struct typed t;

		put(r, i ? ", " : "PARTITION BY ");
		t = render_expr(r, s, w);
		if (!r->class && (t.value || !type_has_equality(t.type, r->dialect)))
			render_fault(r, ORM_E_QUERY, "PARTITION BY %s", orm_type_name(t.type));
	}
	order = *w->at;
	if (r->class)
		return;
	if (word_op(order) != ORM_OP_ORDER) {
		render_fault(r, ORM_E_QUERY, "the third operand of OVER is orm_order()");
		return;
	}
	w->at++;
	if (word_n(order)) {
		struct words items = *w;

		put(r, word_n(partition) ? " ORDER BY " : "ORDER BY ");
		for (uint32_t i = 0; i < word_n(order); i++)
			items.at = expr_end(items.at);
		items.end = items.at;
		items.at = w->at;
		render_order(r, s, &items);
		w->at = items.end;
	}
	put(r, ")");
}

/* Windows see the grouped rows; inside one neither aggregates nor windows are taken. */
struct typed render_over(struct render *r, struct scope *s, struct words *w)
{
	enum orm_func f = ORM_F_COUNT;
	uint16_t may = s->may;
	const char *behind;
	uint64_t call;
	struct typed t;

	w->at++;
	call = *w->at;
	if (!(may & MAY_WINDOW)) {
		render_fault(r, ORM_E_QUERY, "a window function has no place here");
		return faulty;
	}
	if (s->grouped) {
		render_fault(r, ORM_E_QUERY, "a window over grouped rows; group in an inner query");
		return faulty;
	}
	put(r, "(");
	if (word_op(call) == ORM_OP_FILTER) {
		s->may = MAY_AGGREGATE;
		if (word_func(w->at[1]) == ORM_F_COUNT && w->at + 2 < w->end &&
		    word_op(w->at[2]) == ORM_OP_DISTINCT)
			render_fault(r, ORM_E_QUERY, "DISTINCT inside a window function");
		t = filter_inside(r, s, w, &f);
	} else if (word_op(call) == ORM_OP_CALL && call_fits(r, call) &&
		   funcs[word_func(call)].group != 's') {
		w->at++;
		f = word_func(call);
		if (word_n(call) && word_op(*w->at) == ORM_OP_DISTINCT)
			render_fault(r, ORM_E_QUERY, "DISTINCT inside a window function");
		s->may = 0;
		t = render_bare(r, s, w, f, word_n(call));
	} else {
		render_fault(r, ORM_E_QUERY, "OVER wants an aggregate or a window function");
		t = faulty;
	}
	s->may = 0;
	if (!r->class)
		render_window(r, s, w);
	s->may = may;
	behind = cast_of(r, f, t.type);
	put(r, behind ? behind : ")");
	return t;
}
