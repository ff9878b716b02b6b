/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The bytes behind a URL, over HTTP or out of a file, all in memory and no more than asked for. */
#ifndef STRAZH_USER_FEED_FETCH_TRANSFER_H
#define STRAZH_USER_FEED_FETCH_TRANSFER_H

#include <stddef.h>

#include <user/feed/message.h>

struct transfer {
	char *bytes; /* with a NUL behind them */
	size_t len, room;
	uint64_t max;
	bool full;		   /* there was more */
	bool begins_inner, led_in; /* at an inner address; to one, from outside */
	void *curl;
	char etag[FEED_ETAG_LEN], modified[FEED_MODIFIED_LEN];
};

void transfer_deinit(struct transfer *transfer);
/* FEED_NEW, FEED_SAME, or what went wrong and text[]. */
enum feed_outcome transfer_http(const struct feed_request *request, struct transfer *ret_transfer,
				char text[FEED_TEXT_LEN]) must_check;
/* The same of an open file; its size, time and number stand for an ETag. */
enum feed_outcome transfer_file(const struct feed_request *request, int fd,
				struct transfer *ret_transfer, char text[FEED_TEXT_LEN]) must_check;

#endif
