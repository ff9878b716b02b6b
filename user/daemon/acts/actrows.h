/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * An operator's act, as commands and the journal have it (ctl/journal.h), as changes of the store.
 * Pure.
 *
 *	act		change of the store
 *	add, remove	deny: bans of origin "operator" (and with "guard", of it)
 *			allow: the allow list
 *			never: gate.never.*
 *	flush		all of that table
 *	set		gate.NAME
 *	service		gate.service.PORT/PROTO, all that is said of it as JSON
 *	load, unload	a list of origin "operator"; its entries are in a copy, see ctl/listcopy.h
 *	attach, detach	nothing but a record: where the gate is attached the configuration says
 *	report		nothing but a record: what it weighs the guard keeps with the source
 */
#ifndef STRAZH_USER_DAEMON_ACTS_ACTROWS_H
#define STRAZH_USER_DAEMON_ACTS_ACTROWS_H

#include <jansson.h>

#include <strazh/base/compiler.h>
#include <user/store/rows.h>

#define ACTROWS_ORIGIN "operator"
#define ACTROWS_GUARD "guard"	/* of bans that an operator takes back */
#define ACTROWS_SETTING "gate." /* of the names of settings that are the gate's */
#define ACTROWS_NEVER "gate.never."
#define ACTROWS_SERVICE "gate.service."

struct actrow {
	struct store_act act; /* borrows from here and from the JSON */
	char actor[STORE_NAME_MAX + 1], name[STORE_NAME_MAX + 1], value[STORE_TEXT_MAX + 1];
};

/* The nth change of it, from 0. ACTROWS_END: there are no more; -EINVAL: it is no act. */
#define ACTROWS_END 1
int actrow_make(const json_t *act, unsigned nth, struct actrow *ret_row) must_check;

/* The value of a setting gate.never.*; since and until in ms, the note as long as `root` lives. */
struct actrow_never {
	json_t *root;
	int64_t since_ms, until_ms;
	const char *note;
};
int actrow_never_parse(const char *value, struct actrow_never *ret_never) must_check;
/* Of one that was found in the gate. -ENAMETOOLONG. */
int actrow_never_format(int64_t since_ms, int64_t until_ms, const char *note,
			char value[STORE_TEXT_MAX + 1]) must_check;

#endif
