/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * One line, one write: lines of several processes that share a stderr do not mix. With
 * JOURNAL_STREAM the journal reads the "<N>" prefix; a person at a terminal gets the program's name
 * and the level in words instead. The name is set once, before threads start; the level may change.
 */
#include <user/base/log.h>

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOG_LINE_MAX 1024

static struct {
	const char *name;
	_Atomic(enum log_level) most;
	bool journal;
} log_state = {.name = "strazh", .most = LOG_LVL_INFO};

void log_init(const char *name, enum log_level most)
{
	log_state.name = name;
	log_state.most = most;
	log_state.journal = getenv("JOURNAL_STREAM") != NULL;
}

void log_level_set(enum log_level most)
{
	log_state.most = most;
}

static const char *level_word(enum log_level level)
{
	switch (level) {
	case LOG_LVL_ERROR:
		return "error: ";
	case LOG_LVL_WARNING:
		return "warning: ";
	case LOG_LVL_INFO:
		return "";
	case LOG_LVL_DEBUG:
		return "debug: ";
	}
	return "";
}

/* What peers or files brought into a message must not forge lines or drive a terminal. */
static void make_printable(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}

void log_at(enum log_level level, const char *format, ...)
{
	char line[LOG_LINE_MAX];
	size_t len, room;
	va_list args;
	int n;

	if (level > log_state.most)
		return;
	if (log_state.journal)
		n = snprintf(line, sizeof(line), "<%d>", (int)level);
	else
		n = snprintf(line, sizeof(line), "%s: %s", log_state.name, level_word(level));
	if (n < 0 || (size_t)n >= sizeof(line) / 2)
		return;
	len = (size_t)n;
	room = sizeof(line) - len - 1; /* the newline */
	va_start(args, format);
	n = vsnprintf(line + len, room, format, args);
	va_end(args);
	if (n < 0)
		return;
	make_printable(line + len);
	len += MIN((size_t)n, room - 1);
	line[len++] = '\n';
	if (write(STDERR_FILENO, line, len) < 0)
		return; /* nowhere left to say it */
}
