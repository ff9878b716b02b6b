/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * TCP behind the secured server, beside stunnel and haproxy that end TLS 1.3 in front of the same
 * upstream: tests/tools/plain-echo, beside the clients. Long pieces and short ones go there and
 * back. As in shake.c, a row is per second of the server's CPU; latency is by the clock. A relay
 * without any cryptography is driven in turns with them: it is what no carrier can be faster than.
 */
#include <tests/bench/wire/bench.h>
#include <tests/bench/wire/carrier.h>
#include <tests/bench/wire/talk.h>
#include <tests/bench/wire/tls.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <user/wire/tunnel.h>

#define WINDOW (1U << 20)
#define SECONDS 1.0
#define REPEATS 5

/* One stream a line. */
struct stream {
	uint32_t credit, owed; /* bytes we may send; that came and are not told */
	size_t under_way;
	bool open;
};

struct run {
	const struct tls_stream *job;
	struct line *lines;
	struct stream *streams;
	size_t done, idle;
	bool more;
};

static void tell(struct line *line, uint8_t opcode, const void *payload, size_t len)
{
	line_send(line, &(struct ph_message){.service = PH_S_TUNNEL,
					     .opcode = opcode,
					     .priority = PH_NORMAL,
					     .request = 1,
					     .payload = payload,
					     .len = len});
}

static void fill(struct run *run, struct line *line, struct stream *s)
{
	static const uint8_t bytes[1 << 14];
	const struct tls_stream *job = run->job;

	while (run->more && s->under_way + job->len <= job->window && s->credit >= job->len) {
		tell(line, TUNNEL_DATA, bytes, job->len);
		s->credit -= (uint32_t)job->len;
		s->under_way += job->len;
	}
}

static void data(struct run *run, struct line *line, struct stream *s, size_t len)
{
	uint8_t payload[TUNNEL_CREDIT_LEN];

	if (len > s->under_way)
		die("more came back than was sent");
	s->under_way -= len;
	run->done += len;
	s->owed += (uint32_t)len;
	if (s->owed >= WINDOW / 4) {
		tell(line, TUNNEL_WINDOW, payload, tunnel_credit_emit(s->owed, payload));
		s->owed = 0;
	}
	if (!run->more && !s->under_way)
		run->idle++;
}

static void on_message(struct line *line, const struct ph_message *message)
{
	struct run *run = line->talk->user;
	struct stream *s = &run->streams[line - run->lines];
	uint32_t credit;

	switch (message->opcode) {
	case PH_OP_REPLY:
	case TUNNEL_WINDOW:
		if (tunnel_credit_parse(message->payload, message->len, &credit))
			die("a credit that is none");
		s->credit += credit;
		s->open = true;
		break;
	case TUNNEL_DATA:
		data(run, line, s, message->len);
		break;
	default:
		die("a stream ended");
	}
	fill(run, line, s);
}

static void open_streams(struct talk *talk, struct run *run)
{
	static const char name[] = "up";
	const struct tunnel_open open = {.window = WINDOW, .name_len = 2, .name = name};
	uint8_t payload[TUNNEL_OPEN_MAX];
	size_t len = tunnel_open_emit(&open, payload);

	for (int i = 0; i < run->job->lines; i++)
		tell(&run->lines[i], TUNNEL_OPEN, payload, len);
	for (int i = 0; i < run->job->lines; i++)
		while (!run->streams[i].open)
			if (!talk_turn(talk, 10000))
				die("the upstream is not reached");
}

static double echo(struct talk *talk, const struct tls_stream *job, double *ret_wall,
		   double *ret_load)
{
	struct run run = {.job = job, .streams = calloc((size_t)job->lines, sizeof(struct stream))};
	struct lap lap;
	double rate;

	if (!run.streams)
		die("no memory");
	talk->user = &run;
	talk->on_message = on_message;
	run.lines = lines_open(talk, job->lines);
	open_streams(talk, &run);
	lap = lap_begin(talk->rig);
	run.more = true;
	for (int i = 0; i < job->lines; i++)
		fill(&run, &run.lines[i], &run.streams[i]);
	while (run.idle < (size_t)job->lines) {
		if (!talk_turn(talk, 10000))
			die("the tunnel stopped");
		run.more = now_s() - lap.wall < SECONDS;
	}
	rate = lap_end(&lap, (double)run.done, ret_wall, ret_load);
	lines_close(run.lines, job->lines);
	free(run.streams);
	return rate;
}

/* ---- the figures ---- */

struct contest {
	struct talk *talk;
	struct rig stunnel, haproxy, relay;
};

enum { OURS, STUNNEL, HAPROXY, RELAY, CARRIERS };

/* In turns: bytes a second of the server's CPU, and by the clock. */
static void drive(struct contest *c, const struct tls_stream *job, struct samples cpu[CARRIERS],
		  struct samples wall[CARRIERS])
{
	for (int i = 0; i < REPEATS; i++) {
		double by[CARRIERS], load;

		samples_add(&cpu[OURS], echo(c->talk, job, &by[OURS], &load));
		samples_add(&cpu[STUNNEL],
			    tls_echo(&c->stunnel, job, SECONDS, &by[STUNNEL], &load));
		samples_add(&cpu[HAPROXY],
			    tls_echo(&c->haproxy, job, SECONDS, &by[HAPROXY], &load));
		samples_add(&cpu[RELAY],
			    plain_stream_echo(&c->relay, job, SECONDS, &by[RELAY], &load));
		for (int k = OURS; k < CARRIERS; k++)
			samples_add(&wall[k], by[k]);
	}
}

