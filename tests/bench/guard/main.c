/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * bench-guard BUILD_DIR [PART...]: facts a second on one core with 100,000 sources known, the
 * memory of them, and how even honest sources fare under attack (on a fake clock, so that figure is
 * the same each time). Speed is counted in time on the CPU: nobody waits here. Then, for root, how
 * soon real attacks are dropped and what honest clients lose by them (scenes.h), and what 10,000
 * bans cost fail2ban and us (fail2ban.h).
 *
 * What is over its budget is said. With BENCH_STRICT=1 in the environment the exit status is then
 * OVER; all figures are there nevertheless.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <tests/bench/figures.h>
#include <tests/bench/guard/fail2ban.h>
#include <tests/bench/guard/scenes.h>
#include <tests/unit/guard/fair.h>

#define KNOWN_STRANGERS 25000U
#define KNOWN_PROVEN 75000U
#define FACTS 1000000U
#define REPEATS 7U
#define BUDGET 1e6 /* facts a second */
#define BUDGET_MIB 32
#define OVER 3 /* tests/bench/run knows it */

static struct guard *guard;
static uint64_t seed = 1, clock_ms = 1000000000, told;

static uint32_t draw(void)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(seed >> 33);
}

static double cpu_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void tell_limit(void *owner, const struct guard_limit *limit)
{
	(void)owner;
	told += limit->slow;
}
static void tell_ban(void *owner, const struct guard_ban *ban)
{
	(void)owner;
	told += ban->offences;
}
static void tell_record(void *owner, const struct guard_record *record)
{
	(void)owner;
	told += record->shares_len;
}
static void tell_evict(void *owner, const struct guard_kept *kept)
{
	(void)owner;
	told += kept->offences;
}

static struct observation fact_of(uint32_t host, enum guard_input input)
{
	struct observation seen = {
		.addr = {host < KNOWN_PROVEN ? 10 : 11, (uint8_t)(host >> 16), (uint8_t)(host >> 8),
			 (uint8_t)host},
		.family = 4,
		.input = (uint8_t)input,
		.port = 8000,
		.value = 1000,
	};

	return seen;
}

/* What a busy server tells: sessions come and go, some handshakes fail, the gate sends samples. */
static struct observation any_fact(void)
{
	static const uint8_t inputs[16] = {
		GUARD_IN_CONN_OPENED,  GUARD_IN_SESSION_PROVEN, GUARD_IN_SESSION_ENDED,
		GUARD_IN_CONN_OPENED,  GUARD_IN_SESSION_PROVEN, GUARD_IN_SESSION_ENDED,
		GUARD_IN_CONN_OPENED,  GUARD_IN_CONN_WASTED,	GUARD_IN_HELLO_BAD,
		GUARD_IN_CONN_REFUSED, GUARD_IN_RECORD_BAD,	GUARD_IN_AUTH_BAD,
	};
	uint32_t n = draw() % 16;

	if (n >= 12)
		return fact_of(KNOWN_PROVEN + draw() % KNOWN_STRANGERS,
			       n % 2 ? GUARD_IN_PACKETS : GUARD_IN_SYNS);
	return fact_of(draw() % KNOWN_PROVEN, (enum guard_input)inputs[n]);
}

static void see(struct observation seen)
{
	if (guard_observe(guard, &seen, clock_ms) < 0)
		die("a fact was refused");
}

static void open_guard(void)
{
	static const struct guard_ops ops = {
		.limit = tell_limit, .ban = tell_ban, .record = tell_record, .evict = tell_evict};
	struct guard_config config = guard_config_usual();

	config.seed[0] = 0x9e3779b97f4a7c15ULL;
	config.seed[1] = 0xc2b2ae3d27d4eb4fULL;
	if (guard_new(&config, &ops, NULL, clock_ms, &guard))
		die("no guard");
	for (uint32_t i = 0; i < KNOWN_PROVEN + KNOWN_STRANGERS; i++)
		see(fact_of(i, i < KNOWN_PROVEN ? GUARD_IN_CONN_OPENED : GUARD_IN_SYNS));
	if (guard_figures(guard).proven != KNOWN_PROVEN ||
	    guard_figures(guard).strangers != KNOWN_STRANGERS)
		die("not all sources are known");
}

/* `flood`: each a SYN of a source that was never seen; else any_fact(). */
static double facts_s(bool flood)
{
	double begin_s = cpu_s();

	for (uint32_t i = 0; i < FACTS; i++) {
		see(flood ? fact_of(KNOWN_PROVEN + draw() % (1U << 24), GUARD_IN_SYNS)
			  : any_fact());
		/* A million a second: a thousand a ms, a tick in 100 ms. */
		if (i % 1000)
			continue;
		clock_ms++;
		if (clock_ms % 100 == 0)
			guard_tick(guard, clock_ms);
	}
	return FACTS / (cpu_s() - begin_s);
}

static void bench_facts(void)
{
	struct samples mixed = {0}, flood = {0};

	open_guard();
	for (unsigned i = 0; i < REPEATS; i++) {
		samples_add(&mixed, facts_s(false));
		samples_add(&flood, facts_s(true));
	}
	guard_free(guard);
	report("guard.events_per_s", samples_at(&mixed, 50), "1/s", "budget 1000000",
	       samples_at(&mixed, 50) / BUDGET, &mixed);
	report("guard.spoofed_events_per_s", samples_at(&flood, 50), "1/s", "budget 1000000",
	       samples_at(&flood, 50) / BUDGET, &flood);
}

static double resident_mib(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	long pages;

	if (!file || fscanf(file, "%*s %ld", &pages) != 1)
		die("/proc/self/statm cannot be read");
	fclose(file);
	return (double)pages * (double)sysconf(_SC_PAGESIZE) / (1 << 20);
}

static void bench_memory(void)
{
	struct samples samples = {0};
	double before = resident_mib();

	open_guard();
	samples_add(&samples, resident_mib() - before);
	guard_free(guard);
	report_budget("guard.rss_mib_100k", samples_at(&samples, 50), "MiB", BUDGET_MIB, &samples);
}

static void bench_fair(void)
{
	struct samples samples = {0};
	double jain;

	if (begin())
		die("no guard");
	sim.greedy = true;
	attack(200);
	run(120);
	run(120);
	honest_share(&jain);
	guard_free(sim.guard);
	samples_add(&samples, jain);
	report("guard.jain", jain, "", "budget 0.95", jain / 0.95, &samples);
}

static const char *build_dir;
static unsigned over;

static void bench_all_scenes(void)
{
	if (geteuid() != 0 && !getenv("BENCH_SCENES"))
		say("left out: the scenes need root");
	else
		over += bench_scenes(build_dir);
}

static void bench_bans(void)
{
	bench_fail2ban(build_dir);
}

static const struct {
	const char *name;
	void (*run)(void);
} parts[] = {
	{"memory", bench_memory},     {"facts", bench_facts},	{"fair", bench_fair},
	{"scenes", bench_all_scenes}, {"fail2ban", bench_bans},
};

int main(int argc, char **argv)
{
	const char *strict = getenv("BENCH_STRICT");

	if (argc < 2)
		die("usage: bench-guard BUILD_DIR [PART...]");
	build_dir = argv[1];
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		bool wanted = argc == 2;

		for (int k = 2; k < argc; k++)
			wanted |= !strcmp(argv[k], parts[i].name);
		if (!wanted)
			continue;
		say("%s", parts[i].name);
		parts[i].run();
	}
	return over && strict && strcmp(strict, "1") == 0 ? OVER : 0;
}
