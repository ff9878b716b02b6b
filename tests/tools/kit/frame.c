/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A frame grows from the front: begin_frame(), append(), and the lengths and checksums last. */
#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <strazh/base/compiler.h>
#include <tests/tools/kit/frame.h>

#define PAYLOAD_LEN 32

static uint64_t random_state;

void random_seed(uint64_t seed)
{
	random_state = seed;
}

uint64_t random_draw(void)
{
	uint64_t z = random_state += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static uint32_t add_words(uint32_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	if (len & 1)
		sum += (uint32_t)(p[len - 1] << 8);
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static void begin_ip4(struct frame *frame, const struct frame_ends *ends, int proto)
{
	struct iphdr ip = {.version = 4, .ihl = 5, .ttl = 64, .protocol = (uint8_t)proto};

	memcpy(&ip.saddr, ends->from, 4);
	memcpy(&ip.daddr, ends->to, 4);
	ip.id = (uint16_t)random_draw();
	memcpy(frame->data + frame->l3, &ip, sizeof(ip));
	frame->l4 = frame->len = frame->l3 + sizeof(ip);
}

static void begin_ip6(struct frame *frame, const struct frame_ends *ends, int proto)
{
	struct ip6_hdr ip = {
		.ip6_flow = htonl(6u << 28), .ip6_hlim = 64, .ip6_nxt = (uint8_t)proto};

	memcpy(&ip.ip6_src, ends->from, 16);
	memcpy(&ip.ip6_dst, ends->to, 16);
	memcpy(frame->data + frame->l3, &ip, sizeof(ip));
	frame->l4 = frame->len = frame->l3 + sizeof(ip);
}

static void begin_frame(struct frame *frame, const struct frame_ends *ends, int proto)
{
	uint16_t type = htons(ends->family == AF_INET ? ETHERTYPE_IP : ETHERTYPE_IPV6);

	memcpy(frame->data, ends->to_mac, ETH_ALEN);
	memcpy(frame->data + ETH_ALEN, ends->from_mac, ETH_ALEN);
	memcpy(frame->data + 2 * ETH_ALEN, &type, sizeof(type));
	frame->l3 = ETH_HLEN;
	if (ends->family == AF_INET)
		begin_ip4(frame, ends, proto);
	else
		begin_ip6(frame, ends, proto);
}

static void append(struct frame *frame, const void *data, size_t len)
{
	memcpy(frame->data + frame->len, data, len);
	frame->len += len;
}

/* The lengths of the IP header, and its checksum. */
static void end_ip(struct frame *frame)
{
	if (frame->data[frame->l3] >> 4 == 4) {
		struct iphdr *ip = (struct iphdr *)(void *)(frame->data + frame->l3);

		ip->tot_len = htons((uint16_t)(frame->len - frame->l3));
		ip->check = 0;
		ip->check = fold(add_words(0, ip, sizeof(*ip)));
	} else {
		struct ip6_hdr *ip = (struct ip6_hdr *)(void *)(frame->data + frame->l3);

		ip->ip6_plen = htons((uint16_t)(frame->len - frame->l3 - sizeof(*ip)));
	}
}

/* The transport checksum over the pseudo header, stored `at` bytes into the transport header. */
static void end_l4(struct frame *frame, int proto, size_t at)
{
	bool v4 = frame->data[frame->l3] >> 4 == 4;
	size_t len = frame->len - frame->l4;
	uint32_t sum = (uint32_t)proto + (uint32_t)len;
	uint16_t check;

	sum = v4 ? add_words(sum, frame->data + frame->l3 + 12, 8)
		 : add_words(sum, frame->data + frame->l3 + 8, 32);
	check = fold(add_words(sum, frame->data + frame->l4, len));
	if (proto == IPPROTO_UDP && !check)
		check = 0xffff;
	memcpy(frame->data + frame->l4 + at, &check, sizeof(check));
	end_ip(frame);
}

static uint16_t source_port(const struct frame_ends *ends)
{
	return htons(ends->sport ? ends->sport : (uint16_t)(1024 + random_draw() % 64000));
}

void frame_udp(struct frame *frame, const struct frame_ends *ends)
{
	static const uint8_t payload[PAYLOAD_LEN] = "strazh test flood";
	struct udphdr udp = {.source = source_port(ends), .dest = htons(ends->port)};

	udp.len = htons(sizeof(udp) + sizeof(payload));
	begin_frame(frame, ends, IPPROTO_UDP);
	append(frame, &udp, sizeof(udp));
	append(frame, payload, sizeof(payload));
	end_l4(frame, IPPROTO_UDP, offsetof(struct udphdr, check));
}

void frame_tcp(struct frame *frame, const struct frame_ends *ends, uint8_t flags)
{
	struct tcphdr tcp = {.source = source_port(ends), .dest = htons(ends->port), .doff = 5};

	tcp.seq = (uint32_t)random_draw();
	tcp.ack_seq = flags & TH_ACK ? (uint32_t)random_draw() : 0;
	tcp.th_flags = flags;
	tcp.window = htons(64240);
	begin_frame(frame, ends, IPPROTO_TCP);
	append(frame, &tcp, sizeof(tcp));
	end_l4(frame, IPPROTO_TCP, offsetof(struct tcphdr, check));
}

/* The part that lies at offset 0 carries a UDP header; the rest of the datagram never comes. */
void frame_frag(struct frame *frame, const struct frame_ends *ends)
{
	static const uint8_t payload[64 - sizeof(struct udphdr)];
	struct udphdr udp = {
		.source = source_port(ends), .dest = htons(ends->port), .len = htons(1480)};
	uint16_t offset = random_draw() & 1 ? 1400 : 0;
	struct ip6_frag frag = {.ip6f_nxt = IPPROTO_UDP, .ip6f_ident = (uint32_t)random_draw()};
	struct iphdr *ip = (struct iphdr *)(void *)(frame->data + ETH_HLEN);

	begin_frame(frame, ends, ends->family == AF_INET ? IPPROTO_UDP : IPPROTO_FRAGMENT);
	if (ends->family == AF_INET) {
		ip->frag_off = htons((uint16_t)(offset / 8 | IP_MF));
	} else {
		frag.ip6f_offlg = htons(offset) | IP6F_MORE_FRAG;
		append(frame, &frag, sizeof(frag));
	}
	append(frame, &udp, sizeof(udp));
	append(frame, payload, sizeof(payload));
	end_ip(frame);
}

void frame_malformed(struct frame *frame, const struct frame_ends *ends, uint64_t turn)
{
	static const uint8_t flags[] = {0, TH_FIN | TH_PUSH | TH_URG, TH_SYN | TH_FIN,
					TH_SYN | TH_RST};
	struct frame_ends land = *ends;
	struct tcphdr *tcp;

	memcpy(land.from, ends->to, sizeof(land.from));
	turn %= 9;
	frame_tcp(frame, turn == 8 ? &land : ends, turn < ARRAY_LEN(flags) ? flags[turn] : TH_SYN);
	tcp = (struct tcphdr *)(void *)(frame->data + frame->l4);
	switch (turn) {
	case 4:
		tcp->doff = 3;
		break;
	case 5:
		tcp->dest = 0;
		break;
	case 6: /* the IP header announces more than there is */
		frame->len -= 4;
		break;
	case 7:
		frame_udp(frame, ends);
		((struct udphdr *)(void *)(frame->data + frame->l4))->len = htons(7);
		break;
	default: /* 0..3 the flags, 8 LAND: made above */
		break;
	}
}
