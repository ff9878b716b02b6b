/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <orm/base/uuid.h>

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool orm_uuid_parse(const char *text, size_t len, uint8_t ret_uuid[16])
{
	const char *p = text, *end = text + len;
	uint8_t uuid[16];

	if (len >= 2 && *p == '{' && end[-1] == '}') {
		p++;
		end--;
	}
	for (int i = 0; i < 16; i++) {
		if (end - p < 2 || hex_value(p[0]) < 0 || hex_value(p[1]) < 0)
			return false;
		uuid[i] = (uint8_t)(hex_value(p[0]) << 4 | hex_value(p[1]));
		p += 2;
		if (p < end && *p == '-' && i % 2 && i < 15)
			p++;
	}
	if (p != end)
		return false;
	memcpy(ret_uuid, uuid, sizeof(uuid));
	return true;
}

bool orm_uuid_parse_plain(const char *text, size_t len, uint8_t ret_uuid[16])
{
	/* With these four there is no room for other hyphens or for braces. */
	return len == ORM_UUID_LEN && text[8] == '-' && text[13] == '-' && text[18] == '-' &&
	       text[23] == '-' && orm_uuid_parse(text, len, ret_uuid);
}

void orm_uuid_emit(const uint8_t uuid[16], char to[ORM_UUID_LEN + 1])
{
	static const char digits[] = "0123456789abcdef";

	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*to++ = '-';
		*to++ = digits[uuid[i] >> 4];
		*to++ = digits[uuid[i] & 15];
	}
	*to = '\0';
}
