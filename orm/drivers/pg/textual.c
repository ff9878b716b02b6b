/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fields in text format, as raw statements get them: text has a form for every type there is, of
 * extensions too, so a raw statement never fails for what it selects. What is not known is TEXT.
 */
#include <string.h>

#include <strazh/orm/error.h>

#include <orm/drivers/pg/codec.h>
#include <orm/drivers/pg/number.h>
#include <orm/drivers/pg/oid.h>

static int refuse(const char **ret_why, const char *why)
{
	*ret_why = why;
	return ORM_E_VALUE;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* ---- times ---- */

/* At least `least` digits; at most 9. NULL: there are none. */
static const char *scan_digits(const char *text, int least, int most, int64_t *ret_n)
{
	int64_t n = 0;
	int i;

	for (i = 0; i < most && text[i] >= '0' && text[i] <= '9'; i++)
		n = n * 10 + (text[i] - '0');
	*ret_n = n;
	return i < least ? NULL : text + i;
}

static const char *scan_pair(const char *text, char before, int64_t *ret_n)
{
	return *text == before ? scan_digits(text + 1, 2, 2, ret_n) : NULL;
}

/* ".678901": ms, cut. */
static const char *scan_fraction(const char *text, int64_t *ret_ms)
{
	int64_t ms = 0;
	int i = 0;

	*ret_ms = 0;
	if (*text != '.')
		return text;
	for (text++; *text >= '0' && *text <= '9'; text++, i++)
		if (i < 3)
			ms = ms * 10 + (*text - '0');
	for (; i < 3; i++)
		ms *= 10;
	*ret_ms = ms;
	return text;
}

/* "+05:30", "-08", "+00:19:32", or nothing. */
static const char *scan_zone(const char *text, int64_t *ret_seconds)
{
	bool minus = *text == '-';
	int64_t hours, minutes = 0, seconds = 0;

	*ret_seconds = 0;
	if (*text != '+' && *text != '-')
		return text;
	text = scan_digits(text + 1, 2, 2, &hours);
	if (text && *text == ':')
		text = scan_pair(text, ':', &minutes);
	if (text && *text == ':')
		text = scan_pair(text, ':', &seconds);
	*ret_seconds = (hours * 60 + minutes) * 60 + seconds;
	if (minus)
		*ret_seconds = -*ret_seconds;
	return text;
}

/* Howard Hinnant's "days_from_civil": days since 1970-01-01. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
	int64_t y = year - (month <= 2), era = (y >= 0 ? y : y - 399) / 400, yoe = y - era * 400;
	int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

int pg_time_parse(const char *text, int64_t *ret_ms)
{
	int64_t year, month, day, hour, minute, second, ms, zone;
	const char *at = scan_digits(text, 4, 6, &year);

	if (at)
		at = scan_pair(at, '-', &month);
	if (at)
		at = scan_pair(at, '-', &day);
	if (at)
		at = scan_pair(at, ' ', &hour);
	if (at)
		at = scan_pair(at, ':', &minute);
	if (at)
		at = scan_pair(at, ':', &second);
	if (at)
		at = scan_fraction(at, &ms);
	if (at)
		at = scan_zone(at, &zone);
	if (!at || month < 1 || month > 12)
		return ORM_E_VALUE;
	if (!strcmp(at, " BC"))
		year = 1 - year;
	else if (*at)
		return ORM_E_VALUE;
	second += (hour * 60 + minute) * 60 - zone;
	*ret_ms = (days_of(year, month, day) * 86400 + second) * 1000 + ms;
	return 0;
}

/* ---- bytea ---- */

static int parse_bytes(struct arena *arena, const char *data, size_t len,
		       struct orm_value *ret_value, const char **ret_why)
{
	size_t n = len / 2 - 1;
	char *to;

	if (len < 2 || len % 2 || data[0] != '\\' || data[1] != 'x')
		return refuse(ret_why, "bytea_output is not hex");
	to = arena_alloc(arena, n ? n : 1);
	if (!to)
		return pg_no_room(arena, n);
	for (size_t i = 0; i < n; i++) {
		int high = hex(data[2 + i * 2]), low = hex(data[3 + i * 2]);

		if (high < 0 || low < 0)
			return refuse(ret_why, "its bytes are malformed");
		to[i] = (char)(high << 4 | low);
	}
	*ret_value = (struct orm_value){
		.kind = ORM_K_BYTES, .type = ORM_T_BYTES, .p = to, .len = n};
	return 0;
}

/* ---- arrays ---- */

/* Elements at most: one more than the commas. */
static size_t count_commas(const char *data, size_t len)
{
	size_t n = 1;

	for (size_t i = 0; i < len; i++)
		n += data[i] == ',';
	return n;
}

int pg_numbers_parse(struct arena *arena, const char *text, size_t len, bool integers,
		     struct orm_value *ret_value, const char **ret_why)
{
	size_t n = 0, room = count_commas(text, len) * 8;
	const char *at = text + 1, *end = text + len - 1;
	void *to;

	if (len < 2 || (*text != '{' && *text != '[') || (*end != '}' && *end != ']'))
		return refuse(ret_why, "it is no list of numbers");
	to = arena_alloc(arena, room);
	if (!to)
		return pg_no_room(arena, room);
	while (at < end) {
		const char *comma = memchr(at, ',', (size_t)(end - at));
		size_t size = (size_t)((comma ? comma : end) - at);

		if (!(integers ? number_parse_int(at, size, (int64_t *)to + n)
			       : number_parse_double(at, size, (double *)to + n)))
			return refuse(ret_why, "an element of the list is no number");
		n++;
		at += size + (comma ? 1 : 0);
		if (comma && at == end)
			return refuse(ret_why, "it is no list of numbers");
	}
	*ret_value = (struct orm_value){.kind = integers ? ORM_K_I64S : ORM_K_F64S,
					.type = integers ? ORM_T_BIGINTS : ORM_T_DOUBLES,
					.p = to,
					.len = n};
	return 0;
}

/* One element: quoted, or up to a comma. Written to `to`; NULL: malformed, or NULL itself. */
static const char *scan_element(const char *at, const char *end, char **to)
{
	bool quoted = at < end && *at == '"';
	const char *begin = at;
	char *out = *to;

	for (at += quoted; at < end && (quoted ? *at != '"' : *at != ','); at++) {
		if (!quoted && (*at == '{' || *at == '"'))
			return NULL;
		if (*at == '\\' && ++at == end)
			return NULL;
		*out++ = *at;
	}
	if (quoted ? at++ == end : at == begin || (at - begin == 4 && !memcmp(begin, "NULL", 4)))
		return NULL;
	if (at < end && *at != ',')
		return NULL;
	*out++ = '\0';
	*to = out;
	return at;
}

static int parse_texts(struct arena *arena, const char *data, size_t len,
		       struct orm_value *ret_value, const char **ret_why)
{
	size_t n = 0, room = count_commas(data, len) * sizeof(char *);
	const char *at = data + 1, *end = data + len - 1, **to;
	char *text;

	if (len < 2 || *data != '{' || *end != '}')
		return refuse(ret_why, "the array has bounds of its own");
	to = arena_alloc(arena, room);
	text = arena_alloc(arena, len + 1);
	if (!to || !text)
		return pg_no_room(arena, room + len);
	while (at < end) {
		to[n++] = text;
		at = scan_element(at, end, &text);
		if (!at || (at < end && ++at == end))
			return refuse(ret_why, "an element of the array is NULL or an array");
	}
	*ret_value = (struct orm_value){
		.kind = ORM_K_TEXTS, .type = ORM_T_TEXTS, .p = to, .len = n};
	return 0;
}

/* ---- by OID ---- */

static int parse_time(const char *data, struct orm_value *ret_value, const char **ret_why)
{
	int64_t ms;

	if (pg_time_parse(data, &ms))
		return refuse(ret_why, "the time is infinity, or DateStyle is not ISO");
	*ret_value = orm_value_i64(ms);
	ret_value->type = ORM_T_TIMESTAMP_MS;
	return 0;
}

static int parse_int(const char *data, size_t len, struct orm_value *ret_value,
		     const char **ret_why)
{
	int64_t i;

	if (!number_parse_int(data, len, &i))
		return refuse(ret_why, "it is no integer");
	*ret_value = orm_value_i64(i);
	ret_value->type = ORM_T_BIGINT;
	return 0;
}

static int parse_double(const char *data, size_t len, struct orm_value *ret_value,
			const char **ret_why)
{
	double f;

	if (!number_parse_double(data, len, &f))
		return refuse(ret_why, "it is no number");
	*ret_value = orm_value_f64(f);
	ret_value->type = ORM_T_DOUBLE;
	return 0;
}

static int parse_uuid(struct arena *arena, const char *data, size_t len,
		      struct orm_value *ret_value, const char **ret_why)
{
	*ret_value = orm_value_text_len(data, len);
	return pg_convert(arena, ORM_T_UUID, ret_value, ret_why);
}

static int decode_by_oid(struct arena *arena, uint32_t oid, const char *data, size_t len,
			 struct orm_value *ret_value, const char **ret_why)
{
	enum orm_type type = ORM_T_TEXT;

	switch (oid) {
	case PG_BOOL:
		*ret_value = orm_value_bool(*data == 't');
		ret_value->type = ORM_T_BOOLEAN;
		return 0;
	case PG_INT2:
	case PG_INT4:
	case PG_INT8:
	case PG_OID:
	case PG_XID:
	case PG_CID:
		return parse_int(data, len, ret_value, ret_why);
	case PG_FLOAT4:
	case PG_FLOAT8:
		return parse_double(data, len, ret_value, ret_why);
	case PG_BYTEA:
		return parse_bytes(arena, data, len, ret_value, ret_why);
	case PG_TIMESTAMP:
	case PG_TIMESTAMPTZ:
		return parse_time(data, ret_value, ret_why);
	case PG_UUID:
		return parse_uuid(arena, data, len, ret_value, ret_why);
	case PG_INT2S:
	case PG_INT4S:
	case PG_INT8S:
		return pg_numbers_parse(arena, data, len, true, ret_value, ret_why);
	case PG_FLOAT4S:
	case PG_FLOAT8S:
		return pg_numbers_parse(arena, data, len, false, ret_value, ret_why);
	case PG_TEXTS:
	case PG_VARCHARS:
	case PG_BPCHARS:
	case PG_NAMES:
	case PG_UUIDS:
	case PG_INETS:
	case PG_CIDRS:
	case PG_NUMERICS:
		return parse_texts(arena, data, len, ret_value, ret_why);
	case PG_VOID:
		*ret_value = orm_value_null();
		return 0;
	case PG_NUMERIC:
		type = ORM_T_NUMERIC;
		break;
	case PG_INET:
		type = ORM_T_INET;
		break;
	case PG_CIDR:
		type = ORM_T_CIDR;
		break;
	case PG_JSON:
		type = ORM_T_JSON;
		break;
	case PG_JSONB:
		type = ORM_T_JSONB;
		break;
	default:
		break;
	}
	*ret_value = orm_value_text_len(data, len);
	ret_value->type = (uint8_t)type;
	return 0;
}

int pg_decode_text(struct arena *arena, uint32_t oid, enum orm_type want, const char *data,
		   size_t len, struct orm_value *ret_value, const char **ret_why)
{
	struct orm_value value;
	int r = decode_by_oid(arena, oid, data, len, &value, ret_why);

	if (!r)
		r = pg_convert(arena, want, &value, ret_why);
	if (!r)
		*ret_value = value;
	return r;
}
