/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A line is trimmed, stripped of its comment, and what is left is one item: an address, a prefix, a
 * range, or one of these inside `ipset save` or JSON clothes. IPv4, of which lists have millions,
 * is collected as 64-bit keys (address and length in one number, in the order of prefix_compare)
 * that a radix sort puts in order; the few IPv6 prefixes go through qsort.
 */
#include <user/base/cidrlist.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <strazh/base/own.h>

#define LEN_BITS 6 /* of a key: 0 to 32 */
#define RADIX_BITS 13
#define RADIX_PASSES 3 /* 32 + 6 bits */
#define RADIX_SIZE (1U << RADIX_BITS)

struct building {
	uint64_t *keys; /* IPv4 */
	size_t key_count, key_room;
	struct prefix *six;
	size_t six_count, six_room;
	struct cidrlist *list; /* for lines and faults */
};

struct text {
	const char *at, *end;
};

/* ---- collecting ---- */

static int grow(void **array, size_t *room, size_t count, size_t size)
{
	size_t more = *room ? *room * 2 : 1024;
	void *bigger;

	if (count < *room)
		return 0;
	bigger = reallocarray(*array, more, size);
	if (!bigger)
		return -ENOMEM;
	*array = bigger;
	*room = more;
	return 0;
}

static bool is_full(const struct building *b)
{
	return b->key_count + b->six_count >= CIDRLIST_MAX;
}

static int put4(struct building *b, uint32_t addr, unsigned int len)
{
	void *keys = b->keys;
	int r;

	if (is_full(b))
		return CIDRLIST_TOO_MANY;
	r = grow(&keys, &b->key_room, b->key_count, sizeof(*b->keys));
	b->keys = keys;
	if (r)
		return r;
	addr &= len ? ~0U << (32 - len) : 0;
	b->keys[b->key_count++] = (uint64_t)addr << LEN_BITS | len;
	return 0;
}

static uint32_t number4(const uint8_t *addr)
{
	return (uint32_t)addr[0] << 24 | (uint32_t)addr[1] << 16 | (uint32_t)addr[2] << 8 | addr[3];
}

static int put(struct building *b, const struct prefix *p)
{
	void *six = b->six;
	int r;

	if (p->family == 4)
		return put4(b, number4(p->addr), p->len);
	if (is_full(b))
		return CIDRLIST_TOO_MANY;
	r = grow(&six, &b->six_room, b->six_count, sizeof(*b->six));
	b->six = six;
	if (r)
		return r;
	b->six[b->six_count++] = *p;
	return 0;
}

static void fault(struct building *b, struct text line, const char *why)
{
	struct cidrlist *list = b->list;
	struct cidrlist_fault *f;
	size_t len;

	if (list->faults_total++ >= ARRAY_LEN(list->faults))
		return;
	f = &list->faults[list->faults_total - 1];
	f->line = list->lines;
	f->why = why;
	len = MIN((size_t)(line.end - line.at), sizeof(f->text) - 1);
	for (size_t i = 0; i < len; i++)
		f->text[i] = line.at[i] >= ' ' && line.at[i] < 0x7f ? line.at[i] : '?';
	f->text[len] = '\0';
}

/* ---- ranges ---- */

/* The bits of an address as one number; IPv4 in its upper 32. */
typedef unsigned __int128 wide;

static wide wide_of(const struct prefix *p)
{
	wide n = 0;

	for (int i = 0; i < 16; i++)
		n = n << 8 | p->addr[i];
	return n;
}

static struct prefix prefix_of(uint8_t family, wide n, uint8_t len)
{
	uint8_t addr[16];

	for (int i = 15; i >= 0; i--, n >>= 8)
		addr[i] = (uint8_t)n;
	return prefix_from(family, addr, len);
}

/* All ones below bit number `bits`, 128 included. */
static wide ones(uint8_t bits)
{
	return bits == 128 ? ~(wide)0 : ((wide)1 << bits) - 1;
}

/* The largest prefix that begins at `first` and does not end behind `last`, again and again. */
static int put_range(struct building *b, const struct prefix *from, const struct prefix *to)
{
	uint8_t max = prefix_len_max(from->family);
	wide first = wide_of(from) >> (128 - max), last = wide_of(to) >> (128 - max);

	for (;;) {
		uint8_t bits = 0; /* that the prefix leaves open */
		struct prefix p;
		int r;

		while (bits < max && !(first >> bits & 1) &&
		       last - first >= ones((uint8_t)(bits + 1)))
			bits++;
		p = prefix_of(from->family, first << (128 - max), (uint8_t)(max - bits));
		r = put(b, &p);
		if (r || last - first == ones(bits))
			return r;
		first += ones(bits) + 1;
	}
}

