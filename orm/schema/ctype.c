/* SPDX-License-Identifier: Apache-2.0 */
/* The C types that a list's columns may have (table.h), and names that C keeps for itself. */
#include <stdio.h>
#include <string.h>

#include <orm/schema/builder.h>

static const struct ctype ctypes[] = {
	{"b", ORM_K_BOOL, sizeof(bool)},
	{"i16", ORM_K_I64, sizeof(int16_t)},
	{"i32", ORM_K_I64, sizeof(int32_t)},
	{"i64", ORM_K_I64, sizeof(int64_t)},
	{"f32", ORM_K_F64, sizeof(float)},
	{"f64", ORM_K_F64, sizeof(double)},
	{"str", ORM_K_TEXT, sizeof(const char *)},
	{"bytes", ORM_K_BYTES, sizeof(struct orm_bytes)},
	{"uuid", ORM_K_UUID, sizeof(struct orm_uuid)},
	{"i64s", ORM_K_I64S, sizeof(struct orm_i64s)},
	{"f64s", ORM_K_F64S, sizeof(struct orm_f64s)},
	{"strs", ORM_K_TEXTS, sizeof(struct orm_strs)},
};

const struct ctype *ctype_find(struct orm_word name)
{
	for (size_t i = 0; i < ARRAY_LEN(ctypes); i++)
		if (orm_word_is(name, ctypes[i].name))
			return &ctypes[i];
	return NULL;
}

static const struct ctype *find_like(enum orm_kind kind, unsigned size)
{
	for (size_t i = 0; i < ARRAY_LEN(ctypes); i++)
		if (ctypes[i].kind == kind && ctypes[i].size == size)
			return &ctypes[i];
	return NULL;
}

const struct ctype *ctype_of(const struct orm_column *column)
{
	return find_like(column->kind, column->size);
}

const struct ctype *ctype_for(enum orm_type type)
{
	return find_like(orm_type_kind(type), orm_type_width(type));
}

static void append(char *to, size_t size, const char *name)
{
	size_t len = strlen(to);

	snprintf(to + len, size - len, "%s%s", len ? " " : "", name);
}

void ctype_names(char *to, size_t size)
{
	*to = '\0';
	for (size_t i = 0; i < ARRAY_LEN(ctypes); i++)
		append(to, size, ctypes[i].name);
}

void type_names(char *to, size_t size)
{
	*to = '\0';
	for (unsigned i = ORM_T_NONE + 1; i < ORM_T_COUNT; i++)
		append(to, size, orm_type_name(i));
}

/* C11 6.4.1, and what GNU C and C23 add. */
static const char *const words[] = {
	"auto",
	"bool",
	"break",
	"case",
	"char",
	"const",
	"continue",
	"default",
	"do",
	"double",
	"else",
	"enum",
	"extern",
	"false",
	"float",
	"for",
	"goto",
	"if",
	"inline",
	"int",
	"long",
	"register",
	"restrict",
	"return",
	"short",
	"signed",
	"sizeof",
	"static",
	"struct",
	"switch",
	"true",
	"typedef",
	"union",
	"unsigned",
	"void",
	"volatile",
	"while",
	"_Alignas",
	"_Alignof",
	"_Atomic",
	"_Bool",
	"_Complex",
	"_Generic",
	"_Imaginary",
	"_Noreturn",
	"_Static_assert",
	"_Thread_local",
	"asm",
	"typeof",
	"constexpr",
	"nullptr",
	"alignas",
	"alignof",
	"static_assert",
	"thread_local",
	"orm_null",
	"NULL",
};

bool name_fits_c(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (!strcmp(words[i], name))
			return false;
	return true;
}
