/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <strazh/base/compiler.h>
#include <strazh/orm/schema.h>

#include <setjmp.h>

#include <cmocka.h>

#include <tests/orm/kit/deed.h>

#define BODY_MAX 700

uint64_t deed_random(uint64_t *state)
{
	uint64_t x = *state += 0x9e3779b97f4a7c15U;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9U;
	x = (x ^ x >> 27) * 0x94d049bb133111ebU;
	return x ^ x >> 31;
}

/* Of some length, so that rows lie across pages; what it says follows from whose row it is. */
static void body_of(int32_t writer, int64_t seq, int32_t part, char body[BODY_MAX])
{
	uint64_t state = (uint64_t)seq * 64 + (uint64_t)part;
	size_t len = deed_random(&state) % 8 ? 20 : BODY_MAX - 1;
	int n = snprintf(body, BODY_MAX, "%" PRId32 ".%" PRId64 ".%" PRId32 ".", writer, seq, part);

	for (size_t i = (size_t)n; i < len; i++)
		body[i] = (char)('a' + deed_random(&state) % 26);
	body[MAX((size_t)n, len)] = '\0';
}

struct deed_plan deed_draw(uint64_t *random, int32_t writer, int64_t seq, unsigned ways)
{
	struct deed_plan plan = {.writer = writer, .seq = seq, .parts = 1};
	uint64_t dice = deed_random(random);

	do
		plan.way = (enum deed_way)(deed_random(random) % DEED_WAYS);
	while (!(ways >> plan.way & 1));
	plan.keyed = dice & 1;
	plan.durable = dice >> 1 & 1;
	if (plan.way == DEED_TALLY || plan.way == DEED_TALLY_SERIALIZABLE)
		plan.tally = (int32_t)(1 + (dice >> 8) % DEED_TALLIES);
	else if (plan.way == DEED_ROWS_ONE_INSERT)
		plan.parts = 5;
	else if (plan.way >= DEED_BATCH_ROWS)
		plan.parts = (int32_t)(1 + (dice >> 16) % DEED_PARTS_MAX);
	return plan;
}

/* ---- the rows of one ---- */

struct rows {
	const struct deed_plan *plan;
	const struct orm_table *table;
	struct deed row[DEED_PARTS_MAX];
	char body[DEED_PARTS_MAX][BODY_MAX];
	int32_t given; /* by next_row() */
};

static void make_rows(struct rows *rows, const struct deed_plan *plan)
{
	rows->plan = plan;
	rows->table = plan->keyed ? T(deed) : T(note);
	rows->given = 0;
	for (int32_t i = 0; i < plan->parts; i++) {
		body_of(plan->writer, plan->seq, i, rows->body[i]);
		rows->row[i] = (struct deed){.writer = plan->writer,
					     .seq = plan->seq,
					     .part = i,
					     .parts = plan->parts,
					     .tally = plan->tally,
					     .body = rows->body[i]};
	}
}

static int insert(struct orm_session *s, const struct rows *rows, bool returning)
{
	struct orm_query *q = orm_insert(s, rows->table);
	uint64_t changed = 0;
	struct orm_value id;
	int r;

	orm_rows(q, rows->row, (size_t)rows->plan->parts);
	if (returning) {
		orm_returning(q, orm_named(rows->table, "id"));
		r = orm_value(s, q, &id);
		if (!r && (id.kind != ORM_K_I64 || id.i < 1))
			r = -EINVAL;
	} else {
		r = orm_exec(s, q, &changed);
		if (!r && changed != (uint64_t)rows->plan->parts)
			r = -EINVAL;
	}
	orm_query_free(q);
	return r;
}

static int count_one_more(struct orm_session *s, void *data)
{
	struct rows *rows = data;
	struct orm_value n;
	struct orm_query *q = orm_select(s, T(tally));
	int r;

	orm_columns(q, C(tally, n));
	orm_where(q, orm_eq(C(tally, id), rows->plan->tally));
	if (rows->plan->way == DEED_TALLY)
		orm_for_update(q);
	r = orm_value(s, q, &n);
	orm_query_free(q);
	if (r)
		return r;
	q = orm_update(s, T(tally));
	orm_set(q, C(tally, n), n.i + 1);
	orm_where(q, orm_eq(C(tally, id), rows->plan->tally));
	r = orm_exec(s, q, NULL);
	orm_query_free(q);
	return r ? r : insert(s, rows, false);
}

