/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a fragment may use: functions that read nothing but their arguments, cost little, and give
 * little; types that are values and nothing else (no regclass: it looks names up); operators of the
 * core and of pgvector, but for those with ?, which is a parameter to SQLite. Lower case, as the
 * parser gives names.
 */
#include <string.h>

#include <orm/guard/guard.h>

static const char *const functions[] = {
	"abs",		"age",		"avg",	       "btrim",
	"ceil",		"ceiling",	"char_length", "character_length",
	"concat",	"count",	"date",	       "date_part",
	"date_trunc",	"datetime",	"extract",     "floor",
	"ifnull",	"initcap",	"instr",       "json_extract",
	"julianday",	"left",		"length",      "lower",
	"ltrim",	"max",		"min",	       "mod",
	"now",		"octet_length", "position",    "random",
	"reverse",	"right",	"round",       "rtrim",
	"sign",		"sqrt",		"strftime",    "strpos",
	"substr",	"substring",	"sum",	       "time",
	"timezone",	"to_char",	"to_date",     "to_number",
	"to_timestamp", "total",	"trim",	       "trunc",
	"unixepoch",	"upper",
};
static const char *const types[] = {
	"bool", "bpchar",    "bytea",	    "cidr",	"date", "float4",  "float8",  "inet",
	"int2", "int4",	     "int8",	    "interval", "json", "jsonb",   "numeric", "text",
	"time", "timestamp", "timestamptz", "timetz",	"uuid", "varchar",
};
static const char *const operators[] = {
	"+",
	"-",
	"*",
	"/",
	"%",
	"^",
	"=",
	"<>",
	"<",
	">",
	"<=",
	">=",
	"||",
	"~~",
	"!~~",
	"~~*",
	"!~~*",
	"~",
	"~*",
	"!~",
	"!~*",
	"->",
	"->>",
	"#>",
	"#>>",
	"@>",
	"<@",
	"&&",
	"@@",
	"&",
	"|",
	"#",
	"<<",
	">>",
	"<->",
	"<=>",
	"<#>",
	"BETWEEN",
	"NOT BETWEEN",
	"BETWEEN SYMMETRIC",
	"NOT BETWEEN SYMMETRIC",
};

static bool is_in(const char *const *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(list[i], name))
			return true;
	return false;
}

/* In a list separated by commas and blanks. */
static bool is_listed(const char *list, const char *name)
{
	const size_t len = strlen(name);

	while (list && *list) {
		size_t word = strcspn(list, ", \t\n");

		if (word == len && !memcmp(list, name, len))
			return true;
		list += word;
		list += strspn(list, ", \t\n");
	}
	return false;
}

bool guard_allows_function(const struct orm_guard *g, const char *name)
{
	return is_in(functions, ARRAY_LEN(functions), name) ||
	       (g && *name && is_listed(g->functions, name));
}

bool guard_allows_type(const char *name)
{
	return is_in(types, ARRAY_LEN(types), name);
}

bool guard_allows_operator(const char *name)
{
	return is_in(operators, ARRAY_LEN(operators), name);
}
