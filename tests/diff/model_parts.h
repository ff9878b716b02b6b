/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The model's steps. Each answers GO_ON or the reason (enum sz_reason) for which the packet's way
 * ends here.
 */
#ifndef STRAZH_TESTS_DIFF_MODEL_PARTS_H
#define STRAZH_TESTS_DIFF_MODEL_PARTS_H

#include "model.h"

enum { GO_ON = -1 };

static inline unsigned int be16(const uint8_t *at)
{
	return (unsigned int)at[0] * 256 + at[1];
}

/* Frame to transport header; NOT_IP and ND leave here. */
int model_read(const uint8_t *frame, size_t len, struct model_facts *f);
/* Transport header, LAND, bogons. trusted: never or allow speaks for the source. */
int model_shape(const struct model_world *world, const uint8_t *frame, const struct model_facts *f,
		bool trusted);

#endif
