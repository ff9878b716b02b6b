/* SPDX-License-Identifier: Apache-2.0 */
/* Each field is judged when it is there, in the order in which it comes. */
#include <user/wire/frame.h>

#include <user/wire/bytes.h>

const char *frame_condition_text(int condition)
{
	switch (condition) {
#define X(name, text)                                                                              \
	case name:                                                                                 \
		return text;
		FRAME_CONDITIONS(X)
#undef X
	default:
		return NULL;
	}
}

bool suite_known(uint8_t suite)
{
	uint8_t base = suite & (uint8_t)~PH_SUITE_HYBRID;

	return base >= PH_NK1 && base <= PH_RESUME;
}

static bool type_known(uint8_t type)
{
	return type == PH_CLIENT_HELLO || type == PH_SERVER_HELLO || type == PH_CLIENT_FINISH ||
	       type == PH_RETRY;
}

int frame_parse(const uint8_t *bytes, size_t len, struct frame *ret_frame)
{
	uint16_t body_len;

	if (len < 1)
		return FRAME_MORE;
	if (!type_known(bytes[0]))
		return FRAME_TYPE;
	if (len < 2)
		return FRAME_MORE;
	if (!suite_known(bytes[1]))
		return FRAME_SUITE;
	if (len < PH_FRAME_HEAD)
		return FRAME_MORE;
	body_len = get_be16(bytes + 2);
	if (!body_len)
		return FRAME_EMPTY;
	if (body_len > PH_FRAME_MAX)
		return FRAME_LONG;
	if (len - PH_FRAME_HEAD < body_len)
		return FRAME_MORE;
	*ret_frame = (struct frame){
		.type = bytes[0],
		.suite = bytes[1],
		.len = body_len,
		.body = bytes + PH_FRAME_HEAD,
	};
	return 0;
}

uint8_t *frame_emit(enum ph_type type, uint8_t suite, size_t len, uint8_t to[PH_FRAME_HEAD])
{
	return put_be16(put_byte(put_byte(to, (uint8_t)type), suite), (uint16_t)len);
}
