/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree that libpg_query gives as JSON: a node is an object {"Type": {fields}}, types begin with
 * a capital letter, fields do not. It is walked without recursion; a type that is not in the list
 * is refused, so what a later parser adds is refused as well.
 */
#include <stdio.h>
#include <string.h>

#include <orm/guard/tree.h>

#define PENDING_MAX 2048U

struct walk {
	const struct orm_guard *g;
	char *why;
	const json_t *pending[PENDING_MAX];
	unsigned n;
};

static int refuse(struct walk *w, const char *what, const char *name)
{
	snprintf(w->why, GUARD_WHY_LEN, "%s%s%.64s%s", what, name ? " '" : "", name ? name : "",
		 name ? "'" : "");
	return ORM_E_GUARD;
}

/* The string of element i of a list of String nodes; NULL: there is none. */
static const char *string_at(const json_t *list, size_t i)
{
	return json_string_value(
		json_object_get(json_object_get(json_array_get(list, i), "String"), "sval"));
}

/* A name as the parser writes it: alone, or in pg_catalog. NULL: neither. */
static const char *plain_name(const json_t *list)
{
	const char *schema = string_at(list, 0);

	if (json_array_size(list) == 1)
		return schema;
	if (json_array_size(list) == 2 && schema && !strcmp(schema, "pg_catalog"))
		return string_at(list, 1);
	return NULL;
}

static int check_operator(struct walk *w, const json_t *node)
{
	const json_t *list = json_object_get(node, "name");
	const char *name = json_array_size(list) == 1 ? string_at(list, 0) : NULL;

	if (!name || !guard_allows_operator(name))
		return refuse(w, "no such operator is allowed:", name ? name : "OPERATOR()");
	return 0;
}

static int check_call(struct walk *w, const json_t *node)
{
	static const char *const fields[] = {"funcname", "args",     "funcformat",
					     "location", "agg_star", "agg_distinct"};
	const char *name = plain_name(json_object_get(node, "funcname")), *field;
	const json_t *value;

	if (!name || !guard_allows_function(w->g, name))
		return refuse(w, "no such function is allowed:", name ? name : "schema.function");
	json_object_foreach((json_t *)(uintptr_t)node, field, value)
	{
		bool known = false;

		for (unsigned i = 0; i < ARRAY_LEN(fields); i++)
			known |= !strcmp(field, fields[i]);
		if (!known)
			return refuse(w, "a function call may not have", field);
	}
	return 0;
}

static int check_cast(struct walk *w, const json_t *node)
{
	const json_t *type = json_object_get(node, "typeName");
	const char *name = plain_name(json_object_get(type, "names"));

	if (!name || !guard_allows_type(name) || json_object_get(type, "setof") ||
	    json_object_get(type, "pct_type"))
		return refuse(w, "no cast to such a type is allowed:", name ? name : "schema.type");
	return 0;
}

/* CURRENT_DATE and its kin, not CURRENT_USER. */
static int check_value_function(struct walk *w, const json_t *node)
{
	const char *op = json_string_value(json_object_get(node, "op"));

	if (!op || (!strstr(op, "_DATE") && !strstr(op, "TIME")))
		return refuse(w, "no such value is allowed:", op);
	return 0;
}

static int check_sort(struct walk *w, const json_t *node)
{
	return json_object_get(node, "useOp") ? refuse(w, "USING is not allowed", NULL) : 0;
}

static int fine(struct walk *w, const json_t *node)
{
	(void)w;
	(void)node;
	return 0;
}

