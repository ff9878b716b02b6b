/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A bounded attacker for namespaces: raw frames of a few hostile kinds at a given rate for a
 * given time, on an AF_PACKET socket of one veth interface. It refuses any other kind of
 * interface, and the network namespace of the machine.
 *
 * Kinds and destinations take turns, frame by frame. A clock, not the socket, sets the pace: what
 * is due since the begin is sent in batches by sendmmsg(2). Checksums are right, so a frame is
 * hostile by its source, number or shape and by nothing else.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <tests/tools/kit/frame.h>
#include <tests/tools/kit/number.h>

#define BATCH 64
#define PICKS_MAX 16
#define RATE_MAX 2000000u
#define SECONDS_MAX 3600u
#define NS_PER_S 1000000000ull

#define KINDS(X)                                                                                   \
	X(UDP_SPOOF, "udp-spoof", "UDP datagrams, every one from another source")                  \
	X(SYN, "syn", "TCP SYNs, every one from another source")                                   \
	X(ACK, "ack", "TCP ACKs of no connection, every one from another source")                  \
	X(FRAG, "frag", "first and later fragments of packets that never become whole")            \
	X(MALFORMED, "malformed", "by turns: TCP flags of no stack, port 0, lying lengths, LAND")  \
	X(BANNED, "banned:ADDRESS", "UDP and TCP from this one source")

enum kind {
#define X(code, name, text) KIND_##code,
	KINDS(X)
#undef X
		KIND_COUNT,
};

static const char *const kind_names[] = {
#define X(code, name, text) name,
	KINDS(X)
#undef X
};

struct address {
	int family;
	unsigned int bits; /* of a source prefix */
	uint8_t bytes[16];
};

struct pick {
	enum kind kind;
	struct address source; /* KIND_BANNED */
	const char *text;      /* as given on the command line */
	uint64_t sent;
};

static struct {
	const char *dev;
	uint8_t mac[ETH_ALEN];
	bool has_mac;
	struct address to[PICKS_MAX], from[PICKS_MAX];
	unsigned int tos, froms, picks;
	struct pick pick[PICKS_MAX];
	unsigned int rate, seconds;
	uint16_t port;
} want = {.rate = 10000, .seconds = 10, .port = 7777};

static volatile sig_atomic_t stop;
static uint8_t own_mac[ETH_ALEN];

static void on_signal(int number)
{
	(void)number;
	stop = 1;
}

