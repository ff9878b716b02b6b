/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <tests/orm/tools/kit/slt_value.h>

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

/* What is printed into a stream ends in malloc'ed memory. */
struct out {
	FILE *file;
	char *text;
	size_t len;
};

static int out_open(struct out *out)
{
	*out = (struct out){0};
	out->file = open_memstream(&out->text, &out->len);
	return out->file ? 0 : -ENOMEM;
}

static char *out_take(struct out *out)
{
	if (!fclose(out->file))
		return out->text;
	free(out->text);
	return NULL;
}

static void put_text(FILE *to, const unsigned char *text, size_t len)
{
	if (!len)
		fputs("(empty)", to);
	for (size_t i = 0; i < len; i++)
		fputc(text[i] < ' ' || text[i] > '~' ? '@' : text[i], to);
}

static void put_element(FILE *to, const struct orm_value *array, size_t i)
{
	if (array->kind == ORM_K_I64S)
		fprintf(to, "%" PRId64, ((const int64_t *)array->p)[i]);
	else if (array->kind == ORM_K_F64S)
		fprintf(to, "%.15g", ((const double *)array->p)[i]);
	else
		put_text(to, (const unsigned char *)((const char *const *)array->p)[i],
			 strlen(((const char *const *)array->p)[i]));
}

static void put_uuid(FILE *to, const uint8_t *b)
{
	for (int i = 0; i < 16; i++)
		fprintf(to, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", b[i]);
}

static void put_plain(FILE *to, const struct orm_value *value)
{
	switch ((enum orm_kind)value->kind) {
	case ORM_K_NULL:
		fputs("NULL", to);
		break;
	case ORM_K_BOOL:
		fputs(value->b ? "true" : "false", to);
		break;
	case ORM_K_I64:
		fprintf(to, "%" PRId64, value->i);
		break;
	case ORM_K_F64:
		/* A number with a fraction shows it: 1.0, as SQLite has it. */
		fprintf(to, "%.15g%s", value->f,
			value->f == floor(value->f) && fabs(value->f) < 1e15 ? ".0" : "");
		break;
	case ORM_K_TEXT:
	case ORM_K_BYTES:
		put_text(to, value->p, value->len);
		break;
	case ORM_K_UUID:
		put_uuid(to, value->p);
		break;
	case ORM_K_I64S:
	case ORM_K_F64S:
	case ORM_K_TEXTS:
		fputc('{', to);
		for (size_t i = 0; i < value->len; i++) {
			fputs(i ? "," : "", to);
			put_element(to, value, i);
		}
		fputc('}', to);
		break;
	}
}

/* A number out of anything, as a C program would: a text's beginning, 0 of what is none. */
static double number_of(const struct orm_value *value)
{
	char digits[64];
	size_t len;

	switch ((enum orm_kind)value->kind) {
	case ORM_K_BOOL:
		return value->b;
	case ORM_K_I64:
		return (double)value->i;
	case ORM_K_F64:
		return value->f;
	case ORM_K_TEXT:
	case ORM_K_BYTES:
		len = MIN(value->len, sizeof(digits) - 1);
		if (len)
			memcpy(digits, value->p, len);
		digits[len] = '\0';
		return strtod(digits, NULL);
	case ORM_K_NULL:
	case ORM_K_UUID:
	case ORM_K_I64S:
	case ORM_K_F64S:
	case ORM_K_TEXTS:
		return 0;
	}
	return 0;
}

static void put_integer(FILE *to, const struct orm_value *value)
{
	double number;

	if (value->kind == ORM_K_I64)
		fprintf(to, "%" PRId64, value->i);
	else if ((number = trunc(number_of(value))) >= -0x1p63 && number < 0x1p63)
		fprintf(to, "%" PRId64, (int64_t)number);
	else /* too large for the letter: as it is */
		fprintf(to, "%.0f", number);
}

char *slt_format(char type, const struct orm_value *value)
{
	struct out out;

	if (out_open(&out) != 0)
		return NULL;
	if (value->kind == ORM_K_NULL || type == 'T')
		put_plain(out.file, value);
	else if (type == 'I')
		put_integer(out.file, value);
	else
		fprintf(out.file, "%.3f", number_of(value));
	return out_take(&out);
}

int slt_values_of(const struct orm_result *result, const char *types, struct slt_values *ret_values)
{
	struct slt_values values = {.columns = orm_result_columns(result)};
	size_t rows = orm_result_count(result);

	values.v = calloc(rows * values.columns + 1, sizeof(*values.v));
	if (!values.v)
		return -ENOMEM;
	for (size_t row = 0; row < rows; row++) {
		for (unsigned i = 0; i < values.columns; i++) {
			struct orm_value value = orm_result_value(result, row, i);
			char *text = slt_format(types[i], &value);

			if (!text) {
				slt_values_free(&values);
				return -ENOMEM;
			}
			values.v[values.n++] = text;
		}
	}
	*ret_values = values;
	return 0;
}

void slt_values_free(struct slt_values *values)
{
	for (size_t i = 0; i < values->n; i++)
		free(values->v[i]);
	free(values->v);
	*values = (struct slt_values){0};
}

/* Rows by their first value, then their second, and so on; a value is a row of one. */
static int compare_rows(const void *a, const void *b, void *data)
{
	const char *const *x = a, *const *y = b;
	const unsigned *columns = data;
	int order = 0;

	for (unsigned i = 0; i < *columns && !order; i++)
		order = strcmp(x[i], y[i]);
	return order;
}

void slt_values_sort(struct slt_values *values, enum slt_sort sort)
{
	unsigned columns = sort == SLT_ROWSORT ? values->columns : 1;

	if (sort != SLT_NOSORT && values->n > columns)
		qsort_r(values->v, values->n / columns, columns * sizeof(*values->v), compare_rows,
			&columns);
}

int slt_values_hash(const struct slt_values *values, char ret_hash[33])
{
	EVP_MD_CTX *md5 = EVP_MD_CTX_new();
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	bool ok = md5 && EVP_DigestInit_ex(md5, EVP_md5(), NULL);

	for (size_t i = 0; ok && i < values->n; i++)
		ok = EVP_DigestUpdate(md5, values->v[i], strlen(values->v[i])) &&
		     EVP_DigestUpdate(md5, "\n", 1);
	ok = ok && EVP_DigestFinal_ex(md5, hash, &len) && len == 16;
	EVP_MD_CTX_free(md5);
	for (unsigned i = 0; ok && i < len; i++)
		snprintf(ret_hash + 2 * (size_t)i, 3, "%02x", hash[i]);
	return ok ? 0 : -EIO;
}
