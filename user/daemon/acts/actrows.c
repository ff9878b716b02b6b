/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/daemon/acts/actrows.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <strazh/base/own.h>
#include <user/ctl/names.h>

#define MS_PER_S 1000
#define WALL_S_MAX 253402300799LL /* what the store takes */

static const char *text_of(const json_t *act, const char *key)
{
	return json_string_value(json_object_get(act, key));
}

/* Seconds of the wall in an act, as ms; a file can hold anything. */
static bool time_of(const json_t *act, const char *key, int64_t *ret_ms)
{
	const json_t *value = json_object_get(act, key);
	json_int_t seconds = json_integer_value(value);

	if (value && (!json_is_integer(value) || seconds < 0 || seconds > WALL_S_MAX))
		return false;
	*ret_ms = seconds * MS_PER_S;
	return true;
}

static int set_name(struct actrow *row, const char *head, const char *name)
{
	int n = snprintf(row->name, sizeof(row->name), "%s%s", head, name);

	return !name[0] || n < 0 || (size_t)n >= sizeof(row->name) ? -EINVAL : 0;
}

/* ---- never ---- */

int actrow_never_format(int64_t since_ms, int64_t until_ms, const char *note,
			char value[STORE_TEXT_MAX + 1])
{
	json_t *root = json_pack("{s:I, s:I, s:s}", "since", (json_int_t)since_ms, "until",
				 (json_int_t)until_ms, "note", note ? note : "");
	own_free char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;
	int n = text ? snprintf(value, STORE_TEXT_MAX + 1, "%s", text) : -1;

	json_decref(root);
	return n < 0 ? -ENOMEM : n > (int)STORE_TEXT_MAX ? -ENAMETOOLONG : 0;
}

int actrow_never_parse(const char *value, struct actrow_never *ret_never)
{
	struct actrow_never never = {.root = json_loads(value, 0, NULL)};

	never.since_ms = json_integer_value(json_object_get(never.root, "since"));
	never.until_ms = json_integer_value(json_object_get(never.root, "until"));
	never.note = text_of(never.root, "note");
	if (!never.note || never.since_ms < 0 || never.until_ms < 0) {
		json_decref(never.root);
		return -EINVAL;
	}
	*ret_never = never;
	return 0;
}

/* ---- entries ---- */

static int make_add(const json_t *act, enum sz_table table, const struct prefix *prefix,
		    struct actrow *row)
{
	int64_t since_ms = row->act.at_ms, until_ms;
	const char *note = text_of(act, "note");
	int r;

	if (!time_of(act, "until_wall", &until_ms) || (until_ms && until_ms < since_ms))
		return -EINVAL;
	row->act.cause = note;
	if (table == SZ_TABLE_DENY) {
		row->act.verb = STORE_BAN_PUT;
		row->act.ban = (struct store_ban){*prefix,	  since_ms, until_ms, 0,
						  ACTROWS_ORIGIN, NULL,	    NULL};
		return 0;
	}
	if (table == SZ_TABLE_ALLOW) {
		row->act.verb = STORE_ALLOW_PUT;
		row->act.allow = (struct store_allow){*prefix,	      since_ms, until_ms,
						      ACTROWS_ORIGIN, NULL,	NULL};
		return 0;
	}
	row->act.verb = STORE_SETTING_PUT;
	row->act.setting.value = row->value;
	r = actrow_never_format(since_ms, until_ms, note, row->value);
	/* Else an import would try this line again for ever. */
	return r == -ENAMETOOLONG ? -EINVAL : r;
}

static int make_remove(enum sz_table table, const struct prefix *prefix, bool guards,
		       struct actrow *row)
{
	if (table == SZ_TABLE_DENY) {
		row->act.verb = STORE_BAN_LIFT;
		row->act.ban = (struct store_ban){
			.prefix = *prefix, .origin = guards ? ACTROWS_GUARD : ACTROWS_ORIGIN};
	} else if (table == SZ_TABLE_ALLOW) {
		row->act.verb = STORE_ALLOW_REMOVE;
		row->act.allow = (struct store_allow){.prefix = *prefix};
	} else {
		row->act.verb = STORE_SETTING_RESET;
	}
	return 0;
}

static int make_entry(const json_t *act, bool add, unsigned nth, struct actrow *row)
{
	const char *name = text_of(act, "table"), *text = text_of(act, "prefix");
	enum sz_table table = name ? table_find(name) : SZ_TABLES;
	char shown[PREFIX_TEXT_LEN];
	struct prefix prefix;
	int r;

	if (table == SZ_TABLES || !text || prefix_parse(text, strlen(text), &prefix))
		return -EINVAL;
	if (table == SZ_TABLE_NEVER) {
		r = set_name(row, ACTROWS_NEVER, prefix_format(&prefix, shown));
		if (r)
			return r;
		row->act.setting.name = row->name;
	}
	return add ? make_add(act, table, &prefix, row) : make_remove(table, &prefix, nth > 0, row);
}

