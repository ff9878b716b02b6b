// SPDX-License-Identifier: AGPL-3.0-or-later
/* Frames of strangers as explain and capture show them: names that are whole and end. */
#include "must.h"

#include <user/ctl/frametext.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *frame = malloc(size ? size : 1); /* of this size: a byte beyond it is found */
	struct frame_text text;

	MUST(frame);
	memcpy(frame, data, size);
	memset(&text, 0x55, sizeof(text));
	frame_text(frame, size, &text);
	MUST(strnlen(text.source, sizeof(text.source)) != sizeof(text.source));
	MUST(strnlen(text.target, sizeof(text.target)) != sizeof(text.target));
	MUST(strnlen(text.proto, sizeof(text.proto)) != sizeof(text.proto));
	free(frame);
	return 0;
}
