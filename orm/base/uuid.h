/* SPDX-License-Identifier: Apache-2.0 */
/* UUIDs as text (RFC 9562): read as PostgreSQL reads them, written in one form. */
#ifndef STRAZH_ORM_UUID_H
#define STRAZH_ORM_UUID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <strazh/base/compiler.h>

#define ORM_UUID_LEN 36

/*
 * 32 hexadecimal digits of either case; a hyphen may follow each group of four; braces around all
 * of it are allowed. False: anything else, and ret_uuid is as it was.
 */
bool orm_uuid_parse(const char *text, size_t len, uint8_t ret_uuid[16]) must_check;
/* Only as it is written, in either case: 36 characters with four hyphens. */
bool orm_uuid_parse_plain(const char *text, size_t len, uint8_t ret_uuid[16]) must_check;
/* 36 characters, lower case, and a NUL. */
void orm_uuid_emit(const uint8_t uuid[16], char to[ORM_UUID_LEN + 1]);

#endif