static int make_flush(const json_t *act, unsigned nth, struct actrow *row)
{
	static const enum sz_table order[] = {SZ_TABLE_DENY, SZ_TABLE_ALLOW, SZ_TABLE_NEVER};
	const char *name = text_of(act, "table");
	enum sz_table table = name ? table_find(name) : SZ_TABLES;

	if (!name || (table == SZ_TABLES && strcmp(name, "all") != 0))
		return -EINVAL;
	if (nth >= (table == SZ_TABLES ? ARRAY_LEN(order) : 1))
		return ACTROWS_END;
	if (table == SZ_TABLES)
		table = order[nth];
	row->act.verb = table == SZ_TABLE_DENY	  ? STORE_BAN_CLEAR
			: table == SZ_TABLE_ALLOW ? STORE_ALLOW_CLEAR
						  : STORE_SETTING_CLEAR;
	if (table == SZ_TABLE_NEVER)
		row->act.setting.name = ACTROWS_NEVER;
	return 0;
}

/* ---- settings ---- */

static int make_set(const json_t *act, struct actrow *row)
{
	const char *name = text_of(act, "name"), *value = text_of(act, "value");

	if (!name || !value || set_name(row, ACTROWS_SETTING, name))
		return -EINVAL;
	row->act.setting.name = row->name;
	row->act.setting.value = row->act.detail = value;
	/* Of a source that has no limits of its own any more. */
	row->act.verb = strcmp(value, "none") == 0 ? STORE_SETTING_RESET : STORE_SETTING_PUT;
	return 0;
}

static int make_service(const json_t *act, bool removed, struct actrow *row)
{
	static const char *const stamps[] = {"act", "maps", "time", "uid", "who"};
	const char *name = text_of(act, "service");
	own_free char *text = NULL;
	json_t *copy;
	int n;

	if (!name || set_name(row, ACTROWS_SERVICE, name))
		return -EINVAL;
	row->act.setting.name = row->name;
	row->act.verb = removed ? STORE_SETTING_RESET : STORE_SETTING_PUT;
	if (removed)
		return 0;
	copy = json_copy((json_t *)(uintptr_t)act);
	for (size_t i = 0; copy && i < ARRAY_LEN(stamps); i++)
		(void)json_object_del(copy, stamps[i]);
	text = copy ? json_dumps(copy, JSON_COMPACT) : NULL;
	json_decref(copy);
	n = text ? snprintf(row->value, sizeof(row->value), "%s", text) : -1;
	row->act.setting.value = row->value;
	return n < 0 ? -ENOMEM : (size_t)n >= sizeof(row->value) ? -EINVAL : 0;
}

static int make_list(const json_t *act, bool removed, struct actrow *row)
{
	const char *name = text_of(act, "list");

	if (!name)
		return -EINVAL;
	row->act.verb = removed ? STORE_LIST_REMOVE : STORE_LIST_PUT;
	row->act.list = (struct store_list){
		.name = name,
		.origin = ACTROWS_ORIGIN,
		.weight = 1,
		.loaded_ms = row->act.at_ms,
		.entries = json_integer_value(json_object_get(act, "entries")),
	};
	return 0;
}

static int make_note(const json_t *act, const char *what, struct actrow *row)
{
	row->act.verb = STORE_NOTE;
	row->act.note = (struct store_note){what, text_of(act, "interface")};
	return row->act.note.subject ? 0 : -EINVAL;
}

static int make_report(const json_t *act, struct actrow *row)
{
	const char *text = text_of(act, "prefix");
	struct prefix prefix;

	if (!text || prefix_parse(text, strlen(text), &prefix))
		return -EINVAL;
	row->act.verb = STORE_NOTE;
	row->act.note = (struct store_note){"report", prefix_format(&prefix, row->name)};
	row->act.cause = text_of(act, "note");
	row->act.detail = text_of(act, "detail");
	return 0;
}

/* ---- all ---- */

static void set_actor(const json_t *act, struct actrow *row)
{
	const char *who = text_of(act, "who");

	if (who)
		(void)snprintf(row->actor, sizeof(row->actor), "%s", who);
	else
		(void)snprintf(row->actor, sizeof(row->actor), "operator uid %lld",
			       (long long)json_integer_value(json_object_get(act, "uid")));
	row->act.actor = row->actor;
}

int actrow_make(const json_t *act, unsigned nth, struct actrow *ret_row)
{
	const char *what = text_of(act, "act");

	ret_row->act = (struct store_act){0};
	if (!what || !time_of(act, "time", &ret_row->act.at_ms))
		return -EINVAL;
	set_actor(act, ret_row);
	if (strcmp(what, "flush") == 0)
		return make_flush(act, nth, ret_row);
	if (nth > 1 || (nth && !json_is_true(json_object_get(act, "guard"))))
		return ACTROWS_END;
	if (strcmp(what, "remove") == 0)
		return make_entry(act, false, nth, ret_row);
	if (nth)
		return ACTROWS_END;
	if (strcmp(what, "add") == 0)
		return make_entry(act, true, nth, ret_row);
	if (strcmp(what, "set") == 0)
		return make_set(act, ret_row);
	if (strcmp(what, "service") == 0 || strcmp(what, "service-remove") == 0)
		return make_service(act, what[7] != '\0', ret_row);
	if (strcmp(what, "load") == 0 || strcmp(what, "unload") == 0)
		return make_list(act, what[0] == 'u', ret_row);
	if (strcmp(what, "attach") == 0 || strcmp(what, "detach") == 0)
		return make_note(act, what, ret_row);
	if (strcmp(what, "report") == 0)
		return make_report(act, ret_row);
	return -EINVAL;
}
