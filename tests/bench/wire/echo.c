/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Messages through the secured server: one at a time of each of many connections, beside small
 * requests to nginx over connections that stay; many at a time; long ones, beside the same bytes
 * through OpenSSL. As in shake.c, a row is per second of the server's CPU.
 */
#include <tests/bench/wire/bench.h>
#include <tests/bench/wire/talk.h>
#include <tests/bench/wire/tls.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINES 64
#define SECONDS 1.0
#define REPEATS 5

struct job {
	const char *name;
	size_t len;
	int lines, window; /* messages of a line under way */
	double scale;
	const char *unit;
};

struct run {
	const struct job *job;
	unsigned long done, under_way;
	bool more;
	struct samples rates, walls, loads;
};

static uint8_t payload[1 << 14];

static void say_one(struct line *line, const struct job *job)
{
	line_send(line, &(struct ph_message){.service = PH_S_ECHO,
					     .priority = PH_NORMAL,
					     .payload = payload,
					     .len = job->len});
}

static void on_message(struct line *line, const struct ph_message *message)
{
	struct run *run = line->talk->user;

	if (message->service != PH_S_ECHO || message->opcode != PH_OP_REPLY ||
	    message->len != run->job->len || message->payload[message->len - 1] != 0x5a)
		die("another message than was sent");
	run->done++;
	if (run->more)
		say_one(line, run->job);
	else
		run->under_way--;
}

static void run_once(struct talk *talk, struct line *lines, struct run *run)
{
	struct lap lap = lap_begin(talk->rig);
	const struct job *job = run->job;
	double rate, wall, load;

	talk->user = run;
	talk->on_message = on_message;
	run->done = 0;
	run->more = true;
	run->under_way = (unsigned long)job->lines * (unsigned long)job->window;
	for (int i = 0; i < job->lines; i++)
		for (int k = 0; k < job->window; k++)
			say_one(&lines[i], job);
	while (run->under_way) {
		if (!talk_turn(talk, 10000))
			die("the echo stopped");
		run->more = now_s() - lap.wall < SECONDS;
	}
	rate = lap_end(&lap, (double)run->done, &wall, &load);
	samples_add(&run->rates, rate * job->scale);
	samples_add(&run->walls, wall * job->scale);
	samples_add(&run->loads, load);
}

/* `peer_rates` NULL: alone. */
static void tell(struct run *run, const char *peer, double peer_rate)
{
	report(run->job->name, samples_at(&run->rates, 50), run->job->unit, peer,
	       peer ? samples_at(&run->rates, 50) / peer_rate : 0, &run->rates);
	say("%s: by the clock %.4g %s at %.0f %% load", run->job->name, samples_at(&run->walls, 50),
	    run->job->unit, 100 * samples_at(&run->loads, 50));
}

static void closed_loop(void)
{
	static const struct job job = {"wire.echo_64_s", 64, LINES, 1, 1, "1/s"};
	struct run run = {.job = &job};
	struct samples rates = {0}, walls = {0};
	struct rig ours = rig_secured(1), peer;
	struct talk *talk = talk_new(&ours);
	struct line *lines = lines_open(talk, job.lines);
	struct tls_folder folder;
	double wall, load;

	tls_folder_make(&folder);
	peer = rig_nginx(&folder);
	for (int i = 0; i < REPEATS; i++) {
		run_once(talk, lines, &run);
		samples_add(&rates, tls_requests(&peer, job.lines, SECONDS, &wall, &load));
		samples_add(&walls, wall);
	}
	tell(&run, "nginx TLS 1.3 keep-alive", samples_at(&rates, 50));
	say("nginx: %.0f/s of CPU, by the clock %.0f/s", samples_at(&rates, 50),
	    samples_at(&walls, 50));
	lines_close(lines, job.lines);
	talk_free(talk);
	rig_stop(&ours, NULL);
	rig_stop(&peer, NULL);
	tls_folder_free(&folder);
}

static void alone(const struct job *job)
{
	struct run run = {.job = job};
	struct rig ours = rig_secured(1);
	struct talk *talk = talk_new(&ours);
	struct line *lines = lines_open(talk, job->lines);

	for (int i = 0; i < REPEATS; i++)
		run_once(talk, lines, &run);
	tell(&run, NULL, 0);
	lines_close(lines, job->lines);
	talk_free(talk);
	rig_stop(&ours, NULL);
}

void bench_echo(void)
{
	static const struct job pipelined = {"wire.pipelined_64_s", 64, 16, 256, 1, "1/s"};
	static const struct job bulk = {"wire.bulk_echo_gb_s", sizeof(payload), 8, 8,
					sizeof(payload) / 1e9, "GB/s"};

	pin((int)sysconf(_SC_NPROCESSORS_ONLN) - 1);
	memset(payload, 0x5a, sizeof(payload));
	closed_loop();
	alone(&pipelined);
	alone(&bulk);
}
