/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Rows as an aligned table that also streams: the first rows decide the widths, the others follow
 * at once. Pure but for the FILE that it prints to.
 */
#ifndef STRAZH_USER_CTL_TABLE_H
#define STRAZH_USER_CTL_TABLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define TABLE_SAMPLE 200U
#define TABLE_COLUMNS_MAX 10U

enum column_format {
	COL_TEXT,
	COL_COUNT, /* 1 234 567, right */
	COL_BYTES, /* 1.2 MB, right */
	COL_LEFT,  /* seconds; null: for good */
	COL_WALL,  /* wall-clock seconds */
	COL_CLOCK, /* the same as a real, with milliseconds */
	COL_LIST,  /* array of texts */
	COL_YES,
};

struct column {
	const char *title; /* NULL: end */
	const char *key;
	enum column_format format;
	bool rest; /* the last: takes what is left of the line, or a line of its own; cut there */
};

struct table {
	const struct column *columns;
	size_t columns_len;
	FILE *out;
	size_t line_max; /* 0: no limit */
	bool bold;	 /* titles */
	bool running;	 /* widths are fixed, titles printed */
	size_t width[TABLE_COLUMNS_MAX];
	size_t rows_len;
	char **cells; /* TABLE_SAMPLE x columns_len */
};

void table_init(struct table *table, const struct column *columns, FILE *out, size_t line_max,
		bool bold);
void table_add(struct table *table, const json_t *row);
/* Print what waits. */
void table_flush(struct table *table);
void table_deinit(struct table *table);

/* Columns that a text takes on a terminal. */
size_t text_width(const char *text);
/* The first `width` columns of it; the caller's. */
char *text_cut(const char *text, size_t width);
/* Words in lines of at most line_max bytes, and a newline. */
void print_folded(FILE *out, const char *text, size_t len, size_t line_max);
void count_text(unsigned long long number, char *text, size_t size);
void bytes_text(unsigned long long bytes, char *text, size_t size);

#endif
