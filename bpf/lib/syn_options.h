/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a SYN offers: its TCP options, one after the other, whatever lengths they claim. */
#ifndef STRAZH_BPF_SYN_OPTIONS_H
#define STRAZH_BPF_SYN_OPTIONS_H

#include <bpf/lib/cursor.h>

#define SYN_OPTIONS_MAX 40U
#define SYN_SCALE_NONE 15U

struct syn_options {
	__u8 bytes[64]; /* a mask keeps every index inside */
	__u32 at, len;
	__u32 stamp;
	__u8 scale; /* SYN_SCALE_NONE: not offered */
	__u8 stamps, sack;
};

static inlined void syn_take(struct syn_options *o, __u8 kind, __u8 len)
{
	__u32 at = o->at;

	if (kind == 3 && len == 3) {
		__u8 scale = o->bytes[(at + 2) & 63];

		o->scale = scale > 14 ? 14 : scale;
	} else if (kind == 4 && len == 2) {
		o->sack = 1;
	} else if (kind == 8 && len == 10) {
		o->stamps = 1;
		o->stamp = (__u32)o->bytes[(at + 2) & 63] << 24 |
			   (__u32)o->bytes[(at + 3) & 63] << 16 |
			   (__u32)o->bytes[(at + 4) & 63] << 8 | o->bytes[(at + 5) & 63];
	}
}

/* One option; non-zero: that was the last one, or nothing that can be read follows. */
static long syn_option(__u32 index, struct syn_options *o)
{
	__u8 kind, len = 1;

	(void)index;
	if (o->at >= o->len)
		return 1;
	kind = o->bytes[o->at & 63];
	if (!kind)
		return 1;
	if (kind != 1) {
		len = o->at + 1 < o->len ? o->bytes[(o->at + 1) & 63] : 0;
		if (len < 2 || o->at + len > o->len)
			return 1;
		syn_take(o, kind, len);
	}
	o->at += len;
	return 0;
}

#endif
