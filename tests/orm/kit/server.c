/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

#include <tests/orm/kit/server.h>

static int run(const char *words)
{
	char command[512];
	int status;

	snprintf(command, sizeof(command), "ORM_PG_OWNER=%d tests/orm/pg %s >&2", (int)getpid(),
		 words);
	status = system(command);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int server_do(const struct servers *servers, const char *verb, const char *name, const char *more)
{
	char words[384];

	snprintf(words, sizeof(words), "%s %s/%s %s", verb, servers->top, name, more);
	return run(words);
}

void server_must(const struct servers *servers, const char *verb, const char *name,
		 const char *more)
{
	int r = server_do(servers, verb, name, more);

	if (r)
		fail_msg("tests/orm/pg %s %s %s: exit status %d", verb, name, more, r);
}

bool servers_make(struct servers *servers)
{
	int r;

	snprintf(servers->top, sizeof(servers->top), "/tmp/strazh-servers.XXXXXX");
	assert_non_null(mkdtemp(servers->top));
	assert_int_equal(chmod(servers->top, 0755), 0);
	r = server_do(servers, "start", "a", "");
	if (r == 3) {
		fprintf(stderr, "# no PostgreSQL server is installed: sudo ./scripts/setup test\n");
		rmdir(servers->top);
		return false;
	}
	assert_int_equal(r, 0);
	return true;
}

void servers_drop(struct servers *servers, const char *const *names)
{
	for (; *names; names++)
		server_do(servers, "drop", *names, "");
	if (rmdir(servers->top))
		print_error("'%s' is left behind\n", servers->top);
}

void server_database(const struct servers *servers, const char *name, const char *which,
		     struct database *ret_db)
{
	struct database db = {.dialect = ORM_POSTGRESQL, .name = "test"};
	char command[384];
	FILE *out;

	snprintf(command, sizeof(command), "tests/orm/pg url %s/%s %s", servers->top, name, which);
	out = popen(command, "r");
	assert_non_null(out);
	assert_non_null(fgets(db.url, sizeof(db.url), out));
	assert_int_equal(pclose(out), 0);
	db.url[strcspn(db.url, "\n")] = '\0';
	snprintf(db.dir, sizeof(db.dir), "%s/%s", servers->top, name);
	*ret_db = db;
}
