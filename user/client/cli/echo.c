/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * strazh echo: each line of the input is a request to the echo service; replies come in order and
 * are printed as lines. At most AHEAD are under way. A session that breaks ends the command: what
 * was under way is not known to be done.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <user/client/cli/keys.h>
#include <user/client/cli/lines.h>
#include <user/client/cli/link.h>
#include <user/wire/message.h>

#define AHEAD 256

struct echo {
	struct link link;
	struct lines lines;
	uint32_t sent, received;
	int code;
};

static void on_down(void *data, const struct strazh_error *why)
{
	struct echo *e = data;

	e->code = cli_fail_error(why);
}

static void on_message(void *data, const struct strazh_message *message)
{
	struct echo *e = data;
	struct ph_error error;

	if (message->service != PH_S_ECHO || message->request != e->received + 1 || e->code)
		return;
	e->received++;
	if (message->opcode == PH_OP_REPLY) {
		fwrite(message->payload, 1, message->len, stdout);
		putchar('\n');
	} else if (!error_parse(message->payload, message->len, &error)) {
		e->code = cli_fail(CLI_ANSWER, "%s: %.*s", code_text(error.code), (int)error.len,
				   error.text);
	}
}

/* As many as may be under way. */
static void send_lines(struct echo *e)
{
	struct strazh_message message = {.service = PH_S_ECHO,
					 .opcode = PH_OP_REQUEST,
					 .content = PH_TEXT,
					 .priority = PH_NORMAL};
	size_t len, at;
	char *line;

	while (e->link.up && e->sent - e->received < AHEAD) {
		at = e->lines.at;
		line = lines_next(&e->lines, &len);
		if (!line)
			return;
		message.request = e->sent + 1;
		message.payload = line;
		message.len = len;
		if (len > PH_MESSAGE_MAX) {
			e->code = cli_fail(CLI_FAILED, "line %" PRIu32 ": %d bytes are the most",
					   e->sent + 1, (int)PH_MESSAGE_MAX);
			return;
		}
		if (link_queue(&e->link, &message)) {
			e->lines.at = at; /* when there is room */
			return;
		}
		e->sent++;
	}
}

static int run(struct echo *e)
{
	int r = 0;

	while (!r && !e->code && !cli_stopped()) {
		struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
		bool wanted;

		send_lines(e);
		if (e->lines.ended && e->lines.at == e->lines.len && e->received == e->sent)
			return 0;
		wanted = e->link.up && !e->lines.ended && e->sent - e->received < AHEAD;
		fflush(stdout);
		r = link_wait(&e->link, wanted ? &input : NULL, 0);
		if (!r && wanted && input.revents && lines_read(&e->lines, STDIN_FILENO))
			r = cli_fail(CLI_FAILED, "standard input cannot be read");
	}
	return r ? r : e->code;
}

int cli_echo(struct cli *cli)
{
	static const struct link_ops ops = {.on_down = on_down, .on_message = on_message};
	struct echo *e = calloc(1, sizeof(*e));
	int r;

	if (!e)
		return cli_fail(CLI_FAILED, "no memory");
	r = keys_take(cli);
	cli->options.reconnects = -1;
	if (!r)
		r = link_open(&e->link, cli, &ops, e);
	if (!r) {
		r = run(e);
		link_close(&e->link);
		if (e->received < e->sent)
			fprintf(stderr, "strazh: %" PRIu32 " lines were not answered\n",
				e->sent - e->received);
		if (!r && e->received < e->sent)
			r = CLI_FAILED;
	}
	free(e);
	return r;
}
