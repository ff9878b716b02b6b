/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The last events that strazhd read: a ring of fixed size. */
#ifndef STRAZH_USER_CTL_HISTORY_H
#define STRAZH_USER_CTL_HISTORY_H

#include <stddef.h>
#include <stdint.h>

#include <strazh/abi/event.h>
#include <strazh/base/compiler.h>

#define HISTORY_MAX 4096U

struct history {
	uint64_t total; /* ever put in; the last HISTORY_MAX of them are there */
	struct sz_event ring[HISTORY_MAX];
};

void history_put(struct history *history, const struct sz_event *event);
size_t history_count(const struct history *history);
/* The n-th oldest that is there, n below history_count(). */
const struct sz_event *history_get(const struct history *history, size_t n);

#endif
