/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Entries, both ways. A block of denied hosts of one family is written in one call; what cannot be
 * written so is at once.
 */
#include <user/daemon/acts/rebuild_parts.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <user/base/clock.h>
#include <user/base/log.h>
#include <user/ctl/journal.h>
#include <user/daemon/acts/acts.h>
#include <user/gate/nets.h>
#include <user/gate/note.h>

#define MS_PER_S 1000
/* Times differ by so much when a clock was set, not when somebody rounded. */
#define DIFFERS_S 60
#define SCANNED SIZE_MAX /* the place in a map of hosts: behind its end */
#define BIT (1ULL << SZ_LIST_OPERATOR)

/* ---- how long ---- */

/* ms that are left of it, 0: it is over. INT64_MAX: for good. */
static int64_t left_of(const struct rebuild *rebuild, const struct rebuild_row *row)
{
	int64_t wall_ms = (int64_t)clock_wall_s() * MS_PER_S;
	int64_t boot_ms = (int64_t)(clock_boot_ns() / 1000000);
	int64_t left = store_left_ms(row->since_ms, row->until_ms, wall_ms);
	int64_t then = store_left_ms(row->since_ms, row->until_ms,
				     boot_ms + rebuild->clock.offset_ms);

	/* Left out at the first pass: it never was in these maps. */
	if (row->until_ms && row->until_ms <= rebuild->clock.first_ms)
		return left;
	return MIN(left, then);
}

static uint32_t until_of(int64_t left_ms)
{
	return left_ms == INT64_MAX ? 0
				    : clock_until((uint64_t)(left_ms + MS_PER_S - 1) / MS_PER_S);
}

/* ---- from the store to the gate ---- */

static int put_hosts(struct rebuild *rebuild, size_t count)
{
	size_t done = 0;
	bool fresh;
	int r;

	if (!count)
		return 0;
	fresh = rebuild->fresh[rebuild->hosts[0].prefix.family == 6];
	r = restore_hosts(rebuild->keeper->gate, rebuild->hosts, count, fresh, &rebuild->batch,
			  &done);
	rebuild->put += done;
	rebuild->refused += r == ACT_FULL ? count - done : 0;
	return r == ACT_FULL ? 0 : r;
}

static int put_entry(struct rebuild *rebuild, const struct rebuild_row *row, uint32_t until_s)
{
	const struct restore_host entry = {row->prefix, until_s,
					   rebuild_text(&rebuild->block->texts, row->note)};
	int r = restore_net(rebuild->keeper->gate, (enum sz_table)row->table, &entry);

	rebuild->put += !r;
	rebuild->refused += r == ACT_FULL;
	return r == ACT_FULL ? 0 : r;
}

/*
 * The gate has it until then: does the store say so? Its `until` alone is asked: what is left by
 * store_left_ms() is bounded, and would look right while the clock is behind.
 */
static int compare_times(struct rebuild *rebuild, const struct rebuild_row *row, uint32_t until_s)
{
	int64_t wall_ms = (int64_t)clock_wall_s() * MS_PER_S;
	int64_t left = row->until_ms ? row->until_ms - wall_ms : INT64_MAX;
	int64_t held = until_s ? (int64_t)clock_left(until_s) * MS_PER_S : INT64_MAX;
	const struct act act = {.table = (enum sz_table)row->table,
				.prefix = row->prefix,
				.until_s = until_s,
				.note = rebuild_text(&rebuild->block->texts, row->note)};
	int r;

	if (held == left || (held != INT64_MAX && left != INT64_MAX &&
			     llabs(held - left) < (int64_t)DIFFERS_S * MS_PER_S))
		return 0;
	r = rebuild_adopt(rebuild->keeper, journal_add(rebuild->keeper->gate, &act));
	rebuild->timed += !r;
	return r;
}

static bool is_denied_host(const struct rebuild_row *row)
{
	return row->table == SZ_TABLE_DENY && prefix_is_host(&row->prefix);
}

static int compare_row(struct rebuild *rebuild, const struct rebuild_row *row, size_t *hosts)
{
	bool host = is_denied_host(row);
	enum restore_state state = RESTORE_ABSENT;
	uint32_t until_s = 0;
	int64_t left = left_of(rebuild, row);
	int r = 0;

	if (!host || !rebuild->fresh[row->prefix.family == 6])
		r = restore_ask(rebuild->keeper->gate, (enum sz_table)row->table, &row->prefix,
				&state, &until_s);
	if (r || acts_touched(rebuild->keeper, &row->prefix))
		return r;
	if (state == RESTORE_LIVE)
		return compare_times(rebuild, row, until_s);
	if (state == RESTORE_OVER || !left) {
		rebuild->over++;
		return 0;
	}
	if (!host)
		return put_entry(rebuild, row, until_of(left));
	rebuild->hosts[(*hosts)++] = (struct restore_host){
		row->prefix, until_of(left),
		row->note ? rebuild_text(&rebuild->block->texts, row->note) : NULL};
	return 0;
}

