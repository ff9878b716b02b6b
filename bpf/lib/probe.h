/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A SYN to a port where nobody listens: somebody looks what there is. The kernel is asked for its
 * socket, of so many SYNs a second and CPU, so a flood of them costs a comparison. It passes; a
 * sample of them is told. Nothing of it where the port is a protected service's.
 */
#ifndef STRAZH_BPF_PROBE_H
#define STRAZH_BPF_PROBE_H

#include <bpf/lib/relief.h>
#include <bpf/lib/report.h>

/* PROBE or PASS. */
__attribute__((noinline)) int probe(struct xdp_md *ctx, struct packet *p)
{
	__u32 tally = SZ_TALLY_PROBE_ASKED;
	struct sz_count *count = bpf_map_lookup_elem(&sz_count, &tally);
	struct bpf_sock *sk;

	if (!p || !count || !report_is_in_time(count, SZ_PROBES_PER_S))
		return SZ_REASON_PASS;
	count->packets++;
	sk = relief_lookup(ctx, p);
	if (!sk)
		return SZ_REASON_PROBE;
	bpf_sk_release(sk);
	return SZ_REASON_PASS;
}

#endif
