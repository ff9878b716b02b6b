/* SPDX-License-Identifier: Apache-2.0 */
#include <user/wire/text.h>

#include <strazh/base/utf8.h>

bool text_clean(const void *bytes, size_t len)
{
	const unsigned char *at = bytes;

	while (len) {
		size_t step = utf8_len(at, len);

		if (!step || utf8_is_control(at))
			return false;
		at += step;
		len -= step;
	}
	return true;
}
