/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * orm-property: random queries through the public builders, each rendered for both databases.
 *
 *	orm-property [--seed N] [--first N] [--count N] [--postgresql URL] [--execute] [--verbose]
 *		     [--trees] [--keep FILE]
 *
 * A query is either refused with a reason, or: SQLite prepares it; PostgreSQL prepares it, with
 * columns of the types that the renderer promised; and PostgreSQL's parser reads the same tree from
 * it as from our own text of the query, and from the text of that tree. --execute runs every SELECT
 * on both databases over the same rows and compares what they answer. --first N --count 1 --trees
 * shows one query; --keep leaves the tables, SQLite's in FILE, PostgreSQL's in the schema orm_prop.
 *
 * Exit 0 when everything held and the shares of refusals are sane.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <orm/run/session.h>

#include "kit/check.h"

#define REASONS_MAX 256U
#define SHOWN_MAX 20U
#define WELL_TYPED_PERCENT 75U

struct reason {
	char text[96];
	uint64_t count;
};

struct run {
	struct gen gen;
	struct orm_session session;
	sqlite3 *lite;
	struct pg_check *pg;
	bool execute, verbose, trees;
	uint64_t failures;
	/* [nonsense]: trees, refused by the builder, by the renderer of each dialect */
	uint64_t drawn[2], built[2], refused[2][2];
	uint64_t exempt; /* from the deparser */
	uint64_t compared, counted, unsure, errors;
	struct reason reasons[REASONS_MAX];
	unsigned n_reasons;
};

/* Names and numbers out, so that reasons of one kind are one. */
static void count_reason(struct run *r, const char *kind, const char *text)
{
	char key[sizeof(r->reasons[0].text)];
	size_t n = (size_t)snprintf(key, sizeof(key), "%s: ", kind);
	bool quoted = false;

	for (; *text && n + 1 < sizeof(key); text++) {
		if (*text == '\'' || *text == '"')
			quoted = !quoted;
		else if (!quoted && !(*text >= '0' && *text <= '9') && *text != '\n')
			key[n++] = *text;
	}
	key[n] = '\0';
	for (unsigned i = 0; i < r->n_reasons; i++) {
		if (!strcmp(r->reasons[i].text, key)) {
			r->reasons[i].count++;
			return;
		}
	}
	if (r->n_reasons < REASONS_MAX) {
		memcpy(r->reasons[r->n_reasons].text, key, sizeof(key));
		r->reasons[r->n_reasons++].count = 1;
	}
}

static int by_count(const void *a, const void *b)
{
	const struct reason *x = a, *y = b;

	return x->count < y->count ? 1 : x->count > y->count ? -1 : 0;
}

static void fail(struct run *r, uint64_t number, const char *what, const char *why, const char *sql)
{
	if (r->failures++ < SHOWN_MAX || r->verbose)
		printf("# tree %llu: %s: %s\n#   %s\n", (unsigned long long)number, what, why, sql);
}

/* ---- one tree ---- */

static void count_calls(struct run *r, const struct tree *t)
{
	for (unsigned i = 0; i < t->n; i++) {
		r->gen.calls[t->clause[i].call]++;
		if (t->clause[i].sub)
			count_calls(r, t->clause[i].sub);
	}
}

static void count_nodes(struct run *r, const struct tree *t)
{
	struct gen *g = &r->gen;

	count_calls(r, t);
	for (unsigned i = 0; i < g->n_nodes; i++) {
		g->ops[g->nodes[i]->op]++;
		if (g->nodes[i]->op == ORM_OP_CALL)
			g->funcs[g->nodes[i]->func]++;
	}
}

static void check_sqlite(struct run *r, uint64_t number, const struct orm_stmt *stmt)
{
	sqlite3_stmt *st = NULL;

	if (sqlite3_prepare_v2(r->lite, stmt->sql, -1, &st, NULL) != SQLITE_OK)
		fail(r, number, "SQLite", sqlite3_errmsg(r->lite), stmt->sql);
	else if (sqlite3_column_count(st) != stmt->columns ||
		 sqlite3_bind_parameter_count(st) > stmt->params)
		fail(r, number, "SQLite", "columns or parameters are not as many as promised",
		     stmt->sql);
	sqlite3_finalize(st);
}

/*
 * The deparser of libpg-query writes no parentheses around a condition that is an operand of
 * BETWEEN, IS NULL or IN (SELECT): what it writes is another expression, or none.
 */
