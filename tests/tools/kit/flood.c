/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <strazh/base/compiler.h>
#include <tests/tools/kit/flood.h>
#include <tests/tools/kit/number.h>
#include <tests/tools/kit/wire.h>

#define RATE_MAX 2000000u
#define SECONDS_MAX 3600u
#define COUNT_MAX 1000000000u
#define SOURCES_MAX 16777216u

static const char *const kind_names[] = {
#define X(code, name, text) name,
	FLOOD_KINDS(X)
#undef X
};

static void usage(FILE *to)
{
	fputs("usage: attack --dev VETH --mac MAC --to ADDRESS --kind KIND [options]\n"
	      "Send hostile frames into a veth pair, for tests in network namespaces only.\n"
	      "  -d, --dev VETH       interface to send on\n"
	      "  -m, --mac MAC        hardware address of the victim\n"
	      "  -M, --from-mac MAC   hardware address of the attacker (default: of VETH)\n"
	      "  -t, --to ADDRESS     the victim, IPv4 or IPv6; again for both\n"
	      "  -k, --kind KIND      again for several, which take turns:\n",
	      to);
#define X(code, name, text) fprintf(to, "       %-16s %s\n", name, text);
	FLOOD_KINDS(X)
#undef X
	fputs("  -n, --sources N      spoof N sources of each family, no two the same (default\n"
	      "                       10000000); then begin again with the first\n"
	      "  -f, --from PREFIX    spoof sources of this prefix only; again for several\n"
	      "  -a, --as ADDRESS     send under this address; again for the other family\n"
	      "  -p, --port N         port of the victim (default 7777)\n"
	      "  -P, --sport N        source port (default: another one for every frame)\n"
	      "  -r, --rate N         frames a second in all (default 10000, at most 2000000)\n"
	      "  -s, --seconds N      stop after that (default 10, at most 3600)\n"
	      "  -c, --count N        or after so many frames\n"
	      "At the end, one JSON object: {\"seconds\", \"sent\": {KIND: frames}, \"sources\":\n"
	      "{\"v4\", \"v6\": how many different ones}, \"total\"}. What did not fit the wire "
	      "is\n"
	      "sent again and counted once.\n",
	      to);
}

const struct flood_address *flood_as(const struct flood *flood, int family)
{
	for (unsigned int i = 0; i < flood->as_len; i++)
		if (flood->as[i].family == family)
			return &flood->as[i];
	return NULL;
}

static struct flood_address parse_address(const char *option, const char *text, bool prefix)
{
	struct flood_address address = {.family = strchr(text, ':') ? AF_INET6 : AF_INET};
	unsigned int most = address.family == AF_INET ? 32 : 128;
	const char *slash = strchr(text, '/');
	char plain[INET6_ADDRSTRLEN];

	snprintf(plain, sizeof(plain), "%.*s", (int)(slash ? slash - text : (long)strlen(text)),
		 text);
	if ((slash && !prefix) || inet_pton(address.family, plain, address.bytes) != 1)
		wire_fail(option, text,
			  prefix ? "not an address or prefix, such as 192.0.2.0/24"
				 : "not an address, such as 192.0.2.1 or 2001:db8::1");
	address.len = slash ? number_parse(option, slash + 1, most) : most;
	return address;
}

static void parse_mac(const char *option, const char *text, uint8_t ret_mac[ETH_ALEN])
{
	unsigned int byte[ETH_ALEN];
	char rest;

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%c", &byte[0], &byte[1], &byte[2], &byte[3],
		   &byte[4], &byte[5], &rest) != ETH_ALEN)
		wire_fail(option, text, "not a hardware address, such as 02:00:00:00:00:01");
	for (int i = 0; i < ETH_ALEN; i++)
		ret_mac[i] = (uint8_t)byte[i];
}

static void parse_kind(struct flood *flood, const char *text)
{
	struct flood_pick *pick = &flood->pick[flood->picks];

	if (flood->picks == FLOOD_MAX)
		wire_fail("--kind", text, "too many kinds");
	pick->text = text;
	flood->picks++;
	if (!strncmp(text, "banned:", 7)) {
		pick->kind = FLOOD_BANNED;
		pick->source = parse_address("--kind banned:", text + 7, false);
		return;
	}
	for (size_t kind = 0; kind < FLOOD_BANNED; kind++) {
		if (!strcmp(text, kind_names[kind])) {
			pick->kind = (enum flood_kind)kind;
			return;
		}
	}
	wire_fail("--kind", text, "unknown; see attack --help");
}

static void append_address(struct flood_address *list, unsigned int *len, const char *option,
			   const char *text, bool prefix)
{
	if (*len == FLOOD_MAX)
		wire_fail(option, text, "too many addresses");
	list[(*len)++] = parse_address(option, text, prefix);
}

