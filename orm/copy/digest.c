/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A row's canonical form: for each column a byte that says what follows, a length where one is
 * needed, and the value; numbers in little endian. Every form begins where the one before ends, so
 * no two rows have the same one.
 */
#include <endian.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <strazh/base/own.h>

#include <orm/base/decimal.h>
#include <orm/base/fault.h>
#include <orm/base/netaddr.h>
#include <orm/copy/digest.h>

#define NAN_BITS 0x7ff8000000000000ULL

/* ---- sums ---- */

void copy_sum_add(struct copy_sum *sum, const struct copy_sum *other)
{
	bool carry = false;

	for (unsigned i = 0; i < 4; i++) {
		uint64_t w;
		bool over = __builtin_add_overflow(sum->w[i], other->w[i], &w);

		over |= __builtin_add_overflow(w, carry, &sum->w[i]);
		carry = over;
	}
}

void copy_sum_sub(struct copy_sum *sum, const struct copy_sum *other)
{
	bool borrow = false;

	for (unsigned i = 0; i < 4; i++) {
		uint64_t w;
		bool under = __builtin_sub_overflow(sum->w[i], other->w[i], &w);

		under |= __builtin_sub_overflow(w, borrow, &sum->w[i]);
		borrow = under;
	}
}

void copy_sum_emit(const struct copy_sum *sum, char to[65])
{
	for (unsigned i = 0; i < 4; i++)
		snprintf(to + i * 16, 17, "%016llx", (unsigned long long)sum->w[3 - i]);
}

bool copy_sum_parse(const char *text, struct copy_sum *ret_sum)
{
	struct copy_sum sum;

	if (strlen(text) != 64 || strspn(text, "0123456789abcdef") != 64)
		return false;
	for (unsigned i = 0; i < 4; i++) {
		char word[17] = "";

		memcpy(word, text + (size_t)i * 16, 16);
		sum.w[3 - i] = strtoull(word, NULL, 16);
	}
	*ret_sum = sum;
	return true;
}

/* ---- digests ---- */

int copy_digester_init(struct copy_digester *d)
{
	*d = (struct copy_digester){.md = EVP_MD_fetch(NULL, "SHA256", NULL),
				    .ctx = EVP_MD_CTX_new()};
	return d->md && d->ctx ? 0 : -ENOMEM;
}

void copy_digester_deinit(struct copy_digester *d)
{
	EVP_MD_CTX_free(d->ctx);
	EVP_MD_free(d->md);
	free(d->form.data);
	free(d->text);
	*d = (struct copy_digester){0};
}

int copy_sha256(struct copy_digester *d, const void *data, size_t len, struct copy_sum *ret_sum)
{
	uint8_t digest[COPY_DIGEST];
	unsigned n;

	if (EVP_DigestInit_ex2(d->ctx, d->md, NULL) != 1 ||
	    EVP_DigestUpdate(d->ctx, data, len) != 1 ||
	    EVP_DigestFinal_ex(d->ctx, digest, &n) != 1 || n != COPY_DIGEST)
		return -ENOMEM;
	memcpy(ret_sum, digest, sizeof(*ret_sum));
	for (unsigned i = 0; i < 4; i++)
		ret_sum->w[i] = le64toh(ret_sum->w[i]);
	return 0;
}

int copy_buffer_add(struct copy_buffer *b, const void *data, size_t len)
{
	if (len > b->room - b->len) {
		size_t room = MAX(b->room * 2, b->len + len + 256);
		uint8_t *more = len > SIZE_MAX / 4 ? NULL : realloc(b->data, room);

		if (!more)
			return -ENOMEM;
		b->data = more;
		b->room = room;
	}
	if (len)
		memcpy(b->data + b->len, data, len);
	b->len += len;
	return 0;
}

/* ---- values ---- */

static int put_tagged(struct copy_digester *d, uint8_t tag, uint64_t number)
{
	uint8_t bytes[9] = {tag};

	number = htole64(number);
	memcpy(bytes + 1, &number, sizeof(number));
	return copy_buffer_add(&d->form, bytes, sizeof(bytes));
}

static int put_span(struct copy_digester *d, uint8_t tag, const void *data, size_t len)
{
	int r = put_tagged(d, tag, len);

	return r ? r : copy_buffer_add(&d->form, data, len);
}