static bool is_condition(const struct node *e)
{
	static const uint8_t calls[] = {ORM_F_JSON_HAS, ORM_F_ARRAY_HAS, ORM_F_NET_HAS,
					ORM_F_TEXT_MATCH};

	if (e->op >= ORM_OP_EQ && e->op <= ORM_OP_OR)
		return true;
	for (unsigned i = 0; e->op == ORM_OP_CALL && i < ARRAY_LEN(calls); i++) {
		if (e->func == calls[i])
			return true;
	}
	return false;
}

static bool deparser_errs(const struct gen *g)
{
	for (unsigned i = 0; i < g->n_nodes; i++) {
		const struct node *e = g->nodes[i];
		bool loses = e->op == ORM_OP_BETWEEN || e->op == ORM_OP_IN_QUERY ||
			     e->op == ORM_OP_IS_NULL || e->op == ORM_OP_IS_NOT_NULL;

		for (unsigned k = 0; loses && k < e->n; k++) {
			if (is_condition(e->arg[k]))
				return true;
		}
	}
	return false;
}

static void check_parser(struct run *r, uint64_t number, const struct tree *t, const char *sql)
{
	struct text own = {0};
	bool errs = deparser_errs(&r->gen);

	r->exempt += errs;
	say(&own, "%s", "");
	text_tree(&own, t);
	if (!parses_alike(sql, own.at, !errs)) {
		r->failures++;
		printf("# tree %llu\n", (unsigned long long)number);
	}
	free(own.at);
}

static void show_values(const struct orm_stmt *stmt, const struct orm_value *values)
{
	printf("#   %s\n#   with", stmt->sql);
	for (unsigned i = 0; i < stmt->params; i++) {
		char *text = param_of_pg(&values[i], stmt->param_type[i]);

		printf(" $%u=%s", i + 1, text ? text : "NULL");
		free(text);
	}
	printf("\n");
}

/* The statements of both dialects; out[d].stmt.sql NULL where it was refused. */
static void compare(struct run *r, uint64_t number, const struct orm_query *q,
		    const struct rendered *out, bool ordered)
{
	struct answer lite, pg;
	const uint8_t *types = out[ORM_POSTGRESQL].stmt.column_type;

	run_pg(pg_check_conn(r->pg), &out[ORM_POSTGRESQL].stmt, q->values, &pg);
	run_sqlite(r->lite, &out[ORM_SQLITE].stmt, q->values, &lite);
	if (*pg.error || *lite.error) {
		r->errors++;
		count_reason(r, *pg.error ? "run on PostgreSQL" : "run on SQLite",
			     *pg.error ? pg.error : lite.error);
	} else if (r->gen.dotted_rows) {
		r->counted++;
		if (pg.rows != lite.rows)
			fail(r, number, "the numbers of rows differ", "",
			     out[ORM_POSTGRESQL].stmt.sql);
	} else {
		r->compared++;
		if (!same_answer(&pg, &lite, types, ordered)) {
			fail(r, number, "the answers differ", "", out[ORM_POSTGRESQL].stmt.sql);
			if (r->failures <= SHOWN_MAX)
				show_values(&out[ORM_SQLITE].stmt, q->values);
		}
	}
	answer_deinit(&pg);
	answer_deinit(&lite);
}

static void check_built(struct run *r, uint64_t number, struct tree *t, const struct orm_query *q,
			bool nonsense)
{
	struct rendered out[2] = {0};
	struct arena arena[2];
	char fault[192];

	for (int d = 0; d < 2; d++) {
		int refused;

		arena_init(&arena[d], 16U << 20);
		fault[0] = '\0';
		refused = render_query(q->words, q->n, q->n_values, d, &arena[d], &out[d], fault);
		if (refused) {
			out[d].stmt.sql = NULL;
			r->refused[nonsense][d]++;
			count_reason(r, d ? "PostgreSQL" : "SQLite", fault);
			if (!fault[0] || refused < 0)
				fail(r, number, "a refusal without a reason", fault, "");
		}
	}
	if (r->trees)
		printf("# tree %llu\n#   SQLite %s\n#   PostgreSQL %s\n",
		       (unsigned long long)number, out[0].stmt.sql ? out[0].stmt.sql : "refused",
		       out[1].stmt.sql ? out[1].stmt.sql : fault);
	if (out[ORM_SQLITE].stmt.sql && !r->execute)
		check_sqlite(r, number, &out[ORM_SQLITE].stmt);
	if (out[ORM_POSTGRESQL].stmt.sql && !r->execute) {
		check_parser(r, number, t, out[ORM_POSTGRESQL].stmt.sql);
		if (r->pg)
			pg_check_add(r->pg, number, &out[ORM_POSTGRESQL].stmt, q->values);
	}
	if (r->execute && r->gen.unsure)
		r->unsure++;
	else if (r->execute && out[0].stmt.sql && out[1].stmt.sql)
		compare(r, number, q, out, false);
	arena_deinit(&arena[0]);
	arena_deinit(&arena[1]);
}

