/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Texts come from operators, from published lists and over the daemon's socket, so nothing here
 * trusts a terminator: every reader has an end, and what is longer than an address can be is
 * refused before it is looked at. IPv4 is read by hand, because lists hold a million of them.
 */
#include <user/base/prefix.h>

#include <arpa/inet.h>
#include <string.h>

#include <strazh/base/compiler.h>

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

/* ---- making canonical ones ---- */

uint8_t prefix_len_max(uint8_t family)
{
	return family == 4 ? 32 : 128;
}

uint8_t prefix_one_len(uint8_t family)
{
	return family == 4 ? 32 : 64;
}

uint8_t prefix_net_len(uint8_t family)
{
	return family == 4 ? 24 : 48;
}

bool prefix_ok(const struct prefix *p)
{
	return (p->family == 4 || p->family == 6) && p->len <= prefix_len_max(p->family);
}

static void cut_host_bits(uint8_t *addr, size_t size, uint8_t len)
{
	size_t whole = len / 8U;

	if (whole >= size)
		return;
	addr[whole] &= (uint8_t)(0xff00U >> (len % 8U));
	memset(addr + whole + 1, 0, size - whole - 1);
}

struct prefix prefix_from(uint8_t family, const void *addr, uint8_t len)
{
	struct prefix p = {.family = family, .len = MIN(len, prefix_len_max(family))};

	if (family == 6 && p.len >= 96 && memcmp(addr, mapped, sizeof(mapped)) == 0)
		return prefix_from(4, (const uint8_t *)addr + sizeof(mapped), p.len - 96);
	memcpy(p.addr, addr, family == 4 ? 4 : 16);
	cut_host_bits(p.addr, sizeof(p.addr), p.len);
	return p;
}

/* ---- reading ---- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* One octet, no leading zero: "010" is eight to some and ten to others. */
static const char *read_octet(const char *at, const char *end, uint8_t *ret_octet)
{
	const char *start = at;
	unsigned int n = 0;

	for (; at < end && at - start < 3 && is_digit(*at); at++)
		n = n * 10 + (unsigned int)(*at - '0');
	if (at == start || n > 255 || (*start == '0' && at - start > 1))
		return NULL;
	*ret_octet = (uint8_t)n;
	return at;
}

static int read_addr4(const char *at, const char *end, uint8_t addr[4])
{
	for (int i = 0; i < 4; i++) {
		if (i && (at == end || *at++ != '.'))
			return PREFIX_BAD_ADDRESS;
		at = read_octet(at, end, &addr[i]);
		if (!at)
			return PREFIX_BAD_ADDRESS;
	}
	return at == end ? 0 : PREFIX_BAD_ADDRESS;
}

static int read_addr6(const char *at, const char *end, uint8_t addr[16])
{
	char text[INET6_ADDRSTRLEN];
	size_t len = (size_t)(end - at);

	if (len >= sizeof(text) || memchr(at, 0, len))
		return PREFIX_BAD_ADDRESS;
	memcpy(text, at, len);
	text[len] = '\0';
	return inet_pton(AF_INET6, text, addr) == 1 ? 0 : PREFIX_BAD_ADDRESS;
}

/* Everything behind the slash. */
static int read_len(const char *at, const char *end, uint8_t max, uint8_t *ret_len)
{
	const char *start = at;
	unsigned int n = 0;

	for (; at < end && at - start < 3 && is_digit(*at); at++)
		n = n * 10 + (unsigned int)(*at - '0');
	if (at == start || n > max || (*start == '0' && at - start > 1))
		return PREFIX_BAD_LENGTH;
	if (at != end)
		return is_digit(*at) ? PREFIX_BAD_LENGTH : PREFIX_TRAILING;
	*ret_len = (uint8_t)n;
	return 0;
}

/* "1.2.3.4 x" has a good address with something behind it; say that rather than "no address". */
static int address_fault(const char *text, const char *end)
{
	const char *at = text;
	uint8_t addr[16];

	while (at < end && *at != ' ' && *at != '\t' && *at != '\r' && *at != '\n' && *at != ',')
		at++;
	if (at == end || at == text)
		return PREFIX_BAD_ADDRESS;
	if (!read_addr4(text, at, addr) || !read_addr6(text, at, addr))
		return PREFIX_TRAILING;
	return PREFIX_BAD_ADDRESS;
}

