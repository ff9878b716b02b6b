// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Millions of frames a second through a veth pair, one repeated denied source, one core for sender
 * and receiver: the gate, xdp-filter and an nft ingress set take turns. The peers hold that one
 * source only, the gate all the lists. The receiver's rx_packets count what arrived; the kernel's
 * InReceives says that nothing got through, and a run without any filter that it would count.
 */
#include <tests/bench/bench.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/socket.h>

#include <tests/bench/frame.h>
#include <user/gate/act.h>

#define ROUNDS 9
#define FRAMES 1500000U
#define FRAMES_CONTROL 64000U
#define BATCH 64U

static const unsigned char mac[6] = {2, 0, 0, 0, 0, 1};

static unsigned int index_of(const char *name)
{
	unsigned int index = if_nametoindex(name);

	if (!index)
		die("no interface '%s'", name);
	return index;
}

/* A veth receiver takes redirected frames only with XDP or with GRO on. */
static void gro_on(const char *name)
{
	struct ethtool_value value = {.cmd = ETHTOOL_SGRO, .data = 1};
	struct ifreq request = {.ifr_data = (void *)&value};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	if (fd < 0 || ioctl(fd, SIOCETHTOOL, &request))
		die("switching GRO on: %s", strerror(errno));
	close(fd);
}

void veth_up(void)
{
	RUN("ip", "link", "add", "bench0", "type", "veth", "peer", "name", "bench1");
	RUN("ip", "link", "set", "bench1", "address", "02:00:00:00:00:01");
	RUN("ip", "link", "set", "bench0", "up");
	RUN("ip", "link", "set", "bench1", "up");
	gro_on("bench1");
}

void veth_down(void)
{
	RUN("ip", "link", "del", "bench0");
}

void veth_attach(struct rig *rig, bool attach)
{
	unsigned int flags = XDP_FLAGS_DRV_MODE | (attach ? XDP_FLAGS_UPDATE_IF_NOEXIST : 0);
	int r = bpf_xdp_attach((int)index_of("bench1"), attach ? rig->gate_fd : -1, flags, NULL);

	if (r)
		die("attaching the gate to a veth: %s", strerror(-r));
}

/* A number out of a file: the `column`th word of the line that begins with `begin`. */
static uint64_t number_in(const char *path, const char *begin, unsigned int nth, int column)
{
	FILE *file = fopen(path, "r");
	uint64_t value = 0;
	char line[1024];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file)) {
		char *save, *word = strtok_r(line, " \n", &save);

		if (!word || strcmp(word, begin) || nth--)
			continue;
		for (int n = 0; n < column && word; n++)
			word = strtok_r(NULL, " \n", &save);
		found = word && sscanf(word, "%" SCNu64, &value) == 1;
	}
	if (file)
		fclose(file);
	if (!found)
		die("'%s' has no such number after '%s'", path, begin);
	return value;
}

static uint64_t received(void)
{
	return number_in("/proc/thread-self/net/dev", "bench1:", 0, 2);
}

static uint64_t reached_ip(void)
{
	return number_in("/proc/thread-self/net/snmp", "Ip:", 1, 3);
}

double veth_send(struct rig *rig, uint32_t frames)
{
	unsigned char frame[FRAME_LEN];
	uint64_t before = received();
	double begin;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame,
		    .data_size_in = frame_udp(frame, mac, VETH_SOURCE), .repeat = (int)frames,
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = BATCH);

	for (uint32_t cpu = 0; cpu < SOURCE_CPUS; cpu++)
		rig->source[cpu].ifindex = index_of("bench0");
	begin = now_s();
	if (bpf_prog_test_run_opts(rig->to_peer_fd, &opts))
		die("live frames: %s", strerror(errno));
	return (double)(received() - before) / (now_s() - begin);
}

/* Frames of the denied source per second, and none of them gets to IP. */
static double send_denied(struct rig *rig, const char *who)
{
	uint64_t before = reached_ip(), rx = received();
	double rate = veth_send(rig, FRAMES);

	if (reached_ip() != before)
		die("%s let %" PRIu64 " denied packets through", who, reached_ip() - before);
	if (received() - rx < FRAMES / 10 * 9)
		die("%s: only %" PRIu64 " of %u frames arrived", who, received() - rx, FRAMES);
	return rate / 1e6;
}

static double run_gate(struct rig *rig)
{
	uint64_t before = rig_count(rig, SZ_REASON_DENY_HOST);
	double mpps;

	veth_attach(rig, true);
	mpps = send_denied(rig, "the gate");
	veth_attach(rig, false);
	if (rig_count(rig, SZ_REASON_DENY_HOST) - before < FRAMES / 10 * 9)
		die("the gate dropped for another reason");
	return mpps;
}

static double run_xdpfilter(struct rig *rig)
{
	double mpps;

	RUN("xdp-filter", "load", "-m", "native", "-p", "allow", "-f", "ipv4", "bench1");
	RUN("xdp-filter", "ip", "-m", "src", VETH_SOURCE_TEXT);
	mpps = send_denied(rig, "xdp-filter");
	RUN("xdp-filter", "unload", "bench1");
	return mpps;
}

static double run_nft(struct rig *rig)
{
	double mpps;

	RUN("nft",
	    "add table netdev bench; "
	    "add set netdev bench denied { type ipv4_addr; }; "
	    "add element netdev bench denied { " VETH_SOURCE_TEXT " }; "
	    "add chain netdev bench in { type filter hook ingress device bench1 priority 0; }; "
	    "add rule netdev bench in ip saddr @denied drop");
	mpps = send_denied(rig, "nft");
	RUN("nft", "delete table netdev bench");
	return mpps;
}

static void deny_source(struct rig *rig)
{
	const unsigned char addr[4] = {VETH_SOURCE >> 24, VETH_SOURCE >> 16 & 0xff,
				       VETH_SOURCE >> 8 & 0xff, VETH_SOURCE & 0xff};
	struct act act = {.table = SZ_TABLE_DENY, .prefix = prefix_from(4, addr, 32)};
	struct act_answer answer;
	int r = act_add(rig->gate, &act, &answer);

	if (r)
		die("denying " VETH_SOURCE_TEXT ": %d, %s", r, gate_error());
}

void bench_veth(struct rig *rig)
{
	static struct samples gate, xdpfilter, nft;
	uint64_t before;
	double mpps;

	say("veth: %d rounds of the gate, xdp-filter, nft", ROUNDS);
	veth_up();
	world_cpu(1);
	before = reached_ip();
	veth_send(rig, FRAMES_CONTROL);
	if (reached_ip() - before < FRAMES_CONTROL / 10 * 9)
		die("without a filter the frames do not reach IP: nothing to measure");
	deny_source(rig);
	for (int round = 0; round < ROUNDS; round++) {
		samples_add(&gate, run_gate(rig));
		samples_add(&xdpfilter, run_xdpfilter(rig));
		samples_add(&nft, run_nft(rig));
	}
	world_cpu(-1);
	veth_down();
	mpps = samples_at(&gate, 50);
	report("gate.veth_drop_mpps", mpps, "Mpps", "gate.veth_xdpfilter_mpps",
	       mpps / samples_at(&xdpfilter, 50), &gate);
	report("gate.veth_xdpfilter_mpps", samples_at(&xdpfilter, 50), "Mpps", NULL, 0, &xdpfilter);
	report("gate.veth_nft_mpps", samples_at(&nft, 50), "Mpps", NULL, 0, &nft);
	report("gate.veth_over_nft", mpps / samples_at(&nft, 50), "times", "budget 2 times",
	       mpps / samples_at(&nft, 50) / 2, NULL);
}
