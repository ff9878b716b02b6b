/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * TCP through a carrier with an end on each side: `strazh tunnel` and the server, beside two
 * stunnels and two haproxys, and two relays without any cryptography, below which nobody gets. Both
 * ends are on one processor, who speaks and who answers on the other. Where the kernel's share (two
 * sockets in each end, waking up) is most of the whole, a ratio of the wholes says little: the rows
 * `_over_relay` compare what each adds to the relay.
 */
#include <tests/bench/wire/bench.h>
#include <tests/bench/wire/carrier.h>

#include <stdlib.h>
#include <unistd.h>

#define SECONDS 0.5
#define REPEATS 7

enum { OURS, STUNNEL, HAPROXY, RELAY, CARRIERS };

struct contest {
	struct rig far[CARRIERS], near[CARRIERS];
};

/* `mine` against one peer; less is better in all of these. */
static void compare(const char *name, const char *unit, const char *peer, struct samples *mine,
		    struct samples *theirs)
{
	report(name, samples_at(mine, 50), unit, peer,
	       samples_at(theirs, 50) / samples_at(mine, 50), mine);
}

static void tell(const char *name, const char *unit, struct samples all[CARRIERS])
{
	char row[64];

	compare(name, unit, "stunnel4, both ends", &all[OURS], &all[STUNNEL]);
	snprintf(row, sizeof(row), "%s_haproxy", name);
	compare(row, unit, "haproxy, both ends", &all[OURS], &all[HAPROXY]);
	snprintf(row, sizeof(row), "%s_relay", name);
	compare(row, unit, "plain relay, both ends", &all[OURS], &all[RELAY]);
}

/* Before sorting takes the samples out of their rounds. */
static void tell_over(const char *name, const char *unit, const struct samples all[CARRIERS])
{
	struct samples more[RELAY] = {0};
	char row[64];

	for (int c = OURS; c < RELAY; c++)
		samples_over(&all[c], &all[RELAY], &more[c]);
	compare(name, unit, "stunnel4, both ends", &more[OURS], &more[STUNNEL]);
	snprintf(row, sizeof(row), "%s_haproxy", name);
	compare(row, unit, "haproxy, both ends", &more[OURS], &more[HAPROXY]);
}

/* The ends' time on the CPU for so many bytes, and by the clock. */
static void drive(const struct contest *c, const struct tls_stream *job, double bytes,
		  struct samples cpu[CARRIERS], struct samples wall[CARRIERS])
{
	for (int i = 0; i < REPEATS; i++)
		for (int k = 0; k < CARRIERS; k++) {
			double by_clock, load, rate;

			rate = plain_stream_echo(&c->near[k], job, SECONDS, &by_clock, &load);
			samples_add(&cpu[k], bytes / rate);
			samples_add(&wall[k], bytes / by_clock);
		}
}

static void bulk(const struct contest *c)
{
	static const struct tls_stream job = {.lines = 8, .len = 1 << 14, .window = 1 << 16};
	struct samples cpu[CARRIERS] = {0}, wall[CARRIERS] = {0};

	drive(c, &job, 1024e9, cpu, wall);
	tell_over("wire.tunnel_ends_ns_kib_over_relay", "ns", cpu);
	tell("wire.tunnel_ends_ns_kib", "ns", cpu);
}

/* Many at once: a client may have 32 streams. Theirs are a session each, ours are one, so that we
 * may be below the relay. */
static void small(const struct contest *c)
{
	static const struct tls_stream job = {.lines = 32, .len = 64, .window = 64};
	struct samples cpu[CARRIERS] = {0}, wall[CARRIERS] = {0};

	drive(c, &job, 64e6, cpu, wall);
	tell("wire.tunnel_ends_64_us", "us", cpu);
}

static void latency(const struct contest *c)
{
	static const struct tls_stream job = {.lines = 1, .len = 64, .window = 64};
	struct samples cpu[CARRIERS] = {0}, wall[CARRIERS] = {0};

	drive(c, &job, 64e6, cpu, wall);
	tell("wire.tunnel_ends_latency_us", "us", wall);
	tell_over("wire.tunnel_ends_latency_cpu_us_over_relay", "us", cpu);
	tell("wire.tunnel_ends_latency_cpu_us", "us", cpu);
}

void bench_ends(void)
{
	int last = (int)sysconf(_SC_NPROCESSORS_ONLN) - 1;
	char path[RIG_PATH], line[RIG_LINE];
	char *argv[] = {path, NULL};
	struct tls_folder folder;
	struct rig upstream;
	struct contest c;

	pin(last);
	tls_folder_make(&folder);
	snprintf(path, sizeof(path), "%s/tests/tools/plain-echo", bench_dir);
	upstream = rig_spawn(argv, line);
	upstream.port = (uint16_t)strtoul(line, NULL, 10);
	rig_move(&upstream, last);
	c.far[OURS] = rig_tunnel(upstream.port);
	c.far[STUNNEL] = rig_stunnel(&folder, upstream.port);
	c.far[HAPROXY] = rig_haproxy(&folder, upstream.port);
	c.far[RELAY] = rig_relay(upstream.port);
	c.near[OURS] = rig_strazh_near(&c.far[OURS]);
	c.near[STUNNEL] = rig_stunnel_near(&folder, &c.far[STUNNEL]);
	c.near[HAPROXY] = rig_haproxy_near(&folder, &c.far[HAPROXY]);
	c.near[RELAY] = rig_relay_near(&c.far[RELAY]);
	bulk(&c);
	small(&c);
	latency(&c);
	for (int k = 0; k < CARRIERS; k++) {
		rig_stop(&c.near[k], NULL);
		rig_stop(&c.far[k], NULL);
	}
	rig_stop(&upstream, NULL);
	tls_folder_free(&folder);
}