static void check_tree(struct run *r, uint64_t seed, uint64_t number)
{
	struct gen *g = &r->gen;
	struct orm_query *q;
	struct tree *t;
	bool nonsense;

	g->rng = seed * 0x2545f4914f6cdd1dULL + number;
	draw(g);
	g->used = 0;
	g->n_nodes = 0;
	g->ctes = 0;
	g->queries = 0;
	g->unsure = g->dotted_rows = false;
	g->budget = 20 + (int)below(g, 60);
	nonsense = !r->execute && !chance(g, WELL_TYPED_PERCENT);
	t = draw_tree(g);
	if (nonsense)
		spoil(g, t);
	number_values(t);
	count_nodes(r, t);
	r->drawn[nonsense]++;
	q = build(&r->session, t);
	if (q->class) {
		r->built[nonsense]++;
		count_reason(r, "builder", q->fault);
		if (!q->fault[0])
			fail(r, number, "a fault without a reason", "", "");
	} else {
		check_built(r, number, t, q, nonsense);
	}
	orm_query_free(q);
}

/* ---- all of them ---- */

static bool everything_was_used(const struct gen *g, bool changes)
{
	static const char *const calls[] = {
#define CALL_TEXT(name) #name,
		CALLS(CALL_TEXT)
#undef CALL_TEXT
	};
	static const char *const funcs[] = {
#define FUNC_TEXT(name, pg, sqlite, least, most, group) #name,
		ORM_FUNCS(FUNC_TEXT)
#undef FUNC_TEXT
	};
	bool all = true;

	for (unsigned i = 0; changes && i < CALL_COUNT; i++) {
		if (!g->calls[i])
			printf("# the call %s was never made\n", calls[i]);
		all &= g->calls[i] > 0;
	}
	for (unsigned i = 0; changes && i < ORM_F_COUNT_; i++) {
		if (!g->funcs[i])
			printf("# the function %s was never called\n", funcs[i]);
		all &= g->funcs[i] > 0;
	}
	for (unsigned i = ORM_OP_COLUMN; changes && i < ORM_OP_COUNT; i++) {
		/* These two are made by orm_named() and by large numbers: counted as others. */
		if (i == ORM_OP_NAMED || i == ORM_OP_BAD_VALUE)
			continue;
		if (!g->ops[i])
			printf("# the operator %u was never used\n", i);
		all &= g->ops[i] > 0;
	}
	return all;
}

static double percent(uint64_t part, uint64_t of)
{
	return of ? 100.0 * (double)part / (double)of : 0;
}

