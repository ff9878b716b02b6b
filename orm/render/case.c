/* SPDX-License-Identifier: Apache-2.0 */
/* Branches of one type, and CASE and CAST. */
#include <orm/render/call.h>
#include <orm/render/typing.h>
#include <orm/table/sqltype.h>

static const struct typed faulty = {.type = ORM_T_NONE};

bool common_type(struct render *r, struct typed *list, uint32_t n, enum orm_type *ret_type)
{
	uint32_t anchor = 0;
	enum orm_type type;

	while (anchor < n && list[anchor].value)
		anchor++;
	for (uint32_t i = 0; anchor == n && i < n; i++) {
		if (list[i].kind != ORM_K_NULL)
			anchor = i;
	}
	anchor = anchor == n ? 0 : anchor;
	for (uint32_t i = 0; i < n; i++) {
		if (i != anchor && !settle(r, &list[anchor], &list[i]))
			return false;
	}
	type = list[0].type;
	for (uint32_t i = 1; i < n && type; i++)
		type = types_common(type, list[i].type);
	if (type == ORM_T_NONE)
		render_fault(r, ORM_E_QUERY, "%s and %s have no common type; cast one of them",
			     orm_type_name(list[0].type), orm_type_name(list[n - 1].type));
	*ret_type = type;
	return type != ORM_T_NONE;
}

bool is_mixed(const struct typed *list, uint32_t n, enum orm_type type)
{
	bool mixed = false;

	for (uint32_t i = 0; i < n; i++)
		mixed |= type_is_integer(list[i].type);
	return mixed && type_is_float(type);
}

struct typed render_case(struct render *r, struct scope *s, struct words *w)
{
	struct typed values[ARGS_MAX];
	uint32_t operands = word_n(*w->at), n = 0;
	size_t begin = r->len;
	enum orm_type type;
	bool more;

	w->at++;
	if (operands < 3 || operands % 2 == 0 || operands > 2 * ARGS_MAX - 1) {
		render_fault(r, ORM_E_QUERY,
			     "CASE wants condition, value, ..., otherwise; it has %u", operands);
		return faulty;
	}
	put(r, "(CASE");
	for (more = true; more && !r->class; n++) {
		more = operands - 2 * n > 1;
		if (more) {
			put(r, " WHEN ");
			render_condition(r, s, w, "CASE");
			put(r, " THEN ");
		} else {
			put(r, " ELSE ");
		}
		values[n] = render_expr(r, s, w);
	}
	put(r, " END)");
	if (r->class || !common_type(r, values, n, &type))
		return faulty;
	if (is_mixed(values, n, type))
		put_real(r, begin, r->len);
	return (struct typed){.type = type, .nullable = true};
}

/* Casts that mean the same in both databases. */
struct typed render_cast(struct render *r, struct scope *s, struct words *w)
{
	enum orm_type to = word_func(words_take(w));
	struct typed a;
	bool fits, text;

	put(r, is_pg(r) ? "(" : "CAST(");
	a = render_expr(r, s, w);
	if (to == ORM_T_NONE || to >= ORM_T_COUNT || r->class) {
		render_fault(r, ORM_E_QUERY, "there is no type number %u", (unsigned)to);
		return faulty;
	}
	put(r, is_pg(r) ? ")::" : " AS ");
	put(r, orm_type_sql(to, r->dialect));
	if (!is_pg(r))
		put(r, ")");
	text = a.type == ORM_T_TEXT || type_is_integer(a.type) || a.type == ORM_T_UUID ||
	       a.type == ORM_T_NUMERIC;
	fits = to == ORM_T_TEXT	    ? text
	       : to == ORM_T_BIGINT ? type_is_integer(a.type) || a.type == ORM_T_TEXT
	       : to == ORM_T_DOUBLE ? type_is_number(a.type) || a.type == ORM_T_TEXT
				    : false;
	if (!fits)
		render_fault(r, ORM_E_QUERY, "no cast of %s to %s", orm_type_name(a.type),
			     orm_type_name(to));
	return (struct typed){.type = to, .nullable = a.nullable};
}
