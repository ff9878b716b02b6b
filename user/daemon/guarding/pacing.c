/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/daemon/guarding/guarding.h>

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <user/base/clock.h>
#include <user/daemon/keeper.h>
#include <user/gate/pace.h>

#define TELL_MS 1000U
#define LOOK_MS 30000U

_Static_assert((unsigned)GUARD_TIERS <= SZ_TIERS && (unsigned)GUARD_TIER_LIMITED == SZ_TIER_LIMITED,
	       "tiers of the guard are the gate's");

static uint64_t now_ms(void)
{
	return clock_boot_ns() / 1000000;
}

static bool acts(const struct guarding *g)
{
	const struct config *config = g->keeper->options->config;

	return g->guard && g->mode == GUARDING_ENFORCE && config_number(config, CFG_GUARD_PACE);
}

/* Where packets are passed on, ports that are no socket's here may be somebody's elsewhere. */
static bool forwards(void)
{
	static const char *const files[] = {"/proc/sys/net/ipv4/ip_forward",
					    "/proc/sys/net/ipv6/conf/all/forwarding"};
	bool any = false;

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		int fd = open(files[i], O_RDONLY | O_CLOEXEC);
		char set = '0';

		any |= fd >= 0 && read(fd, &set, 1) == 1 && set != '0';
		if (fd >= 0)
			close(fd);
	}
	return any;
}

/* The port of a bridge, itself or in a bond: frames for machines behind it come by here as well. */
static bool bridges(const struct wanted *wanted)
{
	char path[64 + IF_NAMESIZE];
	bool any = false;

	for (size_t i = 0; i < wanted->len; i++) {
		(void)snprintf(path, sizeof(path), "/sys/class/net/%s/brport",
			       wanted->at[i].ifname);
		any |= !access(path, F_OK);
		(void)snprintf(path, sizeof(path), "/sys/class/net/%s/master/brport",
			       wanted->at[i].ifname);
		any |= !access(path, F_OK);
	}
	return any;
}

/* NULL: nothing is asked for, but to tell of probes. */
static void pace_gate(struct guarding *g, const struct guard_figures *figures)
{
	struct pacing *p = &g->pacing;
	struct gate_pace pace = {0};
	uint64_t now = now_ms();

	if (!p->looked_ms || now - p->looked_ms >= LOOK_MS) {
		p->looked_ms = now;
		p->probes = !forwards() && !bridges(&g->keeper->wanted);
	}
	if (p->probes)
		pace.flags |= SZ_PACE_PROBES;
	if (figures && attack_scales[figures->state].cookies)
		pace.flags |= SZ_PACE_COOKIES;
	for (unsigned i = 0; i < GUARD_TIERS; i++)
		pace.tiers[i] = figures ? figures->pace.tiers[i] : 1;
	/* Said in any case: totals (protecting.h) hold, and are counted, as long as this is. */
	pace_put(g->keeper->gate, &pace);
	p->in_gate = true;
}

static void pace_worker(struct guarding *g, uint32_t withheld, uint32_t puzzle)
{
	struct pacing *p = &g->pacing;
	const struct split_message m = {.type = SPLIT_PACE, .withheld = withheld, .puzzle = puzzle};
	uint64_t now = now_ms();

	if (p->told_ms && p->withheld == withheld && p->puzzle == puzzle &&
	    now - p->told_ms < TELL_MS)
		return;
	p->withheld = withheld;
	p->puzzle = puzzle;
	p->told_ms = secured_tell(g->keeper, &m) ? now : 0;
}

static void calm_worker(struct guarding *g)
{
	if (g->pacing.withheld || g->pacing.puzzle)
		pace_worker(g, 0, 0);
}

void pacing_keep(struct guarding *g)
{
	const struct guard_figures figures = guard_figures(g->guard);
	struct pacing *p = &g->pacing;
	float admission = MIN(MAX(figures.pace.admission, 0.0F), 1.0F);

	g->loading.use_psi = config_number(g->keeper->options->config, CFG_GUARD_PSI) > 0;
	if (p->state != figures.state || !p->since_ms) {
		p->changes += p->since_ms > 0;
		p->state = figures.state;
		p->since_ms = now_ms();
	}
	pace_gate(g, acts(g) ? &figures : NULL);
	if (!acts(g)) {
		calm_worker(g);
		return;
	}
	pace_worker(g, (uint32_t)((1 - admission) * 1000 + 0.5F),
		    attack_scales[figures.state].puzzle_bits);
}

void pacing_end(struct guarding *g)
{
	if (g->pacing.in_gate)
		pace_drop(g->keeper->gate);
	g->pacing.in_gate = false;
	calm_worker(g);
}

void pacing_show(const struct guarding *g, const struct guard_figures *figures,
		 struct host_guard *shown)
{
	const struct loading *l = &g->loading;
	const struct split_message *m = secured_figures(g->keeper);

	shown->pace = (struct host_pace){
		.acts = acts(g),
		.state_s = g->pacing.since_ms ? (now_ms() - g->pacing.since_ms) / 1000 : 0,
		.changes = g->pacing.changes,
		.why = attack_scales[figures->state].text,
		.strain = figures->strain,
		.hostility = figures->hostility,
		.all = figures->pace.tiers[GUARD_TIER_ALL],
		.trusted = figures->pace.tiers[GUARD_TIER_TRUSTED],
		.limited = figures->pace.tiers[GUARD_TIER_LIMITED],
		.admission = figures->pace.admission,
		.probes = g->pacing.probes && g->guard,
		.puzzle = attack_scales[figures->state].puzzle_bits,
		.cookies = attack_scales[figures->state].cookies,
		.psi_known = l->psi_fd[LOADING_CPU] >= 0,
		.psi = l->load.psi,
		.psi_cpu = l->psi[LOADING_CPU],
		.psi_memory = l->psi[LOADING_MEMORY],
		.psi_io = l->psi[LOADING_IO],
		.loss = l->load.loss,
		.delay_ms = l->load.delay_ms,
		.slots = l->load.slots,
		.passed_pps = l->pps,
		.lost_pps = l->lost_pps,
		.half_open = m ? m->half_open : 0,
		.accept_waiting = m ? m->accept_waiting : 0,
		.puzzle_now = m ? m->puzzle : 0,
		.facts = figures->facts,
		.observations = figures->observations,
		.limits = figures->limits,
		.bans = figures->bans,
		.prefix_bans = figures->prefix_bans,
		.lifts = figures->lifts,
		.alarms = figures->alarms,
	};
}
