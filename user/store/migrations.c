// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * The tables as migrations: what tables.h declares is what all of them together make. A step that
 * was released is never changed (the ORM compares its SHA-256): a change is one more step. The same
 * text serves both databases; what they call a type is put in.
 */
#include <user/store/tables.h>

#include <strazh/base/compiler.h>

#define FIRST(INT, BIG, DBL, TIME, NET, RAW, DBLS, STRICT)                                         \
	"CREATE TABLE address_list ("                                                              \
	"name text NOT NULL,"                                                                      \
	"origin text NOT NULL,"                                                                    \
	"weight " DBL " NOT NULL,"                                                                 \
	"etag text NOT NULL,"                                                                      \
	"loaded_ms " TIME ","                                                                      \
	"entries " BIG " NOT NULL,"                                                                \
	"CONSTRAINT address_list_pkey PRIMARY KEY (name)"                                          \
	")" STRICT ";"                                                                             \
	"CREATE TABLE alert ("                                                                     \
	"kind text NOT NULL,"                                                                      \
	"subject text NOT NULL,"                                                                   \
	"opened_ms " TIME " NOT NULL,"                                                             \
	"closed_ms " TIME ","                                                                      \
	"severity " INT " NOT NULL,"                                                               \
	"what text NOT NULL,"                                                                      \
	"CONSTRAINT alert_pkey PRIMARY KEY (kind, subject, opened_ms)"                             \
	")" STRICT ";"                                                                             \
	"CREATE INDEX alert_by_closed ON alert (closed_ms);"                                       \
	"CREATE TABLE allowed ("                                                                   \
	"cidr " NET " NOT NULL,"                                                                   \
	"since_ms " TIME " NOT NULL,"                                                              \
	"until_ms " TIME ","                                                                       \
	"origin text NOT NULL,"                                                                    \
	"actor text NOT NULL,"                                                                     \
	"cause text NOT NULL,"                                                                     \
	"CONSTRAINT allowed_pkey PRIMARY KEY (cidr)"                                               \
	")" STRICT ";"                                                                             \
	"CREATE TABLE audit ("                                                                     \
	"seq " BIG " NOT NULL,"                                                                    \
	"at_ms " TIME " NOT NULL,"                                                                 \
	"actor text NOT NULL,"                                                                     \
	"action text NOT NULL,"                                                                    \
	"subject text NOT NULL,"                                                                   \
	"cause text NOT NULL,"                                                                     \
	"detail text NOT NULL,"                                                                    \
	"hash " RAW " NOT NULL,"                                                                   \
	"CONSTRAINT audit_pkey PRIMARY KEY (seq)"                                                  \
	")" STRICT ";"                                                                             \
	"CREATE INDEX audit_by_at ON audit (at_ms);"                                               \
	"CREATE INDEX audit_by_subject ON audit (subject, seq);"                                   \
	"CREATE TABLE audit_head ("                                                                \
	"id " INT " NOT NULL,"                                                                     \
	"seq " BIG " NOT NULL,"                                                                    \
	"hash " RAW " NOT NULL,"                                                                   \
	"cut_seq " BIG " NOT NULL,"                                                                \
	"cut_hash " RAW " NOT NULL,"                                                               \
	"CONSTRAINT audit_head_pkey PRIMARY KEY (id)"                                              \
	")" STRICT ";"                                                                             \
	"CREATE TABLE ban ("                                                                       \
	"cidr " NET " NOT NULL,"                                                                   \
	"since_ms " TIME " NOT NULL,"                                                              \
	"until_ms " TIME ","                                                                       \
	"offences " INT " NOT NULL,"                                                               \
	"origin text NOT NULL,"                                                                    \
	"actor text NOT NULL,"                                                                     \
	"cause text NOT NULL,"                                                                     \
	"CONSTRAINT ban_pkey PRIMARY KEY (cidr)"                                                   \
	")" STRICT ";"                                                                             \
	"CREATE INDEX ban_by_until ON ban (until_ms);"                                             \
	"CREATE TABLE feed ("                                                                      \
	"name text NOT NULL,"                                                                      \
	"url text NOT NULL,"                                                                       \
	"weight " DBL " NOT NULL,"                                                                 \
	"every_s " BIG " NOT NULL,"                                                                \
	"expiry_s " BIG " NOT NULL,"                                                               \
	"etag text NOT NULL,"                                                                      \
	"tried_ms " TIME ","                                                                       \
	"loaded_ms " TIME ","                                                                      \
	"failures " INT " NOT NULL,"                                                               \
	"entries " BIG " NOT NULL,"                                                                \
	"fault text NOT NULL,"                                                                     \
	"CONSTRAINT feed_pkey PRIMARY KEY (name)"                                                  \
	")" STRICT ";"                                                                             \
	"CREATE TABLE setting ("                                                                   \
	"name text NOT NULL,"                                                                      \
	"value text NOT NULL,"                                                                     \
	"actor text NOT NULL,"                                                                     \
	"set_ms " TIME " NOT NULL,"                                                                \
	"CONSTRAINT setting_pkey PRIMARY KEY (name)"                                               \
	")" STRICT ";"                                                                             \
	"CREATE TABLE source ("                                                                    \
	"cidr " NET " NOT NULL,"                                                                   \
	"scores " DBLS " NOT NULL,"                                                                \
	"pressure " DBL " NOT NULL,"                                                               \
	"trust " DBL " NOT NULL,"                                                                  \
	"trust_until_ms " TIME ","                                                                 \
	"scored_ms " TIME " NOT NULL,"                                                             \
	"first_ms " TIME " NOT NULL,"                                                              \
	"last_ms " TIME " NOT NULL,"                                                               \
	"offences " INT " NOT NULL,"                                                               \
	"CONSTRAINT source_pkey PRIMARY KEY (cidr)"                                                \
	")" STRICT ";"                                                                             \
	"CREATE INDEX source_by_last ON source (last_ms);"                                         \
	"CREATE TABLE store_writer ("                                                              \
	"id text NOT NULL,"                                                                        \
	"batch " BIG " NOT NULL,"                                                                  \
	"at_ms " TIME " NOT NULL,"                                                                 \
	"CONSTRAINT store_writer_pkey PRIMARY KEY (id)"                                            \
	")" STRICT ";"

