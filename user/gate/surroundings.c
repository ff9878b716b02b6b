/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A default route is one of length 0, or one of the two halves (length 1) by which VPN clients
 * override it; in every table, because policy routing keeps them apart.
 */
#include <user/gate/surroundings.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#include <strazh/abi/rule.h>
#include <strazh/base/own.h>

#define DEFAULT_LEN_MAX 1
#define BUFFER_LEN 32768

void surroundings_deinit(struct surroundings *around)
{
	free(around->at);
	*around = (struct surroundings){0};
}

int surroundings_put(struct surroundings *around, const struct prefix *prefix, uint32_t pass)
{
	if (around->count == SURROUNDINGS_MAX)
		return -E2BIG;
	if (around->count == around->room) {
		size_t room = around->room ? around->room * 2 : 32;
		struct neighbour *at = reallocarray(around->at, room, sizeof(*at));

		if (!at)
			return -ENOMEM;
		around->at = at;
		around->room = room;
	}
	around->at[around->count++] = (struct neighbour){*prefix, 1ULL << pass};
	return 0;
}

static int order(const void *a, const void *b)
{
	return prefix_compare(&((const struct neighbour *)a)->prefix,
			      &((const struct neighbour *)b)->prefix);
}

void surroundings_sort(struct surroundings *around)
{
	size_t to = 0;

	if (around->count)
		qsort(around->at, around->count, sizeof(*around->at), order);
	for (size_t i = 0; i < around->count; i++) {
		if (to && order(&around->at[to - 1], &around->at[i]) == 0)
			around->at[to - 1].passes |= around->at[i].passes;
		else
			around->at[to++] = around->at[i];
	}
	around->count = to;
}

int surroundings_loopback(struct surroundings *around)
{
	static const uint8_t four[4] = {127}, six[16] = {[15] = 1};
	struct prefix p = prefix_from(4, four, 8);
	int r = surroundings_put(around, &p, SZ_PASS_LOOPBACK);

	p = prefix_from(6, six, 128);
	return r ? r : surroundings_put(around, &p, SZ_PASS_LOOPBACK);
}

/* ---- rtnetlink ---- */

static void socket_closep(struct mnl_socket **socket)
{
	if (*socket)
		mnl_socket_close(*socket);
}

/* Unspecified addresses are no hosts: "default dev ppp0" has no next hop. */
static int put_host(struct surroundings *around, int family, const void *addr, uint32_t pass)
{
	static const uint8_t none[16];
	struct prefix p;

	if (family != AF_INET && family != AF_INET6)
		return 0;
	if (memcmp(addr, none, family == AF_INET ? 4 : 16) == 0)
		return 0;
	p = family == AF_INET ? prefix_from(4, addr, 32) : prefix_from(6, addr, 128);
	return surroundings_put(around, &p, pass);
}

struct dumping {
	struct surroundings *around;
	int r; /* of the callback, which can only say "stop" */
};

static int dump_reply(struct mnl_socket *nl, uint32_t seq, mnl_cb_t each, struct dumping *dumping)
{
	own_free char *buffer = malloc(BUFFER_LEN);
	int r = MNL_CB_OK;

	if (!buffer)
		return -ENOMEM;
	while (r == MNL_CB_OK) {
		ssize_t n = mnl_socket_recvfrom(nl, buffer, BUFFER_LEN);

		if (n < 0)
			return -errno;
		r = mnl_cb_run(buffer, (size_t)n, seq, mnl_socket_get_portid(nl), each, dumping);
		if (r == MNL_CB_ERROR)
			return dumping->r ? dumping->r : -errno;
	}
	return 0;
}

/* EINTR: something changed while it was dumped; once more then, but not for ever. */
static int dump(uint16_t type, uint8_t family, mnl_cb_t each, struct surroundings *around)
{
	size_t before = around->count;
	int r = -EINTR;

	for (uint32_t tries = 0; r == -EINTR && tries < 8; tries++) {
		cleanup_with(socket_closep) struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE,
										     SOCK_CLOEXEC);
		struct dumping dumping = {.around = around};
		char request[MNL_NLMSG_HDRLEN + MNL_ALIGN(sizeof(struct rtmsg))] = {0};
		struct nlmsghdr *head = mnl_nlmsg_put_header(request);
		struct rtgenmsg *body;

		if (!nl || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0)
			return -errno;
		around->count = before;
		head->nlmsg_type = type;
		head->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
		head->nlmsg_seq = (uint32_t)time(NULL) + tries;
		/* Both ifaddrmsg and rtmsg begin with the family; the rest is zero: everything. */
		body = mnl_nlmsg_put_extra_header(head, sizeof(struct rtmsg));
		body->rtgen_family = family;
		if (mnl_socket_sendto(nl, head, head->nlmsg_len) < 0)
			return -errno;
		r = dump_reply(nl, head->nlmsg_seq, each, &dumping);
	}
	return r;
}

static int stop(struct dumping *dumping, int r)
{
	dumping->r = r;
	return r ? MNL_CB_ERROR : MNL_CB_OK;
}

static bool attr_holds(const struct nlattr *attr, int family)
{
	return mnl_attr_get_payload_len(attr) >= (family == AF_INET ? 4 : 16);
}

