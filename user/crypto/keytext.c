/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key files as text. A cursor goes over the lines; each field says which key it wants and takes
 * what stands behind ": ". The first thing that is wrong ends it, with the number of its line.
 */
#include <user/crypto/keyfile.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <user/crypto/base64.h>

#define KEY_TITLE "strazh key 1"
#define CERT_TITLE "strazh certificate 1"
#define SCRYPT_R_P " 8 1"
#define TIME_FORMAT "%Y-%m-%dT%H:%M:%SZ"
#define TIME_LEN (KEYFILE_TIME_TEXT_LEN - 1)
#define TIME_END 253402300800ULL /* the year 10000 */

struct reader {
	const char *at, *end;
	const char *line; /* without its newline */
	size_t line_len;
	struct keyfile_fault fault;
};

static int wrong(struct reader *reader, const char *why)
{
	reader->fault.why = why;
	return KEYFILE_MALFORMED;
}

/* The next line, without going on to it. False: there is none, or it does not end. */
static bool peek(struct reader *reader)
{
	const char *end = memchr(reader->at, '\n', (size_t)(reader->end - reader->at));

	if (!end)
		return false;
	reader->line = reader->at;
	reader->line_len = (size_t)(end - reader->at);
	return true;
}

static void advance(struct reader *reader)
{
	reader->at = reader->line + reader->line_len + 1;
}

/* Is the next line "KEY: ..."? Then `line` is what stands behind. */
static bool next_is(struct reader *reader, const char *key)
{
	const size_t len = strlen(key);

	if (!peek(reader) || reader->line_len < len + 2 || memcmp(reader->line, key, len) != 0 ||
	    memcmp(reader->line + len, ": ", 2) != 0)
		return false;
	reader->line += len + 2;
	reader->line_len -= len + 2;
	return true;
}

static int want(struct reader *reader, const char *key, const char *why)
{
	reader->fault.line++;
	if (!next_is(reader, key))
		return wrong(reader, why);
	advance(reader);
	return 0;
}

/* The same for a field that may be left out. */
static bool may_want(struct reader *reader, const char *key)
{
	if (!next_is(reader, key))
		return false;
	reader->fault.line++;
	advance(reader);
	return true;
}

static int take_title(struct reader *reader, const char *title, const char *why)
{
	reader->fault.line = 1;
	if (!peek(reader) || reader->line_len != strlen(title) ||
	    memcmp(reader->line, title, reader->line_len) != 0)
		return wrong(reader, why);
	advance(reader);
	return 0;
}

static int take_end(struct reader *reader)
{
	reader->fault.line++;
	return reader->at == reader->end ? 0 : wrong(reader, "nothing may stand here any more");
}

static int take_bytes(struct reader *reader, const char *key, const char *why, size_t len,
		      uint8_t *ret_bytes)
{
	size_t got;
	int r = want(reader, key, why);

	if (!r &&
	    (base64_parse(reader->line, reader->line_len, len, ret_bytes, &got) || got != len))
		r = wrong(reader, why);
	return r;
}

/* ---- fields ---- */

static bool printable(char c)
{
	return c >= ' ' && c <= '~';
}

bool keyfile_name_fits(const char *name)
{
	const size_t len = strnlen(name, KEYFILE_NAME_MAX + 1);

	for (size_t i = 0; i < len; i++)
		if (!printable(name[i]))
			return false;
	return len > 0 && len <= KEYFILE_NAME_MAX && name[0] != ' ' && name[len - 1] != ' ';
}

static int take_name(struct reader *reader, char name[KEYFILE_NAME_MAX + 1])
{
	static const char why[] = "a name is 1 to 255 printable characters of ASCII";

	if (reader->line_len > KEYFILE_NAME_MAX)
		return wrong(reader, why);
	memcpy(name, reader->line, reader->line_len);
	name[reader->line_len] = '\0';
	if (strlen(name) != reader->line_len || !keyfile_name_fits(name))
		return wrong(reader, why);
	return 0;
}