/* ---- one line ---- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static struct text trim(struct text t)
{
	while (t.at < t.end && is_blank(*t.at))
		t.at++;
	while (t.end > t.at && is_blank(t.end[-1]))
		t.end--;
	return t;
}

static bool begins_with(struct text t, const char *word)
{
	size_t len = strlen(word);

	return (size_t)(t.end - t.at) >= len && memcmp(t.at, word, len) == 0;
}

static int parse(struct text t, struct prefix *ret_prefix)
{
	int r = prefix_parse(t.at, (size_t)(t.end - t.at), ret_prefix);

	return r == PREFIX_HOST_BITS ? 0 : r;
}

static int put_from_to(struct building *b, struct text line, struct text from, struct text to)
{
	struct prefix first, last;

	if (parse(trim(from), &first) || parse(trim(to), &last) || !prefix_is_host(&first) ||
	    !prefix_is_host(&last) || first.family != last.family) {
		fault(b, line, "a range is two addresses of one family: 192.0.2.1-192.0.2.9");
		return 0;
	}
	if (prefix_compare(&first, &last) > 0) {
		fault(b, line, "the range ends before it begins");
		return 0;
	}
	return put_range(b, &first, &last);
}

/* An address, a prefix or a range, and nothing around it. */
static int put_item(struct building *b, struct text line, struct text item)
{
	const char *dash = memchr(item.at, '-', (size_t)(item.end - item.at));
	struct prefix p;
	int r;

	if (dash)
		return put_from_to(b, line, (struct text){item.at, dash},
				   (struct text){dash + 1, item.end});
	r = parse(item, &p);
	if (r) {
		fault(b, line, prefix_fault_text(r));
		return 0;
	}
	return put(b, &p);
}

static struct text take_word(struct text *rest)
{
	struct text word = {rest->at, rest->at};

	while (word.end < rest->end && !is_blank(*word.end))
		word.end++;
	*rest = trim((struct text){word.end, rest->end});
	return word;
}

/* add SET ITEM [timeout N] [comment "..."] [nomatch] ... */
static int put_ipset(struct building *b, struct text line)
{
	struct text rest = line, item;

	take_word(&rest);
	take_word(&rest);
	item = take_word(&rest);
	if (item.at == item.end) {
		fault(b, line, "ipset 'add' without an entry: add SET 192.0.2.0/24");
		return 0;
	}
	if (memchr(item.at, ',', (size_t)(item.end - item.at))) {
		fault(b, line, "ipset entry with ports or interfaces: only addresses are denied");
		return 0;
	}
	while (rest.at < rest.end) {
		struct text word = take_word(&rest);

		if (begins_with(word, "comment"))
			break; /* free text up to the end */
		if (begins_with(word, "nomatch")) {
			fault(b, line, "ipset exception (nomatch): lists hold no exceptions");
			return 0;
		}
	}
	return put_item(b, line, item);
}

/* The text behind "KEY": in a line of JSON; false: there is none. */
static bool json_value(struct text line, const char *key, struct text *ret_value)
{
	size_t len = strlen(key);
	struct text t = {memmem(line.at, (size_t)(line.end - line.at), key, len), line.end};
	const char *quote;

	if (!t.at)
		return false;
	t.at += len;
	t = trim(t);
	if (t.at == t.end || *t.at++ != ':')
		return false;
	t = trim(t);
	if (t.at == t.end || *t.at++ != '"')
		return false;
	quote = memchr(t.at, '"', (size_t)(t.end - t.at));
	if (!quote)
		return false;
	*ret_value = (struct text){t.at, quote};
	return true;
}

/* {"cidr":"192.0.2.0/24","sblid":"SBL1"}, and at the end {"type":"metadata",...} */
static int put_json(struct building *b, struct text line)
{
	struct text value;

	if (json_value(line, "\"cidr\"", &value))
		return put_item(b, line, value);
	if (json_value(line, "\"type\"", &value) && begins_with(value, "metadata"))
		return 0;
	fault(b, line, "JSON line without \"cidr\": {\"cidr\":\"192.0.2.0/24\"} is right");
	return 0;
}

static int put_line(struct building *b, struct text line)
{
	struct text item = trim(line);

	line = item;
	if (item.at < item.end && *item.at == '{')
		return put_json(b, line);
	if (begins_with(item, "add "))
		return put_ipset(b, line);
	if (begins_with(item, "create ") || begins_with(item, "flush ") ||
	    begins_with(item, "destroy "))
		return 0;
	for (const char *at = item.at; at < item.end; at++)
		if (*at == '#' || *at == ';')
			item.end = at;
	item = trim(item);
	return item.at == item.end ? 0 : put_item(b, line, item);
}

/* ---- fast path ---- */

/* Up to three digits, as prefix_parse() takes them; NULL: leave it to the slow path. */
static const char *fast_number(const char *at, const char *end, unsigned int max, unsigned int *n)
{
	const char *start = at;
	unsigned int value = 0;

	for (; at < end && at - start < 3 && *at >= '0' && *at <= '9'; at++)
		value = value * 10 + (unsigned int)(*at - '0');
	*n = value;
	return at == start || value > max || (*start == '0' && at - start > 1) ? NULL : at;
}

