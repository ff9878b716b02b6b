/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What the two files of `strazh chat` share: chat.c talks, chat_show.c prints. */
#ifndef STRAZH_USER_CLIENT_CLI_CHAT_H
#define STRAZH_USER_CLIENT_CLI_CHAT_H

#include <user/client/cli/cli.h>
#include <user/client/cli/known.h>
#include <user/client/cli/lines.h>
#include <user/client/cli/link.h>
#include <user/wire/relay.h>

struct chat {
	struct cli *cli;
	struct link link;
	struct lines lines;
	const char *name; /* of the room */
	size_t name_len;
	struct known_list known;
	bool signs;
	struct secret32 signing;
	bool joined, full;
	bool leaving, left; /* the input has ended; the server has taken all of it */
	uint32_t room;
	int code;
	uint8_t payload[RELAY_POST_HEAD_MAX + PH_MESSAGE_MAX];
};

/* The text that a signature is of; how long it is. to: CHAT_SIGNED_MAX bytes. */
#define CHAT_SIGNED_MAX (9 + 1 + RELAY_ROOM_MAX + 1 + PH_MESSAGE_MAX)
size_t chat_signed_text(const struct chat *c, uint8_t content, const void *body, size_t len,
			uint8_t *to);

void chat_show_joined(const struct chat *c, const struct relay_joined *joined);
void chat_show_presence(const struct chat *c, const struct relay_presence *presence);
void chat_show_event(const struct chat *c, uint8_t content, const struct relay_event *event);
void chat_show_missed(const struct chat *c, uint32_t count);
void chat_show_state(const struct chat *c, const char *what, const char *why);

#endif
