/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A terminal for a live view: its size, keys as they are pressed, and everything back at the end.
 */
#ifndef STRAZH_USER_CTL_SCREEN_H
#define STRAZH_USER_CTL_SCREEN_H

#include <stdbool.h>
#include <stdio.h>

/* False: stdout is no terminal; nothing was changed. */
bool screen_open(void);
void screen_close(void);
void screen_size(unsigned int *ret_rows, unsigned int *ret_columns);
/* A key, or 0 after timeout_ms, or at once when the size changed or a signal came. */
int screen_key(int timeout_ms);
/* Begin a picture at the top; lines are printed with screen_line(), each cut to the width. */
void screen_begin(void);
void screen_line(const char *text, bool bold);
void screen_end(void);

#endif
