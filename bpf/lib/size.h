/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which sizes of packets a service knows. Those that it does not know are counted; each source has
 * its limit of them, so that a service whose sizes have changed is never deaf, and what is above
 * is dropped where the service enforces.
 */
#ifndef STRAZH_BPF_SIZE_H
#define STRAZH_BPF_SIZE_H

#include <strazh/abi/service.h>

#include <bpf/lib/maps.h>
#include <bpf/lib/packet.h>
#include <bpf/lib/rate.h>
#include <bpf/lib/stats.h>

/* floor(log2(len)), at most the last bin. */
static inlined __u32 size_bin(__u32 len)
{
	__u32 bin = 0;

	if (len >= 1U << 16)
		return SZ_SIZE_BINS - 1;
	if (len >= 1U << 8) {
		bin += 8;
		len >>= 8;
	}
	if (len >= 1U << 4) {
		bin += 4;
		len >>= 4;
	}
	if (len >= 1U << 2) {
		bin += 2;
		len >>= 2;
	}
	return bin + (len >= 2);
}

static inlined int size_is_odd(const struct sz_service *config, __u32 bin)
{
	return config->size_usual && !(config->size_usual >> bin & 1);
}

enum size_what {
	SIZE_PASSED,
	SIZE_ODD,  /* outside the profile, whatever becomes of it */
	SIZE_OVER, /* and above the limit of its source */
};

static inlined void size_count(__u32 service, __u32 bin, enum size_what what)
{
	struct sz_size *size = bpf_map_lookup_elem(&sz_size, &service);

	bin &= SZ_SIZE_BINS - 1;
	if (!size)
		return;
	if (what == SIZE_PASSED)
		size->bin[bin]++;
	else if (what == SIZE_ODD)
		size->odd[bin]++;
	else
		size->over[bin]++;
}

/* A packet of a size that its service does not know: SIZE where it is one too many, else v->listed.
 */
static inlined int size_judge(struct packet *p, struct verdict *v)
{
	__u32 bin = size_bin(p->left);

	stats_tally(SZ_TALLY_SIZE_ODD);
	size_count(v->service, bin, SIZE_ODD);
	if (rate_one(p, SZ_RATE_ODD, v->tier, v->slow)) {
		stats_tally(SZ_TALLY_OVER_ODD);
		v->rate_class = SZ_RATE_ODD + 1;
		return SZ_REASON_SIZE;
	}
	size_count(v->service, bin, SIZE_PASSED);
	return v->listed;
}

/* One too many, and of no connection: what its service says. */
static inlined int size_over(struct packet *p, const struct verdict *v)
{
	__u32 bin = size_bin(p->left);

	size_count(v->service, bin, SIZE_OVER);
	if (v->service_flags & SZ_SERVICE_SIZE_ENFORCE)
		return SZ_REASON_SIZE;
	size_count(v->service, bin, SIZE_PASSED);
	return v->listed;
}

#endif
