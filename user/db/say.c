/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/db/db.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include <user/ctl/request.h>
#include <user/daemon/config/config_mask.h>

static void print_result(json_t *result)
{
	if (result && !json_dumpf(result, stdout, JSON_COMPACT))
		putchar('\n');
	json_decref(result);
}

int db_fail(const struct db *db, int code, const char *format, ...)
{
	char text[1400];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fprintf(stderr, "strazhctl: db: %s\n", text);
	if (db->json)
		print_result(result_make("db", code, text));
	return code;
}

static int code_of(int r)
{
	switch (r) {
	case STORE_NOT_EMPTY:
		return CTL_REFUSED;
	case STORE_ABSENT:
		return CTL_NOT_FOUND;
	default:
		return CTL_FAILED;
	}
}

int db_fail_store(const struct db *db, int r, const char *what, const char *url,
		  const struct store_fault *fault)
{
	char shown[512];

	(void)config_mask_url(url, shown, sizeof(shown));
	return db_fail(db, code_of(r), "%s '%s': %s%s%s", what, shown, store_condition_text(r),
		       fault->text[0] ? ": " : "", fault->text);
}

int db_done(const struct db *db, uint64_t rows, const char *format, ...)
{
	char text[1400];
	va_list args;
	json_t *result;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (db->json) {
		result = result_make("db", CTL_DONE, text);
		(void)!json_object_set_new(result, "rows", json_integer((json_int_t)rows));
		print_result(result);
	} else if (!db->quiet) {
		printf("%s\n", text);
	}
	if (fflush(stdout)) {
		fprintf(stderr, "strazhctl: standard output: %s\n", strerror(errno));
		return CTL_FAILED;
	}
	return CTL_DONE;
}
