/* SPDX-License-Identifier: Apache-2.0 */
/* Ban a network, then say which one is the worst. bans URL CIDR */
#include <stdio.h>
#include <strazh/orm.h>

#define BAN(X)                                                                                     \
	X(i64, id, BIGINT, PK | AUTO) X(str, cidr, CIDR, NN | UNIQUE) X(f64, score, DOUBLE, NN)
ORM_TABLE(ban, BAN)

int main(int argc, char **argv)
{
	struct orm_session *s;
	struct orm_error error = {.text = "usage: bans URL CIDR"};
	struct ban worst;

	if (argc != 3 || orm_connect(argv[1], &s, &error))
		return fprintf(stderr, "bans: %s\n", error.text), 1;
	struct orm_query *add = orm_insert(s, T(ban)), *top = orm_select(s, T(ban));
	orm_row(add, &(struct ban){.cidr = argv[2], .score = 0.5});
	orm_on_conflict_update(add, C(ban, cidr));
	orm_do_set(add, C(ban, score), orm_add(C(ban, score), 0.1));
	orm_order_by(top, orm_desc(C(ban, score)));
	int failed = orm_schema_create(s, (const struct orm_table *[]){T(ban)}, 1) ||
		     orm_exec(s, add, NULL) || orm_first(s, top, T(ban), &worst);
	if (failed)
		fprintf(stderr, "bans: %s\n", orm_error(s)->text);
	else
		printf("%s %.1f\n", worst.cidr, worst.score);
	orm_disconnect(s);
	return failed;
}