static const struct {
	const char *type;
	int (*check)(struct walk *w, const json_t *node);
} allowed[] = {
	{"A_Const", fine},	  {"A_Expr", check_operator},
	{"BoolExpr", fine},	  {"BooleanTest", fine},
	{"CaseExpr", fine},	  {"CaseWhen", fine},
	{"CoalesceExpr", fine},	  {"CollateClause", fine},
	{"ColumnRef", fine},	  {"Float", fine},
	{"FuncCall", check_call}, {"Integer", fine},
	{"List", fine},		  {"MinMaxExpr", fine},
	{"NullTest", fine},	  {"SQLValueFunction", check_value_function},
	{"SortBy", check_sort},	  {"String", fine},
	{"TypeCast", check_cast}, {"ResTarget", fine},
};
static const struct {
	const char *type, *text;
} known[] = {
	{"SubLink", "a subquery is not allowed"},      {"SelectStmt", "a subquery is not allowed"},
	{"ParamRef", "a parameter is not allowed"},    {"A_Star", "'*' is not allowed"},
	{"RowExpr", "one value is wanted, not a row"},
};

static int check_node(struct walk *w, const char *type, const json_t *node)
{
	for (unsigned i = 0; i < ARRAY_LEN(allowed); i++)
		if (!strcmp(allowed[i].type, type))
			return allowed[i].check(w, node);
	for (unsigned i = 0; i < ARRAY_LEN(known); i++)
		if (!strcmp(known[i].type, type))
			return refuse(w, known[i].text, NULL);
	return refuse(w, "not allowed:", type);
}

static int later(struct walk *w, const json_t *value)
{
	if (!json_is_object(value) && !json_is_array(value))
		return 0;
	if (w->n == PENDING_MAX)
		return refuse(w, "it is too deep", NULL);
	w->pending[w->n++] = value;
	return 0;
}

static int check_object(struct walk *w, const json_t *object)
{
	const char *key;
	const json_t *value;
	int r = 0;

	json_object_foreach((json_t *)(uintptr_t)object, key, value)
	{
		if (key[0] >= 'A' && key[0] <= 'Z')
			r = check_node(w, key, value);
		if (!r)
			r = later(w, value);
		if (r)
			return r;
	}
	return 0;
}

static int check_all(struct walk *w, const json_t *from)
{
	int r = later(w, from);

	while (!r && w->n) {
		const json_t *value = w->pending[--w->n];

		if (json_is_object(value))
			r = check_object(w, value);
		else
			for (size_t i = 0; !r && i < json_array_size(value); i++)
				r = later(w, json_array_get(value, i));
	}
	return r;
}

/* One SELECT that has nothing but its list and the clause. */
static int check_frame(struct walk *w, const json_t *select, const char *clause)
{
	const char *key, *text;
	const json_t *value;

	json_object_foreach((json_t *)(uintptr_t)select, key, value)
	{
		text = json_string_value(value);
		if (!strcmp(key, clause) || !strcmp(key, "targetList"))
			continue;
		if (text && (!strcmp(text, "LIMIT_OPTION_DEFAULT") || !strcmp(text, "SETOP_NONE")))
			continue;
		return refuse(w, "it is more than asked for: it has", key);
	}
	if (json_array_size(json_object_get(select, "targetList")) != 1)
		return refuse(w, "one value is wanted, not a list", NULL);
	return 0;
}

int guard_tree_check(const struct orm_guard *g, const json_t *root, const char *clause,
		     char why[GUARD_WHY_LEN])
{
	const json_t *statements = json_object_get(root, "stmts");
	const json_t *select = json_object_get(
		json_object_get(json_array_get(statements, 0), "stmt"), "SelectStmt");
	const json_t *target = json_array_get(json_object_get(select, "targetList"), 0);
	struct walk w = {.g = g, .why = why};
	int r;

	if (json_array_size(statements) != 1 || !select)
		return refuse(&w, "it is not one statement", NULL);
	r = check_frame(&w, select, clause);
	if (!r && json_object_get(json_object_get(target, "ResTarget"), "name"))
		r = refuse(&w, "an alias is not allowed", NULL);
	if (!r && !json_object_get(select, clause))
		r = refuse(&w, "it is empty", NULL);
	if (!r)
		r = check_all(&w, json_object_get(select, clause));
	return r;
}
