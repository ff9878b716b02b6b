/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Who a frame is from and to, for people: as far as it can be read; the gate judges, this shows. */
#ifndef STRAZH_USER_CTL_FRAMETEXT_H
#define STRAZH_USER_CTL_FRAMETEXT_H

#include <stddef.h>
#include <stdint.h>

#define FRAME_TEXT_LEN 64

struct frame_text {
	char source[FRAME_TEXT_LEN]; /* address, with :port where there is one; "" if it has none */
	char target[FRAME_TEXT_LEN];
	char proto[16];
};

void frame_text(const uint8_t *frame, size_t len, struct frame_text *ret_text);

#endif
