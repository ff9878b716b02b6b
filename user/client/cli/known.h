/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Who is who, for `strazh chat`: a file of lines NAME KEY|- [SIGNING-KEY], keys in base64; empty
 * lines and such that begin with # are for people. What nobody listed has the first digits of its
 * key's id for a name.
 */
#ifndef STRAZH_USER_CLIENT_CLI_KNOWN_H
#define STRAZH_USER_CLIENT_CLI_KNOWN_H

#include <user/client/cli/cli.h>

#define KNOWN_MAX 1024
#define KNOWN_NAME_MAX 40

struct known {
	char name[KNOWN_NAME_MAX + 1];
	bool has_key, has_signing;
	uint8_t key[PH_KEY_LEN], signing[PH_KEY_LEN];
};
struct known_list {
	struct known *all;
	size_t len;
};

/* What is wrong is said. */
int known_read(const char *path, struct known_list *ret_list) must_check;
void known_drop(struct known_list *list);
/* NULL: not there. */
const struct known *known_find(const struct known_list *list, const uint8_t key[PH_KEY_LEN]);

#endif
