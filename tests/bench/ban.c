// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * From the exec of `strazhctl ban` to the first dropped packet, while the banned source sends at
 * full rate on the other core; through strazhd, and on the pinned maps without it.
 */
#include <tests/bench/bench.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#define ROUNDS 40
#define SLICE 20000U
#define BUDGET_MS 5.0
#define TIMEOUT_S 2.0

struct flood {
	struct rig *rig;
	atomic_bool stop;
};

static void *flood(void *context)
{
	struct flood *f = context;

	world_cpu(1);
	while (!atomic_load(&f->stop))
		veth_send(f->rig, SLICE);
	return NULL;
}

static double ban_once(struct rig *rig)
{
	char path[4096];
	const char *const argv[] = { path, "ban", VETH_SOURCE_TEXT, NULL };
	uint64_t before = rig_count(rig, SZ_REASON_DENY_HOST);
	double begin = now_s(), took;
	pid_t pid;

	snprintf(path, sizeof(path), "%s/strazhctl", build_dir);
	pid = start(argv, NULL);
	while (rig_count(rig, SZ_REASON_DENY_HOST) == before)
		if (now_s() - begin > TIMEOUT_S)
			die("no packet dropped %g s after 'strazhctl ban'", TIMEOUT_S);
	took = now_s() - begin;
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
	struct samples took = { .count = 0 };

	for (int round = 0; round < ROUNDS; round++)
		samples_add(&took, ban_once(rig));
	report_budget(name, samples_at(&took, 50), "ms", BUDGET_MS, &took);
	report_budget(name_p99, samples_at(&took, 99), "ms", BUDGET_MS, &took);
}

void bench_ban(struct rig *rig)
{
	struct flood f = { .rig = rig };
	pthread_t thread;
	pid_t daemon;

	say("ban to drop: %d bans through strazhd, %d without", ROUNDS, ROUNDS);
	veth_up();
	veth_attach(rig, true);
	rig_release(rig);
	if (pthread_create(&thread, NULL, flood, &f))
		die("no thread");
	world_cpu(0);
	ban_often(rig, "gate.ban_to_drop_direct_ms", "gate.ban_to_drop_direct_p99_ms");
	daemon = daemon_start();
	ban_often(rig, "gate.ban_to_drop_ms", "gate.ban_to_drop_p99_ms");
	daemon_stop(daemon);
	atomic_store(&f.stop, true);
	pthread_join(thread, NULL);
	world_cpu(-1);
	rig_retake(rig);
	veth_down();
}