static int batch(struct orm_session *s, const struct rows *rows, enum orm_batch_way way)
{
	struct orm_batch b = {.table = rows->table,
			      .rows = rows->row,
			      .count = (size_t)rows->plan->parts,
			      .way = way};
	uint64_t n = 0;
	int r = orm_insert_batch(s, &b, &n);

	return r || n == (uint64_t)rows->plan->parts ? r : -EINVAL;
}

static int next_row(void *data, const void **ret_row)
{
	struct rows *rows = data;

	if (rows->given == rows->plan->parts)
		return ORM_E_END;
	*ret_row = &rows->row[rows->given++];
	return 0;
}

int deed_do(struct orm_session *s, const struct deed_plan *plan)
{
	static const struct orm_tx_options strict = {.isolation = ORM_SERIALIZABLE};
	struct rows rows;
	struct orm_load load = {.next = next_row, .data = &rows};

	make_rows(&rows, plan);
	load.table = rows.table;
	switch (plan->way) {
	case DEED_ROW_RETURNING:
		return insert(s, &rows, true);
	case DEED_TALLY:
		return orm_transaction(s, NULL, count_one_more, &rows);
	case DEED_TALLY_SERIALIZABLE:
		return orm_transaction(s, &strict, count_one_more, &rows);
	case DEED_BATCH_ROWS:
		return batch(s, &rows, ORM_BATCH_ROWS);
	case DEED_BATCH_UNNEST:
		return batch(s, &rows, ORM_BATCH_UNNEST);
	case DEED_BATCH_COPY:
		return batch(s, &rows, ORM_BATCH_COPY);
	case DEED_LOAD:
		return orm_load(s, &load, NULL);
	case DEED_ROW_ALONE:
	case DEED_ROWS_ONE_INSERT:
	case DEED_WAYS:
		break;
	}
	return insert(s, &rows, false);
}

void deed_tables(const struct database *db)
{
	const struct orm_table *const tables[] = {T(deed), T(note), T(tally)};
	struct orm_schema *schema;
	struct orm_error error;
	char *sql = NULL;

	if (orm_schema_of(tables, ARRAY_LEN(tables), &schema, &error) ||
	    orm_schema_ddl(schema, db->dialect, &sql, &error))
		fail_msg("the tables of the test: %s", error.text);
	database_do(db, sql);
	database_do(db, "INSERT INTO tally VALUES (1, 0), (2, 0), (3, 0), (4, 0)");
	free(sql);
	orm_schema_free(schema);
}

/* ---- the ledger ---- */

void ledger_init(struct ledger *l)
{
	*l = (struct ledger){.clock = 1};
	pthread_mutex_init(&l->lock, NULL);
}

void ledger_deinit(struct ledger *l)
{
	pthread_mutex_destroy(&l->lock);
	free(l->lines);
}

uint64_t ledger_now(struct ledger *l)
{
	return __atomic_fetch_add(&l->clock, 1, __ATOMIC_SEQ_CST);
}

void ledger_add(struct ledger *l, const struct ledger_line *line)
{
	uint64_t told = line->told ? line->told : ledger_now(l);

	pthread_mutex_lock(&l->lock);
	if (l->n == l->room) {
		l->room = l->room ? l->room * 2 : 1024;
		l->lines = realloc(l->lines, l->room * sizeof(*l->lines));
		if (!l->lines)
			abort();
	}
	l->lines[l->n] = *line;
	l->lines[l->n++].told = told;
	if (line->class >= 0 && line->class < ORM_CLASS_COUNT)
		l->by_class[line->class]++;
	pthread_mutex_unlock(&l->lock);
}

int ledger_do(struct ledger *l, struct orm_session *s, const struct deed_plan *plan)
{
	struct ledger_line line = {.writer = plan->writer,
				   .seq = plan->seq,
				   .parts = plan->parts,
				   .way = plan->way,
				   .durable = plan->durable,
				   .begun = ledger_now(l)};

	orm_session_promise(s, plan->durable ? ORM_DURABLE : ORM_RELAXED);
	line.class = deed_do(s, plan);
	ledger_add(l, &line);
	return line.class;
}

