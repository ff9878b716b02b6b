/* SPDX-License-Identifier: Apache-2.0 */
/* Ban a network, or raise its score; then print the worst ten. bans URL CIDR */
#include <stdio.h>
#include <strazh/orm.h>
#include <strazh/orm/schema.h>

#define BAN(X)                                                                                     \
	X(i64, id, BIGINT, PK | AUTO)                                                              \
	X(str, cidr, CIDR, NN | UNIQUE)                                                            \
	X(f64, score, DOUBLE, NN)
ORM_TABLE(ban, BAN)

static int ban_and_list(struct orm_session *s, const char *cidr)
{
	struct orm_query *add = orm_insert(s, T(ban)), *worst = orm_select(s, T(ban));
	struct orm_result *result;
	const struct ban *bans;
	int r;

	orm_row(add, &(struct ban){.cidr = cidr, .score = 0.5});
	orm_on_conflict_update(add, C(ban, cidr));
	orm_do_set(add, C(ban, score), orm_add(C(ban, score), 0.1));
	orm_where(worst, orm_ge(C(ban, score), 0.5));
	orm_order_by(worst, orm_desc(C(ban, score)), C(ban, id));
	orm_limit(worst, 10);

	if ((r = orm_schema_create(s, (const struct orm_table *[]){T(ban)}, 1)) ||
	    (r = orm_exec(s, add, NULL)) || (r = orm_fetch(s, worst, T(ban), &result)))
		return r;
	bans = orm_result_rows(result);
	for (size_t i = 0; i < orm_result_count(result); i++)
		printf("%-20s %.1f\n", bans[i].cidr, bans[i].score);
	orm_result_free(result);
	return 0;
}

int main(int argc, char **argv)
{
	struct orm_session *s = NULL;
	struct orm_error error;
	struct orm *db;
	int r;

	if (argc != 3 || orm_open(argv[1], NULL, &db, &error)) {
		fprintf(stderr, "bans: %s\n", argc == 3 ? error.text : "usage: bans URL CIDR");
		return 1;
	}
	r = orm_session_open(db, &s);
	if (!r && (r = ban_and_list(s, argv[2])))
		fprintf(stderr, "bans: %s\n", orm_error(s)->text);
	orm_session_close(s);
	orm_close(db);
	return r != 0;
}
