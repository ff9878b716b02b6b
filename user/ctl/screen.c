/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The alternate screen, so that what was there comes back. A picture is written over the one
 * before, line by line, the rest of each line cleared: nothing flickers. The terminal is put back
 * on every way out: close, exit(), and the signals that end a program (the caller turns them into
 * a normal end).
 */
#include <user/ctl/screen.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <strazh/base/own.h>
#include <user/ctl/table.h>

static struct termios before;
static bool is_open, has_keys;
static unsigned int rows = 24, columns = 80, line;

static void on_resize(int number)
{
	(void)number; /* it only has to interrupt poll() */
}

bool screen_open(void)
{
	const struct sigaction resize = {.sa_handler = on_resize};
	struct termios raw;

	if (!isatty(STDOUT_FILENO))
		return false;
	has_keys = isatty(STDIN_FILENO) && !tcgetattr(STDIN_FILENO, &before);
	if (has_keys) {
		raw = before;
		raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	}
	is_open = true;
	(void)atexit(screen_close);
	(void)sigaction(SIGWINCH, &resize, NULL);
	fputs("\033[?1049h\033[?25l", stdout);
	return true;
}

void screen_close(void)
{
	if (!is_open)
		return;
	is_open = false;
	fputs("\033[?25h\033[?1049l", stdout);
	(void)fflush(stdout);
	if (has_keys)
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &before);
}

void screen_size(unsigned int *ret_rows, unsigned int *ret_columns)
{
	struct winsize size;

	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_row && size.ws_col) {
		rows = size.ws_row;
		columns = size.ws_col;
	}
	*ret_rows = rows;
	*ret_columns = columns;
}

int screen_key(int timeout_ms)
{
	struct pollfd in = {.fd = has_keys ? STDIN_FILENO : -1, .events = POLLIN};
	char key;

	if (poll(&in, 1, timeout_ms) <= 0 || !(in.revents & POLLIN))
		return 0;
	return read(STDIN_FILENO, &key, 1) == 1 ? key : 'q';
}

void screen_begin(void)
{
	line = 0;
	fputs("\033[H", stdout);
}

void screen_line(const char *text, bool bold)
{
	own_free char *cut = NULL;

	if (line == rows)
		return;
	cut = text_cut(text, columns);
	if (line)
		fputc('\n', stdout);
	fprintf(stdout, "%s%s%s\033[K", bold ? "\033[1m" : "", cut ? cut : "",
		bold ? "\033[0m" : "");
	line++;
}

void screen_end(void)
{
	fputs("\033[J", stdout);
	(void)fflush(stdout);
}
