/* SPDX-License-Identifier: Apache-2.0 */
/* The canonical form of a row, and sums over rows: what strazh/orm/copy.h promises of them. */
#ifndef STRAZH_ORM_COPY_DIGEST_H
#define STRAZH_ORM_COPY_DIGEST_H

#include <openssl/evp.h>

#include <strazh/base/compiler.h>
#include <strazh/orm/error.h>
#include <strazh/orm/table.h>

#define COPY_DIGEST 32U

/* A number below 2^256, the least significant word first. */
struct copy_sum {
	uint64_t w[4];
};
void copy_sum_add(struct copy_sum *sum, const struct copy_sum *other);
void copy_sum_sub(struct copy_sum *sum, const struct copy_sum *other);
static inline bool copy_sum_same(const struct copy_sum *a, const struct copy_sum *b)
{
	return !__builtin_memcmp(a, b, sizeof(*a));
}
/* 64 hexadecimal digits, and back. */
void copy_sum_emit(const struct copy_sum *sum, char to[65]);
bool copy_sum_parse(const char *text, struct copy_sum *ret_sum) must_check;

/* Bytes that grow; kept from row to row. */
struct copy_buffer {
	uint8_t *data;
	size_t len;
	size_t room;
};
int copy_buffer_add(struct copy_buffer *b, const void *data, size_t len) must_check;

struct copy_digester {
	EVP_MD *md;
	EVP_MD_CTX *ctx;
	struct copy_buffer form;
	char *text; /* a string of a JSON document, without escapes */
	size_t text_room;
};
/* 0 or -ENOMEM. */
int copy_digester_init(struct copy_digester *d) must_check;
void copy_digester_deinit(struct copy_digester *d);
int copy_sha256(struct copy_digester *d, const void *data, size_t len,
		struct copy_sum *ret_sum) must_check;

/* 0 with the SHA-256 of the row's canonical form and its bytes; -ENOMEM, or ORM_E_VALUE with the
 * column in *err. */
int copy_row_digest(struct copy_digester *d, const struct orm_table *table, const void *row,
		    struct copy_sum *ret_digest, uint64_t *ret_bytes,
		    struct orm_error *err) must_check;

/*
 * The SHA-256 of a JSON document's value: neither spaces, nor the order of an object's members, nor
 * the way in which a string or number is written count. ORM_E_VALUE: it is no JSON, or it is nested
 * deeper than COPY_JSON_DEPTH.
 */
#define COPY_JSON_DEPTH 256U
int copy_json_digest(struct copy_digester *d, const char *text, size_t len,
		     struct copy_sum *ret_digest) must_check;

#endif
