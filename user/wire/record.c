/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Padding is looked for where it may lie and nowhere else: in the last 16 bytes, or behind the
 * class below. That stretch is a whole number of words of 8 bytes; the last word that is not zero
 * is kept by masks, then the last byte in it. No branch and no index depends on what they are.
 */
#include <user/wire/record.h>

#include <string.h>

#include <user/wire/bytes.h>

const char *record_condition_text(int condition)
{
	switch (condition) {
#define X(name, text)                                                                              \
	case name:                                                                                 \
		return text;
		RECORD_CONDITIONS(X)
#undef X
	default:
		return NULL;
	}
}

static bool type_known(uint8_t type)
{
	switch (type) {
	case PH_CLIENT_FINISH:
	case PH_REKEY:
	case PH_REKEYED:
	case PH_DATA:
	case PH_HEARTBEAT:
	case PH_CONTROL:
	case PH_CLOSE:
		return true;
	default:
		return false;
	}
}

/* C is never empty, and a whole number of blocks. */
static bool length_known(size_t len)
{
	return len && len % PH_PAD == 0 && len <= PH_CIPHER_MAX;
}

int record_parse(const uint8_t *bytes, size_t len, struct record_head *ret_head)
{
	if (len < 1)
		return RECORD_MORE;
	if (!type_known(bytes[0]))
		return RECORD_TYPE;
	if (len < 2)
		return RECORD_MORE;
	if (bytes[1] & ~(PH_FLAG_PRIORITY | PH_FLAG_EPOCH))
		return RECORD_FLAGS;
	if (len < 4)
		return RECORD_MORE;
	if (!length_known(get_be16(bytes + 2)))
		return RECORD_LENGTH;
	for (size_t i = 4; i < 8; i++) {
		if (len <= i)
			return RECORD_MORE;
		if (bytes[i])
			return RECORD_ZERO;
	}
	if (len < PH_RECORD_HEAD)
		return RECORD_MORE;
	*ret_head = (struct record_head){
		.type = bytes[0],
		.flags = bytes[1],
		.len = get_be16(bytes + 2),
		.n = get_be64(bytes + 8),
	};
	return 0;
}

uint8_t *record_emit(const struct record_head *head, uint8_t to[PH_RECORD_HEAD])
{
	to = put_byte(put_byte(to, head->type), head->flags);
	return put_be64(put_be32(put_be16(to, head->len), 0), head->n);
}

/* The smallest class that holds len bytes of C; len is at most PH_CIPHER_MAX. */
static size_t class_of(size_t len)
{
	size_t class = RECORD_CLASS_MIN;

	while (class < len)
		class <<= 1;
	return MIN(class, (size_t)PH_CIPHER_MAX);
}

size_t record_padded_len(size_t len, bool classes)
{
	size_t padded;

	if (len > PH_PLAIN_MAX)
		return 0;
	padded = (len / PH_PAD + 1) * PH_PAD;
	return classes ? class_of(padded) : padded;
}

void record_pad(uint8_t *text, size_t len, size_t padded)
{
	text[len] = 0x80;
	memset(text + len + 1, 0, padded - len - 1);
}

/* Where the first byte of padding may lie at the earliest. */
static size_t stretch_begin(size_t padded, bool classes)
{
	if (!classes)
		return padded - PH_PAD;
	if (padded == RECORD_CLASS_MIN)
		return 0;
	return padded == PH_CIPHER_MAX ? 32768 : padded / 2;
}

/* All ones when x is not 0. */
static uint64_t mask_of(uint64_t x)
{
	return 0 - ((x | (0 - x)) >> 63);
}

int record_unpad(const uint8_t *text, size_t padded, bool classes, size_t *ret_len)
{
	uint64_t last = 0, at = 0, byte = 0, offset = 0;
	size_t begin;

	if (!length_known(padded) || (classes && class_of(padded) != padded))
		return RECORD_PADDING;
	begin = stretch_begin(padded, classes);
	for (size_t i = begin; i < padded; i += sizeof(last)) {
		uint64_t word = get_be64(text + i), mask = mask_of(word);

		last = (last & ~mask) | (word & mask);
		at = (at & ~mask) | (i & mask);
	}
	for (unsigned i = 0; i < sizeof(last); i++) {
		uint64_t b = last >> (56 - 8 * i) & 0xff, mask = mask_of(b);

		byte = (byte & ~mask) | (b & mask);
		offset = (offset & ~mask) | (i & mask);
	}
	if (byte != 0x80)
		return RECORD_PADDING;
	*ret_len = (size_t)(at + offset);
	return 0;
}
