/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* From rows to what is printed: JSON lines, or what the command's view makes of them. */
#ifndef STRAZH_USER_CTL_RENDER_H
#define STRAZH_USER_CTL_RENDER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include <user/ctl/table.h>
#include <user/ctl/view.h>

struct render {
	FILE *out;
	const struct view *view;
	bool json;
	bool colour;	 /* stdout is a terminal */
	size_t line_max; /* columns of the terminal; 0: it is none */
	struct table table;
	size_t rows;
	json_t *gathered; /* rows that a view keeps for its end; array */
	bool broken;	  /* stdout takes no more */
	int error;	  /* errno of that */
};

void render_init(struct render *render, const struct view *view, FILE *out, bool json);
/* Steals the row. */
void render_row(struct render *render, json_t *row);
/* Show what waits now: between bursts of --follow. */
void render_flush(struct render *render);
/* Everything has come; `done`: and nothing went wrong. */
void render_end(struct render *render, bool done);
void render_deinit(struct render *render);

/* "\033[..m" or "" */
enum paint { PAINT_OFF, PAINT_BOLD, PAINT_DIM, PAINT_RED, PAINT_GREEN, PAINT_YELLOW };
const char *render_paint(const struct render *render, enum paint paint);

#endif
