/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The peer may be too slow for all of them (the script says how many it did); so both are compared
 * by what one ban took, which is kind to it: its bans take longer the more there are.
 */
#include <tests/bench/guard/fail2ban.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tests/bench/figures.h>

#define SCRIPT "tests/bench/guard/fail2ban.sh"
#define BANS 10000.0

struct outcome {
	double peer_bans, peer_s, peer_cpu;
	struct samples took, cpu;
	char skip[200];
};

static FILE *start_script(const char *build_dir, pid_t *ret_pid)
{
	char build[PATH_MAX];
	int ends[2];

	if (!realpath(build_dir, build) || setenv("O", build, 1) || pipe(ends))
		die("no pipe to " SCRIPT);
	*ret_pid = fork();
	if (*ret_pid < 0)
		die("no process for " SCRIPT);
	if (!*ret_pid) {
		dup2(ends[1], STDOUT_FILENO);
		close(ends[0]);
		close(ends[1]);
		execl(SCRIPT, SCRIPT, (char *)NULL);
		_exit(127);
	}
	close(ends[1]);
	return fdopen(ends[0], "r");
}

static void take_line(struct outcome *outcome, const char *line)
{
	char who[16];
	double bans, took, cpu;

	if (sscanf(line, "skip %199[^\n]", outcome->skip) == 1)
		return;
	if (sscanf(line, "%15s %lf %lf %lf", who, &bans, &took, &cpu) != 4 || bans <= 0)
		die(SCRIPT " said: %s", line);
	if (strcmp(who, "fail2ban") == 0) {
		outcome->peer_bans = bans;
		outcome->peer_s = took;
		outcome->peer_cpu = cpu;
		return;
	}
	samples_add(&outcome->took, took * BANS / bans);
	samples_add(&outcome->cpu, cpu * BANS / bans);
}

static void report_beside(const char *name, const char *name_ratio, double theirs,
			  struct samples *ours, const char *peer)
{
	struct samples ratio = {0};
	double value = samples_at(ours, 50);

	report(name, value, "s", peer, theirs / value, ours);
	for (size_t i = 0; i < ours->count; i++)
		samples_add(&ratio, theirs / ours->value[i]);
	report(name_ratio, samples_at(&ratio, 50), "", "budget 100", samples_at(&ratio, 50) / 100,
	       &ratio);
}

void bench_fail2ban(const char *build_dir)
{
	struct outcome outcome = {0};
	char line[300], peer[60];
	FILE *from;
	pid_t pid;
	int status;

	from = start_script(build_dir, &pid);
	if (!from)
		die("no pipe to " SCRIPT);
	while (fgets(line, sizeof(line), from))
		take_line(&outcome, line);
	fclose(from);
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status))
		die(SCRIPT " failed");
	if (outcome.skip[0]) {
		say("fail2ban: not measured: %s", outcome.skip);
		return;
	}
	if (outcome.peer_bans <= 0 || !outcome.took.count)
		die(SCRIPT " did not finish");
	say("fail2ban: %.0f bans in %.1f s, %.1f s of CPU", outcome.peer_bans, outcome.peer_s,
	    outcome.peer_cpu);
	if (outcome.peer_bans < BANS)
		say("fail2ban was stopped then: it had no time for the other %.0f, of which each "
		    "would have taken longer",
		    BANS - outcome.peer_bans);
	snprintf(peer, sizeof(peer), "fail2ban, %s%.0f bans",
		 outcome.peer_bans < BANS ? "stopped at " : "", outcome.peer_bans);
	report_beside("guard.ban_10k_s", "guard.fail2ban_ratio",
		      outcome.peer_s * BANS / outcome.peer_bans, &outcome.took, peer);
	report_beside("guard.ban_10k_cpu_s", "guard.fail2ban_cpu_ratio",
		      outcome.peer_cpu * BANS / outcome.peer_bans, &outcome.cpu, peer);
}
