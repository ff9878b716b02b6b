// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Key files and certificates as text: what is taken is, byte for byte, what would be written; what
 * is refused says in which line. Nothing of a file that was refused comes out.
 */
#include "must.h"

#include <user/crypto/keyfile.h>

#define UNTOUCHED 12345 /* a mark */

static int all_zeros(const uint8_t *bytes, size_t len)
{
	while (len && !bytes[len - 1])
		len--;
	return !len;
}

static void check_fault(const struct keyfile_fault *fault, const char *text, size_t len)
{
	unsigned int lines = 1;

	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n';
	MUST(fault->line);
	MUST(fault->line <= lines);
	MUST(fault->why);
}

static void check_key(const char *text, size_t len)
{
	struct keyfile file = {.until_s = UNTOUCHED};
	struct keyfile_fault fault = {0};
	char again[KEYFILE_TEXT_MAX];
	int r = keyfile_parse(text, len, &file, &fault);

	if (r) {
		MUST(r == KEYFILE_MALFORMED);
		MUST(file.until_s == UNTOUCHED);
		MUST(!file.name[0]);
		MUST(all_zeros(file.public, sizeof(file.public)));
		MUST(all_zeros(file.secret.bytes, sizeof(file.secret)));
		check_fault(&fault, text, len);
		return;
	}
	MUST(!file.name[0] || keyfile_name_fits(file.name));
	MUST(keyfile_emit(&file, again) == len);
	MUST(memcmp(again, text, len) == 0);
}

static void check_cert(const char *text, size_t len)
{
	uint8_t bytes[KEYFILE_CERT_MAX];
	struct keyfile_fault fault = {0};
	char again[KEYFILE_TEXT_MAX];
	size_t bytes_len = 0;
	int r = certfile_parse(text, len, bytes, &bytes_len, &fault);

	if (r) {
		MUST(r == KEYFILE_MALFORMED);
		check_fault(&fault, text, len);
		return;
	}
	MUST(!certfile_emit(bytes, bytes_len, again));
	MUST(strlen(again) == len);
	MUST(memcmp(again, text, len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_key((const char *)data, size);
	check_cert((const char *)data, size);
	return 0;
}