static void fail(const char *what, const char *subject, const char *why)
{
	fprintf(stderr, "attack: %s '%s': %s\n", what, subject, why);
	exit(2);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* ---- sending ---- */

/* A source of this family: inside a --from prefix if there is one, else of 41/8..99/8, 2a00::/12.
 */
static void draw_source(int family, uint8_t *ret_bytes)
{
	uint64_t words[2] = {random_draw(), random_draw()};
	const struct address *from = NULL;
	unsigned int begin = (unsigned int)(random_draw() % (want.froms ? want.froms : 1));

	for (unsigned int i = 0; i < want.froms && !from; i++) {
		const struct address *it = &want.from[(begin + i) % want.froms];

		if (it->family == family)
			from = it;
	}
	memcpy(ret_bytes, words, 16);
	if (!from) {
		ret_bytes[0] = family == AF_INET ? (uint8_t)(41 + ret_bytes[0] % 59) : 0x2a;
		if (family == AF_INET6)
			ret_bytes[1] &= 0x0f;
		return;
	}
	for (unsigned int bit = 0; bit < from->bits; bit++) {
		uint8_t mask = (uint8_t)(0x80 >> bit % 8);

		ret_bytes[bit / 8] = (uint8_t)((ret_bytes[bit / 8] & ~mask) |
					       (from->bytes[bit / 8] & mask));
	}
}

static void make_frame(struct frame *frame, const struct pick *pick, const struct address *to)
{
	struct frame_ends ends = {.family = to->family, .port = want.port};

	memcpy(ends.from_mac, own_mac, ETH_ALEN);
	memcpy(ends.to_mac, want.mac, ETH_ALEN);
	memcpy(ends.to, to->bytes, sizeof(ends.to));
	if (pick->kind == KIND_BANNED)
		memcpy(ends.from, pick->source.bytes, sizeof(ends.from));
	else
		draw_source(to->family, ends.from);
	switch (pick->kind) {
	case KIND_UDP_SPOOF:
		frame_udp(frame, &ends);
		break;
	case KIND_SYN:
		frame_tcp(frame, &ends, TH_SYN);
		break;
	case KIND_ACK:
		frame_tcp(frame, &ends, TH_ACK);
		break;
	case KIND_FRAG:
		frame_frag(frame, &ends);
		break;
	case KIND_MALFORMED:
		frame_malformed(frame, &ends, pick->sent);
		break;
	case KIND_BANNED:
		if (pick->sent & 1)
			frame_udp(frame, &ends);
		else
			frame_tcp(frame, &ends, TH_SYN);
		break;
	case KIND_COUNT:
		abort();
	}
}

/* The destination for the n-th frame of a pick; a banned source has one family. */
static const struct address *choose_to(const struct pick *pick)
{
	for (unsigned int i = 0; i < want.tos; i++) {
		const struct address *to = &want.to[(pick->sent + i) % want.tos];

		if (pick->kind != KIND_BANNED || to->family == pick->source.family)
			return to;
	}
	abort(); /* parse_options() has seen to it */
}

static int open_socket(void)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = 0};
	struct ethtool_drvinfo driver = {.cmd = ETHTOOL_GDRVINFO};
	struct ifreq request = {.ifr_data = (char *)&driver};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0)
		fail("socket", "AF_PACKET", strerror(errno));
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", want.dev);
	at.sll_ifindex = (int)if_nametoindex(want.dev);
	if (!at.sll_ifindex)
		fail("--dev", want.dev, "no such interface in this namespace");
	if (ioctl(fd, SIOCETHTOOL, &request) || strcmp(driver.driver, "veth"))
		fail("--dev", want.dev, "not a veth interface; this tool floods nothing else");
	if (ioctl(fd, SIOCGIFHWADDR, &request))
		fail("hardware address of", want.dev, strerror(errno));
	memcpy(own_mac, request.ifr_hwaddr.sa_data, ETH_ALEN);
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)))
		fail("bind to", want.dev, strerror(errno));
	return fd;
}

/* Send `count` frames; a full queue drops the rest of the batch, which costs the attacker only. */
static void send_batch(int fd, unsigned int count, uint64_t *turn)
{
	static struct frame frames[BATCH];
	struct mmsghdr messages[BATCH] = {0};
	struct iovec parts[BATCH];
	struct pick *picked[BATCH];
	int sent;

	for (unsigned int i = 0; i < count; i++) {
		/* NOLINTNEXTLINE(clang-analyzer-core.DivideZero): check_options() wants one */
		picked[i] = &want.pick[(*turn)++ % want.picks];
		make_frame(&frames[i], picked[i], choose_to(picked[i]));
		picked[i]->sent++;
		parts[i] = (struct iovec){.iov_base = frames[i].data, .iov_len = frames[i].len};
		messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
	}
	sent = sendmmsg(fd, messages, count, 0);
	if (sent < 0 && errno != ENOBUFS && errno != EAGAIN && errno != EINTR)
		fail("send on", want.dev, strerror(errno));
	for (unsigned int i = sent < 0 ? 0 : (unsigned int)sent; i < count; i++)
		picked[i]->sent--;
}

