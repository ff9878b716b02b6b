/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Who is known: two tables of fixed size, made once. Sources of whom there is only spoofable
 * evidence are strangers and live in the one; those who have answered us live in the other. An
 * attacker makes strangers at line rate, for nothing, but he can fill only the table of strangers:
 * what was proven about others, good and bad, is out of his reach.
 *
 * A full table gives up who was not used for longest, by second chance (CLOCK: F. J. Corbato, A
 * Paging Experiment with the Multics System, 1968): a hit writes one bit into a line that is being
 * read anyway, where a list would cost three more misses. The proven who are limited, banned or
 * trusted are passed over as long as others are near.
 *
 * A heap holds who has something due (the end of a ban, a look at a limit).
 */
#ifndef STRAZH_USER_GUARD_ROSTER_H
#define STRAZH_USER_GUARD_ROSTER_H

#include <strazh/base/compiler.h>
#include <user/guard/source.h>

struct roster_config {
	uint32_t strangers, proven; /* capacities, at least 1, together at most 2^24 */
	uint64_t seed[2];	    /* random */
	void *owner;
	/* It is about to be forgotten. */
	void (*on_evict)(void *owner, const struct source *source);
};

struct roster_table {
	struct source *slab;
	uint32_t *heads; /* place in the slab + 1 */
	uint32_t room, chains, touched, free, hand, len;
};

struct roster {
	struct roster_config config;
	struct roster_table tables[GUARD_EVIDENCES];
	uint32_t *heap; /* ids: place in the slab * 2 + table */
	uint32_t due_len;
	uint64_t evicted[GUARD_EVIDENCES];
};

/* The slab, a chain (at most one head for each source) and a place in the heap. */
#define ROSTER_BYTES_PER_SOURCE (sizeof(struct source) + 2 * sizeof(uint32_t))
_Static_assert(ROSTER_BYTES_PER_SOURCE <= 200, "100,000 sources in 20 MB");

/* 0, -EINVAL, -ENOMEM. `roster` is embedded. */
int roster_init(struct roster *roster, const struct roster_config *config) must_check;
void roster_deinit(struct roster *roster);

/* NULL: not known. Counts as a use. */
struct source *roster_find(struct roster *roster, uint64_t key);
/*
 * The source, made if it is not known; a stranger who answers moves over to the proven. Never
 * fails: somebody else is given up. Pointers to other sources do not survive it.
 */
struct source *roster_get(struct roster *roster, uint64_t key, enum guard_evidence evidence,
			  uint64_t now_ms);
bool roster_is_proven(const struct roster *roster, const struct source *source);
/* Without on_evict. */
void roster_drop(struct roster *roster, struct source *source);

/* At due_ms; a later call replaces an earlier one. */
void roster_set_due(struct roster *roster, struct source *source, uint64_t due_ms);
void roster_clear_due(struct roster *roster, struct source *source);
/* The source whose time has come, taken off the heap; NULL: none. */
struct source *roster_pop_due(struct roster *roster, uint64_t now_ms);

/* Places 0 to tables[].touched - 1; NULL where nobody is. */
struct source *roster_at(struct roster *roster, enum guard_evidence evidence, uint32_t place);

#endif
