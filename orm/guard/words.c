/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words, in the order of their bytes: found by halving. From the manuals of PostgreSQL, SQLite,
 * MySQL, SQL Server, Oracle, DB2, Informix, Firebird and HSQLDB; a function is here when it is of
 * use to an attacker or is what their expressions are usually made of.
 */
#include <string.h>

#include <orm/guard/words.h>
#include <strazh/base/compiler.h>
#include <strazh/orm/guard.h>

#define WORD(text, role, class, weight, second, third)                                             \
	{                                                                                          \
		text, sizeof(text) - 1, role, class, weight, second, third                         \
	}
/* A keyword; a common function; a word that is a sign of something; a statement's first word. */
#define K(word, role) WORD(#word, W_##role, ORM_GUARD_NONE, 0, 0, 0)
#define F(word) WORD(#word, W_FUNC, ORM_GUARD_NONE, 0, 0, 0)
#define G(text, role, class, weight) WORD(text, W_##role, ORM_GUARD_##class, weight, 0, 0)
#define S(word, weight, second, third)                                                             \
	WORD(#word, W_STATEMENT, ORM_GUARD_STACKED, weight, second, third)

/* clang-format off */
static const struct guard_word words[] = {
	F(abs), K(aggregate, OBJECT), K(all, ALL), G("all_objects", NAME, PROBE, 60),
	G("all_tab_cols", NAME, PROBE, 60), G("all_tab_columns", NAME, PROBE, 60),
	G("all_tables", NAME, PROBE, 60), G("all_users", NAME, PROBE, 60),
	G("all_views", NAME, PROBE, 60), S(alter, 90, A_OBJECT, A_NAME),
	G("analyse", FUNC, ERROR, 25), K(and, AND), K(any, PREFIX), F(array_agg),
	F(array_to_string), K(as, AS), K(asc, SORT), F(ascii), F(ascii_char), F(ascii_val),
	F(asciistr), K(assembly, OBJECT), S(attach, 90, A_OBJECT | A_STR, 0), F(avg),
	S(backup, 90, A_OBJECT, A_NAME), G("banner", FUNC, PROBE, 55),
	S(begin, 90, A_FUNC | A_STATEMENT | A_SELECT, 0), G("benchmark", FUNC, DELAY, 88),
	K(between, BETWEEN), K(bigint, TYPE), F(bin), K(binary, PREFIX), F(bit_and), F(bit_or),
	F(bit_xor), F(bitcount), F(bitstring_to_binary), K(blob, TYPE), K(boolean, MODE),
	F(btrim), S(bulk, 90, A_STATEMENT, 0), K(by, BY), K(bytea, TYPE),
	S(call, 90, A_FUNC, A_OPENING | A_NAME), K(case, CASE), F(cast), F(ceil), F(ceiling),
	F(changes), F(char), F(char_ascii), F(char_length), F(character_length), F(charindex),
	K(choose, IF), F(chr), F(coalesce), F(code), G("col_length", FUNC, PROBE, 55),
	G("col_name", FUNC, PROBE, 55), K(collate, SUFFIX), K(column, OBJECT),
	S(commit, 50, A_END, 0), F(compress), F(concat), F(concat_ws),
	G("connection_id", FUNC, PROBE, 55), K(constraint, OBJECT), K(containing, CMP),
	K(contains, CMP), F(conv), F(convert),
	S(copy, 90, A_NAME | A_OPENING, A_FROM | A_TO | A_SELECT), F(cot), F(count),
	S(create, 90, A_OBJECT | A_STATEMENT, 0), K(cross, JOIN), F(crypt),
	G("crypt_key", FUNC, DELAY, 72), G("ctxsys", NAME, PROBE, 60),
	G("current_catalog", CONST, PROBE, 40), G("current_database", FUNC, PROBE, 55),
	K(current_date, CONST), G("current_role", CONST, PROBE, 40),
	G("current_schema", FUNC, PROBE, 55), G("current_schemas", FUNC, PROBE, 55),
	G("current_setting", FUNC, PROBE, 55), K(current_time, CONST),
	K(current_timestamp, CONST), G("current_user", CONST, PROBE, 40),
	WORD("database", W_FUNC, ORM_GUARD_PROBE, 55, A_OBJECT, 0),
	G("database_to_xml", FUNC, FUNCTION, 85), F(datalength), K(date, PREFIX), F(dateadd),
	F(datediff), F(datetime), G("db_id", FUNC, PROBE, 55), G("db_name", FUNC, PROBE, 55),
	G("dba_tab_columns", NAME, PROBE, 60), G("dba_tables", NAME, PROBE, 60),
	G("dba_users", NAME, PROBE, 60), S(dbcc, 90, A_NAME, A_OPENING),
	G("dblink", FUNC, FUNCTION, 85), G("dblink_connect", FUNC, FUNCTION, 85),
	G("dblink_exec", FUNC, FUNCTION, 85), G("dblink_send_query", FUNC, FUNCTION, 85),
	G("dbms_export_extension", NAME, PROBE, 60), G("dbms_java", NAME, PROBE, 60),
	G("dbms_ldap", NAME, PROBE, 60), G("dbms_lock", NAME, PROBE, 60),
	G("dbms_pipe", NAME, PROBE, 60), F(dbms_random), G("dbms_sql", NAME, PROBE, 60),
	G("dbms_utility", NAME, PROBE, 60), G("dbms_xmlgen", NAME, PROBE, 60),
	G("dbms_xmlquery", NAME, PROBE, 60), K(decimal, TYPE), S(declare, 90, A_VAR, 0),
	F(decode), G("delay", NAME, DELAY, 0), S(delete, 90, A_FROM, A_NAME), K(desc, SORT),
	F(difference), K(distinct, PREFIX), K(distinctrow, PREFIX), K(div, CMP),
	S(do, 90, A_STR, 0), WORD("domain", W_NAME, ORM_GUARD_PROBE, 15, A_OBJECT, 0),
	K(double, TYPE), S(drop, 90, A_OBJECT, A_NAME), G("dual", NAME, PROBE, 25),
	K(dumpfile, FILE), K(else, ELSE), K(elseif, ELSE), K(elsif, ELSE), K(elt, IF), F(encode),
	K(end, ENDS), K(escape, SUFFIX), K(event, OBJECT), K(except, UNION),
	S(exec, 90, A_FUNC | A_VAR | A_STR | A_OPENING, 0),
	S(execute, 90, A_FUNC | A_VAR | A_STR | A_OPENING | A_STATEMENT, 0), K(exists, PREFIX),
	G("exp", FUNC, ERROR, 25), S(explain, 90, A_SELECT | A_STATEMENT, 0),
	K(extension, OBJECT), F(extract), G("extractvalue", FUNC, ERROR, 72), K(false, CONST),
	K(fetch, LIMIT), F(field), F(find_in_set), K(first, SORT), K(float, TYPE),
	G("floor", FUNC, ERROR, 25), K(for, FOR), F(format), K(from, FROM), F(from_base64),
	G("fts3_tokenizer", FUNC, FUNCTION, 85), K(full, JOIN), K(function, OBJECT),
	F(generate_series), G("geometrycollection", FUNC, ERROR, 60),
	G("get_host_address", FUNC, ERROR, 72), G("get_host_name", FUNC, ERROR, 72),
	G("get_lock", FUNC, DELAY, 72), F(getdate), G("getmappingxpath", FUNC, FUNCTION, 85),
	K(glob, CMP), K(global, OBJECT), S(grant, 90, A_NAME | A_SELECT | A_STATEMENT, A_TO),
	F(greatest), K(group, GROUP), F(group_concat), G("gtid_subset", FUNC, ERROR, 72),
	G("gtid_subtract", FUNC, ERROR, 72), S(handler, 90, A_NAME, A_NAME),
	G("has_table_privilege", FUNC, PROBE, 55), K(having, WHERE), F(hex),
	K(high_priority, PREFIX), G("host_name", FUNC, PROBE, 55),
	G("httpuritype", FUNC, FUNCTION, 85), K(if, IF), F(ifnull), K(iif, IF), K(ilike, CMP),
	S(immediate, 90, 0, 0), K(in, CMP), K(index, OBJECT),
	G("inet_server_addr", FUNC, PROBE, 55), K(infile, FILE),
	G("information_schema", NAME, PROBE, 60), K(inner, JOIN), S(insert, 90, A_INTO, A_NAME),
	F(instr), K(int, TYPE), K(integer, TYPE), K(intersect, UNION), K(interval, PREFIX),
	K(into, INTO), K(is, IS), G("is_srvrolemember", FUNC, PROBE, 55), F(isnull),
	G("java_call", FUNC, FUNCTION, 85), K(join, JOIN), F(json_arrayagg), F(json_extract),
	G("json_keys", FUNC, ERROR, 72), F(json_value), F(julianday), S(kill, 90, A_NUM, 0),
	K(last, SORT), F(last_insert_id), F(last_insert_rowid), K(lateral, PREFIX), F(lcase),
	F(least), K(left, JOIN), F(len), F(length), K(like, CMP), F(likely), K(limit, LIMIT),
	G("linestring", FUNC, ERROR, 60), F(listagg), F(ln), G("lo_export", FUNC, FUNCTION, 85),
	G("lo_from_bytea", FUNC, FUNCTION, 85), G("lo_import", FUNC, FUNCTION, 85),
	S(load, 90, A_NAME, A_INTO), G("load_extension", FUNC, FUNCTION, 85),
	G("load_file", FUNC, FUNCTION, 85), K(localtime, CONST), F(locate),
	S(lock, 90, A_OBJECT, A_NAME), F(log), K(login, OBJECT), F(lower), F(lpad), F(ltrim),
	K(make_set, IF), G("master", NAME, PROBE, 60), K(materialized, OBJECT), F(max), F(md5),
	S(merge, 90, A_INTO, A_NAME), F(mid), F(min), K(minus, UNION), K(mod, CMP),
	K(mode, MODE), G("mon$attachments", NAME, PROBE, 60), G("msdb", NAME, PROBE, 60),
	G("msysaccessobjects", NAME, PROBE, 60), G("msysobjects", NAME, PROBE, 60),
	G("multilinestring", FUNC, ERROR, 60), G("multipoint", FUNC, ERROR, 60),
	G("multipolygon", FUNC, ERROR, 60), G("mysql", NAME, PROBE, 60),
	G("name_const", FUNC, ERROR, 72), K(natural, JOIN), K(nchar, TYPE), K(not, NOT), F(now),
	K(null, CONST), F(nullif), K(nulls, SORT), K(numeric, TYPE), K(nvarchar, TYPE), F(nvl),
	F(nvl2), G("object_id", FUNC, PROBE, 55), G("object_name", FUNC, PROBE, 55), F(oct),
	F(octet_length), K(offset, LIMIT), K(on, ON), K(only, PREFIX),
	G("opendatasource", FUNC, FUNCTION, 85), G("openquery", FUNC, FUNCTION, 85),
	G("openrowset", FUNC, FUNCTION, 85), K(operator, OBJECT), K(or, OR), F(ord),
	K(order, ORDER), G("ordsys", NAME, PROBE, 60), K(outer, JOIN), K(outfile, FILE), F(over),
	K(overlaps, CMP), F(overlay), K(package, OBJECT), K(partition, GROUP), F(patindex),
	G("pg_attribute", NAME, PROBE, 60), G("pg_authid", NAME, PROBE, 60),
	G("pg_backend_pid", FUNC, PROBE, 55), G("pg_catalog", NAME, PROBE, 60),
	G("pg_class", NAME, PROBE, 60), F(pg_column_size), G("pg_database", NAME, PROBE, 60),
	G("pg_file_write", FUNC, FUNCTION, 85), G("pg_largeobject", NAME, PROBE, 60),
	G("pg_ls_dir", FUNC, FUNCTION, 85), G("pg_namespace", NAME, PROBE, 60),
	G("pg_proc", NAME, PROBE, 60), G("pg_read_binary_file", FUNC, FUNCTION, 85),
	G("pg_read_file", FUNC, FUNCTION, 85), G("pg_reload_conf", FUNC, FUNCTION, 85),
	G("pg_roles", NAME, PROBE, 60), G("pg_settings", NAME, PROBE, 60),
	G("pg_shadow", NAME, PROBE, 60), G("pg_sleep", FUNC, DELAY, 88),
	G("pg_sleep_for", FUNC, DELAY, 88), G("pg_sleep_until", FUNC, DELAY, 88),
	G("pg_stat_activity", NAME, PROBE, 60), G("pg_stat_file", FUNC, FUNCTION, 85),
	G("pg_tables", NAME, PROBE, 60), G("pg_terminate_backend", FUNC, FUNCTION, 85),
	F(pg_typeof), G("pg_user", NAME, PROBE, 60), F(pi), G("polygon", FUNC, ERROR, 60),
	F(position), F(pow), F(power), S(pragma, 90, A_NAME, A_OPENING | A_ASSIGN | A_END),
	S(prepare, 90, A_NAME, A_FROM | A_SELECT), K(prior, PREFIX), K(procedure, PROCEDURE),
	K(public, OBJECT), G("query_to_xml", FUNC, FUNCTION, 85), F(quote), F(quotename),
	G("raise_error", FUNC, ERROR, 72), G("rand", FUNC, ERROR, 25),
	G("randomblob", FUNC, DELAY, 72), F(rank), F(rawtohex),
	G("rdb$collations", NAME, PROBE, 60), G("rdb$database", NAME, PROBE, 60),
	G("rdb$fields", NAME, PROBE, 60), G("rdb$functions", NAME, PROBE, 60),
	G("rdb$relations", NAME, PROBE, 60), G("rdb$types", NAME, PROBE, 60),
	G("readfile", FUNC, FUNCTION, 85), K(real, TYPE), G("receive_message", FUNC, DELAY, 72),
	S(reconfigure, 90, A_END, 0), K(regexp, CMP), F(regexp_count), F(regexp_instr),
	F(regexp_like), F(regexp_matches), F(regexp_replace), F(regexp_substr),
	G("regexp_substring", FUNC, DELAY, 72), G("release_lock", FUNC, DELAY, 72),
	S(rename, 90, A_OBJECT, A_NAME), F(repeat), S(replace, 90, A_INTO, A_NAME), F(replicate),
	S(restore, 90, A_OBJECT, A_NAME), F(reverse),
	S(revoke, 90, A_NAME | A_SELECT | A_STATEMENT, A_FROM), K(right, JOIN), K(rlike, CMP),
	K(role, OBJECT), S(rollback, 50, A_END, 0), F(round), F(row), F(row_number),
	K(rownum, CONST), K(rows, SORT), F(rpad), F(rtrim), K(schema, OBJECT),
	G("schema_name", FUNC, PROBE, 55), G("schema_to_xml", FUNC, FUNCTION, 85),
	K(select, SELECT), K(separator, SUFFIX), K(sequence, OBJECT), K(server, OBJECT),
	G("servername", FUNC, PROBE, 55), G("session_user", CONST, PROBE, 40), K(set, SET),
	G("set_config", FUNC, FUNCTION, 85), F(sha), F(sha1), F(sha2), S(shutdown, 90, A_END, 0),
	F(sign), K(signed, TYPE), K(similar, CMP), G("sleep", FUNC, DELAY, 88),
	K(smallint, TYPE), G("sn", FUNC, ERROR, 72), K(some, PREFIX), F(soundex), K(sounds, CMP),
	G("sp_configure", FUNC, FUNCTION, 85), G("sp_executesql", FUNC, FUNCTION, 85),
	G("sp_makewebtask", FUNC, FUNCTION, 85), G("sp_oacreate", FUNC, FUNCTION, 85),
	G("sp_oamethod", FUNC, FUNCTION, 85), G("sp_password", FUNC, FUNCTION, 85), F(space),
	F(split_part), K(sql_calc_found_rows, PREFIX), G("sqlid_to_sqlhash", FUNC, ERROR, 72),
	G("sqlite_master", NAME, PROBE, 60), G("sqlite_schema", NAME, PROBE, 60),
	G("sqlite_source_id", FUNC, PROBE, 55), G("sqlite_temp_master", NAME, PROBE, 60),
	G("sqlite_version", FUNC, PROBE, 55), F(sqrt), K(starting, CMP), F(stddev), F(str),
	K(straight_join, PREFIX), F(strcmp), F(strftime), F(string_agg), F(string_to_array),
	F(strpos), F(stuff), F(substr), F(substring), F(sum), G("suser_name", FUNC, PROBE, 55),
	G("suser_sname", FUNC, PROBE, 55), K(synonym, OBJECT), G("sys", NAME, PROBE, 15),
	G("sys_context", FUNC, PROBE, 55), G("sys_eval", FUNC, FUNCTION, 85),
	G("sys_exec", FUNC, FUNCTION, 85), G("sys_get", FUNC, FUNCTION, 85),
	G("sysadm", NAME, PROBE, 60), G("syscat", NAME, PROBE, 60),
	G("syscolumns", NAME, PROBE, 60), G("sysdatabases", NAME, PROBE, 60), K(sysdate, CONST),
	G("sysdual", NAME, PROBE, 60), G("sysdummy1", NAME, PROBE, 60),
	G("sysibm", NAME, PROBE, 60), G("syslogins", NAME, PROBE, 60),
	G("sysmaster", NAME, PROBE, 60), K(sysname, TYPE), G("sysobjects", NAME, PROBE, 60),
	G("syspaghdr", NAME, PROBE, 60), G("sysprocesses", NAME, PROBE, 60),
	G("systables", NAME, PROBE, 60), G("system_user", FUNC, PROBE, 55),
	K(systimestamp, CONST), G("sysusers", NAME, PROBE, 60), G("sysxlogins", NAME, PROBE, 60),
	K(table, OBJECT), G("table_to_xml", FUNC, FUNCTION, 85), K(tablespace, OBJECT), F(tan),
	K(temp, OBJECT), G("tempdb", NAME, PROBE, 60), K(temporary, OBJECT), K(text, TYPE),
	K(then, THEN), K(time, PREFIX), K(timestamp, PREFIX), K(to, TO), F(to_base64),
	F(to_char), F(to_date), F(to_hex), F(to_number), K(top, LIMIT), F(total_changes),
	F(translate), K(trigger, OBJECT), F(trim), K(true, CONST),
	S(truncate, 90, A_OBJECT | A_NAME, A_NAME | A_END), F(try_convert), K(type, OBJECT),
	F(typeof), F(ucase), F(uncompress), F(unhex), F(unicode), K(union, UNION),
	K(unique, OBJECT), F(unistr), F(unixepoch), F(unnest), K(unsigned, TYPE),
	S(update, 90, A_NAME, A_SET), G("updatexml", FUNC, ERROR, 72), F(upper),
	WORD("user", W_FUNC, ORM_GUARD_PROBE, 55, A_OBJECT, 0), G("user_lock", NAME, PROBE, 60),
	G("user_name", FUNC, PROBE, 55), G("user_objects", NAME, PROBE, 60),
	G("user_tab_columns", NAME, PROBE, 60), G("user_tables", NAME, PROBE, 60),
	G("user_users", NAME, PROBE, 60), G("userenv", FUNC, PROBE, 55), K(using, SUFFIX),
	G("utl_file", NAME, PROBE, 60), G("utl_http", NAME, PROBE, 60),
	G("utl_inaddr", NAME, PROBE, 60), F(utl_raw), G("utl_smtp", NAME, PROBE, 60),
	G("v$database", NAME, PROBE, 60), G("v$instance", NAME, PROBE, 60),
	G("v$parameter", NAME, PROBE, 60), G("v$session", NAME, PROBE, 60),
	G("v$version", NAME, PROBE, 60), S(vacuum, 90, A_INTO | A_END, 0), K(value, VALUES),
	K(values, VALUES), F(var_pop), K(varbinary, TYPE), K(varchar, TYPE), K(varchar2, TYPE),
	G("version", FUNC, PROBE, 55), K(view, OBJECT), K(virtual, OBJECT),
	S(waitfor, 90, A_DELAY, 0), F(weight_string), K(when, WHEN), K(where, WHERE),
	S(with, 90, A_NAME, A_SELECT | A_OPENING), G("writefile", FUNC, FUNCTION, 85), F(xmlagg),
	F(xmlelement), F(xmlquery), G("xmltype", FUNC, ERROR, 72), K(xor, OR),
	G("xp_availablemedia", NAME, PROBE, 60), G("xp_cmdshell", FUNC, FUNCTION, 85),
	G("xp_dirtree", FUNC, FUNCTION, 85), G("xp_fileexist", FUNC, FUNCTION, 85),
	G("xp_regread", FUNC, FUNCTION, 85), G("xp_regwrite", FUNC, FUNCTION, 85),
	G("xp_subdirs", FUNC, FUNCTION, 85), G("zeroblob", FUNC, DELAY, 72),
};
/* clang-format on */

#define WORD_MAX 24

const struct guard_word *guard_word_at(size_t i)
{
	return i < ARRAY_LEN(words) ? &words[i] : NULL;
}

const struct guard_word *guard_word_find(const uint8_t *p, size_t len)
{
	size_t low = 0, high = ARRAY_LEN(words);
	char lower[WORD_MAX];

	if (len < 2 || len > WORD_MAX)
		return NULL;
	for (size_t i = 0; i < len; i++)
		lower[i] = (char)(p[i] >= 'A' && p[i] <= 'Z' ? p[i] | 0x20 : p[i]);
	while (low < high) {
		size_t mid = low + (high - low) / 2, shared = MIN(len, words[mid].len);
		int order = memcmp(lower, words[mid].text, shared);

		if (!order && len == words[mid].len)
			return &words[mid];
		if (order > 0 || (!order && len > words[mid].len))
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}
