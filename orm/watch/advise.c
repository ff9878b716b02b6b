/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ask for the plan as JSON; in it find the costliest sequential scan with a filter; make a
 * hypothetical index on the filter's columns; ask for the plan again; drop the index. Names come
 * from the server's catalogue and its own quoting. A hypothetical index is of this connection only
 * and changes no plan but those of EXPLAIN.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <strazh/base/own.h>

#include <orm/base/fault.h>
#include <orm/watch/advise.h>

/* Nodes of a plan that are looked at. */
#define NODES_MAX 512
/* The advice is worth saying when the cost falls to this part. */
#define GAIN 2.0

static const struct orm_driver *driver_of(const struct orm_conn *conn)
{
	return ((const struct orm_conn_head *)conn)->driver;
}

static void own_json_(json_t **json)
{
	json_decref(*json);
}
#define own_json cleanup_with(own_json_)

/* ---- one value of one row ---- */

static int copy_value(const struct orm_value *value, char **ret_text, struct orm_error *err)
{
	char *text = NULL;

	if (value->kind == ORM_K_I64) {
		if (asprintf(&text, "%" PRId64, value->i) < 0)
			text = NULL;
	} else if (value->kind == ORM_K_TEXT) {
		text = strndup(value->p, value->len);
	} else {
		return ORM_E_END;
	}
	if (!text)
		return orm_fail(err, -ENOMEM, "no memory for advice");
	*ret_text = text;
	return 0;
}

/* The first column of the first row as text; ORM_E_END: no row, or NULL. */
static int ask_stmt(struct orm_conn *conn, const struct orm_stmt *stmt,
		    const struct orm_value *values, char **ret_text, struct orm_error *err)
{
	const struct orm_driver *driver = driver_of(conn);
	struct orm_value value;
	int r = driver->start(conn, stmt, values, err);

	if (!r)
		r = driver->step(conn, err);
	if (!r)
		r = driver->value(conn, 0, &value, err);
	if (!r)
		r = copy_value(&value, ret_text, err);
	driver->finish(conn);
	return r;
}

static int ask_text(struct orm_conn *conn, const char *sql, const struct orm_value *values,
		    uint16_t params, char **ret_text, struct orm_error *err)
{
	static const uint8_t types[] = {ORM_T_TEXT, ORM_T_TEXT, ORM_T_TEXT};
	const struct orm_stmt stmt = {
		.sql = sql,
		.sql_len = strlen(sql),
		.flags = ORM_STMT_ROWS | ORM_STMT_ONCE,
		.params = params,
		.param_type = types,
		.columns = 1,
		.column_type = types,
	};

	return ask_stmt(conn, &stmt, values, ret_text, err);
}

/* ---- plans ---- */

static int read_plan(struct orm_conn *conn, const struct orm_stmt *stmt,
		     const struct orm_value *values, json_t **ret_json, struct orm_error *err)
{
	struct orm_stmt plan = *stmt;
	own_free char *sql = NULL;
	own_free char *text = NULL;
	json_t *json;
	int r;

	if (asprintf(&sql, "EXPLAIN (FORMAT JSON, VERBOSE) %s", stmt->sql) < 0) {
		sql = NULL;
		return orm_fail(err, -ENOMEM, "no memory for a plan");
	}
	plan.sql = sql;
	plan.sql_len = strlen(sql);
	plan.flags = ORM_STMT_ROWS | ORM_STMT_RAW | ORM_STMT_ONCE;
	plan.columns = 0;
	plan.column_type = NULL;
	r = ask_stmt(conn, &plan, values, &text, err);
	if (r)
		return r;
	json = json_loads(text, 0, NULL);
	if (!json)
		return orm_fail(err, ORM_E_SQL, "the plan is no JSON");
	*ret_json = json;
	return 0;
}

static json_t *root_of(json_t *plan)
{
	return json_object_get(json_array_get(plan, 0), "Plan");
}

static double cost_of(json_t *node)
{
	return json_number_value(json_object_get(node, "Total Cost"));
}

static const char *text_of(json_t *node, const char *key)
{
	const char *text = json_string_value(json_object_get(node, key));

	return text ? text : "";
}

static bool is_filtered_scan(json_t *node)
{
	return !strcmp(text_of(node, "Node Type"), "Seq Scan") && *text_of(node, "Filter");
}

/* The costliest sequential scan with a filter, or NULL. Breadth first, without recursion. */
static json_t *find_scan(json_t *root)
{
	json_t *nodes[NODES_MAX], *best = NULL;
	size_t count = 0, i;
	json_t *child;

	if (root)
		nodes[count++] = root;
	for (size_t at = 0; at < count; at++) {
		if (is_filtered_scan(nodes[at]) && (!best || cost_of(nodes[at]) > cost_of(best)))
			best = nodes[at];
		json_array_foreach(json_object_get(nodes[at], "Plans"), i, child)
		{
			if (count < NODES_MAX)
				nodes[count++] = child;
		}
	}
	return best;
}

