// SPDX-License-Identifier: AGPL-3.0-or-later
/* Well-formed in all that the gate and the kernel's first steps look at, checksum of IPv4 included.
 */
#include <tests/bench/frame.h>

#include <string.h>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#define FRAME_LEN_MIN 60U
#define FRAME_TTL 64
#define FRAME_PORT 443
#define FRAME_SPORT 40000
#define FRAME_DADDR 0x08090a0bU
#define FRAME_UDP_DATA 18

static void ethernet(unsigned char *frame, const unsigned char *mac, uint16_t type)
{
	struct ethhdr *eth = (struct ethhdr *)frame;

	memset(frame, 0, FRAME_LEN);
	if (mac)
		memcpy(eth->h_dest, mac, ETH_ALEN);
	eth->h_source[0] = 2;
	eth->h_proto = htons(type);
}

static void header4(unsigned char *frame, uint8_t proto, uint32_t payload, uint32_t saddr)
{
	struct iphdr *ip = (struct iphdr *)(frame + ETH_HLEN);
	uint16_t half[10];
	uint32_t sum = 0;

	ip->version = 4;
	ip->ihl = 5;
	ip->tot_len = htons((uint16_t)(sizeof(*ip) + payload));
	ip->ttl = FRAME_TTL;
	ip->protocol = proto;
	ip->saddr = htonl(saddr);
	ip->daddr = htonl(FRAME_DADDR);
	memcpy(half, ip, sizeof(half));
	for (int n = 0; n < 10; n++)
		sum += half[n];
	sum = (sum & 0xffff) + (sum >> 16);
	ip->check = (uint16_t) ~(sum + (sum >> 16));
}

static void header6(unsigned char *frame, uint8_t proto, uint32_t payload)
{
	struct ipv6hdr *ip = (struct ipv6hdr *)(frame + ETH_HLEN);

	ip->version = 6;
	ip->payload_len = htons((uint16_t)payload);
	ip->nexthdr = proto;
	ip->hop_limit = FRAME_TTL;
	ip->saddr.s6_addr[0] = 0x2a;
	ip->daddr.s6_addr[0] = 0x2b;
}

uint32_t frame_tcp(unsigned char frame[FRAME_LEN], bool ipv6)
{
	uint32_t at = ETH_HLEN + (ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr));
	struct tcphdr tcp = {.source = htons(FRAME_SPORT), .dest = htons(FRAME_PORT)};
	uint32_t len = at + sizeof(tcp);

	tcp.doff = sizeof(tcp) / 4;
	tcp.ack = 1;
	ethernet(frame, NULL, ipv6 ? ETH_P_IPV6 : ETH_P_IP);
	if (ipv6)
		header6(frame, IPPROTO_TCP, sizeof(tcp));
	else
		header4(frame, IPPROTO_TCP, sizeof(tcp), 0);
	memcpy(frame + at, &tcp, sizeof(tcp));
	return len < FRAME_LEN_MIN ? FRAME_LEN_MIN : len;
}

void frame_syn(unsigned char *frame)
{
	/* MSS 1460, SACK permitted, timestamps, padding, window scale 7 */
	static const unsigned char options[] = {2, 4, 0x05, 0xb4, 4, 2, 8, 10, 0, 0,
						0, 1, 0,    0,	  0, 0, 1, 3,  3, 7};
	struct tcphdr tcp = {.source = htons(FRAME_SPORT), .dest = htons(FRAME_PORT)};
	uint32_t at = ETH_HLEN + sizeof(struct iphdr);

	tcp.doff = (sizeof(tcp) + sizeof(options)) / 4;
	tcp.syn = 1;
	tcp.window = htons(64240);
	ethernet(frame, NULL, ETH_P_IP);
	header4(frame, IPPROTO_TCP, sizeof(tcp) + sizeof(options), 0);
	memcpy(frame + at, &tcp, sizeof(tcp));
	memcpy(frame + at + sizeof(tcp), options, sizeof(options));
}

uint32_t frame_udp(unsigned char frame[FRAME_LEN], const unsigned char mac[6], uint32_t saddr)
{
	struct udphdr udp = {.source = htons(FRAME_SPORT), .dest = htons(FRAME_PORT)};

	udp.len = htons(sizeof(udp) + FRAME_UDP_DATA);
	ethernet(frame, mac, ETH_P_IP);
	header4(frame, IPPROTO_UDP, sizeof(udp) + FRAME_UDP_DATA, saddr);
	memcpy(frame + ETH_HLEN + sizeof(struct iphdr), &udp, sizeof(udp));
	return FRAME_LEN_MIN;
}