/* RTA_GATEWAY is of the route's family; RTA_VIA says its own (IPv4 over an IPv6 next hop). */
static int on_hop(struct surroundings *around, int family, const struct nlattr *attr)
{
	const struct rtvia *via;
	int type = mnl_attr_get_type(attr);

	if (type == RTA_GATEWAY && attr_holds(attr, family))
		return put_host(around, family, mnl_attr_get_payload(attr), SZ_PASS_GATEWAY);
	if (type != RTA_VIA || mnl_attr_get_payload_len(attr) < sizeof(*via) + 4)
		return 0;
	via = mnl_attr_get_payload(attr);
	if (via->rtvia_family == AF_INET6 && mnl_attr_get_payload_len(attr) < sizeof(*via) + 16)
		return 0;
	return put_host(around, via->rtvia_family, via->rtvia_addr, SZ_PASS_GATEWAY);
}

/* Attributes between two addresses; libmnl's and the kernel's own loops cast const away. */
typedef int (*attr_visit)(struct surroundings *around, int family, const struct nlattr *attr);

static int each_attr(struct surroundings *around, int family, const void *begin, const void *end,
		     attr_visit visit)
{
	const struct nlattr *attr = begin;
	int r = 0;

	while (!r && mnl_attr_ok(attr, (int)((const char *)end - (const char *)attr))) {
		r = visit(around, family, attr);
		attr = (const void *)((const char *)attr + MNL_ALIGN(attr->nla_len));
	}
	return r;
}

static int on_multipath(struct surroundings *around, int family, const struct nlattr *attr)
{
	const char *at = mnl_attr_get_payload(attr);
	int len = mnl_attr_get_payload_len(attr), r = 0;

	while (!r && RTNH_OK((const struct rtnexthop *)(const void *)at, len)) {
		const struct rtnexthop *hop = (const void *)at;
		int whole = RTNH_ALIGN(hop->rtnh_len);

		r = each_attr(around, family, at + RTNH_LENGTH(0), at + hop->rtnh_len, on_hop);
		at += whole;
		len -= whole;
	}
	return r;
}

static int on_route_attr(struct surroundings *around, int family, const struct nlattr *attr)
{
	return mnl_attr_get_type(attr) == RTA_MULTIPATH ? on_multipath(around, family, attr)
							: on_hop(around, family, attr);
}

static const void *message_end(const struct nlmsghdr *head)
{
	return (const char *)head + head->nlmsg_len;
}

/*
 * On a point-to-point link IFA_ADDRESS is the other end and IFA_LOCAL is ours; IPv6 has only
 * IFA_ADDRESS where there is no other end.
 */
static int on_address(const struct nlmsghdr *head, void *context)
{
	const struct ifaddrmsg *body = mnl_nlmsg_get_payload(head);
	const struct nlattr *attr = mnl_nlmsg_get_payload_offset(head, sizeof(*body));
	const char *end = message_end(head);
	const struct nlattr *address = NULL, *local = NULL;
	struct dumping *dumping = context;

	while (mnl_attr_ok(attr, (int)(end - (const char *)attr))) {
		if (mnl_attr_get_type(attr) == IFA_ADDRESS && attr_holds(attr, body->ifa_family))
			address = attr;
		if (mnl_attr_get_type(attr) == IFA_LOCAL && attr_holds(attr, body->ifa_family))
			local = attr;
		attr = (const void *)((const char *)attr + MNL_ALIGN(attr->nla_len));
	}
	local = local ? local : address;
	if (!local)
		return MNL_CB_OK;
	return stop(dumping, put_host(dumping->around, body->ifa_family,
				      mnl_attr_get_payload(local), SZ_PASS_OWN));
}

static int on_route(const struct nlmsghdr *head, void *context)
{
	const struct rtmsg *body = mnl_nlmsg_get_payload(head);
	struct dumping *dumping = context;

	if (body->rtm_dst_len > DEFAULT_LEN_MAX || body->rtm_type != RTN_UNICAST)
		return MNL_CB_OK;
	return stop(dumping, each_attr(dumping->around, body->rtm_family,
				       mnl_nlmsg_get_payload_offset(head, sizeof(*body)),
				       message_end(head), on_route_attr));
}

int surroundings_addresses(struct surroundings *around)
{
	int r = dump(RTM_GETADDR, AF_INET, on_address, around);

	return r ? r : dump(RTM_GETADDR, AF_INET6, on_address, around);
}

int surroundings_routes(struct surroundings *around)
{
	int r = dump(RTM_GETROUTE, AF_INET, on_route, around);

	return r ? r : dump(RTM_GETROUTE, AF_INET6, on_route, around);
}

/* ---- resolv.conf ---- */

static int put_server(struct surroundings *around, const char *line)
{
	static const char word[] = "nameserver";
	struct prefix p;
	size_t len;

	if (strncmp(line, word, sizeof(word) - 1) != 0)
		return 0;
	line += sizeof(word) - 1;
	if (*line != ' ' && *line != '\t')
		return 0;
	line += strspn(line, " \t");
	len = strcspn(line, " \t\r\n%#;"); /* %: the zone of a link-local address */
	if (prefix_parse(line, len, &p) || !prefix_is_host(&p))
		return 0; /* what the resolver cannot use either */
	return surroundings_put(around, &p, SZ_PASS_DNS);
}

int surroundings_dns(struct surroundings *around, const char *path)
{
	own_file FILE *file = fopen(path, "re");
	char line[512];
	int r = 0;

	if (!file)
		return errno == ENOENT ? 0 : -errno;
	while (!r && fgets(line, sizeof(line), file))
		r = put_server(around, line);
	return r;
}