static int take_kind(struct reader *reader, enum keyfile_kind *ret_kind)
{
	int r = want(reader, "kind", "here stands 'kind: root', 'server' or 'client'");

	if (r)
		return r;
	for (size_t i = 0; i < KEYFILE_KIND_COUNT; i++) {
		if (strlen(keyfile_kind_names[i]) == reader->line_len &&
		    memcmp(keyfile_kind_names[i], reader->line, reader->line_len) == 0) {
			*ret_kind = (enum keyfile_kind)i;
			return 0;
		}
	}
	return wrong(reader, "a kind is root, server or client");
}

const char *keyfile_time_text(uint64_t wall_s, char text[KEYFILE_TIME_TEXT_LEN])
{
	const time_t when = (time_t)MIN(wall_s, TIME_END - 1);
	struct tm tm;

	if (!gmtime_r(&when, &tm) || !strftime(text, KEYFILE_TIME_TEXT_LEN, TIME_FORMAT, &tm))
		text[0] = '\0';
	return text;
}

static unsigned int digits(const char *text, size_t len)
{
	unsigned int number = 0;

	for (size_t i = 0; i < len; i++)
		number = number * 10 + (unsigned char)(text[i] - '0') % 10U;
	return number;
}

/* What is no time is not what it is read back as: days that there are not, letters for digits. */
static int take_time(struct reader *reader, uint64_t *ret_wall_s)
{
	static const char why[] = "a time is written 2026-11-21T10:00:00Z";
	const char *text = reader->line;
	char again[KEYFILE_TIME_TEXT_LEN];
	struct tm tm = {0};
	time_t when;

	if (reader->line_len != TIME_LEN)
		return wrong(reader, why);
	tm.tm_year = (int)digits(text, 4) - 1900;
	tm.tm_mon = (int)digits(text + 5, 2) - 1;
	tm.tm_mday = (int)digits(text + 8, 2);
	tm.tm_hour = (int)digits(text + 11, 2);
	tm.tm_min = (int)digits(text + 14, 2);
	tm.tm_sec = (int)digits(text + 17, 2);
	when = timegm(&tm);
	if (when <= 0 || (uint64_t)when >= TIME_END ||
	    memcmp(keyfile_time_text((uint64_t)when, again), text, TIME_LEN) != 0)
		return wrong(reader, why);
	*ret_wall_s = (uint64_t)when;
	return 0;
}

static int take_scrypt(struct reader *reader, uint8_t *ret_log2n)
{
	static const char why[] = "here stands 'scrypt: N 8 1', N from 10 to 18";
	unsigned int log2n;

	if (reader->line_len != 2 + strlen(SCRYPT_R_P) || reader->line[0] != '1' ||
	    reader->line[1] < '0' || reader->line[1] > '9' ||
	    memcmp(reader->line + 2, SCRYPT_R_P, strlen(SCRYPT_R_P)) != 0)
		return wrong(reader, why);
	log2n = digits(reader->line, 2);
	if (log2n < KEYFILE_SCRYPT_LOG2N_MIN || log2n > KEYFILE_SCRYPT_LOG2N_MAX)
		return wrong(reader, why);
	*ret_log2n = (uint8_t)log2n;
	return 0;
}

/* ---- a key ---- */

static int take_head(struct reader *reader, struct keyfile *file)
{
	int r = take_title(reader, KEY_TITLE, "a key file begins with '" KEY_TITLE "'");

	if (!r)
		r = take_kind(reader, &file->kind);
	if (!r && may_want(reader, "name"))
		r = take_name(reader, file->name);
	if (!r)
		r = want(reader, "created", "here stands 'created: ' and a time");
	if (!r)
		r = take_time(reader, &file->created_s);
	if (!r && may_want(reader, "until"))
		r = take_time(reader, &file->until_s);
	if (!r)
		r = take_bytes(reader, "public", "here stands 'public: ' and 32 bytes in base64",
			       sizeof(file->public), file->public);
	return r;
}

static int take_secret(struct reader *reader, struct keyfile *file)
{
	struct keyfile_seal *seal = &file->seal;
	int r;

	file->sealed = may_want(reader, "scrypt");
	if (!file->sealed)
		return take_bytes(reader, "secret",
				  "here stands 'secret: ' and 32 bytes in base64, or 'scrypt: '",
				  sizeof(file->secret), file->secret.bytes);
	r = take_scrypt(reader, &seal->log2n);
	if (!r)
		r = take_bytes(reader, "salt", "here stands 'salt: ' and 16 bytes in base64",
			       sizeof(seal->salt), seal->salt);
	if (!r)
		r = take_bytes(reader, "sealed", "here stands 'sealed: ' and 48 bytes in base64",
			       sizeof(seal->box), seal->box);
	return r;
}