int rebuild_rows(struct rebuild *rebuild, bool *ret_done)
{
	const struct rebuild_block *block = rebuild->block;
	size_t hosts = 0;
	int r = 0, r2;

	while (!r && rebuild->at < block->len) {
		r = compare_row(rebuild, &block->rows[rebuild->at], &hosts);
		rebuild->at += !r;
	}
	r2 = put_hosts(rebuild, hosts);
	*ret_done = rebuild->at == block->len;
	return r2 ? r2 : r;
}

/* ---- from the gate to the store ---- */

static bool is_known(const struct rebuild *rebuild, enum sz_table table,
		     const struct prefix *prefix)
{
	const struct rebuild_known key = {.prefix = *prefix, .table = (uint8_t)table};

	return rebuild->data->len && bsearch(&key, rebuild->data->known, rebuild->data->len,
					     sizeof(key), rebuild_known_compare);
}

static void note_unknown(struct rebuild *rebuild, enum sz_table table, const struct prefix *prefix,
			 const struct say *own)
{
	if (!(say_live(table, own, clock_boot_s()) & BIT) || is_known(rebuild, table, prefix) ||
	    acts_touched(rebuild->keeper, prefix))
		return;
	if (rebuild->adopt_len < REBUILD_ADOPT_MAX)
		rebuild->adopt[rebuild->adopt_len++] = *prefix;
	else
		rebuild->again = true;
}

static enum host_fate see_host(void *context, const struct prefix *host, struct sz_rule *rule)
{
	const struct say say = host_say(rule);

	note_unknown(context, SZ_TABLE_DENY, host, &say);
	return HOST_KEEP;
}

static int adopt_one(struct rebuild *rebuild, enum sz_table table, const struct prefix *prefix)
{
	struct gate *gate = rebuild->keeper->gate;
	struct act act = {.table = table, .prefix = *prefix};
	enum restore_state state = RESTORE_ABSENT;
	struct sz_note note = {0};
	int r = restore_ask(gate, table, prefix, &state, &act.until_s);

	/* It may have gone, or been touched, since it was seen. */
	if (r || state != RESTORE_LIVE || acts_touched(rebuild->keeper, prefix))
		return r;
	if (!note_read(gate, table, prefix, &note))
		act.note = note.text;
	r = rebuild_adopt(rebuild->keeper, journal_add(gate, &act));
	rebuild->adopted += !r;
	return r;
}

static int adopt_some(struct rebuild *rebuild, enum sz_table table)
{
	int r = 0;

	while (!r && rebuild->adopt_at < rebuild->adopt_len) {
		r = adopt_one(rebuild, table, &rebuild->adopt[rebuild->adopt_at]);
		rebuild->adopt_at += !r;
	}
	if (!r)
		rebuild->adopt_len = rebuild->adopt_at = 0;
	return r;
}

static int scan_hosts(struct rebuild *rebuild, uint8_t family, bool *ret_done)
{
	int r = 0;

	if (rebuild->at == SCANNED) {
		*ret_done = true;
		return 0;
	}
	if (!rebuild->scan)
		r = host_scan_new(rebuild->keeper->gate, family, &rebuild->scan);
	if (!r)
		r = host_scan_step(rebuild->scan, REBUILD_ADOPT_MAX / 2, see_host, rebuild,
				   ret_done);
	if (!r && *ret_done) {
		host_scan_free(rebuild->scan);
		rebuild->scan = NULL;
		rebuild->at = SCANNED;
	}
	return r;
}

/* Indices move when acts come in between: what is missed so is found by the next pass. */
static int scan_trie(struct rebuild *rebuild, bool *ret_done)
{
	enum sz_table table = (enum sz_table)(rebuild->trie / 2);
	struct net_table *t;
	int r = nets_table(rebuild->keeper->gate, table, rebuild->trie % 2 ? 6 : 4, &t);

	if (r)
		return r;
	for (size_t n = 0; n < REBUILD_ADOPT_MAX && rebuild->at < t->count; n++, rebuild->at++)
		note_unknown(rebuild, table, &t->at[rebuild->at].prefix, &t->at[rebuild->at].own);
	*ret_done = rebuild->at >= t->count;
	return 0;
}

int rebuild_entries(struct rebuild *rebuild, bool *ret_done)
{
	bool hosts = rebuild->stage != REBUILD_TRIES;
	enum sz_table table = hosts ? SZ_TABLE_DENY : (enum sz_table)(rebuild->trie / 2);
	bool done = false;
	int r = adopt_some(rebuild, table);

	if (r)
		return r;
	r = hosts ? scan_hosts(rebuild, rebuild->stage == REBUILD_HOSTS4 ? 4 : 6, &done)
		  : scan_trie(rebuild, &done);
	if (!r)
		r = adopt_some(rebuild, table);
	if (r || !done)
		return r;
	rebuild->at = 0;
	if (!hosts && rebuild->trie + 1 < SZ_TABLES * 2)
		rebuild->trie++;
	else
		*ret_done = true;
	return 0;
}
