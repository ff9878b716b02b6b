/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <inttypes.h>
#include <math.h>

#include <tests/orm/kit/stage.h>

void stage_open_again(struct stage *stage, const struct database *db,
		      const struct orm_options *options)
{
	struct orm_error error;
	int r = orm_open(db->url, options, &stage->orm, &error);

	if (r)
		fail_msg("cannot open '%s': %s", db->url, error.text);
	stage->db = db;
	stage->s = stage_session(stage);
}

/* Past the library's connections: what is tested on them finds its tables as a program does. */
void stage_open(struct stage *stage, const struct database *db, const struct orm_options *options,
		const struct orm_table *const *tables, size_t n)
{
	struct orm_schema *schema;
	struct orm_error error;
	char *sql = NULL;

	if (orm_schema_of(tables, n, &schema, &error) ||
	    orm_schema_ddl(schema, db->dialect, &sql, &error))
		fail_msg("the tables of the test: %s", error.text);
	database_do(db, sql);
	free(sql);
	orm_schema_free(schema);
	stage_open_again(stage, db, options);
}

void stage_close(struct stage *stage)
{
	orm_session_close(stage->s);
	orm_close(stage->orm);
	*stage = (struct stage){0};
}

struct orm_session *stage_session(const struct stage *stage)
{
	struct orm_session *s;

	assert_int_equal(orm_session_open(stage->orm, &s), 0);
	return s;
}

void stage_expect(const struct orm_session *s, int want, int got, const char *call,
		  const char *file, int line)
{
	const struct orm_error *error = orm_error(s);

	if (got != want) {
		print_error("%s\ngave %s (%s), wanted %s\n", call, orm_class_name(got),
			    got ? error->text : "", orm_class_name(want));
		_fail(file, line);
	}
	if (got && got != ORM_E_END && (error->class != got || !*error->text)) {
		print_error("%s\ngave %s, the error of the session is %s '%s'\n", call,
			    orm_class_name(got), orm_class_name(error->class), error->text);
		_fail(file, line);
	}
}

/* ---- values as text ---- */

static void print_array(FILE *out, const struct orm_value *value)
{
	fputc('[', out);
	for (size_t i = 0; i < value->len; i++) {
		if (i)
			fputc(',', out);
		if (value->kind == ORM_K_I64S)
			fprintf(out, "%" PRId64, ((const int64_t *)value->p)[i]);
		else if (value->kind == ORM_K_F64S)
			fprintf(out, "%.17g", ((const double *)value->p)[i]);
		else
			fputs(((const char *const *)value->p)[i], out);
	}
	fputc(']', out);
}

void stage_print(FILE *out, const struct orm_value *value)
{
	const uint8_t *bytes = value->p;

	switch ((enum orm_kind)value->kind) {
	case ORM_K_NULL:
		fputs("NULL", out);
		break;
	case ORM_K_BOOL:
		fputc(value->b ? 't' : 'f', out);
		break;
	case ORM_K_I64:
		fprintf(out, "%" PRId64, value->i);
		break;
	case ORM_K_F64:
		fprintf(out, "%.15g", value->f);
		break;
	case ORM_K_TEXT:
		fwrite(value->p, 1, value->len, out);
		break;
	case ORM_K_BYTES:
	case ORM_K_UUID:
		fputs("x'", out);
		for (size_t i = 0; i < value->len; i++)
			fprintf(out, "%02x", bytes[i]);
		fputc('\'', out);
		break;
	case ORM_K_I64S:
	case ORM_K_F64S:
	case ORM_K_TEXTS:
		print_array(out, value);
		break;
	}
}

static bool same_array(const struct orm_value *a, const struct orm_value *b)
{
	if (a->len != b->len)
		return false;
	if (a->kind != ORM_K_TEXTS)
		return !a->len || !memcmp(a->p, b->p, a->len * 8);
	for (size_t i = 0; i < a->len; i++)
		if (strcmp(((const char *const *)a->p)[i], ((const char *const *)b->p)[i]) != 0)
			return false;
	return true;
}

/* Bit for bit, but any NaN is as good as another. */
bool stage_same(const struct orm_value *a, const struct orm_value *b)
{
	if (a->kind != b->kind)
		return false;
	switch ((enum orm_kind)a->kind) {
	case ORM_K_NULL:
		return true;
	case ORM_K_BOOL:
		return a->b == b->b;
	case ORM_K_I64:
		return a->i == b->i;
	case ORM_K_F64:
		/* -0 is not 0 here */
		return isnan(a->f) ? isnan(b->f) : a->f == b->f && signbit(a->f) == signbit(b->f);
	case ORM_K_TEXT:
	case ORM_K_BYTES:
	case ORM_K_UUID:
		return a->len == b->len && (!a->len || !memcmp(a->p, b->p, a->len));
	case ORM_K_I64S:
	case ORM_K_F64S:
	case ORM_K_TEXTS:
		break;
	}
	return same_array(a, b);
}

/* ---- queries ---- */

static char *result_text(const struct orm_result *result)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	unsigned columns = orm_result_columns(result);

	assert_non_null(out);
	for (size_t row = 0; row < orm_result_count(result); row++) {
		for (unsigned c = 0; c < columns; c++) {
			struct orm_value value = orm_result_value(result, row, c);

			if (c)
				fputc('|', out);
			stage_print(out, &value);
		}
		fputc('\n', out);
	}
	fclose(out);
	return text;
}

void stage_rows(struct orm_session *s, struct orm_query *q, const char *want, const char *file,
		int line)
{
	struct orm_result *result = NULL;
	char *got;

	stage_expect(s, 0, orm_fetch(s, q, NULL, &result), "orm_fetch()", file, line);
	got = result_text(result);
	orm_result_free(result);
	if (strcmp(got, want) != 0) {
		print_error("%s\n", orm_sql(s, q));
		print_error("got:\n%s", got);
		print_error("wanted:\n%s", want);
		free(got);
		_fail(file, line);
	}
	free(got);
	orm_query_free(q);
}

uint64_t stage_run(struct orm_session *s, struct orm_query *q, int want, const char *file, int line)
{
	uint64_t changed = 0;
	int r = orm_exec(s, q, &changed);

	if (r != want)
		print_error("%s\n", orm_query_fault(q) ? orm_query_fault(q) : "");
	stage_expect(s, want, r, "orm_exec()", file, line);
	orm_query_free(q);
	return changed;
}

void stage_do(struct orm_session *s, const char *sql)
{
	struct orm_query *q = orm_raw(s, sql);

	stage_expect(s, 0, orm_exec(s, q, NULL), sql, __FILE__, __LINE__);
	orm_query_free(q);
}

int64_t stage_number(struct orm_session *s, struct orm_query *q)
{
	struct orm_value value;

	OK(s, orm_value(s, q, &value));
	orm_query_free(q);
	assert_int_equal(value.kind, ORM_K_I64);
	return value.i;
}

int64_t stage_count(struct orm_session *s, const struct orm_table *table)
{
	struct orm_query *q = orm_select(s, table);

	orm_columns(q, orm_count_all());
	return stage_number(s, q);
}