static int by_deed(const void *a, const void *b)
{
	const struct ledger_line *x = a, *y = b;

	if (x->writer != y->writer)
		return x->writer < y->writer ? -1 : 1;
	return (x->seq > y->seq) - (x->seq < y->seq);
}

/* Lines are told in order of writer, deed, part; `at` walks the ledger beside them. */
struct walk {
	struct ledger *l;
	size_t at;
	struct ledger_line deed; /* the one whose rows come */
	int64_t counted[DEED_TALLIES + 1];
};

static void end_of_deed(struct walk *w)
{
	if (w->deed.parts && w->deed.found != (unsigned)w->deed.parts)
		fail_msg("deed %" PRId64 " of writer %" PRId32 " is torn: %u of %" PRId32 " rows",
			 w->deed.seq, w->deed.writer, w->deed.found, w->deed.parts);
	w->deed = (struct ledger_line){0};
}

static struct ledger_line *find_line(struct walk *w, const struct ledger_line *deed)
{
	while (w->at < w->l->n && by_deed(&w->l->lines[w->at], deed) < 0)
		w->at++;
	return w->at < w->l->n && !by_deed(&w->l->lines[w->at], deed) ? &w->l->lines[w->at] : NULL;
}

static void take_row(struct walk *w, const struct deed *row)
{
	struct ledger_line deed = {.writer = row->writer, .seq = row->seq, .parts = row->parts};
	struct ledger_line *line;
	char body[BODY_MAX];

	body_of(row->writer, row->seq, row->part, body);
	if (strcmp(body, row->body) != 0)
		fail_msg("row '%s' says '%s'", body, row->body);
	if (by_deed(&deed, &w->deed) != 0 || !w->deed.parts) {
		end_of_deed(w);
		w->deed = deed;
	}
	/* In order, from 0: one that comes twice is seen here. */
	if (row->part != (int32_t)w->deed.found++)
		fail_msg("row '%.40s' is there twice, or one before it is missing", body);
	line = find_line(w, &deed);
	if (!line && !w->l->strangers)
		fail_msg("nobody wrote row '%.40s'", body);
	if (line && line->class && line->class != ORM_E_UNKNOWN_OUTCOME)
		fail_msg("row '%.40s' is there; its writer was told %s", body,
			 orm_class_name(line->class));
	if (line)
		line->found++;
	w->counted[row->tally]++;
}

static void read_rows(struct walk *w, const struct database *db)
{
	char *text = database_ask(db, "SELECT writer, seq, part, parts, tally, body FROM deed"
				      " UNION ALL "
				      "SELECT writer, seq, part, parts, tally, body FROM note"
				      " ORDER BY 1, 2, 3"),
	     *at, *next = text;

	while ((at = next) && *at) {
		struct deed row = {0};
		char body[BODY_MAX + 1] = "";

		next = strchr(at, '\n');
		assert_non_null(next);
		*next++ = '\0';
		if (sscanf(at, "%" SCNd32 "|%" SCNd64 "|%" SCNd32 "|%" SCNd32 "|%" SCNd32 "|%700s",
			   &row.writer, &row.seq, &row.part, &row.parts, &row.tally, body) != 6 ||
		    row.tally < 0 || row.tally > DEED_TALLIES)
			fail_msg("no row of ours: '%s'", at);
		row.body = body;
		take_row(w, &row);
	}
	end_of_deed(w);
	free(text);
}

/* Of those begun before `end`: the last that is there began before the first that is missing was
 * told. */
static void check_order(const struct ledger *l, uint64_t end)
{
	const struct ledger_line *missing = NULL, *last = NULL;

	for (size_t i = 0; i < l->n; i++) {
		const struct ledger_line *line = &l->lines[i];

		if (line->class || line->begun >= end)
			continue;
		if (!line->found && (!missing || line->told < missing->told))
			missing = line;
		if (line->found && (!last || line->begun > last->begun))
			last = line;
	}
	if (missing && last && missing->told < last->begun)
		fail_msg("deed %" PRId64 " of writer %" PRId32 " is lost, deed %" PRId64
			 " of writer %" PRId32 ", begun after it was told, is there",
			 missing->seq, missing->writer, last->seq, last->writer);
}

