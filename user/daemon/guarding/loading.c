/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Files of /proc stay open and are read from their beginning each time: procfs does not wait, and
 * what is closed later to us (a change of root, of rights) is open already.
 */
#include <user/daemon/guarding/loading.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <strazh/base/compiler.h>

#define TEXT_MAX 16384U
#define PSI_TIME_MS 2000.0F
#define LOST_LEAST 100U /* a second; fewer are noise */

static const struct {
	const char *path, *who;
} pressures[LOADING_PSIS] = {
	[LOADING_CPU] = {"/proc/pressure/cpu", "some "},
	[LOADING_MEMORY] = {"/proc/pressure/memory", "some "},
	[LOADING_IO] = {"/proc/pressure/io", "full "},
};

void loading_open(struct loading *l)
{
	*l = (struct loading){.use_psi = true};
	for (unsigned i = 0; i < LOADING_PSIS; i++)
		l->psi_fd[i] = open(pressures[i].path, O_RDONLY | O_CLOEXEC);
	l->softnet_fd = open("/proc/net/softnet_stat", O_RDONLY | O_CLOEXEC);
}

void loading_close(struct loading *l)
{
	for (unsigned i = 0; i < LOADING_PSIS; i++)
		if (l->psi_fd[i] >= 0)
			close(l->psi_fd[i]);
	if (l->softnet_fd >= 0)
		close(l->softnet_fd);
	l->softnet_fd = l->psi_fd[LOADING_CPU] = -1;
	l->psi_fd[LOADING_MEMORY] = l->psi_fd[LOADING_IO] = -1;
}

/* ---- /proc ---- */

bool loading_psi_total(const char *text, const char *who, uint64_t *ret_us)
{
	const char *line = strstr(text, who), *total = line ? strstr(line, "total=") : NULL;
	const char *end = line ? strchr(line, '\n') : NULL;

	if (!total || (end && total > end) || total[6] < '0' || total[6] > '9')
		return false;
	*ret_us = strtoull(total + 6, NULL, 10);
	return true;
}

uint64_t loading_softnet_drops(const char *text)
{
	uint64_t sum = 0;

	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		char *end;

		line += *line == '\n';
		(void)strtoull(line, &end, 16);
		if (end != line && *end == ' ')
			sum += strtoull(end, NULL, 16);
	}
	return sum;
}

static bool read_text(int fd, char text[TEXT_MAX])
{
	ssize_t n = fd < 0 ? -1 : pread(fd, text, TEXT_MAX - 1, 0);

	text[MAX(n, 0)] = '\0';
	return n > 0;
}

/* Smoothed, so that one burst of work is no pressure. */
static void take_psi(struct loading *l, uint64_t passed_ms)
{
	char text[TEXT_MAX];

	for (unsigned i = 0; i < LOADING_PSIS; i++) {
		uint64_t us, was_us = l->psi_us[i];
		float now;

		if (!read_text(l->psi_fd[i], text) ||
		    !loading_psi_total(text, pressures[i].who, &us))
			continue;
		l->psi_us[i] = us;
		if (!passed_ms)
			continue;
		now = (float)(us - MIN(was_us, us)) / 10 / (float)passed_ms;
		l->psi[i] += (MIN(now, 100.0F) - l->psi[i]) *
			     MIN((float)passed_ms / PSI_TIME_MS, 1.0F);
	}
}

/* ---- what it comes to ---- */

/* What came since, of a counter that may have begun anew. */
static uint64_t since(uint64_t *was, uint64_t now)
{
	uint64_t more = now - MIN(*was, now);

	*was = now;
	return more;
}

static float share(uint64_t part, uint64_t rest, uint64_t least)
{
	return part >= least && part ? (float)part / ((float)part + (float)rest) : 0;
}

static float loss(struct loading *l, const struct gate_stats *stats, uint64_t passed_ms,
		  float *ret_blind)
{
	uint64_t lost, came, lost_events, events, least = LOST_LEAST * passed_ms / 1000;
	uint64_t service, guards;
	char text[TEXT_MAX];

	lost = since(&l->softnet,
		     read_text(l->softnet_fd, text) ? loading_softnet_drops(text) : l->softnet);
	service = since(&l->service, stats->reason[SZ_REASON_RATE_SERVICE].packets);
	guards = since(&l->guards, stats->tally[SZ_TALLY_GUARD_OVER - SZ_TALLY_BASE]);
	lost += service - MIN(guards, service);
	came = since(&l->passed, stats->passed.packets + stats->answered.packets);
	lost_events = since(&l->lost_events, stats->tally[SZ_TALLY_EVENT_LOST - SZ_TALLY_BASE]);
	events = since(&l->events_seen, l->events);
	*ret_blind = 0;
	if (!passed_ms)
		return 0;
	l->pps = came * 1000 / passed_ms;
	l->lost_pps = lost * 1000 / passed_ms;
	*ret_blind = share(lost_events, events, least);
	return share(lost, came, least);
}

static float part_of(uint32_t used, uint32_t most)
{
	return most ? MIN((float)used / (float)most, 1.0F) : 0;
}

static float slots(const struct split_message *m)
{
	float conns = part_of((uint32_t)m->sessions, m->connections_max);
	float busiest = MAX(part_of(m->half_open, m->half_open_max),
			    part_of(m->accept_waiting, m->accept_max));

	return MAX(busiest, (conns - LOADING_CONNS) / (1 - LOADING_CONNS));
}

void loading_take(struct loading *l, const struct gate_stats *stats, const struct split_message *m,
		  uint64_t now_ms, struct guard_load *ret_load)
{
	uint64_t passed_ms = l->at_ms ? now_ms - MIN(l->at_ms, now_ms) : 0, shakes = 0;
	struct guard_load load = {.loss = l->load.loss, .blind = l->load.blind};
	float busy;

	l->at_ms = MAX(now_ms, 1U);
	take_psi(l, passed_ms);
	if (stats)
		load.loss = loss(l, stats, passed_ms, &load.blind);
	if (m) {
		load.slots = slots(m);
		load.delay_ms = (float)m->lag_us / 1000;
		shakes = since(&l->opened, m->opened) + since(&l->refused, m->refused);
		shakes = passed_ms ? shakes * 1000 / passed_ms : 0;
	}
	busy = MAX((float)l->pps / LOADING_BUSY_PPS, (float)shakes / LOADING_BUSY_S);
	for (unsigned i = 0; i < LOADING_PSIS && l->use_psi; i++)
		load.psi = MAX(load.psi, l->psi[i] * MIN(busy, 1.0F));
	l->load = load;
	*ret_load = load;
}