static bool report(struct run *r, double seconds)
{
	static const char *const kinds[] = {"well typed", "with nonsense"};
	uint64_t refused = r->built[0] + r->refused[0][ORM_SQLITE];
	bool sane = percent(refused, r->drawn[0]) < 15;

	for (int k = 0; k < 2; k++) {
		if (r->drawn[k])
			printf("# %llu trees %s: refused by the builder %.1f %%, for SQLite %.1f "
			       "%%, "
			       "for PostgreSQL %.1f %%\n",
			       (unsigned long long)r->drawn[k], kinds[k],
			       percent(r->built[k], r->drawn[k]),
			       percent(r->refused[k][ORM_SQLITE], r->drawn[k]),
			       percent(r->refused[k][ORM_POSTGRESQL], r->drawn[k]));
	}
	if (r->execute)
		printf("# %llu answers compared, of %llu more the number of rows; %llu ended in an "
		       "error, %llu have several right answers\n",
		       (unsigned long long)r->compared, (unsigned long long)r->counted,
		       (unsigned long long)r->errors, (unsigned long long)r->unsure);
	else
		printf("# %llu trees were not deparsed: libpg-query would lose parentheses\n",
		       (unsigned long long)r->exempt);
	qsort(r->reasons, r->n_reasons, sizeof(r->reasons[0]), by_count);
	for (unsigned i = 0; r->verbose && i < r->n_reasons; i++)
		printf("# %8llu %s\n", (unsigned long long)r->reasons[i].count, r->reasons[i].text);
	printf("# %llu failures, %.1f s\n", (unsigned long long)r->failures, seconds);
	if (!sane)
		printf("# too many well-typed trees are refused\n");
	return sane;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int usage(void)
{
	fprintf(stderr, "usage: orm-property [--seed N] [--first N] [--count N] "
			"[--postgresql URL] [--execute] [--verbose] [--trees] [--keep FILE]\n");
	return 2;
}

struct job {
	uint64_t seed, first, count;
	const char *url;
	const char *keep; /* SQLite's file; what was made in PostgreSQL stays, too */
};

static int parse_options(int argc, char **argv, struct run *r, struct job *job)
{
	static const struct option options[] = {
		{"seed", required_argument, NULL, 's'},
		{"first", required_argument, NULL, 'f'},
		{"count", required_argument, NULL, 'c'},
		{"postgresql", required_argument, NULL, 'p'},
		{"execute", no_argument, NULL, 'x'},
		{"verbose", no_argument, NULL, 'v'},
		{"trees", no_argument, NULL, 't'},
		{"keep", required_argument, NULL, 'k'},
		{0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		switch (option) {
		case 's':
			job->seed = strtoull(optarg, NULL, 10);
			break;
		case 'f':
			job->first = strtoull(optarg, NULL, 10);
			break;
		case 'c':
			job->count = strtoull(optarg, NULL, 10);
			break;
		case 'p':
			job->url = optarg;
			break;
		case 'k':
			job->keep = optarg;
			break;
		case 'x':
			r->execute = true;
			break;
		case 'v':
			r->verbose = true;
			break;
		case 't':
			r->trees = true;
			break;
		default:
			return -1;
		}
	}
	return optind == argc && (!r->execute || job->url) ? 0 : -1;
}

static int open_databases(struct run *r, const struct job *job)
{
	char *ddl = prop_ddl(false), *why = NULL;
	int rc = sqlite3_open(job->keep ? job->keep : ":memory:", &r->lite);

	rc = rc ? rc : sqlite3_exec(r->lite, "PRAGMA case_sensitive_like=ON", NULL, NULL, NULL);
	rc = rc ? rc : sqlite3_db_config(r->lite, SQLITE_DBCONFIG_DQS_DML, 0, (int *)NULL);
	rc = rc ? rc : sqlite3_exec(r->lite, ddl, NULL, NULL, &why);
	if (rc)
		fprintf(stderr, "SQLite: %s\n%s", why ? why : sqlite3_errmsg(r->lite), ddl);
	sqlite3_free(why);
	free(ddl);
	if (rc || (job->url && pg_check_new(job->url, &r->pg)))
		return -1;
	if (!job->url)
		printf("# no --postgresql: its half is skipped\n");
	return r->execute ? fill(&r->gen, r->lite, pg_check_conn(r->pg)) : 0;
}

int main(int argc, char **argv)
{
	static struct run r;
	struct job job = {.seed = 1, .count = 10000};
	double begin = now();
	bool good;

	if (parse_options(argc, argv, &r, &job))
		return usage();
	prop_tables_init();
	r.gen.room = 4U << 20;
	r.gen.memory = malloc(r.gen.room);
	r.gen.execute = r.execute;
	if (!r.gen.memory || open_databases(&r, &job))
		return 1;
	for (uint64_t i = job.first; i < job.first + job.count; i++) {
		check_tree(&r, job.seed, i);
		if (r.pg && !r.execute && i % 32 == 31)
			r.failures += pg_check_settle(r.pg);
	}
	if (r.pg)
		r.failures += pg_check_settle(r.pg);
	good = report(&r, now() - begin);
	if (job.count >= 10000)
		good &= everything_was_used(&r.gen, !r.execute);
	pg_check_free(r.pg, job.keep != NULL);
	sqlite3_close(r.lite);
	free(r.gen.memory);
	while (r.session.free) {
		struct orm_query *next = r.session.free->next;

		query_delete(r.session.free);
		r.session.free = next;
	}
	return good && !r.failures ? 0 : 1;
}