static void check_cut(const struct ledger *l, uint64_t cut)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct ledger_line *line = &l->lines[i];

		if (!line->class && !line->found && line->told < cut && line->durable)
			fail_msg("durable deed %" PRId64 " of writer %" PRId32 ", told at %" PRIu64
				 ", is lost by the cut at %" PRIu64,
				 line->seq, line->writer, line->told, cut);
	}
	check_order(l, UINT64_MAX);
}

/* What was acknowledged and may be gone all the same. */
static bool may_be_gone(const struct ledger *l, const struct ledger_line *line)
{
	return (!line->durable && l->relaxed_may_go) || line->told < l->failover;
}

static void check_whole(struct ledger *l)
{
	l->gone = 0;
	for (size_t i = 0; i < l->n; i++) {
		const struct ledger_line *line = &l->lines[i];

		if (!line->class && !line->found && may_be_gone(l, line))
			l->gone++;
		else if (!line->class && line->found != (unsigned)line->parts)
			fail_msg("deed %" PRId64 " (way %d) of writer %" PRId32
				 " was acknowledged; %u of %" PRId32 " rows are there",
				 line->seq, (int)line->way, line->writer, line->found, line->parts);
	}
	check_order(l, l->failover);
}

static void check_tallies(const struct walk *w, const struct database *db)
{
	char *text = database_ask(db, "SELECT n FROM tally ORDER BY id"), *at = text;

	for (unsigned i = 1; i <= DEED_TALLIES; i++, at++) {
		int64_t n = strtoll(at, &at, 10);

		if (n != w->counted[i])
			fail_msg("tally %u is %" PRId64 ", counted by %" PRId64 " rows", i, n,
				 w->counted[i]);
	}
	free(text);
}

void ledger_check(struct ledger *l, const struct database *db, uint64_t cut)
{
	struct walk w = {.l = l};

	pthread_mutex_lock(&l->lock);
	if (l->n)
		qsort(l->lines, l->n, sizeof(*l->lines), by_deed);
	for (size_t i = 0; i < l->n; i++)
		l->lines[i].found = 0;
	read_rows(&w, db);
	if (cut)
		check_cut(l, cut);
	else
		check_whole(l);
	check_tallies(&w, db);
	pthread_mutex_unlock(&l->lock);
}

void ledger_tell(const struct ledger *l, const char *what)
{
	printf("# %s: %" PRIu64 " acknowledged", what, l->by_class[0]);
	for (int i = 1; i < ORM_CLASS_COUNT; i++) {
		if (l->by_class[i])
			printf(", %" PRIu64 " %s", l->by_class[i], orm_class_name(i));
	}
	putchar('\n');
}

/* ---- pipes ---- */

static void send_told(int pipe, const struct deed_told *told)
{
	if (write(pipe, told, sizeof(*told)) != sizeof(*told))
		_exit(3);
}

void deed_report(int pipe, const struct deed_plan *plan, int class, const struct orm_session *s)
{
	struct deed_told told = {
		.writer = plan->writer, .parts = plan->parts, .seq = plan->seq, .class = class};

	if (class && s)
		snprintf(told.text, sizeof(told.text), "%.95s", orm_error(s)->text);
	send_told(pipe, &told);
}

void deed_say(int pipe, int class, const char *text)
{
	struct deed_told told = {.class = class};

	snprintf(told.text, sizeof(told.text), "%.95s", text);
	send_told(pipe, &told);
}

bool ledger_take(struct ledger *l, int pipe)
{
	struct deed_told told;
	ssize_t n = read(pipe, &told, sizeof(told));
	struct ledger_line line;

	if (!n)
		return true;
	if (n != sizeof(told))
		fail_msg("half a report");
	if (told.class)
		fail_msg("writer %" PRId32 " was told %s: %.95s", told.writer,
			 orm_class_name(told.class), told.text);
	line = (struct ledger_line){.writer = told.writer, .seq = told.seq, .parts = told.parts};
	if (told.parts)
		ledger_add(l, &line);
	return false;
}
