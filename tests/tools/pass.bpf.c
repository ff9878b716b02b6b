// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Passes everything. On the other end of a veth pair it makes the driver poll for frames that the
 * gate answers with (XDP_TX): with GRO only, they stay in the ring of the receiving end.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("xdp")
int pass(struct xdp_md *ctx)
{
	return XDP_PASS;
}

char pass_license[] SEC("license") = "Dual BSD/GPL";