/* "1.2.3.4\n" or "1.2.3.0/24\n" and nothing else; NULL: it is not that. */
static const char *fast_line(const char *at, const char *end, uint32_t *ret_addr,
			     unsigned int *ret_len)
{
	uint32_t addr = 0;
	unsigned int n, len = 32;

	for (int i = 0; i < 4; i++) {
		if (i && (at == end || *at++ != '.'))
			return NULL;
		at = fast_number(at, end, 255, &n);
		if (!at)
			return NULL;
		addr = addr << 8 | n;
	}
	if (at < end && *at == '/') {
		at = fast_number(at + 1, end, 32, &len);
		if (!at)
			return NULL;
	}
	if (at < end && *at != '\n')
		return NULL;
	*ret_addr = addr;
	*ret_len = len;
	return at;
}

static int put_text(struct building *b, const char *at, const char *end)
{
	int r = 0;

	while (!r && at < end) {
		uint32_t addr;
		unsigned int len;
		const char *stop = fast_line(at, end, &addr, &len);

		b->list->lines++;
		if (stop) {
			r = put4(b, addr, len);
		} else {
			stop = memchr(at, '\n', (size_t)(end - at));
			stop = stop ? stop : end;
			r = put_line(b, (struct text){at, stop});
		}
		at = stop + 1;
	}
	return r;
}

/* ---- in order ---- */

static bool is_sorted(const uint64_t *keys, size_t count)
{
	for (size_t i = 1; i < count; i++)
		if (keys[i - 1] > keys[i])
			return false;
	return true;
}

static void radix_pass(const uint64_t *from, uint64_t *to, size_t count, unsigned int shift,
		       uint32_t *starts)
{
	uint32_t sum = 0;

	memset(starts, 0, RADIX_SIZE * sizeof(*starts));
	for (size_t i = 0; i < count; i++)
		starts[from[i] >> shift & (RADIX_SIZE - 1)]++;
	for (uint32_t i = 0; i < RADIX_SIZE; i++) {
		uint32_t here = starts[i];

		starts[i] = sum;
		sum += here;
	}
	for (size_t i = 0; i < count; i++)
		to[starts[from[i] >> shift & (RADIX_SIZE - 1)]++] = from[i];
}

static int sort_keys(struct building *b)
{
	own_free uint32_t *starts = malloc(RADIX_SIZE * sizeof(*starts));
	own_free uint64_t *other = malloc((b->key_count + 1) * sizeof(*other));

	if (!starts || !other)
		return -ENOMEM;
	for (unsigned int pass = 0; pass < RADIX_PASSES; pass++) {
		uint64_t *sorted = other;

		radix_pass(b->keys, other, b->key_count, pass * RADIX_BITS, starts);
		other = b->keys;
		b->keys = sorted;
	}
	return 0;
}

static struct prefix prefix_of_key(uint64_t key)
{
	uint32_t addr = (uint32_t)(key >> LEN_BITS);

	return (struct prefix){
		.addr = {(uint8_t)(addr >> 24), (uint8_t)(addr >> 16), (uint8_t)(addr >> 8),
			 (uint8_t)addr},
		.family = 4,
		.len = key & ((1U << LEN_BITS) - 1),
	};
}

static int finish(struct building *b)
{
	struct cidrlist *list = b->list;
	int r = is_sorted(b->keys, b->key_count) ? 0 : sort_keys(b);

	if (r)
		return r;
	list->entries = malloc((b->key_count + b->six_count + 1) * sizeof(*list->entries));
	if (!list->entries)
		return -ENOMEM;
	for (size_t i = 0; i < b->key_count; i++)
		if (!i || b->keys[i] != b->keys[i - 1])
			list->entries[list->count++] = prefix_of_key(b->keys[i]);
	if (b->six_count)
		qsort(b->six, b->six_count, sizeof(*b->six), prefix_compare);
	for (size_t i = 0; i < b->six_count; i++)
		if (!i || prefix_compare(&b->six[i], &b->six[i - 1]) != 0)
			list->entries[list->count++] = b->six[i];
	return 0;
}

void cidrlist_deinit(struct cidrlist *list)
{
	free(list->entries);
	*list = (struct cidrlist){0};
}

int cidrlist_parse(const char *text, size_t len, struct cidrlist *ret_list)
{
	static const char bom[] = "\xef\xbb\xbf";
	struct cidrlist list = {0};
	struct building b = {.list = &list};
	size_t skip = len >= 3 && memcmp(text, bom, 3) == 0 ? 3 : 0;
	int r = len ? put_text(&b, text + skip, text + len) : 0;

	if (!r)
		r = finish(&b);
	free(b.keys);
	free(b.six);
	if (r)
		return r;
	*ret_list = list;
	return 0;
}
