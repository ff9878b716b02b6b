/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Keys that the command line names, and what libstrazh is opened with. */
#ifndef STRAZH_USER_CLIENT_CLI_KEYS_H
#define STRAZH_USER_CLIENT_CLI_KEYS_H

#include <user/client/cli/cli.h>
#include <user/crypto/keyfile.h>

/* Fills cli->options but for the callbacks. What is wrong is said. */
int keys_take(struct cli *cli) must_check;
/* A key file of that kind, open. Its owner wipes it. */
int keys_read(struct cli *cli, const char *path, enum keyfile_kind kind,
	      struct keyfile *ret_file) must_check;
/* 32 bytes in base64; false: it is none. */
bool keys_parse(const char *text, size_t len, uint8_t ret_key[32]) must_check;
/* The first 8 digits of the key's id. */
const char *keys_short(const uint8_t key[32], char text[KEYFILE_ID_TEXT_LEN]);

#endif
