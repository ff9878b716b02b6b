/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers as the wire has them: most significant byte first, at any address. */
#ifndef STRAZH_ORM_PG_WIRE_H
#define STRAZH_ORM_PG_WIRE_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t wire_get16(const void *at)
{
	uint16_t v;

	memcpy(&v, at, sizeof(v));
	return be16toh(v);
}

static inline uint32_t wire_get32(const void *at)
{
	uint32_t v;

	memcpy(&v, at, sizeof(v));
	return be32toh(v);
}

static inline uint64_t wire_get64(const void *at)
{
	uint64_t v;

	memcpy(&v, at, sizeof(v));
	return be64toh(v);
}

static inline double wire_get_double(const void *at)
{
	uint64_t bits = wire_get64(at);
	double v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

static inline float wire_get_float(const void *at)
{
	uint32_t bits = wire_get32(at);
	float v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

static inline void wire_put16(void *at, uint16_t v)
{
	v = htobe16(v);
	memcpy(at, &v, sizeof(v));
}

static inline void wire_put32(void *at, uint32_t v)
{
	v = htobe32(v);
	memcpy(at, &v, sizeof(v));
}

static inline void wire_put64(void *at, uint64_t v)
{
	v = htobe64(v);
	memcpy(at, &v, sizeof(v));
}

static inline void wire_put_double(void *at, double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	wire_put64(at, bits);
}

static inline void wire_put_float(void *at, float v)
{
	uint32_t bits;

	memcpy(&bits, &v, sizeof(bits));
	wire_put32(at, bits);
}

#endif