static void flood(int fd)
{
	uint64_t begin = now_ns(), end = begin + want.seconds * NS_PER_S, asked = 0, turn = 0;

	for (uint64_t now = begin; now < end && !stop; now = now_ns()) {
		uint64_t due = (now - begin) / 1000 * want.rate / 1000000;

		/* A sender that was held up does not make up for it with a burst. */
		if (due > asked + want.rate / 10 + BATCH)
			asked = due - BATCH;
		if (due <= asked) {
			nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
			continue;
		}
		due -= asked;
		send_batch(fd, due < BATCH ? (unsigned int)due : BATCH, &turn);
		asked += due < BATCH ? due : BATCH;
	}
}

static void report(uint64_t took_ns)
{
	uint64_t total = 0;

	printf("{\"seconds\":%.2f,\"sent\":{", (double)took_ns / NS_PER_S);
	for (unsigned int i = 0; i < want.picks; i++) {
		printf("%s\"%s\":%llu", i ? "," : "", want.pick[i].text,
		       (unsigned long long)want.pick[i].sent);
		total += want.pick[i].sent;
	}
	printf("},\"total\":%llu}\n", (unsigned long long)total);
}

/* ---- the command line ---- */

static void usage(FILE *to)
{
	fputs("usage: attack --dev VETH --mac MAC --to ADDRESS --kind KIND [options]\n"
	      "Send hostile frames into a veth pair, for tests in network namespaces only.\n"
	      "  -d, --dev VETH       interface to send on\n"
	      "  -m, --mac MAC        hardware address of the victim\n"
	      "  -t, --to ADDRESS     the victim, IPv4 or IPv6; again for both\n"
	      "  -k, --kind KIND      again for several, which take turns:\n",
	      to);
#define X(code, name, text) fprintf(to, "       %-16s %s\n", name, text);
	KINDS(X)
#undef X
	fputs("  -f, --from PREFIX    spoof sources of this prefix only; again for several\n"
	      "  -p, --port N         port of the victim (default 7777)\n"
	      "  -r, --rate N         frames a second in all (default 10000, at most 2000000)\n"
	      "  -s, --seconds N      stop after that (default 10, at most 3600)\n"
	      "At the end, one JSON object: {\"seconds\", \"sent\": {KIND: frames}, \"total\"}.\n",
	      to);
}

static struct address parse_address(const char *option, const char *text, bool prefix)
{
	struct address address = {.family = strchr(text, ':') ? AF_INET6 : AF_INET};
	unsigned int most = address.family == AF_INET ? 32 : 128;
	const char *slash = strchr(text, '/');
	char plain[INET6_ADDRSTRLEN];

	snprintf(plain, sizeof(plain), "%.*s", (int)(slash ? slash - text : (long)strlen(text)),
		 text);
	if ((slash && !prefix) || inet_pton(address.family, plain, address.bytes) != 1)
		fail(option, text,
		     prefix ? "not an address or prefix, such as 192.0.2.0/24"
			    : "not an address, such as 192.0.2.1 or 2001:db8::1");
	address.bits = slash ? number_parse(option, slash + 1, most) : most;
	return address;
}

static void parse_mac(const char *text)
{
	unsigned int byte[ETH_ALEN];
	char rest;

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%c", &byte[0], &byte[1], &byte[2], &byte[3],
		   &byte[4], &byte[5], &rest) != ETH_ALEN)
		fail("--mac", text, "not a hardware address, such as 02:00:00:00:00:01");
	for (int i = 0; i < ETH_ALEN; i++)
		want.mac[i] = (uint8_t)byte[i];
	want.has_mac = true;
}

static void parse_kind(const char *text)
{
	struct pick *pick = &want.pick[want.picks];

	if (want.picks == PICKS_MAX)
		fail("--kind", text, "too many kinds");
	pick->text = text;
	if (!strncmp(text, "banned:", 7)) {
		pick->kind = KIND_BANNED;
		pick->source = parse_address("--kind banned:", text + 7, false);
		want.picks++;
		return;
	}
	for (int kind = 0; kind < KIND_BANNED; kind++) {
		if (!strcmp(text, kind_names[kind])) {
			pick->kind = (enum kind)kind;
			want.picks++;
			return;
		}
	}
	fail("--kind", text, "unknown; see attack --help");
}