/* `top`: more is better. */
static void row(const char *name, const char *suffix, const char *unit, const char *peer,
		struct samples *ours, struct samples *theirs, bool top)
{
	double a = samples_at(ours, 50), b = samples_at(theirs, 50);
	char full[64];

	snprintf(full, sizeof(full), "%s%s", name, suffix);
	report(full, a, unit, peer, top ? a / b : b / a, ours);
}

static void rows(const char *name, const char *unit, struct samples all[CARRIERS], bool top)
{
	row(name, "", unit, "stunnel4 TLS 1.3", &all[OURS], &all[STUNNEL], top);
	row(name, "_haproxy", unit, "haproxy TLS 1.3", &all[OURS], &all[HAPROXY], top);
	row(name, "_relay", unit, "plain relay", &all[OURS], &all[RELAY], top);
}

/* What each adds to the CPU time of the relay for so many bytes: the kernel's share of two sockets
 * and of waking up is the same in all of them. */
static void tell_over(const char *name, const char *unit, const struct samples rates[CARRIERS],
		      double bytes)
{
	struct samples times[CARRIERS] = {0}, more[RELAY] = {0};

	for (int k = OURS; k < CARRIERS; k++)
		for (size_t i = 0; i < rates[k].count; i++)
			samples_add(&times[k], bytes / rates[k].value[i]);
	for (int k = OURS; k < RELAY; k++)
		samples_over(&times[k], &times[RELAY], &more[k]);
	row(name, "", unit, "stunnel4 TLS 1.3", &more[OURS], &more[STUNNEL], false);
	row(name, "_haproxy", unit, "haproxy TLS 1.3", &more[OURS], &more[HAPROXY], false);
}

static void scale(struct samples all[CARRIERS], double by)
{
	for (int k = OURS; k < CARRIERS; k++)
		for (size_t i = 0; i < all[k].count; i++)
			all[k].value[i] *= by;
}

static void bulk(struct contest *c)
{
	static const struct tls_stream job = {.lines = 8, .len = 1 << 14, .window = 1 << 16};
	struct samples cpu[CARRIERS] = {0}, wall[CARRIERS] = {0};

	drive(c, &job, cpu, wall);
	tell_over("wire.tunnel_over_relay_ns_kib", "ns", cpu, 1024e9);
	scale(cpu, 1e-9);
	rows("wire.tunnel_gb_s", "GB/s", cpu, true);
}

static void small(struct contest *c)
{
	static const struct tls_stream job = {.lines = 64, .len = 64, .window = 64};
	struct samples cpu[CARRIERS] = {0}, wall[CARRIERS] = {0};

	drive(c, &job, cpu, wall);
	tell_over("wire.tunnel_64_over_relay_us", "us", cpu, 64e6);
	scale(cpu, 1.0 / 64);
	rows("wire.tunnel_64_s", "1/s", cpu, true);
}

/* There and back by the clock, of one stream with one short piece under way. */
static void latency(struct contest *c)
{
	static const struct tls_stream job = {.lines = 1, .len = 64, .window = 64};
	struct samples cpu[CARRIERS] = {0}, wall[CARRIERS] = {0};

	drive(c, &job, cpu, wall);
	tell_over("wire.tunnel_latency_over_relay_us", "us", cpu, 64e6);
	for (int k = OURS; k < CARRIERS; k++)
		for (size_t i = 0; i < wall[k].count; i++)
			wall[k].value[i] = 64e6 / wall[k].value[i];
	rows("wire.tunnel_latency_us", "us", wall, false);
}

void bench_tunnel(void)
{
	int last = (int)sysconf(_SC_NPROCESSORS_ONLN) - 1;
	char path[RIG_PATH], line[RIG_LINE];
	char *argv[] = {path, NULL};
	struct tls_folder folder;
	struct rig upstream, ours;
	struct contest c;

	pin(last);
	tls_folder_make(&folder);
	snprintf(path, sizeof(path), "%s/tests/tools/plain-echo", bench_dir);
	upstream = rig_spawn(argv, line);
	upstream.port = (uint16_t)strtoul(line, NULL, 10);
	rig_move(&upstream, last);
	ours = rig_tunnel(upstream.port);
	c.talk = talk_new(&ours);
	c.stunnel = rig_stunnel(&folder, upstream.port);
	c.haproxy = rig_haproxy(&folder, upstream.port);
	c.relay = rig_relay(upstream.port);
	bulk(&c);
	small(&c);
	latency(&c);
	talk_free(c.talk);
	rig_stop(&ours, NULL);
	rig_stop(&c.stunnel, NULL);
	rig_stop(&c.haproxy, NULL);
	rig_stop(&c.relay, NULL);
	rig_stop(&upstream, NULL);
	tls_folder_free(&folder);
}