int prefix_parse(const char *text, size_t len, struct prefix *ret_prefix)
{
	const char *end = text + len, *slash = len ? memchr(text, '/', len) : NULL;
	const char *addr_end = slash ? slash : end;
	uint8_t addr[16] = {0}, bits, max;
	struct prefix p, exact;
	bool six;
	int r;

	six = len && memchr(text, ':', (size_t)(addr_end - text));
	r = six ? read_addr6(text, addr_end, addr) : read_addr4(text, addr_end, addr);
	if (r)
		return address_fault(text, addr_end);
	max = bits = six ? 128 : 32;
	r = slash ? read_len(slash + 1, end, max, &bits) : 0;
	if (r)
		return r;
	p = prefix_from(six ? 6 : 4, addr, bits);
	exact = prefix_from(six ? 6 : 4, addr, max);
	*ret_prefix = p;
	/* Of a mapped address cut above /96 the host bits are the marker itself. */
	if (p.family != exact.family || memcmp(p.addr, exact.addr, sizeof(p.addr)) != 0)
		return PREFIX_HOST_BITS;
	return 0;
}

const char *prefix_fault_text(int fault)
{
	switch (fault) {
	case PREFIX_BAD_ADDRESS:
		return "not an IPv4 or IPv6 address, as 192.0.2.7 or 2001:db8::7";
	case PREFIX_BAD_LENGTH:
		return "bad prefix length: 0 to 32 for IPv4, 0 to 128 for IPv6";
	case PREFIX_HOST_BITS:
		return "address has bits set beyond the prefix length";
	case PREFIX_TRAILING:
		return "something follows the address";
	default:
		return "no fault";
	}
}

/* ---- writing ---- */

static char *put_number(char *at, unsigned int n)
{
	if (n >= 100)
		*at++ = (char)('0' + n / 100);
	if (n >= 10)
		*at++ = (char)('0' + n / 10 % 10);
	*at++ = (char)('0' + n % 10);
	return at;
}

static char *put_addr4(char *at, const uint8_t addr[4])
{
	for (int i = 0; i < 4; i++) {
		if (i)
			*at++ = '.';
		at = put_number(at, addr[i]);
	}
	return at;
}

static char *put_group(char *at, unsigned int group)
{
	static const char digits[] = "0123456789abcdef";
	int shift = group > 0xfff ? 12 : group > 0xff ? 8 : group > 0xf ? 4 : 0;

	for (; shift >= 0; shift -= 4)
		*at++ = digits[group >> shift & 0xf];
	return at;
}

/* RFC 5952 4.2: the longest run of two or more zero groups, the first of equals, becomes "::". */
static void find_zeros(const unsigned int group[8], int *ret_start, int *ret_len)
{
	*ret_start = -1;
	*ret_len = 1;
	for (int i = 0, run = 0; i < 8; i++) {
		run = group[i] ? 0 : run + 1;
		if (run > *ret_len) {
			*ret_len = run;
			*ret_start = i - run + 1;
		}
	}
}

static char *put_addr6(char *at, const uint8_t addr[16])
{
	unsigned int group[8];
	int start, len;

	for (int i = 0; i < 8; i++)
		group[i] = (unsigned int)addr[i * 2] << 8 | addr[i * 2 + 1];
	find_zeros(group, &start, &len);
	for (int i = 0; i < 8; i++) {
		if (i == start) {
			*at++ = ':';
			*at++ = ':';
			i += len - 1;
			continue;
		}
		if (i && i != start + len)
			*at++ = ':';
		else if (i && start < 0)
			*at++ = ':';
		at = put_group(at, group[i]);
	}
	return at;
}

const char *prefix_format(const struct prefix *p, char text[PREFIX_TEXT_LEN])
{
	char *at = p->family == 4 ? put_addr4(text, p->addr) : put_addr6(text, p->addr);

	if (!prefix_is_host(p)) {
		*at++ = '/';
		at = put_number(at, p->len);
	}
	*at = '\0';
	return text;
}

/* ---- comparing ---- */

bool prefix_is_host(const struct prefix *p)
{
	return p->len == prefix_len_max(p->family);
}

bool prefix_covers(const struct prefix *a, const struct prefix *b)
{
	size_t whole = a->len / 8U;
	unsigned int rest = a->len % 8U;

	if (a->family != b->family || a->len > b->len || memcmp(a->addr, b->addr, whole) != 0)
		return false;
	return !rest || !((a->addr[whole] ^ b->addr[whole]) >> (8 - rest));
}

int prefix_compare(const void *a, const void *b)
{
	const struct prefix *p = a, *q = b;
	int r;

	if (p->family != q->family)
		return p->family < q->family ? -1 : 1;
	r = memcmp(p->addr, q->addr, sizeof(p->addr));
	return r ? r : (int)p->len - (int)q->len;
}
