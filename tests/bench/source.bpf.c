// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The load generator. `source` writes another source address into the frame and tail-calls what
 * stands in bench_next: the shipped gate, or `source_end` to learn what the generator itself costs.
 * It is xdp.frags because a tail call wants both sides to be.
 */
#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include <tests/bench/source.h>

#define SADDR4_OFFSET 26
#define SADDR6_OFFSET 22

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, SOURCE_CPUS);
	__type(key, __u32);
	__type(value, struct source_state);
} bench_source SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} bench_next SEC(".maps");

static __always_inline __u32 next_number(struct source_state *s, __u32 kind, __u64 x)
{
	if (!s->count[kind])
		return s->first[kind]++;
	return s->first[kind] + (__u32)((x >> 32) * s->count[kind] >> 32);
}

static __always_inline void write_source6(__u64 *saddr, __u32 number, __u32 kind)
{
	__u64 half[2];

	source6(number, kind, half);
	saddr[0] = bpf_cpu_to_be64(half[0]);
	saddr[1] = bpf_cpu_to_be64(half[1]);
}

SEC("xdp.frags")
int source(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 cpu = bpf_get_smp_processor_id() % SOURCE_CPUS, kind, number;
	struct source_state *s = bpf_map_lookup_elem(&bench_source, &cpu);

	if (!s)
		return XDP_ABORTED;
	if (s->rewrite) {
		if (data + SOURCE_FRAME_LEN != end &&
		    bpf_xdp_adjust_tail(ctx, (int)SOURCE_FRAME_LEN - (int)(end - data)))
			return XDP_ABORTED;
		data = (void *)(long)ctx->data;
		end = (void *)(long)ctx->data_end;
		if (data + SOURCE_FRAME_LEN > end)
			return XDP_ABORTED;
		__builtin_memcpy(data, s->frame, SOURCE_FRAME_LEN);
	}
	if (data + SADDR6_OFFSET + 16 > end)
		return XDP_ABORTED;
	s->rng ^= s->rng << 13;
	s->rng ^= s->rng >> 7;
	s->rng ^= s->rng << 17;
	kind = (s->rng & 0xff) < s->honest_share;
	number = next_number(s, kind, s->rng);
	s->sent[kind]++;
	if (s->ipv6)
		write_source6(data + SADDR6_OFFSET, number, kind);
	else
		*(__be32 *)(data + SADDR4_OFFSET) = bpf_htonl(source4(number, kind));
	bpf_tail_call(ctx, &bench_next, 0);
	return XDP_ABORTED;
}

SEC("xdp.frags")
int source_end(struct xdp_md *ctx)
{
	return XDP_PASS;
}

SEC("xdp")
int to_peer(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct source_state *s = bpf_map_lookup_elem(&bench_source, &zero);

	return s ? bpf_redirect(s->ifindex, 0) : XDP_ABORTED;
}

char bench_license[] SEC("license") = "GPL";
