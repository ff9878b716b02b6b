/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/ctl/history.h>

void history_put(struct history *history, const struct sz_event *event)
{
	history->ring[history->total++ % HISTORY_MAX] = *event;
}

size_t history_count(const struct history *history)
{
	return (size_t)MIN(history->total, HISTORY_MAX);
}

const struct sz_event *history_get(const struct history *history, size_t n)
{
	return &history->ring[(history->total - history_count(history) + n) % HISTORY_MAX];
}
