/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/ctl/table.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <strazh/base/own.h>
#include <user/base/clock.h>
#include <user/ctl/rows.h>

#define GAP 2U
/* A last column narrower than this goes to a line of its own. */
#define REST_MIN 20U
#define REST_INDENT 4U
#define CELL_MAX 512

/* ---- texts ---- */

size_t text_width(const char *text)
{
	size_t width = 0;

	/* Code points; what lists hold is Latin, Cyrillic and the like, one column each. */
	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

char *text_cut(const char *text, size_t width)
{
	const char *end = text;

	if (text_width(text) <= width)
		return strdup(text);
	if (!width)
		return strdup("");
	for (size_t seen = 0; *end; end++)
		if (((unsigned char)*end & 0xc0) != 0x80 && seen++ == width - 1)
			break;
	{
		char *cut = NULL;

		return asprintf(&cut, "%.*s…", (int)(end - text), text) < 0 ? NULL : cut;
	}
}

void print_folded(FILE *out, const char *text, size_t len, size_t line_max)
{
	size_t column = 0;

	while (len) {
		size_t word = 0;

		while (word < len && text[word] != ' ')
			word++;
		if (column && column + 1 + word > line_max) {
			fputc('\n', out);
			column = 0;
		}
		fprintf(out, "%s%.*s", column ? " " : "", (int)word, text);
		column += word + (column ? 1 : 0);
		text += word;
		len -= word;
		while (len && *text == ' ') {
			text++;
			len--;
		}
	}
	fputc('\n', out);
}

void count_text(unsigned long long number, char *text, size_t size)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%llu", number);
	size_t at = 0;

	for (int i = 0; i < len && at + 2 < size; i++) {
		if (i && (len - i) % 3 == 0)
			text[at++] = ',';
		text[at++] = digits[i];
	}
	text[at] = '\0';
}

void bytes_text(unsigned long long bytes, char *text, size_t size)
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
	double value = (double)bytes;
	size_t unit = 0;

	while (value >= 999.5 && unit + 1 < ARRAY_LEN(units)) {
		value /= 1000;
		unit++;
	}
	(void)snprintf(text, size, unit && value < 9.95 ? "%.1f %s" : "%.0f %s", value,
		       units[unit]);
}

static void clock_text(double wall, char *text, size_t size)
{
	time_t seconds = (time_t)wall;
	struct tm day;
	char whole[16];

	localtime_r(&seconds, &day);
	(void)strftime(whole, sizeof(whole), "%T", &day);
	(void)snprintf(text, size, "%s.%03d", whole, (int)((wall - (double)seconds) * 1000));
}

static void list_text(const json_t *list, char *text, size_t size)
{
	size_t at = 0, i;
	json_t *item;

	text[0] = '\0';
	json_array_foreach((json_t *)(uintptr_t)list, i, item)
	{
		if (at < size)
			at += (size_t)snprintf(text + at, size - at, "%s%s", i ? "," : "",
					       json_string_value(item));
	}
}

static char *cell(const struct column *column, const json_t *row)
{
	const json_t *value = json_object_get(row, column->key);
	unsigned long long number = (unsigned long long)json_integer_value(value);
	char text[CELL_MAX] = "";

	if (column->format == COL_LEFT && json_is_null(value))
		return strdup("for good");
	if (!value || json_is_null(value))
		return strdup("");
	switch (column->format) {
	case COL_TEXT:
		if (json_is_integer(value))
			(void)snprintf(text, sizeof(text), "%llu", number);
		else
			return strdup(json_is_string(value) ? json_string_value(value) : "");
		break;
	case COL_COUNT:
		count_text(number, text, sizeof(text));
		break;
	case COL_BYTES:
		bytes_text(number, text, sizeof(text));
		break;
	case COL_LEFT:
		(void)duration_format(number, text);
		break;
	case COL_WALL:
		wall_text(number, text, sizeof(text));
		break;
	case COL_CLOCK:
		clock_text(json_real_value(value), text, sizeof(text));
		break;
	case COL_LIST:
		list_text(value, text, sizeof(text));
		break;
	case COL_YES:
		return strdup(json_is_true(value) ? "yes" : "");
	}
	return strdup(text);
}

