// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The peer of the bench: the same checks as most public XDP firewalls make them. One LPM_TRIE says
 * who is denied, an LRU_HASH entry per host and one per prefix hold the token buckets. IPv4 and TCP
 * flags only, no VLAN, no options, one class of packets: less than the gate does.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/tcp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define STEP_NS 10000ULL
#define BURST_NS 200000000ULL
#define NET_SHARE 8

struct trie_key {
	__u32 len;
	__be32 addr;
};

struct bucket {
	__u64 paid_ns;
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 21);
	__type(key, struct trie_key);
	__type(value, __u64);
} peer_deny SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1 << 20);
	__type(key, __be32);
	__type(value, struct bucket);
} peer_host SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1 << 18);
	__type(key, __be32);
	__type(value, struct bucket);
} peer_net SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} peer_count SEC(".maps");

static __always_inline int count(__u32 verdict)
{
	__u64 *packets = bpf_map_lookup_elem(&peer_count, &verdict);

	if (packets)
		(*packets)++;
	return (int)verdict;
}

static __always_inline int over(void *map, __be32 addr, __u64 step_ns, __u64 now_ns)
{
	struct bucket *bucket = bpf_map_lookup_elem(map, &addr);
	struct bucket fresh = {now_ns + step_ns};

	if (!bucket) {
		bpf_map_update_elem(map, &addr, &fresh, BPF_ANY);
		return 0;
	}
	if (bucket->paid_ns < now_ns)
		bucket->paid_ns = now_ns;
	if (bucket->paid_ns + step_ns > now_ns + BURST_NS)
		return 1;
	__sync_fetch_and_add(&bucket->paid_ns, step_ns);
	return 0;
}

SEC("xdp.frags")
int peer(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = data + sizeof(*eth);
	struct tcphdr *tcp = (void *)(ip + 1);
	struct trie_key key = {.len = 32};
	__u64 now_ns;

	if ((void *)(tcp + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP) || ip->ihl != 5 ||
	    ip->protocol != 6)
		return count(XDP_PASS);
	key.addr = ip->saddr;
	if (bpf_map_lookup_elem(&peer_deny, &key))
		return count(XDP_DROP);
	if (tcp->syn && (tcp->fin || tcp->rst))
		return count(XDP_DROP);
	now_ns = bpf_ktime_get_coarse_ns();
	if (over(&peer_host, ip->saddr, STEP_NS, now_ns) ||
	    over(&peer_net, ip->saddr & bpf_htonl(0xffffff00), STEP_NS / NET_SHARE, now_ns))
		return count(XDP_DROP);
	return count(XDP_PASS);
}

char peer_license[] SEC("license") = "GPL";