static void append_address(struct address *list, unsigned int *len, struct address address)
{
	if (*len == PICKS_MAX)
		fail("--to or --from", "", "too many addresses");
	list[(*len)++] = address;
}

static void check_options(void)
{
	if (!want.dev || !want.has_mac || !want.tos || !want.picks) {
		fputs("attack: --dev, --mac, --to and --kind are needed; see attack --help\n",
		      stderr);
		exit(2);
	}
	for (unsigned int i = 0; i < want.picks; i++) {
		bool reachable = want.pick[i].kind != KIND_BANNED;

		for (unsigned int j = 0; j < want.tos; j++)
			reachable |= want.to[j].family == want.pick[i].source.family;
		if (!reachable)
			fail("--kind", want.pick[i].text, "no --to of the same family");
	}
}

static void parse_option(int option)
{
	switch (option) {
	case 'd':
		want.dev = optarg;
		break;
	case 'm':
		parse_mac(optarg);
		break;
	case 't':
		append_address(want.to, &want.tos, parse_address("--to", optarg, false));
		break;
	case 'f':
		append_address(want.from, &want.froms, parse_address("--from", optarg, true));
		break;
	case 'k':
		parse_kind(optarg);
		break;
	case 'p':
		want.port = (uint16_t)number_parse("--port", optarg, 65535);
		break;
	case 'r':
		want.rate = number_parse("--rate", optarg, RATE_MAX);
		break;
	case 's':
		want.seconds = number_parse("--seconds", optarg, SECONDS_MAX);
		break;
	default:
		usage(option == 'h' ? stdout : stderr);
		exit(option == 'h' ? 0 : 2);
	}
}

static bool has_default_route(void)
{
	FILE *routes = fopen("/proc/net/route", "re");
	char line[256], destination[16], mask[16];
	bool found = !routes;

	while (routes && fgets(line, sizeof(line), routes)) {
		found |= sscanf(line, "%*s %15s %*s %*s %*s %*s %*s %15s", destination, mask) ==
				 2 &&
			 !strcmp(destination, "00000000") && !strcmp(mask, "00000000");
	}
	if (routes)
		fclose(routes);
	return found;
}

/*
 * Where process 1 may not be looked at (a container), a default route tells the machine's own
 * network from a namespace made for a test.
 */
static void refuse_real_network(void)
{
	struct stat own, first;
	bool real;

	if (stat("/proc/self/ns/net", &own))
		fail("own namespace", "/proc/self/ns/net", strerror(errno));
	if (stat("/proc/1/ns/net", &first))
		real = has_default_route();
	else
		real = own.st_ino == first.st_ino && own.st_dev == first.st_dev;
	if (real)
		fail("network namespace", "of this machine",
		     "refused; run it as: ip netns exec NAME attack ...");
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"dev", required_argument, NULL, 'd'},	{"mac", required_argument, NULL, 'm'},
		{"to", required_argument, NULL, 't'},	{"from", required_argument, NULL, 'f'},
		{"kind", required_argument, NULL, 'k'}, {"port", required_argument, NULL, 'p'},
		{"rate", required_argument, NULL, 'r'}, {"seconds", required_argument, NULL, 's'},
		{"help", no_argument, NULL, 'h'},	{NULL, 0, NULL, 0},
	};
	struct sigaction action = {.sa_handler = on_signal};
	uint64_t begin;
	int option, fd;

	while ((option = getopt_long(argc, argv, "d:m:t:f:k:p:r:s:h", options, NULL)) != -1)
		parse_option(option);
	if (optind < argc)
		fail("argument", argv[optind], "unexpected");
	check_options();
	refuse_real_network();
	fd = open_socket();
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	begin = now_ns();
	random_seed(begin);
	flood(fd);
	report(now_ns() - begin);
	close(fd);
	return 0;
}
