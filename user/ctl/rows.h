/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Rows that more than one command emits: entries and events. Keys: strazhctl(8), JSON. */
#ifndef STRAZH_USER_CTL_ROWS_H
#define STRAZH_USER_CTL_ROWS_H

#include <jansson.h>
#include <stdbool.h>

#include <strazh/abi/event.h>
#include <user/ctl/names.h>
#include <user/gate/act.h>

/* What lists say of the prefix itself (not what it inherits) and are still saying at now_s. */
uint64_t entry_own_live(const struct entry *entry, uint64_t lists_off, uint32_t now_s);
/* When the last of `lists` ends; 0: never. */
uint32_t entry_until(const struct entry *entry, uint64_t lists, uint32_t now_s);

/* table, prefix, lists, hits, left_s (null: for good), until (wall clock), since, note. */
json_t *row_entry(struct gate *gate, const struct list_names *names, const struct entry *entry,
		  uint64_t lists, uint32_t now_s);
/*
 * at, reason, observed, source, target, proto, sport, dport, flags, len, interface, lists; class
 * (whose limit was passed) and service, where there are some.
 */
json_t *row_event(const struct gate *gate, const struct list_names *names,
		  const struct sz_event *event);

/* "for good" or "for 9m58s (until 14:03:07)" */
void until_text(uint32_t until_s, char *text, size_t size);
/* 14:03:07 today, "Nov 21 14:03" within half a year, else 2027-11-21. */
void wall_text(uint64_t wall_s, char *text, size_t size);

#endif