int keyfile_parse(const char *text, size_t len, struct keyfile *ret_file,
		  struct keyfile_fault *ret_fault)
{
	struct reader reader = {.at = text, .end = text + len};
	own_keyfile struct keyfile file = {0};
	int r = take_head(&reader, &file);

	if (!r)
		r = take_secret(&reader, &file);
	if (!r)
		r = take_end(&reader);
	if (r)
		*ret_fault = reader.fault;
	else
		*ret_file = file;
	return r;
}

/* ---- a certificate ---- */

int certfile_parse(const char *text, size_t len, uint8_t ret_bytes[KEYFILE_CERT_MAX],
		   size_t *ret_len, struct keyfile_fault *ret_fault)
{
	struct reader reader = {.at = text, .end = text + len};
	uint8_t bytes[KEYFILE_CERT_MAX];
	size_t bytes_len = 0;
	int r = take_title(&reader, CERT_TITLE, "a certificate begins with '" CERT_TITLE "'");

	if (!r)
		r = want(&reader, "certificate", "here stands 'certificate: ' and base64");
	if (!r && (base64_parse(reader.line, reader.line_len, sizeof(bytes), bytes, &bytes_len) ||
		   !bytes_len))
		r = wrong(&reader, "here stand 1 to 512 bytes in base64");
	if (!r)
		r = take_end(&reader);
	if (r) {
		*ret_fault = reader.fault;
		return r;
	}
	memcpy(ret_bytes, bytes, bytes_len);
	*ret_len = bytes_len;
	return 0;
}

/* ---- writing ---- */

struct writer {
	char *text;
	size_t len;
};

/* All fields at their longest fit into KEYFILE_TEXT_MAX. */
static void put(struct writer *writer, const char *key, const char *value)
{
	writer->len += (size_t)snprintf(writer->text + writer->len, KEYFILE_TEXT_MAX - writer->len,
					"%s: %s\n", key, value);
}

static void put_bytes(struct writer *writer, const char *key, const void *bytes, size_t len)
{
	char text[BASE64_LEN(KEYFILE_CERT_MAX) + 1];

	base64_emit(bytes, len, text);
	put(writer, key, text);
	wipe(text, sizeof(text));
}

static void put_time(struct writer *writer, const char *key, uint64_t wall_s)
{
	char text[KEYFILE_TIME_TEXT_LEN];

	put(writer, key, keyfile_time_text(wall_s, text));
}

size_t keyfile_emit(const struct keyfile *file, char ret_text[KEYFILE_TEXT_MAX])
{
	struct writer writer = {.text = ret_text};
	char scrypt[32];

	writer.len = (size_t)snprintf(ret_text, KEYFILE_TEXT_MAX, "%s\n", KEY_TITLE);
	put(&writer, "kind", keyfile_kind_names[file->kind]);
	if (file->name[0])
		put(&writer, "name", file->name);
	put_time(&writer, "created", file->created_s);
	if (file->until_s)
		put_time(&writer, "until", file->until_s);
	put_bytes(&writer, "public", file->public, sizeof(file->public));
	if (!file->sealed) {
		put_bytes(&writer, "secret", file->secret.bytes, sizeof(file->secret));
		return writer.len;
	}
	(void)snprintf(scrypt, sizeof(scrypt), "%u%s", file->seal.log2n, SCRYPT_R_P);
	put(&writer, "scrypt", scrypt);
	put_bytes(&writer, "salt", file->seal.salt, sizeof(file->seal.salt));
	put_bytes(&writer, "sealed", file->seal.box, sizeof(file->seal.box));
	return writer.len;
}

int certfile_emit(const uint8_t *bytes, size_t len, char ret_text[KEYFILE_TEXT_MAX])
{
	struct writer writer = {.text = ret_text};

	if (!len || len > KEYFILE_CERT_MAX)
		return -EMSGSIZE;
	writer.len = (size_t)snprintf(ret_text, KEYFILE_TEXT_MAX, "%s\n", CERT_TITLE);
	put_bytes(&writer, "certificate", bytes, len);
	return 0;
}
