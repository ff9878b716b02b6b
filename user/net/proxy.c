/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 *	signature 12 | version 4 bits, command 4 bits | family 4, protocol 4 | length 2 | addresses
 *| TLVs
 *
 * Everything is judged as soon as its bytes are there, so that a stranger's byte is not waited on.
 */
#include <user/net/proxy.h>

#include <string.h>

#define SIGNATURE_LEN 12
#define HEAD_LEN 16
#define VERSION 2
#define COMMAND_LOCAL 0
#define COMMAND_PROXY 1
#define UNSPEC 0x00
#define TCP4 0x11
#define TCP6 0x21
#define TCP4_LEN 12
#define TCP6_LEN 36
#define TLV_HEAD 3
#define TLV_CRC32C 0x03
#define CRC_LEN 4

static const uint8_t signature[SIGNATURE_LEN] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
						 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};

static uint16_t be16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t be32(const uint8_t *at)
{
	return (uint32_t)be16(at) << 16 | be16(at + 2);
}

/* Castagnoli's polynomial, reflected (RFC 3720, B.4). Bit by bit: a header is short and rare. */
static uint32_t crc32c(uint32_t crc, uint8_t byte)
{
	crc ^= byte;
	for (int i = 0; i < 8; i++)
		crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78U : 0);
	return crc;
}

/* Of the header with zeros where the checksum itself stands. */
static bool crc_matches(const uint8_t *bytes, size_t len, size_t at)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < len; i++)
		crc = crc32c(crc, i >= at && i < at + CRC_LEN ? 0 : bytes[i]);
	return ~crc == be32(bytes + at);
}

static bool tlvs_hold(const uint8_t *bytes, size_t len, size_t at)
{
	bool checked = false;

	while (at < len) {
		size_t value_len;
		uint8_t type;

		if (len - at < TLV_HEAD)
			return false;
		type = bytes[at];
		value_len = be16(bytes + at + 1);
		at += TLV_HEAD;
		if (len - at < value_len)
			return false;
		if (type == TLV_CRC32C) {
			if (checked || value_len != CRC_LEN || !crc_matches(bytes, len, at))
				return false;
			checked = true;
		}
		at += value_len;
	}
	return true;
}

static int parse_addresses(const uint8_t *bytes, size_t len, struct proxy_header *ret_header)
{
	bool v6 = bytes[13] == TCP6;
	size_t size = v6 ? 16 : 4, at = HEAD_LEN, end = HEAD_LEN + (v6 ? TCP6_LEN : TCP4_LEN);
	const uint8_t *ports = bytes + at + 2 * size;
	uint8_t family = v6 ? 6 : 4;

	if (bytes[13] != TCP4 && !v6)
		return PROXY_BAD;
	if (len < end || !tlvs_hold(bytes, len, end))
		return PROXY_BAD;
	*ret_header = (struct proxy_header){
		.len = len,
		.named = true,
		.from = endpoint_of(family, bytes + at, be16(ports)),
		.to = endpoint_of(family, bytes + at + size, be16(ports + 2)),
	};
	return 0;
}

int proxy_parse(const uint8_t *bytes, size_t len, struct proxy_header *ret_header)
{
	size_t head = MIN(len, (size_t)SIGNATURE_LEN), whole;
	uint8_t command;

	if (memcmp(bytes, signature, head) != 0)
		return PROXY_ABSENT;
	if (len > 12 && bytes[12] >> 4 != VERSION)
		return PROXY_BAD;
	if (len < HEAD_LEN)
		return PROXY_SHORT;
	command = bytes[12] & 0x0f;
	whole = HEAD_LEN + be16(bytes + 14);
	if (command > COMMAND_PROXY || whole > PROXY_MAX)
		return PROXY_BAD;
	if (len < whole)
		return PROXY_SHORT;
	if (command == COMMAND_PROXY && bytes[13] != UNSPEC)
		return parse_addresses(bytes, whole, ret_header);
	/* "the receiver must [...] discard the protocol block including the family" */
	*ret_header = (struct proxy_header){.len = whole};
	return 0;
}
