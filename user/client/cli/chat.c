/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * strazh chat: a member of one room. Each session begins with a join; lines are read only while we
 * are in and the queue has room, so that what is typed while the session is lost waits in the
 * terminal and is said in the next. At the end of the input we leave, and the answer to that says
 * that the server has taken all before it.
 */
#include <user/client/cli/chat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <user/client/cli/keys.h>
#include <user/wire/message.h>
#include <user/wire/text.h>

#define REQUEST_JOIN 1
#define REQUEST_LEAVE 2
#define REQUEST_POST 3

static void ask(struct chat *c, uint8_t opcode, uint32_t request, size_t len)
{
	const struct strazh_message message = {.service = PH_S_RELAY,
					       .opcode = opcode,
					       .priority = PH_NORMAL,
					       .request = request,
					       .payload = c->payload,
					       .len = len};

	/* It is the first of the session, or the last. */
	if (link_queue(&c->link, &message) == STRAZH_E_FULL)
		c->full = true;
	else if (opcode == RELAY_LEAVE)
		c->leaving = true;
}

static void on_up(void *data)
{
	struct chat *c = data;
	const struct relay_join join = {.want = RELAY_WANT_PRESENCE | RELAY_WANT_HISTORY,
					.name_len = (uint8_t)c->name_len,
					.name = c->name};

	c->full = false;
	ask(c, RELAY_JOIN, REQUEST_JOIN, relay_join_emit(&join, c->payload));
}

static void on_down(void *data, const struct strazh_error *why)
{
	struct chat *c = data;

	if (c->leaving)
		c->code = cli_fail(CLI_LOST, "%s; the last lines may be lost", why->text);
	c->joined = false;
	chat_show_state(c, "down", why->text);
}

static void on_room(void *data)
{
	struct chat *c = data;

	c->full = false;
}

/* ---- what comes ---- */

static void on_error(struct chat *c, const struct strazh_message *message)
{
	struct ph_error error;

	if (error_parse(message->payload, message->len, &error))
		return;
	if (message->request == REQUEST_LEAVE) {
		c->left = true;
		return;
	}
	(void)cli_fail(CLI_ANSWER, "%s: %.*s", code_text(error.code), (int)error.len, error.text);
	if (message->request == REQUEST_JOIN)
		c->code = CLI_ANSWER;
}

static void on_reply(struct chat *c, const struct strazh_message *message)
{
	struct relay_joined joined;

	if (message->request == REQUEST_LEAVE)
		c->left = true;
	if (message->request != REQUEST_JOIN || c->joined)
		return;
	if (relay_joined_parse(message->payload, message->len, &joined)) {
		c->code = cli_fail(CLI_LOST, "the answer to the join cannot be read");
		return;
	}
	c->joined = true;
	c->room = joined.room;
	chat_show_joined(c, &joined);
}

static void on_message(void *data, const struct strazh_message *m)
{
	struct chat *c = data;
	struct relay_presence presence;
	struct relay_event event;
	struct relay_count count;

	if (m->service != PH_S_RELAY)
		return;
	switch (m->opcode) {
	case PH_OP_ERROR:
		on_error(c, m);
		break;
	case PH_OP_REPLY:
		on_reply(c, m);
		break;
	case RELAY_BROADCAST:
	case RELAY_DIRECT:
	case RELAY_HISTORY:
		if (!relay_event_parse(m->opcode, m->payload, m->len, &event))
			chat_show_event(c, m->content, &event);
		break;
	case RELAY_PRESENCE:
		if (!relay_presence_parse(m->payload, m->len, &presence))
			chat_show_presence(c, &presence);
		break;
	case RELAY_MISSED:
		if (!relay_count_parse(m->opcode, m->payload, m->len, &count))
			chat_show_missed(c, count.count);
		break;
	default:
		break;
	}
}

/* ---- what is said ---- */

/* False: there is no room now. */
static bool post(struct chat *c, const char *line, size_t len)
{
	uint8_t signature[RELAY_SIGNATURE_LEN];
	struct relay_post post = {.to = c->room};
	struct strazh_message message = {.service = PH_S_RELAY,
					 .opcode = RELAY_BROADCAST,
					 .content = PH_TEXT,
					 .priority = PH_NORMAL,
					 .request = REQUEST_POST,
					 .payload = c->payload};
	size_t text_len;

	if (c->signs) {
		text_len = chat_signed_text(c, PH_TEXT, line, len, c->payload);
		if (sign_make(c->cli->crypto, c->signing.bytes, c->payload, text_len, signature)) {
			c->code = cli_fail(CLI_FAILED, "the message cannot be signed");
			return true;
		}
		post.signature = signature;
	}
	message.len = relay_post_emit(RELAY_BROADCAST, &post, c->payload);
	if (message.len + len > PH_MESSAGE_MAX) {
		(void)cli_fail(CLI_FAILED, "a line of %zu bytes is too long", len);
		return true;
	}
	memcpy(c->payload + message.len, line, len);
	message.len += len;
	return link_queue(&c->link, &message) != STRAZH_E_FULL;
}

static void say_lines(struct chat *c)
{
	size_t len, at = c->lines.at;
	char *line;

	while (c->joined && !c->full && !c->code && (line = lines_next(&c->lines, &len))) {
		if (len && !post(c, line, len)) {
			c->lines.at = at;
			c->full = true;
			return;
		}
		at = c->lines.at;
	}
	if (c->joined && !c->full && c->lines.ended && c->lines.at == c->lines.len && !c->leaving &&
	    !c->cli->values[OPT_STAY])
		ask(c, RELAY_LEAVE, REQUEST_LEAVE, relay_room_emit(c->room, c->payload));
}

/* ---- the command ---- */

static int run(struct chat *c)
{
	int r = 0;

	while (!r && !c->code && !c->left && !cli_stopped()) {
		struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
		bool wanted = c->joined && !c->full && !c->lines.ended;

		r = link_wait(&c->link, wanted ? &input : NULL, 0);
		if (!r && wanted && input.revents && lines_read(&c->lines, STDIN_FILENO))
			r = cli_fail(CLI_FAILED, "standard input cannot be read");
		if (!r)
			say_lines(c);
	}
	return r ? r : c->code;
}

static int prepare(struct chat *c)
{
	const char *sign = c->cli->values[OPT_SIGN], *known = c->cli->values[OPT_KNOWN];
	own_keyfile struct keyfile file = {0};
	int r = keys_take(c->cli);

	c->name = c->cli->operands[0];
	c->name_len = strlen(c->name);
	if (!c->name_len || c->name_len > RELAY_ROOM_MAX || !text_clean(c->name, c->name_len))
		return cli_fail(CLI_USAGE, "the name of a room is 1 to %d bytes of UTF-8",
				RELAY_ROOM_MAX);
	if (!r && known)
		r = known_read(known, &c->known);
	if (!r && sign)
		r = keys_read(c->cli, sign, KEYFILE_ROOT, &file);
	c->signs = sign;
	memcpy(c->signing.bytes, file.secret.bytes, sizeof(c->signing.bytes));
	return r;
}

int cli_chat(struct cli *cli)
{
	static const struct link_ops ops = {
		.on_up = on_up, .on_down = on_down, .on_message = on_message, .on_room = on_room};
	struct chat *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return cli_fail(CLI_FAILED, "no memory");
	c->cli = cli;
	r = prepare(c);
	if (!r)
		r = link_open(&c->link, cli, &ops, c);
	if (!r) {
		r = run(c);
		link_close(&c->link);
	}
	known_drop(&c->known);
	wipe(&c->signing, sizeof(c->signing));
	free(c);
	return r;
}