/* ---- the index ---- */

/* Of a table large enough, with its schema, quoted; and of hypopg's schema. */
static const char TABLE[] =
	"SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname)"
	" FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
	" WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'm') AND"
	" CASE WHEN c.reltuples >= 0 THEN c.reltuples >= 10000"
	" ELSE pg_catalog.pg_relation_size(c.oid) >= 1048576 END";
static const char SCHEMA[] =
	"SELECT quote_ident(n.nspname) FROM pg_catalog.pg_extension e"
	" JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'hypopg'";

static int name_table(struct orm_conn *conn, json_t *scan, char **ret_table, struct orm_error *err)
{
	const struct orm_value names[] = {
		orm_value_text(text_of(scan, "Schema")),
		orm_value_text(text_of(scan, "Relation Name")),
	};

	return ask_text(conn, TABLE, names, 2, ret_table, err);
}

/* "CREATE INDEX ON public.t (a, b)" */
static int write_index(struct orm_conn *conn, json_t *scan, char **ret_ddl, struct orm_error *err)
{
	struct orm_filter_use use[ORM_ADVISE_COLUMNS];
	unsigned n = orm_filter_columns(text_of(scan, "Filter"), text_of(scan, "Alias"), use);
	own_free char *table = NULL;
	own_free char *ddl = NULL;
	size_t len;
	FILE *out;
	int r;

	if (!n)
		return ORM_E_END;
	r = name_table(conn, scan, &table, err);
	if (r)
		return r;
	out = open_memstream(&ddl, &len);
	if (!out)
		return orm_fail(err, -ENOMEM, "no memory for advice");
	fprintf(out, "CREATE INDEX ON %s (", table);
	for (unsigned i = 0; i < n; i++)
		fprintf(out, "%s%.*s", i ? ", " : "", (int)use[i].len, use[i].name);
	fputc(')', out);
	if (fclose(out))
		return orm_fail(err, -ENOMEM, "no memory for advice");
	*ret_ddl = take_ptr(ddl);
	return 0;
}

/* *ret_cost: of the whole statement, if the index were there. */
static int try_index(struct orm_conn *conn, const struct orm_stmt *stmt,
		     const struct orm_value *values, const char *ddl, double *ret_cost,
		     struct orm_error *err)
{
	const struct orm_value text = orm_value_text(ddl);
	own_free char *schema = NULL;
	own_free char *make = NULL;
	own_free char *drop = NULL;
	own_free char *id = NULL;
	own_free char *done = NULL;
	own_json json_t *plan = NULL;
	struct orm_error ignored;
	struct orm_value value;
	int r = ask_text(conn, SCHEMA, NULL, 0, &schema, err);

	if (r)
		return r;
	if (asprintf(&make, "SELECT indexrelid::text FROM %s.hypopg_create_index($1)", schema) < 0)
		make = NULL;
	if (asprintf(&drop, "SELECT %s.hypopg_drop_index($1::oid)::text", schema) < 0)
		drop = NULL;
	if (!make || !drop)
		return orm_fail(err, -ENOMEM, "no memory for advice");
	r = ask_text(conn, make, &text, 1, &id, err);
	if (r)
		return r;
	r = read_plan(conn, stmt, values, &plan, err);
	if (!r)
		*ret_cost = cost_of(root_of(plan));
	value = orm_value_text(id);
	if (ask_text(conn, drop, &value, 1, &done, &ignored))
		done = NULL;
	return r;
}

int orm_advise(struct orm_conn *conn, const struct orm_stmt *stmt, const struct orm_value *values,
	       char **ret_advice, struct orm_error *err)
{
	own_json json_t *plan = NULL;
	own_free char *ddl = NULL;
	double before, after;
	json_t *scan;
	char *advice;
	int r;

	if (driver_of(conn)->dialect != ORM_POSTGRESQL)
		return ORM_E_END;
	r = read_plan(conn, stmt, values, &plan, err);
	if (r)
		return r;
	before = cost_of(root_of(plan));
	scan = find_scan(root_of(plan));
	r = scan ? write_index(conn, scan, &ddl, err) : ORM_E_END;
	if (!r)
		r = try_index(conn, stmt, values, ddl, &after, err);
	if (r)
		return r;
	if (after * GAIN > before)
		return ORM_E_END;
	if (asprintf(&advice, "%s: cost %.0f instead of %.0f", ddl, after, before) < 0)
		return orm_fail(err, -ENOMEM, "no memory for advice");
	*ret_advice = advice;
	return 0;
}
