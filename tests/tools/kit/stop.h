/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A tool that ends in order, with its report, when it is asked to. */
#ifndef STRAZH_TESTS_TOOLS_KIT_STOP_H
#define STRAZH_TESTS_TOOLS_KIT_STOP_H

#include <signal.h>

extern volatile sig_atomic_t stop; /* 1: SIGTERM or SIGINT came */

void stop_by_signals(void);

#endif
