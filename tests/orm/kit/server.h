/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * PostgreSQL servers of a test's own, by tests/orm/pg: to be killed, followed and promoted. They
 * end with this process, however it ends.
 */
#ifndef TESTS_ORM_KIT_SERVER_H
#define TESTS_ORM_KIT_SERVER_H

#include <stdbool.h>

#include <tests/orm/kit/database.h>

/* A folder for them. */
struct servers {
	char top[64];
};

/* False: no PostgreSQL is installed, and the test is to be skipped. Fails the test otherwise. */
bool servers_make(struct servers *servers);
/* Stops and removes all of them. */
void servers_drop(struct servers *servers, const char *const *names);

/* tests/orm/pg VERB top/NAME MORE; its exit status. */
int server_do(const struct servers *servers, const char *verb, const char *name, const char *more);
/* Fails the test when it fails. */
void server_must(const struct servers *servers, const char *verb, const char *name,
		 const char *more);
/* Its database 'test'. which: "", "socket" or "pooler". */
void server_database(const struct servers *servers, const char *name, const char *which,
		     struct database *ret_db);

#endif
