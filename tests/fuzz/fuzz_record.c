/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The head of a record, and the padding of what follows it, with and without classes: one padding
 * for a text, and no other is taken.
 */
#include "must.h"

#include <user/wire/record.h>

static void fuzz_padding(const uint8_t *text, size_t padded, bool classes)
{
	uint8_t *again;
	size_t len;

	if (record_unpad(text, padded, classes, &len))
		return;
	MUST(len < padded && record_padded_len(len, classes) == padded);
	again = malloc(padded);
	MUST(again);
	memcpy(again, text, len);
	record_pad(again, len, padded);
	MUST(memcmp(again, text, padded) == 0);
	free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t head[PH_RECORD_HEAD];
	struct record_head record;
	size_t rest;
	int r = record_parse(data, size, &record);

	if (r) {
		MUST(record_condition_text(r));
		MUST(r != RECORD_MORE || size < PH_RECORD_HEAD);
		return 0;
	}
	MUST(record.len % PH_PAD == 0 && record.len >= PH_PAD && record.len <= PH_CIPHER_MAX);
	MUST(record_wire_len(&record) <= PH_RECORD_MAX);
	record_emit(&record, head);
	MUST(memcmp(head, data, sizeof(head)) == 0);
	rest = size - PH_RECORD_HEAD;
	fuzz_padding(data + PH_RECORD_HEAD, rest, false);
	fuzz_padding(data + PH_RECORD_HEAD, rest, true);
	return 0;
}
