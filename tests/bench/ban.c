// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * From the exec of `strazhctl ban` to the first dropped packet, while the banned source sends at
 * a high rate on the other core; through strazhd, and on the pinned maps without it.
 */
#include <tests/bench/bench.h>

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define ROUNDS 40
#define BUDGET_MS 5.0
#define TIMEOUT_S 2.0
#define POLL_US 50
#define FLOOD_MIN 1000U /* more than the kernel says on its own when a link comes up */

/*
 * Half a million packets a second from AF_PACKET, bounded in time. Not BPF_F_TEST_XDP_LIVE_FRAMES:
 * while it runs, starting a program on the other core takes 20 to 50 ms here (2 ms under this
 * flood), and that would be measured instead.
 */
static pid_t flood_start(void)
{
	char path[4096];
	/* clang-format off */
	const char *const argv[] = {
		path, "-d", "bench0", "-m", "02:00:00:00:00:01", "-t", "10.9.0.1",
		"-k", "banned:" VETH_SOURCE_TEXT, "-r", "500000", "-s", "60", NULL,
	};
	/* clang-format on */

	snprintf(path, sizeof(path), "%s/tests/tools/attack", build_dir);
	return start(argv, NULL);
}

/* A flood that does not arrive would look like a ban that does nothing. */
static void flood_await(struct rig *rig)
{
	uint64_t before = rig_count_all(rig);
	double begin = now_s();

	while (rig_count_all(rig) - before < FLOOD_MIN) {
		if (now_s() - begin > TIMEOUT_S)
			die("nothing of the flood arrives (tests/tools/attack)");
		usleep(POLL_US);
	}
}

static double ban_once(struct rig *rig)
{
	char path[4096];
	const char *const argv[] = {path, "ban", VETH_SOURCE_TEXT, NULL};
	uint64_t before = rig_count(rig, SZ_REASON_DENY_HOST);
	double begin = now_s(), took;
	pid_t pid;

	snprintf(path, sizeof(path), "%s/strazhctl", build_dir);
	pid = start(argv, NULL);
	/* Asleep between two looks: the command and the daemon run on this core too. */
	while (rig_count(rig, SZ_REASON_DENY_HOST) == before) {
		if (now_s() - begin > TIMEOUT_S)
			die("no packet dropped %g s after 'strazhctl ban'", TIMEOUT_S);
		usleep(POLL_US);
	}
	took = now_s() - world_exec_at();
	if (finish(pid))
		die("'strazhctl ban " VETH_SOURCE_TEXT "' failed");
	CTL(NULL, "unban", VETH_SOURCE_TEXT);
	/* The flood's batch under way may still be dropped under the old verdict. */
	do {
		before = rig_count(rig, SZ_REASON_DENY_HOST);
		usleep(2000);
	} while (rig_count(rig, SZ_REASON_DENY_HOST) != before);
	return took * 1e3;
}

static void ban_often(struct rig *rig, const char *name, const char *name_p99)
{
	struct samples took = {.count = 0};

	for (int round = 0; round < ROUNDS; round++)
		samples_add(&took, ban_once(rig));
	report_budget(name, samples_at(&took, 50), "ms", BUDGET_MS, &took);
	report_budget(name_p99, samples_at(&took, 99), "ms", BUDGET_MS, &took);
}

void bench_ban(struct rig *rig)
{
	pid_t flood, daemon;

	say("ban to drop: %d bans through strazhd, %d without", ROUNDS, ROUNDS);
	veth_up();
	veth_attach(rig, true);
	rig_release(rig);
	world_children_cpu(1);
	flood = flood_start();
	flood_await(rig);
	world_cpu(0);
	world_children_cpu(0);
	ban_often(rig, "gate.ban_to_drop_direct_ms", "gate.ban_to_drop_direct_p99_ms");
	daemon = daemon_start();
	ban_often(rig, "gate.ban_to_drop_ms", "gate.ban_to_drop_p99_ms");
	daemon_stop(daemon);
	kill(flood, SIGTERM);
	finish(flood);
	world_cpu(-1);
	world_children_cpu(-1);
	rig_retake(rig);
	veth_down();
}
