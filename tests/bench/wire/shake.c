/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * New sessions a second of one core: NK1 and resumed, beside full handshakes of nginx with a P-256
 * certificate. Both sides make an ephemeral key for each. The clients verify the server as their
 * protocol wants, and end each session as soon as it is open, without a word: a server that was
 * left so sees the end of the stream.
 *
 * A row is per second of the server's CPU: with one core for the clients they are as expensive as
 * the server, and would be what is measured.
 */
#include <tests/bench/wire/bench.h>
#include <tests/bench/wire/talk.h>
#include <tests/bench/wire/tls.h>

#include <stdlib.h>
#include <unistd.h>

#define SHAKING 32 /* at a time */
#define SECONDS 1.0
#define REPEATS 5

struct race {
	unsigned long done;
	int under_way;
	struct line *over[SHAKING]; /* to be closed behind the turn */
	int over_len;
};

/* The finish goes with the end of the stream. */
static void on_open(struct line *line)
{
	struct race *race = line->talk->user;

	line_shut(line);
	race->over[race->over_len++] = line;
}

static double run(struct talk *talk, double seconds, unsigned long *ret_done, double *ret_wall,
		  double *ret_load)
{
	struct race race = {.under_way = 0};
	struct line *lines = calloc(SHAKING, sizeof(*lines)), *idle[SHAKING];
	struct lap lap = lap_begin(talk->rig);
	int idle_len = SHAKING;
	bool more = true;

	if (!lines)
		die("no memory");
	for (int i = 0; i < SHAKING; i++)
		idle[i] = &lines[i];
	talk->user = &race;
	talk->on_open = on_open;
	while (more || race.under_way) {
		more = now_s() - lap.wall < seconds;
		for (; more && idle_len; race.under_way++)
			line_open(talk, idle[--idle_len]);
		if (race.under_way && !talk_turn(talk, 10000))
			die("the server does not answer");
		for (; race.over_len; race.under_way--) {
			struct line *line = race.over[--race.over_len];

			line_close(line);
			idle[idle_len++] = line;
			race.done++;
		}
	}
	talk->on_open = NULL;
	free(lines);
	*ret_done += race.done;
	return lap_end(&lap, (double)race.done, ret_wall, ret_load);
}

/* One session, for its ticket. */
static void take_ticket(struct talk *talk)
{
	struct line *line = lines_open(talk, 1);

	while (!line->ticket_came)
		if (!talk_turn(talk, 10000))
			die("no ticket comes");
	talk_resume(talk, line);
	lines_close(line, 1);
}

/* What the server counted is what the clients counted. */
static void check(struct rig *rig, unsigned long done)
{
	char line[RIG_LINE];
	unsigned long opened;

	rig_stop(rig, line);
	opened = strtoul(line, NULL, 10);
	if (opened < done)
		die("%lu sessions, and the server opened %lu", done, opened);
}

struct row {
	struct samples rates, walls, loads;
};

static void add(struct row *row, double rate, double wall, double load)
{
	samples_add(&row->rates, rate);
	samples_add(&row->walls, wall);
	samples_add(&row->loads, load);
}

static void tell(const char *name, struct row *row, struct row *peer)
{
	report(name, samples_at(&row->rates, 50), "1/s", "nginx TLS 1.3 full, P-256",
	       samples_at(&row->rates, 50) / samples_at(&peer->rates, 50), &row->rates);
	say("%s: by the clock %.0f/s at %.0f %% load; nginx %.0f/s of CPU, %.0f/s at %.0f %%", name,
	    samples_at(&row->walls, 50), 100 * samples_at(&row->loads, 50),
	    samples_at(&peer->rates, 50), samples_at(&peer->walls, 50),
	    100 * samples_at(&peer->loads, 50));
}

void bench_shake(void)
{
	struct row full = {0}, resumed = {0}, nginx = {0};
	unsigned long done = 0, done_resumed = 1;
	struct rig ours, giving, peer;
	struct talk *talk, *again;
	struct tls_folder folder;
	double wall, load, rate;

	want_descriptors(4096);
	pin((int)sysconf(_SC_NPROCESSORS_ONLN) - 1);
	tls_folder_make(&folder);
	peer = rig_nginx(&folder);
	ours = rig_secured(0);
	giving = rig_secured(1);
	talk = talk_new(&ours);
	again = talk_new(&giving);
	take_ticket(again);
	for (int i = 0; i < REPEATS; i++) {
		rate = run(talk, SECONDS, &done, &wall, &load);
		add(&full, rate, wall, load);
		rate = run(again, SECONDS, &done_resumed, &wall, &load);
		add(&resumed, rate, wall, load);
		rate = tls_handshakes(&peer, SECONDS, &wall, &load);
		add(&nginx, rate, wall, load);
	}
	talk_free(talk);
	talk_free(again);
	check(&ours, done);
	check(&giving, done_resumed);
	rig_stop(&peer, NULL);
	tls_folder_free(&folder);
	tell("wire.handshake_nk1_s", &full, &nginx);
	tell("wire.handshake_resumed_s", &resumed, &nginx);
}
