/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The cursor that every parser of the gate walks with, and loads from the bytes under it. The same
 * parsers run in the kernel and, under a fuzzer, in a process.
 *
 * A frame may lie in several buffers. The cursor reaches the first one, `begin` to `end`; how long
 * the frame is as a whole costs a helper call, so it is asked only when the first buffer is too
 * short for what a header claims.
 *
 * Contract: nothing is loaded before the caller has compared `pos` + length with `end`.
 */
#ifndef STRAZH_BPF_CURSOR_H
#define STRAZH_BPF_CURSOR_H

#include <linux/bpf.h>
#include <linux/types.h>

#define inlined inline __attribute__((always_inline))

#ifdef __bpf__
#include <bpf/bpf_helpers.h>
typedef struct xdp_md *cursor_frame;
#else
#include <string.h>
typedef __u32 cursor_frame; /* length of the whole frame */
#endif

/* No header starts behind it: 22 bytes, 40, and 8 extension headers of at most 2 KiB. */
#define CURSOR_REACH 0x7fff

struct cursor {
	const __u8 *begin;
	const __u8 *pos;
	const __u8 *end;
	cursor_frame frame;
};

/* Bytes in the first buffer. */
static inlined __u32 cursor_linear(const struct cursor *c)
{
	return (__u32)(c->end - c->begin);
}

/* Bytes of the frame in all its buffers. */
static inlined __u32 cursor_whole(const struct cursor *c)
{
#ifdef __bpf__
	return (__u32)bpf_xdp_get_buff_len(c->frame);
#else
	return c->frame;
#endif
}

/* Between network order and number, both ways. */
static inlined __u32 swap32(__u32 v)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return __builtin_bswap32(v);
#else
	return v;
#endif
}

static inlined __u16 swap16(__u16 v)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return __builtin_bswap16(v);
#else
	return v;
#endif
}

/*
 * Loads, as numbers unless the name says be. The kernel verifies and does loads that are not
 * aligned; compiled for BPF, a copy would become a load per byte.
 */
static inlined __u16 load16(const __u8 *p)
{
#ifdef __bpf__
	return swap16(*(const __u16 *)p);
#else
	return (__u16)(p[0] << 8 | p[1]);
#endif
}

static inlined __be32 load_be32(const __u8 *p)
{
#ifdef __bpf__
	return *(const __be32 *)p;
#else
	__be32 v;

	memcpy(&v, p, sizeof(v));
	return v;
#endif
}

/*
 * The verifier follows the rest of the program once for each way that led to a place, and there
 * are thousands of chains of extension headers. These make it forget which way it was: a number
 * that lay in two bytes of memory is any number to it.
 */
static inlined __u16 forget16(__u16 value)
{
#ifdef __bpf__
	volatile struct {
		__u16 aligned, value; /* what is stored at a multiple of 8 is remembered */
	} __attribute__((aligned(8))) hidden;

	hidden.value = value;
	return hidden.value;
#else
	return value;
#endif
}

static inlined void cursor_forget(struct cursor *c)
{
#ifdef __bpf__
	__u16 at = forget16((__u16)(c->pos - c->begin));

	c->begin = (const __u8 *)(long)c->frame->data;
	c->end = (const __u8 *)(long)c->frame->data_end;
	c->pos = c->begin + (at & CURSOR_REACH);
#else
	(void)c;
#endif
}

#endif
