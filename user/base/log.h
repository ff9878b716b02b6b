/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The daemon's log: one line to stderr, with the sd-daemon(3) level prefix when the journal reads
 * it (JOURNAL_STREAM). Only user/daemon and the mains call this; libraries return errors.
 * Messages in lower case, what failed first, subject in single quotes.
 */
#ifndef STRAZH_USER_BASE_LOG_H
#define STRAZH_USER_BASE_LOG_H

#include <strazh/base/compiler.h>

enum log_level { LOG_LVL_ERROR = 3, LOG_LVL_WARNING = 4, LOG_LVL_INFO = 6, LOG_LVL_DEBUG = 7 };

void log_init(const char *name, enum log_level most);
/* Any thread, any time. */
void log_level_set(enum log_level most);
void log_at(enum log_level level, const char *format, ...) printf_like(2, 3);

#define log_error(...) log_at(LOG_LVL_ERROR, __VA_ARGS__)
#define log_warning(...) log_at(LOG_LVL_WARNING, __VA_ARGS__)
#define log_info(...) log_at(LOG_LVL_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_LVL_DEBUG, __VA_ARGS__)

#endif
