/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Bits of a rule as words: names of lists (from sz_list), and why something is never banned. */
#ifndef STRAZH_USER_CTL_NAMES_H
#define STRAZH_USER_CTL_NAMES_H

#include <jansson.h>
#include <stdint.h>

#include <strazh/abi/limits.h>
#include <strazh/abi/meta.h>
#include <user/gate/gate.h>

extern const char *const table_names[SZ_TABLES];
/* SZ_TABLES when there is no such table. */
enum sz_table table_find(const char *name);

struct list_names {
	struct sz_list list[SZ_LISTS]; /* bits 0 and 1 are filled in: "operator", "guard" */
};

int names_read(struct gate *gate, struct list_names *ret_names) must_check;
/* Bit of the list of that name, SZ_LISTS when there is none. */
uint32_t names_find(const struct list_names *names, const char *name);
/* Array of names of the bits set; for the deny table list names, else reasons. */
json_t *names_json(const struct list_names *names, enum sz_table table, uint64_t lists);
/* The same as one text, "operator, drop". */
void names_text(const struct list_names *names, enum sz_table table, uint64_t lists, char *text,
		size_t size);

#endif
