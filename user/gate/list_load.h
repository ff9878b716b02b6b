/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * act_load() in slices, for a loop that must not wait: other acts may come in between, other loads
 * too. Packets see the old list until the step that swaps, and from then on the new one. A flush of
 * the deny table in the middle ends it with -ECANCELED and words.
 */
#ifndef STRAZH_USER_GATE_LIST_LOAD_H
#define STRAZH_USER_GATE_LIST_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <user/gate/act.h>

struct list_load;

/* `entries` as for act_load(); they stay the caller's and have to live as long as the load. */
int list_load_new(struct gate *gate, const char *name, const struct prefix *entries, size_t count,
		  uint32_t until_s, struct list_load **ret_load) must_check;
/*
 * About `most` entries further. *ret_done: it is over, and what is returned is what act_load()
 * returns (gate_error() has the words); before that 0.
 */
int list_load_step(struct list_load *load, uint32_t most, bool *ret_done) must_check;
/* What was written is taken out again by the steps to come. False: it is in force already. */
bool list_load_cancel(struct list_load *load);
/* The swap is done: what follows is cleaning. */
bool list_load_in_force(const struct list_load *load);
const struct list_report *list_load_report(const struct list_load *load);
/* One that is not over leaves a dirty bit, which the sweep cleans. NULL is fine. */
void list_load_free(struct list_load *load);

static inline void list_load_closep(struct list_load **load)
{
	list_load_free(*load);
}
#define own_list_load cleanup_with(list_load_closep)

#endif
