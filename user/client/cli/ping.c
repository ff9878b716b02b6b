/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * strazh ping: one message to the echo service each interval, whether or not the last one came
 * back. Its payload is its number; when it was sent is remembered here, for the last WINDOW of
 * them: what comes later than that is too late.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <user/client/cli/keys.h>
#include <user/client/cli/link.h>
#include <user/client/cli/settings.h>

#define WINDOW 1024
#define PAYLOAD_LEN 64

struct ping {
	struct cli *cli;
	struct link link;
	uint64_t count, interval_ms, timeout_ms;
	uint64_t sent, received, refused;
	uint64_t sent_ns[WINDOW]; /* 0: answered, or given up */
	uint64_t next_ms, last_ms;
	double min, max, sum;
};

static void on_up(void *data)
{
	struct ping *p = data;
	struct strazh_about about;
	char id[KEYFILE_ID_TEXT_LEN];

	strazh_about(p->link.strazh, &about);
	keys_short(about.server_key, id);
	if (p->cli->json)
		printf("{\"event\":\"up\",\"suite\":\"%s\",\"resumed\":%s,\"key\":\"%s\","
		       "\"handshake_ms\":%.3f}\n",
		       about.suite, about.resumed ? "true" : "false", id,
		       (double)about.handshake_ns / 1e6);
	else
		printf("PING %s: %s%s, server key %s, handshake %.3f ms\n",
		       p->cli->values[OPT_SERVER], about.suite, about.resumed ? ", resumed" : "",
		       id, (double)about.handshake_ns / 1e6);
	fflush(stdout);
}

static void on_down(void *data, const struct strazh_error *why)
{
	struct ping *p = data;

	if (p->received + p->refused < p->sent || !p->count || p->sent < p->count)
		fprintf(stderr, "strazh: %s; connecting again\n", why->text);
	memset(p->sent_ns, 0, sizeof(p->sent_ns));
}

static void note(struct ping *p, uint64_t seq, double ms)
{
	if (!p->received++)
		p->min = p->max = ms;
	p->min = MIN(p->min, ms);
	p->max = MAX(p->max, ms);
	p->sum += ms;
	if (p->cli->json)
		printf("{\"event\":\"reply\",\"seq\":%" PRIu64 ",\"ms\":%.3f}\n", seq, ms);
	else
		printf("%d bytes from %s: seq=%" PRIu64 " time=%.3f ms\n", PAYLOAD_LEN,
		       p->cli->values[OPT_SERVER], seq, ms);
	fflush(stdout);
}

static void on_message(void *data, const struct strazh_message *message)
{
	struct ping *p = data;
	uint64_t seq = message->request, *sent_ns = &p->sent_ns[seq % WINDOW];
	uint8_t wanted[PAYLOAD_LEN];

	if (message->service != PH_S_ECHO || !seq || seq > p->sent || seq + WINDOW <= p->sent ||
	    !*sent_ns)
		return;
	if (message->opcode != PH_OP_REPLY || message->len != PAYLOAD_LEN ||
	    memcmp(message->payload, memset(wanted, (int)(seq & 0xff), PAYLOAD_LEN), PAYLOAD_LEN) !=
		    0) {
		p->refused++;
		(void)cli_fail(CLI_FAILED, "seq=%" PRIu64 ": %s", seq,
			       message->opcode == PH_OP_ERROR ? "the server answered with an error"
							      : "the echo is not what was sent");
	} else {
		note(p, seq, (double)(cli_now_ns() - *sent_ns) / 1e6);
	}
	*sent_ns = 0;
}

static int send_one(struct ping *p)
{
	uint8_t payload[PAYLOAD_LEN];
	struct strazh_message message = {.service = PH_S_ECHO,
					 .opcode = PH_OP_REQUEST,
					 .priority = PH_URGENT,
					 .request = (uint32_t)(p->sent + 1),
					 .payload = payload,
					 .len = sizeof(payload)};
	int r;

	memset(payload, (int)(message.request & 0xff), sizeof(payload));
	r = link_queue(&p->link, &message);
	if (r && r != STRAZH_E_FULL)
		return p->link.code;
	p->sent++;
	p->sent_ns[p->sent % WINDOW] = r ? 0 : cli_now_ns();
	p->last_ms = cli_now_ms();
	p->next_ms = p->last_ms + p->interval_ms;
	return 0;
}

/* Is there nothing more to wait for? Sets when to look again. */
static bool is_over(const struct ping *p, uint64_t *ret_until_ms)
{
	bool all_sent = p->count && p->sent >= p->count;

	*ret_until_ms = all_sent ? p->last_ms + p->timeout_ms : p->link.up ? p->next_ms : 0;
	return cli_stopped() || (all_sent && (p->received + p->refused >= p->sent ||
					      cli_now_ms() >= p->last_ms + p->timeout_ms));
}

static void summary(const struct ping *p)
{
	double avg = p->received ? p->sum / (double)p->received : 0;
	double loss = p->sent ? 100.0 * (double)(p->sent - p->received) / (double)p->sent : 0;

	if (p->cli->json) {
		printf("{\"event\":\"summary\",\"sent\":%" PRIu64 ",\"received\":%" PRIu64
		       ",\"loss\":%.4g,\"min\":%.3f,\"avg\":%.3f,\"max\":%.3f,\"sessions\":%" PRIu64
		       "}\n",
		       p->sent, p->received, loss, p->min, avg, p->max, p->link.sessions);
		return;
	}
	printf("\n--- %s ping statistics ---\n", p->cli->values[OPT_SERVER]);
	printf("%" PRIu64 " sent, %" PRIu64 " received, %.4g%% loss\n", p->sent, p->received, loss);
	if (p->received)
		printf("min/avg/max = %.3f/%.3f/%.3f ms\n", p->min, avg, p->max);
}

int cli_ping(struct cli *cli)
{
	static const struct link_ops ops = {
		.on_up = on_up, .on_down = on_down, .on_message = on_message};
	struct ping p = {.cli = cli};
	uint64_t until_ms;
	int r = keys_take(cli);

	p.timeout_ms = (uint64_t)cli->options.connect_timeout_ms;
	if (!r)
		r = settings_number(cli, OPT_COUNT, 0, 0, UINT32_MAX - 1, &p.count);
	if (!r)
		r = settings_thousandths(cli, OPT_INTERVAL, 1000, 1, 3600000, &p.interval_ms);
	if (!r)
		r = link_open(&p.link, cli, &ops, &p);
	if (r)
		return r;
	while (!r && !is_over(&p, &until_ms)) {
		if (p.link.up && cli_now_ms() >= p.next_ms && (!p.count || p.sent < p.count))
			r = send_one(&p);
		else
			r = link_wait(&p.link, NULL, until_ms);
	}
	if (p.sent)
		summary(&p);
	link_close(&p.link);
	return r ? r : p.received < p.sent || !p.sent ? CLI_FAILED : CLI_DONE;
}
