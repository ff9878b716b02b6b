/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions that look inside a value: members of a JSON object, elements of an array. SQLite holds
 * both as JSON text. A member is looked for by comparing keys, not by a path: a key with a '"' in
 * it would end its place in the path, and it may be a stranger's. Of two members of one name the
 * last counts, as in jsonb; NULL in, NULL out, as for the operators of PostgreSQL.
 */
#include <orm/render/call.h>
#include <orm/render/typing.h>

static const struct typed faulty = {.type = ORM_T_NONE};

/* Operands are rendered where the text wants them, more than once if need be. */
static struct typed put_operand(struct render *r, struct scope *s, struct words at)
{
	return render_expr(r, s, &at);
}

/* SQLite looks into a value with an inner query, where the outer one's aggregates have no place. */
static bool is_plain(struct render *r, struct words at, const char *what)
{
	if (is_pg(r))
		return true;
	if (has_aggregate(at.at, expr_end(at.at)) || has_op(at.at, expr_end(at.at), ORM_OP_OVER))
		render_fault(r, ORM_E_QUERY,
			     "%s of an aggregate or window: not in SQLite; compute it in an inner "
			     "query",
			     what);
	return !r->class;
}

static void json_in_sqlite(struct render *r, struct scope *s, struct words doc, struct words key,
			   bool text)
{
	if (text) {
		put(r, "(SELECT CASE type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' "
		       "ELSE CAST(value AS TEXT) END FROM json_each(");
		put_operand(r, s, doc);
		put(r, ") WHERE typeof(key) = 'text' AND key = ");
		put_operand(r, s, key);
		put(r, " ORDER BY id DESC LIMIT 1)");
		return;
	}
	put(r, "(CASE WHEN ");
	put_operand(r, s, doc);
	put(r, " IS NOT NULL AND ");
	put_operand(r, s, key);
	put(r, " IS NOT NULL THEN EXISTS (SELECT 1 FROM json_each(");
	put_operand(r, s, doc);
	put(r, ") WHERE typeof(key) = 'text' AND key = ");
	put_operand(r, s, key);
	put(r, ") END)");
}

/* jsonb's `?` also finds elements of an array, and a string itself. */
static void json_in_pg(struct render *r, struct scope *s, struct words doc, struct words key,
		       bool text)
{
	if (!text) {
		put(r, "(jsonb_typeof((");
		put_operand(r, s, doc);
		put(r, ")::jsonb) = 'object' AND ");
	}
	put(r, "((");
	put_operand(r, s, doc);
	put(r, text ? ") ->> " : ")::jsonb ? ");
	put_operand(r, s, key);
	put(r, text ? ")" : "))");
}

struct typed render_json(struct render *r, struct scope *s, struct words *w, enum orm_func f)
{
	struct words doc = *w, key = {expr_end(w->at), w->end, w->base};
	bool text = f == ORM_F_JSON_TEXT;
	size_t begin = r->len;
	struct typed a = put_operand(r, s, doc), k = put_operand(r, s, key);

	if (r->class || !is_plain(r, doc, "JSON_TEXT") || !is_plain(r, key, "JSON_TEXT"))
		return faulty;
	if ((a.type != ORM_T_JSON && a.type != ORM_T_JSONB) || k.type != ORM_T_TEXT)
		return refuse_call(r, f, k.type == ORM_T_TEXT ? &a : &k);
	r->len = begin; /* only their types were wanted */
	if (is_pg(r))
		json_in_pg(r, s, doc, key, text);
	else
		json_in_sqlite(r, s, doc, key, text);
	w->at = expr_end(key.at);
	return (struct typed){.type = text ? ORM_T_TEXT : ORM_T_BOOLEAN, .nullable = true};
}

struct typed render_array_has(struct render *r, struct scope *s, struct words *w)
{
	struct words array = *w, element = {expr_end(w->at), w->end, w->base};
	struct typed a, e;
	size_t begin, end;
	bool fits;

	if (is_pg(r)) {
		put(r, "(");
		e = put_operand(r, s, element);
		put(r, " = ANY(");
		a = put_operand(r, s, array);
		put(r, "))");
	} else {
		if (!is_plain(r, array, "ARRAY_HAS"))
			return faulty;
		put(r, "(CASE WHEN ");
		put_operand(r, s, array);
		put(r, " IS NOT NULL THEN ");
		begin = r->len;
		e = put_operand(r, s, element);
		end = r->len;
		put(r, " IN (SELECT value FROM json_each(");
		a = put_operand(r, s, array);
		put(r, ")) END)");
		if (a.type == ORM_T_DOUBLES && type_is_integer(e.type))
			put_real(r, begin, end);
	}
	w->at = expr_end(element.at);
	if (r->class)
		return faulty;
	fits = (a.type == ORM_T_BIGINTS && type_is_integer(e.type)) ||
	       (a.type == ORM_T_DOUBLES && type_is_number(e.type)) ||
	       (a.type == ORM_T_TEXTS && e.type == ORM_T_TEXT);
	if (!fits)
		return refuse_call(r, ORM_F_ARRAY_HAS, &a);
	return (struct typed){.type = ORM_T_BOOLEAN, .nullable = true};
}

struct typed render_array_len(struct render *r, struct scope *s, struct words *w)
{
	struct typed a;

	put(r, is_pg(r) ? "cardinality(" : "json_array_length(");
	a = render_expr(r, s, w);
	put(r, ")");
	if (r->class)
		return faulty;
	if (a.type != ORM_T_BIGINTS && a.type != ORM_T_DOUBLES && a.type != ORM_T_TEXTS)
		return refuse_call(r, ORM_F_ARRAY_LEN, &a);
	return (struct typed){.type = ORM_T_INTEGER, .nullable = true};
}
