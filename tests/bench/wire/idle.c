/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Ten thousand sessions of the secured server: the memory of an idle one, what they do to the
 * latency of another, and one message of the relay to all of them.
 */
#include <tests/bench/wire/bench.h>
#include <tests/bench/wire/talk.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <user/wire/relay.h>

#define CROWD 10000
#define WARM 256
#define DESCRIPTORS_BESIDE 256
#define BODY_LEN 64
#define FANOUTS 9
#define TRIPS 20000
#define TRIPS_S 5.0
#define MEMORY_MAX 2048 /* of a session, budget: two slots of below 1 KiB */

struct crowd {
	unsigned long came;
	uint32_t room;
	uint64_t member; /* of who joined last */
	double trips[TRIPS];
	unsigned trips_len;
};

static void on_message(struct line *line, const struct ph_message *message)
{
	struct crowd *crowd = line->talk->user;
	struct relay_joined joined;

	if (message->service == PH_S_RELAY && message->opcode == PH_OP_REPLY) {
		if (relay_joined_parse(message->payload, message->len, &joined))
			die("a reply that is none");
		crowd->room = joined.room;
	}
	crowd->came++;
}

static void wait_for(struct talk *talk, unsigned long count)
{
	struct crowd *crowd = talk->user;

	while (crowd->came < count)
		if (!talk_turn(talk, 20000))
			die("%lu of %lu messages came", crowd->came, count);
}

/* ---- latency ---- */

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Microseconds there and back of 99 in 100, one at a time. */
static double percentile_99(struct talk *talk, struct line *line)
{
	static const uint8_t body[BODY_LEN];
	struct crowd *crowd = talk->user;
	double begin = now_s();

	crowd->trips_len = 0;
	while (crowd->trips_len < TRIPS && now_s() - begin < TRIPS_S) {
		double sent = now_s();

		crowd->came = 0;
		line_send(line, &(struct ph_message){.service = PH_S_ECHO,
						     .priority = PH_NORMAL,
						     .payload = body,
						     .len = sizeof(body)});
		wait_for(talk, 1);
		crowd->trips[crowd->trips_len++] = (now_s() - sent) * 1e6;
	}
	qsort(crowd->trips, crowd->trips_len, sizeof(double), compare);
	return crowd->trips[crowd->trips_len * 99 / 100];
}

/* ---- a room ---- */

static void join_all(struct talk *talk, struct line *lines)
{
	static const char name[] = "hall";
	const struct relay_join join = {.name_len = sizeof(name) - 1, .name = name};
	struct crowd *crowd = talk->user;
	uint8_t payload[RELAY_JOIN_MAX];
	size_t len = relay_join_emit(&join, payload);

	crowd->came = 0;
	for (int i = 0; i < CROWD; i++) {
		line_send(&lines[i], &(struct ph_message){.service = PH_S_RELAY,
							  .opcode = RELAY_JOIN,
							  .priority = PH_NORMAL,
							  .request = 1,
							  .payload = payload,
							  .len = len});
		if (i % 64 == 63)
			(void)talk_turn(talk, 0);
	}
	wait_for(talk, CROWD);
}

static void say_to_all(struct talk *talk, struct line *line)
{
	struct crowd *crowd = talk->user;
	const struct relay_post post = {.to = crowd->room};
	uint8_t payload[RELAY_POST_HEAD_MAX + BODY_LEN] = {0};
	size_t len = relay_post_emit(RELAY_BROADCAST, &post, payload);

	crowd->came = 0;
	line_send(line, &(struct ph_message){.service = PH_S_RELAY,
					     .opcode = RELAY_BROADCAST,
					     .priority = PH_NORMAL,
					     .payload = payload,
					     .len = len + BODY_LEN});
	/* Who says it does not get it. */
	wait_for(talk, CROWD - 1);
}

static void fan_out(struct talk *talk, struct line *lines)
{
	struct samples rates = {0}, walls = {0};

	join_all(talk, lines);
	for (int i = 0; i < FANOUTS; i++) {
		struct lap lap = lap_begin(talk->rig);
		double wall, load;

		say_to_all(talk, &lines[i]);
		samples_add(&rates, lap_end(&lap, CROWD - 1, &wall, &load));
		samples_add(&walls, (CROWD - 1) / wall * 1e3);
	}
	report("wire.fanout_10k_s", samples_at(&rates, 50), "1/s", NULL, 0, &rates);
	say("one message to %d members: %.1f ms by the clock", CROWD - 1, samples_at(&walls, 50));
}

void bench_idle(void)
{
	struct crowd *crowd = calloc(1, sizeof(*crowd));
	struct rig rig;
	struct talk *talk;
	struct line *warm, *lines;
	double before, alone, beside;

	if (!crowd)
		die("no memory");
	want_descriptors(CROWD + WARM + DESCRIPTORS_BESIDE);
	pin((int)sysconf(_SC_NPROCESSORS_ONLN) - 1);
	rig = rig_secured(1);
	talk = talk_new(&rig);
	talk->user = crowd;
	talk->on_message = on_message;
	warm = lines_open(talk, WARM);
	alone = percentile_99(talk, warm);
	before = rig_resident(&rig);
	say("%d sessions", CROWD);
	lines = lines_open(talk, CROWD);
	(void)talk_turn(talk, 100);
	report_budget("wire.idle_session_bytes", (rig_resident(&rig) - before) / CROWD, "B",
		      MEMORY_MAX, NULL);
	beside = percentile_99(talk, warm);
	report("wire.p99_beside_idle_us", beside, "us", "the same without them", alone / beside,
	       NULL);
	fan_out(talk, lines);
	lines_close(lines, CROWD);
	lines_close(warm, WARM);
	talk_free(talk);
	rig_stop(&rig, NULL);
	free(crowd);
}
