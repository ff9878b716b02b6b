/* SPDX-License-Identifier: Apache-2.0 */
/* What reading and writing of JSON share. */
#ifndef STRAZH_ORM_JSON_TEXT_H
#define STRAZH_ORM_JSON_TEXT_H

#include <jansson.h>

#include <strazh/base/compiler.h>
#include <strazh/orm/json.h>

/*
 * Parse what a stranger may have written: size, depth and number of values are judged first. Any
 * value is taken, also a bare one. 0, -ENOMEM, ORM_E_VALUE or ORM_E_TOO_BIG.
 */
int orm_json_parse(const char *text, size_t len, json_t **ret_json,
		   struct orm_error *err) must_check;

/*
 * Without that judgement, of what we wrote ourselves, with jansson's flags: 0, -ENOMEM, or
 * ORM_E_VALUE with *ret_why.
 */
int orm_json_load(const char *text, size_t len, size_t flags, json_t **ret_json,
		  json_error_t *ret_why) must_check;

/*
 * The document as text, free()d by the caller: 0 or -ENOMEM. json_dumps() of jansson 2.14 does not
 * look whether it could write an object's key, and gives a text without it.
 */
int orm_json_dump(const json_t *json, size_t flags, char **ret_text) must_check;

static inline void json_release_(json_t **json)
{
	json_decref(*json);
}
#define own_json cleanup_with(json_release_)

#endif