static uint64_t bits_of(double f)
{
	uint64_t bits;

	if (isnan(f))
		return NAN_BITS;
	if (f == 0)
		f = 0; /* of -0.0 too */
	memcpy(&bits, &f, sizeof(bits));
	return bits;
}

static int put_decimal(struct copy_digester *d, const struct orm_value *v)
{
	struct orm_decimal decimal;
	own_free char *text = NULL;
	const char *why;
	size_t len;

	if (orm_decimal_parse(v->p, v->len, &decimal, &why))
		return ORM_E_VALUE;
	len = orm_decimal_len(&decimal);
	text = malloc(len + 1);
	if (!text)
		return -ENOMEM;
	orm_decimal_emit(&decimal, text);
	return put_span(d, 't', text, len);
}

static int put_address(struct copy_digester *d, enum orm_type type, const struct orm_value *v)
{
	char text[ORM_NETADDR_TEXT];
	const char *why;
	size_t len;
	int r = type == ORM_T_INET ? orm_inet_normal(v->p, v->len, text, &len, &why)
				   : orm_cidr_normal(v->p, v->len, text, &len, &why);

	return r ? r : put_span(d, 't', text, len);
}

static int put_text(struct copy_digester *d, enum orm_type type, const struct orm_value *v)
{
	struct copy_sum json;
	int r;

	if (type == ORM_T_NUMERIC)
		return put_decimal(d, v);
	if (type == ORM_T_INET || type == ORM_T_CIDR)
		return put_address(d, type, v);
	if (type != ORM_T_JSONB)
		return put_span(d, 't', v->p, v->len);
	r = copy_json_digest(d, v->p, v->len, &json);
	return r ? r : put_span(d, 'j', &json, sizeof(json));
}

static int put_array(struct copy_digester *d, const struct orm_value *v)
{
	int r = put_tagged(d, 'a', v->len);

	for (size_t i = 0; i < v->len && !r; i++) {
		const char *text;

		if (v->kind == ORM_K_I64S) {
			r = put_tagged(d, 'i', (uint64_t)((const int64_t *)v->p)[i]);
		} else if (v->kind == ORM_K_F64S) {
			r = put_tagged(d, 'f', bits_of(((const double *)v->p)[i]));
		} else {
			text = ((const char *const *)v->p)[i];
			r = put_span(d, 't', text, strlen(text));
		}
	}
	return r;
}

static int put_value(struct copy_digester *d, enum orm_type type, const struct orm_value *v)
{
	switch ((enum orm_kind)v->kind) {
	case ORM_K_NULL:
		return copy_buffer_add(&d->form, "n", 1);
	case ORM_K_BOOL:
		return copy_buffer_add(&d->form, v->b ? "1" : "0", 1);
	case ORM_K_I64:
		return put_tagged(d, 'i', (uint64_t)v->i);
	case ORM_K_F64:
		return put_tagged(d, 'f', bits_of(v->f));
	case ORM_K_TEXT:
		return put_text(d, type, v);
	case ORM_K_BYTES:
		return put_span(d, 'b', v->p, v->len);
	case ORM_K_UUID:
		return put_span(d, 'u', v->p, 16);
	case ORM_K_I64S:
	case ORM_K_F64S:
	case ORM_K_TEXTS:
		return put_array(d, v);
	}
	return ORM_E_VALUE;
}

int copy_row_digest(struct copy_digester *d, const struct orm_table *table, const void *row,
		    struct copy_sum *ret_digest, uint64_t *ret_bytes, struct orm_error *err)
{
	int r = 0;

	d->form.len = 0;
	for (unsigned i = 0; i < table->count && !r; i++) {
		const struct orm_column *c = &table->columns[i];
		struct orm_value v = orm_row_get(table, i, row);

		r = put_value(d, (enum orm_type)c->type, &v);
		if (r > 0) {
			orm_fail(err, ORM_E_VALUE, "table '%s': column '%s' holds what is no %s",
				 table->name, c->name, orm_type_name((enum orm_type)c->type));
			orm_fault_name(err->table, table->name);
			orm_fault_name(err->column, c->name);
			return ORM_E_VALUE;
		}
	}
	if (!r)
		r = copy_sha256(d, d->form.data, d->form.len, ret_digest);
	if (r)
		return orm_fail(err, r, "no memory for the checksum of a row");
	*ret_bytes = d->form.len;
	return 0;
}
