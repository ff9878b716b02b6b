/* SPDX-License-Identifier: Apache-2.0 */
/* Errors: texts of classes, and the class of a SQLSTATE (PostgreSQL manual, appendix A). */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <orm/base/fault.h>

static const struct {
	const char *name;
	const char *text;
} classes[] = {
#define CLASS_TEXT(name, text) {#name, text},
	ORM_CLASSES(CLASS_TEXT)
#undef CLASS_TEXT
};

/* The longest prefix that matches decides. */
static const struct {
	const char *prefix;
	int class;
} sqlstates[] = {
	{"22", ORM_E_VALUE},
	{"23", ORM_E_CONSTRAINT},
	{"23502", ORM_E_NOT_NULL},
	{"23503", ORM_E_FOREIGN_KEY},
	{"23505", ORM_E_UNIQUE},
	{"23514", ORM_E_CHECK},
	{"40001", ORM_E_SERIALIZATION},
	{"40P01", ORM_E_DEADLOCK},
	{"55P03", ORM_E_LOCKED},
	{"55006", ORM_E_LOCKED},
	{"57014", ORM_E_CANCELLED},
	{"25P02", ORM_E_STATE},
	{"25006", ORM_E_READ_ONLY},
	{"25", ORM_E_STATE},
	{"08", ORM_E_CONNECTION},
	{"57P", ORM_E_CONNECTION},
	{"53300", ORM_E_CONNECTION},
	{"28", ORM_E_AUTH},
	{"3D000", ORM_E_AUTH},
	{"3B", ORM_E_STATE},
	{"53100", ORM_E_FULL},
	{"42501", ORM_E_AUTH},
	{"42P01", ORM_E_SCHEMA},
	{"42703", ORM_E_SCHEMA},
	{"XX001", ORM_E_CORRUPT},
	{"XX002", ORM_E_CORRUPT},
	{"58", ORM_E_IO},
};

const char *orm_class_name(int class)
{
	if (class < 0)
		return strerror(-class);
	return class < ORM_CLASS_COUNT ? classes[class].name : "?";
}

const char *orm_class_text(int class)
{
	if (class < 0)
		return strerror(-class);
	return class < ORM_CLASS_COUNT ? classes[class].text : "an unknown class of error";
}

bool orm_class_retryable(int class)
{
	return class == ORM_E_SERIALIZATION || class == ORM_E_DEADLOCK ||
	       class == ORM_E_CONNECTION || class == ORM_E_LOCKED || class == ORM_E_BUSY ||
	       class == ORM_E_OPEN_CIRCUIT;
}

int orm_class_of_sqlstate(const char sqlstate[5])
{
	size_t best = 0;
	int class = ORM_E_SQL;

	for (size_t i = 0; i < ARRAY_LEN(sqlstates); i++) {
		size_t len = strlen(sqlstates[i].prefix);

		if (len > best && !strncmp(sqlstate, sqlstates[i].prefix, len)) {
			best = len;
			class = sqlstates[i].class;
		}
	}
	return class;
}

void orm_error_clear(struct orm_error *err)
{
	*err = (struct orm_error){.row = ORM_NO_ROW};
}

void orm_fault_name(char to[64], const char *name)
{
	snprintf(to, 64, "%s", name ? name : "");
}

int orm_fail(struct orm_error *err, int class, const char *format, ...)
{
	va_list args;

	if (!err)
		return class;
	orm_error_clear(err);
	err->class = class;
	err->retryable = orm_class_retryable(class);
	va_start(args, format);
	vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	return class;
}
