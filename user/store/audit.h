/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The audit: records that are only ever appended, each with the SHA-256 over the one before and
 * itself (chain.h). Appended by acts (store.h); here it is read, verified and shortened.
 *
 * Whoever can write to the database can make the whole chain anew: it proves that nobody changed
 * part of it, and against a head that was noted elsewhere, nothing of it.
 */
#ifndef STRAZH_USER_STORE_AUDIT_H
#define STRAZH_USER_STORE_AUDIT_H

#include <user/store/store.h>

struct store_audit_state {
	int64_t first_seq, last_seq;  /* that are kept; last < first: none */
	int64_t records;	      /* found */
	int64_t cut_seq;	      /* the last one that retention took away; 0: none */
	uint8_t head[STORE_HASH_LEN]; /* of the last record */
	int64_t broken_seq;	      /* STORE_BROKEN: the first that is wrong */
	const char *broken_why;
};
/* Walk the chain. 0; STORE_BROKEN, and *ret_state says where; STORE_DOWN. */
int store_audit_verify(struct store *store, struct store_audit_state *ret_state,
		       struct store_fault *ret_fault) must_check;

typedef int (*store_record_fn)(void *data, const struct store_record *record);
/* Of this subject (NULL: all), the newest first, at most `most` (0: all). */
int store_each_record(struct store *store, const char *subject, uint32_t most, store_record_fn fn,
		      void *data, struct store_fault *ret_fault) must_check;

/*
 * Delete what is older than the options say, in small transactions. The store does it by itself;
 * this is for tools and tests. *ret_deleted (may be NULL): rows. Of the audit the hash of the last
 * record that goes is kept, and a record `cut` says up to where: the chain stays whole.
 */
int store_retain(struct store *store, int64_t now_ms, uint64_t *ret_deleted,
		 struct store_fault *ret_fault) must_check;

#endif
