/* SPDX-License-Identifier: Apache-2.0 */
/* A database's URL: which engine, the engine's own address, and our options out of the query. */
#ifndef STRAZH_ORM_URL_H
#define STRAZH_ORM_URL_H

#include <strazh/base/compiler.h>
#include <strazh/orm/db.h>

#include <orm/base/arena.h>

struct orm_url {
	enum orm_dialect dialect;
	const char *address;	    /* for orm_driver.open(); in the arena */
	struct orm_options options; /* complete: the URL's, else the caller's, else defaults */
};

/*
 * Options of the URL win over those of `options` (may be NULL). A password in it never comes into
 * an error text. ORM_E_VALUE with `err` saying what would be right.
 */
int orm_url_parse(const char *url, const struct orm_options *options, struct arena *arena,
		  struct orm_url *ret_url, struct orm_error *err) must_check;

#endif
