/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/ctl/render.h>

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static size_t terminal_columns(int fd)
{
	struct winsize size = {0};

	if (ioctl(fd, TIOCGWINSZ, &size) || !size.ws_col)
		return 80;
	return size.ws_col;
}

void render_init(struct render *render, const struct view *view, FILE *out, bool json)
{
	const bool tty = isatty(fileno(out));
	const char *no_colour = getenv("NO_COLOR");

	*render = (struct render){.out = out, .view = view, .json = json};
	render->line_max = tty ? terminal_columns(fileno(out)) : 0;
	render->colour = tty && !json && !(no_colour && no_colour[0]);
	if (view && view->columns)
		table_init(&render->table, view->columns, out, render->line_max, render->colour);
}

const char *render_paint(const struct render *render, enum paint paint)
{
	static const char *const codes[] = {
		[PAINT_OFF] = "\033[0m",  [PAINT_BOLD] = "\033[1m",   [PAINT_DIM] = "\033[2m",
		[PAINT_RED] = "\033[31m", [PAINT_GREEN] = "\033[32m", [PAINT_YELLOW] = "\033[33m",
	};

	return render->colour ? codes[paint] : "";
}

static void broke(struct render *render)
{
	if (!render->broken)
		render->error = errno;
	render->broken = true;
}

static void show_json(struct render *render, const json_t *row)
{
	if (json_dumpf(row, render->out, JSON_COMPACT) || fputc('\n', render->out) == EOF)
		broke(render);
}

/* Something wrong that a row tells of, whatever the command. */
static bool show_problem(const struct render *render, const json_t *row)
{
	const char *error = json_string_value(json_object_get(row, "error"));
	const json_t *line = json_object_get(row, "line");

	if (!error)
		return false;
	(void)render;
	if (line)
		fprintf(stderr, "strazhctl: line %lld: %s\n", (long long)json_integer_value(line),
			error);
	else
		fprintf(stderr, "strazhctl: %s\n", error);
	return true;
}

void render_row(struct render *render, json_t *row)
{
	const struct view *view = render->view;

	if (!row)
		return;
	render->rows++;
	if (render->json)
		show_json(render, row);
	else if (show_problem(render, row))
		render->rows--;
	else if (view && view->row)
		view->row(render, row);
	else if (view && view->columns)
		table_add(&render->table, row);
	json_decref(row);
	if (ferror(render->out))
		broke(render);
}

void render_flush(struct render *render)
{
	if (!render->json && render->view && render->view->columns)
		table_flush(&render->table);
	if (fflush(render->out))
		broke(render);
}

void render_end(struct render *render, bool done)
{
	const struct view *view = render->view;

	if (!render->json && view) {
		if (view->end && render->rows)
			view->end(render);
		if (view->columns)
			table_flush(&render->table);
		if (done && !render->rows && view->nothing)
			fprintf(render->out, "%s\n", view->nothing);
	}
	render_flush(render);
}

void render_deinit(struct render *render)
{
	if (render->view && render->view->columns)
		table_deinit(&render->table);
	json_decref(render->gathered);
	render->gathered = NULL;
}