static void parse_as(struct flood *flood, const char *text)
{
	struct flood_address address = parse_address("--as", text, false);

	if (flood_as(flood, address.family))
		wire_fail("--as", text, "one address of a family only");
	flood->as[flood->as_len++] = address;
}

static void add_range(struct flood *flood, struct source_range range)
{
	unsigned int family = flood_family(range.family);

	flood->range[family][flood->ranges[family]++] = range;
}

/* Sources take the ranges of their family by turns. */
static void make_ranges(struct flood *flood)
{
	char text[16];

	for (unsigned int i = 0; i < flood->froms; i++)
		add_range(flood, source_range_of(flood->from[i].family, flood->from[i].bytes,
						 flood->from[i].len));
	if (!flood->ranges[0])
		add_range(flood, source_range_default(AF_INET));
	if (!flood->ranges[1])
		add_range(flood, source_range_default(AF_INET6));
	snprintf(text, sizeof(text), "%u", flood->sources);
	for (unsigned int family = 0; family < 2; family++) {
		unsigned int ranges = flood->ranges[family];
		unsigned int each = ranges ? (flood->sources - 1) / ranges + 1 : 0;

		for (unsigned int i = 0; i < ranges; i++)
			if (each > flood->range[family][i].size)
				wire_fail("--sources", text, "more than a --from prefix holds");
	}
}

static void check_pick(const struct flood *flood, const struct flood_pick *pick)
{
	bool reachable = pick->kind != FLOOD_BANNED;

	for (unsigned int i = 0; i < flood->tos; i++)
		reachable |= flood->to[i].family == pick->source.family;
	if (!reachable)
		wire_fail("--kind", pick->text, "no --to of the same family");
}

static void check_options(struct flood *flood)
{
	if (!flood->dev || !flood->has_to_mac || !flood->tos || !flood->picks) {
		fputs("attack: --dev, --mac, --to and --kind are needed; see attack --help\n",
		      stderr);
		exit(2);
	}
	for (unsigned int i = 0; i < flood->picks; i++)
		check_pick(flood, &flood->pick[i]);
	make_ranges(flood);
}

static void parse_option(struct flood *flood, int option)
{
	switch (option) {
	case 'd':
		flood->dev = optarg;
		break;
	case 'm':
		parse_mac("--mac", optarg, flood->to_mac);
		flood->has_to_mac = true;
		break;
	case 'M':
		parse_mac("--from-mac", optarg, flood->from_mac);
		flood->has_from_mac = true;
		break;
	case 't':
		append_address(flood->to, &flood->tos, "--to", optarg, false);
		break;
	case 'f':
		append_address(flood->from, &flood->froms, "--from", optarg, true);
		break;
	case 'a':
		parse_as(flood, optarg);
		break;
	case 'k':
		parse_kind(flood, optarg);
		break;
	case 'n':
		flood->sources = number_parse("--sources", optarg, SOURCES_MAX);
		break;
	case 'p':
		flood->port = (uint16_t)number_parse("--port", optarg, 65535);
		break;
	case 'P':
		flood->sport = (uint16_t)number_parse("--sport", optarg, 65535);
		break;
	case 'r':
		flood->rate = number_parse("--rate", optarg, RATE_MAX);
		break;
	case 's':
		flood->seconds = number_parse("--seconds", optarg, SECONDS_MAX);
		break;
	case 'c':
		flood->count = number_parse("--count", optarg, COUNT_MAX);
		break;
	default:
		usage(option == 'h' ? stdout : stderr);
		exit(option == 'h' ? 0 : 2);
	}
}

void flood_parse(int argc, char **argv, struct flood *flood)
{
	static const struct option options[] = {
		{"dev", required_argument, NULL, 'd'},
		{"mac", required_argument, NULL, 'm'},
		{"from-mac", required_argument, NULL, 'M'},
		{"to", required_argument, NULL, 't'},
		{"from", required_argument, NULL, 'f'},
		{"as", required_argument, NULL, 'a'},
		{"kind", required_argument, NULL, 'k'},
		{"sources", required_argument, NULL, 'n'},
		{"port", required_argument, NULL, 'p'},
		{"sport", required_argument, NULL, 'P'},
		{"rate", required_argument, NULL, 'r'},
		{"seconds", required_argument, NULL, 's'},
		{"count", required_argument, NULL, 'c'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int option;

	*flood = (struct flood){.rate = 10000,
				.seconds = 10,
				.count = COUNT_MAX,
				.sources = 10000000,
				.port = 7777};
	while ((option = getopt_long(argc, argv, "d:m:M:t:f:a:k:n:p:P:r:s:c:h", options, NULL)) !=
	       -1)
		parse_option(flood, option);
	if (optind < argc)
		wire_fail("argument", argv[optind], "unexpected");
	check_options(flood);
}