/* ---- layout ---- */

void table_init(struct table *table, const struct column *columns, FILE *out, size_t line_max,
		bool bold)
{
	*table = (struct table){.columns = columns, .out = out, .line_max = line_max, .bold = bold};
	while (columns[table->columns_len].title)
		table->columns_len++;
	for (size_t i = 0; i < table->columns_len; i++)
		table->width[i] = text_width(columns[i].title);
}

static bool right_side(const struct column *column)
{
	return column->format == COL_COUNT || column->format == COL_BYTES;
}

static size_t room_left(const struct table *table, size_t used)
{
	if (!table->line_max)
		return SIZE_MAX;
	return table->line_max > used ? table->line_max - used : 0;
}

/* The last column: on this line, or where too little is left of it, on one of its own. */
static void print_rest(struct table *table, const char *cell, size_t used, size_t owed, bool title)
{
	size_t room = room_left(table, used + owed);
	own_free char *text = NULL;

	if (!cell[0] || (title && room < text_width(cell)))
		return;
	if (room < MIN(text_width(cell), REST_MIN)) {
		owed = REST_INDENT;
		room = room_left(table, REST_INDENT);
		fputc('\n', table->out);
	}
	text = text_cut(cell, room);
	if (text)
		fprintf(table->out, "%*s%s", (int)owed, "", text);
}

/* One line; blanks at its end are not printed. */
static void print_line(struct table *table, char *const *cells, bool title)
{
	size_t used = 0, owed = 0;

	for (size_t i = 0; i < table->columns_len; i++) {
		const struct column *column = &table->columns[i];
		size_t width = text_width(cells[i]);
		size_t pad = table->width[i] > width ? table->width[i] - width : 0;

		if (column->rest) {
			print_rest(table, cells[i], used, owed, title);
			break;
		}
		if (right_side(column))
			owed += pad;
		if (width) {
			fprintf(table->out, "%*s%s", (int)owed, "", cells[i]);
			used += owed + width;
			owed = 0;
		}
		owed += GAP + (right_side(column) ? 0 : pad);
	}
	fputc('\n', table->out);
}

static void print_titles(struct table *table)
{
	char *titles[TABLE_COLUMNS_MAX];

	for (size_t i = 0; i < table->columns_len; i++)
		titles[i] = (char *)(uintptr_t)table->columns[i].title;
	if (table->bold)
		fputs("\033[1m", table->out);
	print_line(table, titles, true);
	if (table->bold)
		fputs("\033[0m", table->out);
}

static void free_cells(char **cells, size_t len)
{
	for (size_t i = 0; i < len; i++)
		free(cells[i]);
}

void table_flush(struct table *table)
{
	const size_t n = table->columns_len;

	if (!table->rows_len)
		return;
	if (!table->running)
		print_titles(table);
	table->running = true;
	for (size_t i = 0; i < table->rows_len; i++)
		print_line(table, table->cells + i * n, false);
	free_cells(table->cells, table->rows_len * n);
	table->rows_len = 0;
}

void table_add(struct table *table, const json_t *row)
{
	const size_t n = table->columns_len;
	char **cells;

	if (!table->cells)
		table->cells = calloc(TABLE_SAMPLE * n, sizeof(*table->cells));
	if (!table->cells)
		return;
	cells = table->cells + table->rows_len * n;
	for (size_t i = 0; i < n; i++) {
		cells[i] = cell(&table->columns[i], row);
		if (!cells[i]) {
			free_cells(cells, i);
			return;
		}
		if (!table->running && !table->columns[i].rest)
			table->width[i] = MAX(table->width[i], text_width(cells[i]));
	}
	table->rows_len++;
	if (table->running || table->rows_len == TABLE_SAMPLE)
		table_flush(table);
}

void table_deinit(struct table *table)
{
	table_flush(table);
	free(table->cells);
	table->cells = NULL;
}
