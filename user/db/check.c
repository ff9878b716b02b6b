/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* db check: rows, tables, prefixes and the audit chain; the first fault with its place. */
#include <user/db/db.h>

#include <inttypes.h>
#include <stdio.h>

#include <jansson.h>

#include <user/daemon/config/config_mask.h>

static void show_counts(const struct db *db, const struct store_state *state)
{
	for (unsigned i = 0; i < state->count; i++) {
		const struct store_count *count = &state->counts[i];
		json_t *row;

		if (!db->json) {
			if (!db->quiet)
				printf("%-16s %12" PRIu64 "\n", count->table, count->rows);
			continue;
		}
		row = json_pack("{s:s, s:I}", "table", count->table, "rows",
				(json_int_t)count->rows);
		if (row && !json_dumpf(row, stdout, JSON_COMPACT))
			putchar('\n');
		json_decref(row);
	}
}

static void audit_text(const struct store_audit_state *audit, char *text, size_t size)
{
	char head[2 * STORE_HASH_LEN + 1];

	if (audit->last_seq < audit->first_seq) {
		(void)snprintf(text, size, "the audit is empty");
		return;
	}
	for (unsigned i = 0; i < STORE_HASH_LEN; i++)
		(void)snprintf(head + 2 * (size_t)i, 3, "%02x", audit->head[i]);
	(void)snprintf(text, size,
		       "the audit is whole, records %" PRId64 " to %" PRId64 ", head %s",
		       audit->first_seq, audit->last_seq, head);
}

int db_check(const struct db *db)
{
	struct store_fault fault = {0};
	struct store_state state = {0};
	char shown[512], audit[200];
	struct store *store;
	uint64_t rows = 0;
	int r, code = db_exists(db, db->url);

	if (!code)
		code = db_open(db, db->url, &store);
	if (code)
		return code;
	r = store_check(store, &state, &fault);
	if (!r || r == STORE_BROKEN)
		show_counts(db, &state);
	for (unsigned i = 0; i < state.count; i++)
		rows += state.counts[i].rows;
	audit_text(&state.audit, audit, sizeof(audit));
	code = r ? db_fail_store(db, r, "check of", db->url, &fault)
		 : db_done(db, rows, "'%s' (%s): good; %s",
			   config_mask_url(db->url, shown, sizeof(shown)), state.server, audit);
	store_close(store, NULL);
	return code;
}