/*
 * Bans of one prefix by several origins live side by side. SQLite changes no primary key, so the
 * table is made anew there.
 */
#define BANS_SQLITE(INT, TIME, NET)                                                                \
	"CREATE TABLE ban_anew ("                                                                  \
	"cidr " NET " NOT NULL,"                                                                   \
	"since_ms " TIME " NOT NULL,"                                                              \
	"until_ms " TIME ","                                                                       \
	"offences " INT " NOT NULL,"                                                               \
	"origin text NOT NULL,"                                                                    \
	"actor text NOT NULL,"                                                                     \
	"cause text NOT NULL,"                                                                     \
	"CONSTRAINT ban_pkey PRIMARY KEY (cidr, origin)"                                           \
	") STRICT;"                                                                                \
	"INSERT INTO ban_anew SELECT cidr, since_ms, until_ms, offences, origin, actor, cause "    \
	"FROM ban;"                                                                                \
	"DROP TABLE ban;"                                                                          \
	"ALTER TABLE ban_anew RENAME TO ban;"                                                      \
	"CREATE INDEX ban_by_until ON ban (until_ms);"
#define BANS_POSTGRESQL                                                                            \
	"ALTER TABLE ban DROP CONSTRAINT ban_pkey;"                                                \
	"ALTER TABLE ban ADD CONSTRAINT ban_pkey PRIMARY KEY (cidr, origin);"

/* All that is known of a source. What was written before has numbers of another meaning. */
#define SOURCES(INT, DBL, TIME, NET, DBLS, STRICT)                                                 \
	"DROP TABLE source;"                                                                       \
	"CREATE TABLE source ("                                                                    \
	"cidr " NET " NOT NULL,"                                                                   \
	"evidence " DBLS " NOT NULL,"                                                              \
	"pressure " DBL " NOT NULL,"                                                               \
	"good " DBL " NOT NULL,"                                                                   \
	"trust_until_ms " TIME ","                                                                 \
	"scored_ms " TIME " NOT NULL,"                                                             \
	"first_ms " TIME " NOT NULL,"                                                              \
	"last_ms " TIME " NOT NULL,"                                                               \
	"offences " INT " NOT NULL,"                                                               \
	"banned_until_ms " TIME ","                                                                \
	"score " DBL " NOT NULL,"                                                                  \
	"ban_over_h " INT " NOT NULL,"                                                             \
	"good_ago_d " INT " NOT NULL,"                                                             \
	"share " INT " NOT NULL,"                                                                  \
	"days " INT " NOT NULL,"                                                                   \
	"sessions " INT " NOT NULL,"                                                               \
	"proven " INT " NOT NULL,"                                                                 \
	"CONSTRAINT source_pkey PRIMARY KEY (cidr)"                                                \
	")" STRICT ";"                                                                             \
	"CREATE INDEX source_by_last ON source (last_ms);"

static const struct orm_migration_step steps[] = {
	{
		.version = 1,
		.name = "first",
		.up_sqlite = FIRST("INTEGER /* INTEGER */", "INTEGER /* BIGINT */",
				   "REAL /* DOUBLE */", "INTEGER /* TIMESTAMP_MS */",
				   "TEXT /* CIDR */", "BLOB /* BYTES */", "TEXT /* DOUBLES */",
				   " STRICT"),
		.up_postgresql = FIRST("integer", "bigint", "double precision",
				       "timestamp with time zone", "cidr", "bytea",
				       "double precision[]", ""),
	},
	{
		.version = 2,
		.name = "origins",
		.up_sqlite = BANS_SQLITE("INTEGER /* INTEGER */", "INTEGER /* TIMESTAMP_MS */",
					 "TEXT /* CIDR */")
			SOURCES("INTEGER /* INTEGER */", "REAL /* DOUBLE */",
				"INTEGER /* TIMESTAMP_MS */", "TEXT /* CIDR */",
				"TEXT /* DOUBLES */", " STRICT"),
		.up_postgresql = BANS_POSTGRESQL SOURCES("integer", "double precision",
							 "timestamp with time zone", "cidr",
							 "double precision[]", ""),
	},
};

struct store_table store_table_at(unsigned i)
{
#define ROW_(name, key) {T(name), key},
	const struct store_table tables[] = {STORE_TABLES(ROW_)};

	_Static_assert(ARRAY_LEN(tables) == STORE_TABLE_COUNT, "the list and its length");
	return tables[i];
}

int store_migrate(struct orm_session *s)
{
	return orm_migrate(s, steps, ARRAY_LEN(steps));
}
