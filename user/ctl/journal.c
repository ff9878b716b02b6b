/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/ctl/journal.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <strazh/base/own.h>
#include <user/base/clock.h>
#include <user/ctl/names.h>
#include <user/gate/maps.h>

/* ---- acts ---- */

int journal_identity(struct gate *gate, char text[JOURNAL_MAPS_LEN])
{
	size_t at = 0;

	/* The lists, and at the end what services are. */
	for (int i = GATE_MAP_NEVER4; i <= GATE_MAP_DHOST6 + 1; i++) {
		struct bpf_map_info info;
		int r = map_info(gate->map[i <= GATE_MAP_DHOST6 ? i : GATE_MAP_SERVICE], &info);

		if (r)
			return r;
		at += (size_t)snprintf(text + at, JOURNAL_MAPS_LEN - at, "%s%u", at ? "." : "",
				       info.id);
	}
	return 0;
}

static json_t *stamp(struct gate *gate, json_t *act)
{
	char maps[JOURNAL_MAPS_LEN] = "unknown";

	if (!act)
		return NULL;
	if (journal_identity(gate, maps))
		(void)snprintf(maps, sizeof(maps), "unknown");
	(void)!json_object_set_new(act, "maps", json_string(maps));
	(void)!json_object_set_new(act, "time", json_integer((json_int_t)clock_wall_s()));
	return act;
}

static json_t *about(struct gate *gate, const char *what, enum sz_table table,
		     const struct prefix *prefix)
{
	char text[PREFIX_TEXT_LEN];

	return stamp(gate, json_pack("{s:s, s:s, s:s}", "act", what, "table", table_names[table],
				     "prefix", prefix_format(prefix, text)));
}

json_t *journal_add(struct gate *gate, const struct act *act)
{
	json_t *entry = about(gate, "add", act->table, &act->prefix);

	if (entry && act->until_s)
		(void)!json_object_set_new(entry, "until_wall",
					   json_integer((json_int_t)clock_wall_of(act->until_s)));
	if (entry && act->note)
		(void)!json_object_set_new(entry, "note", json_string(act->note));
	return entry;
}

json_t *journal_remove(struct gate *gate, enum sz_table table, const struct prefix *prefix)
{
	return about(gate, "remove", table, prefix);
}

json_t *journal_flush(struct gate *gate, enum sz_table table)
{
	return stamp(gate, json_pack("{s:s, s:s}", "act", "flush", "table",
				     table < SZ_TABLES ? table_names[table] : "all"));
}

json_t *journal_set(struct gate *gate, const char *name, const char *value)
{
	return stamp(gate,
		     json_pack("{s:s, s:s, s:s}", "act", "set", "name", name, "value", value));
}

json_t *journal_other(struct gate *gate, const char *act, const char *key, const char *value)
{
	return stamp(gate, json_pack("{s:s, s:s}", "act", act, key, value));
}

json_t *journal_report(struct gate *gate, const struct prefix *host, const char *detail,
		       const char *note)
{
	char text[PREFIX_TEXT_LEN];
	json_t *act = journal_other(gate, "report", "prefix", prefix_format(host, text));

	if (act && detail[0])
		(void)!json_object_set_new(act, "detail", json_string(detail));
	if (act && note)
		(void)!json_object_set_new(act, "note", json_string(note));
	return act;
}

/* ---- file ---- */

static int open_journal(const char *state_dir, int *ret_fd)
{
	char path[300];
	int n = snprintf(path, sizeof(path), "%s/%s", state_dir, JOURNAL_FILE);
	int fd;

	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	if (mkdir(state_dir, 0750) && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

/* A torn line of a writer that died must not swallow ours. */
static bool ends_torn(int fd)
{
	struct stat st;
	char last;

	return fstat(fd, &st) == 0 && st.st_size > 0 && pread(fd, &last, 1, st.st_size - 1) == 1 &&
	       last != '\n';
}

char *journal_text(const json_t *const *acts, size_t count, size_t *ret_len)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, ret_len);
	bool good = out && fputc('\n', out) != EOF;

	for (size_t i = 0; good && i < count; i++)
		good = !json_dumpf(acts[i], out, JSON_COMPACT) && fputc('\n', out) != EOF;
	if (out)
		good = !fclose(out) && good;
	if (good)
		return text;
	free(text);
	return NULL;
}

int journal_append_text(const char *state_dir, const char *text, size_t len)
{
	own_fd int fd = -1;
	struct stat before;
	ssize_t n;
	int r = open_journal(state_dir, &fd);

	if (r)
		return r;
	if (fstat(fd, &before))
		return -errno;
	if (before.st_size + (off_t)len > JOURNAL_BYTES_MAX)
		return -EFBIG;
	if (!ends_torn(fd)) {
		text++;
		len--;
	}
	n = write(fd, text, len);
	if (n == (ssize_t)len && fdatasync(fd) == 0)
		return 0;
	r = n < 0 || n == (ssize_t)len ? -errno : -ENOSPC;
	/* Half a line helps nobody. */
	if (ftruncate(fd, before.st_size))
		return r;
	return r;
}

int journal_append(const char *state_dir, const json_t *const *acts, size_t count)
{
	size_t len = 0;
	own_free char *text = journal_text(acts, count, &len);

	return text ? journal_append_text(state_dir, text, len) : -ENOMEM;
}

int journal_empty(const char *state_dir)
{
	own_fd int fd = -1;
	int r = open_journal(state_dir, &fd);

	if (!r && (ftruncate(fd, 0) || fsync(fd)))
		r = -errno;
	return r;
}

int journal_write(const char *state_dir, const json_t *act)
{
	return journal_append(state_dir, &act, 1);
}

/* ---- plan ---- */

static void key_of(const json_t *entry, char *key, size_t size)
{
	(void)snprintf(key, size, "%s %s", json_string_value(json_object_get(entry, "table")),
		       json_string_value(json_object_get(entry, "prefix")));
}

static bool sound(const json_t *entry, const char *act)
{
	const char *table = json_string_value(json_object_get(entry, "table"));
	const char *prefix = json_string_value(json_object_get(entry, "prefix"));
	struct prefix parsed;

	if (!table || (table_find(table) == SZ_TABLES && strcmp(table, "all") != 0))
		return false;
	if (strcmp(act, "flush") == 0)
		return true;
	return prefix && !prefix_parse(prefix, strlen(prefix), &parsed);
}

static void forget_table(json_t *adds, const char *table)
{
	const char *key;
	json_t *value;
	void *next;

	json_object_foreach_safe(adds, next, key, value)
	{
		const char *of = json_string_value(json_object_get(value, "table"));

		if (strcmp(table, "all") == 0 || strcmp(of, table) == 0)
			(void)json_object_del(adds, key);
	}
}

static void plan_list_act(struct journal_plan *plan, const json_t *entry, const char *act,
			  bool in_force)
{
	char key[PREFIX_TEXT_LEN + 16];

	if (strcmp(act, "flush") == 0) {
		forget_table(plan->adds, json_string_value(json_object_get(entry, "table")));
		return;
	}
	key_of(entry, key, sizeof(key));
	(void)json_object_del(plan->adds, key);
	if (strcmp(act, "add") == 0 && !in_force)
		(void)!json_object_set(plan->adds, key, (json_t *)(uintptr_t)entry);
}

static void plan_set(struct journal_plan *plan, const json_t *entry, bool in_force)
{
	const char *name = json_string_value(json_object_get(entry, "name"));
	json_t *value = json_object_get(entry, "value");

	if (!name || !json_is_string(value)) {
		plan->bad++;
		return;
	}
	(void)json_object_del(plan->sets, name);
	if (!in_force)
		(void)!json_object_set(plan->sets, name, value);
}

static void plan_service(struct journal_plan *plan, const json_t *entry, bool removed,
			 bool in_force)
{
	const char *name = json_string_value(json_object_get(entry, "service"));
	struct sz_service config;

	if (!name || (!removed && !journal_decode_service(entry, 0, &config))) {
		plan->bad++;
		return;
	}
	(void)json_object_del(plan->services, name);
	if (!removed && !in_force)
		(void)!json_object_set(plan->services, name, (json_t *)(uintptr_t)entry);
}

static void plan_entry(struct journal_plan *plan, const json_t *entry, const char *maps)
{
	const char *act = json_string_value(json_object_get(entry, "act"));
	const char *on = json_string_value(json_object_get(entry, "maps"));
	const char *list = json_string_value(json_object_get(entry, "list"));
	bool in_force = on && strcmp(on, maps) == 0;

	if (!act) {
		plan->bad++;
		return;
	}
	plan->acts++;
	plan->in_force += in_force;
	if (strcmp(act, "set") == 0) {
		plan_set(plan, entry, in_force);
	} else if (strncmp(act, "service", 7) == 0) {
		plan_service(plan, entry, strcmp(act, "service-remove") == 0, in_force);
	} else if (strcmp(act, "load") == 0 && list) {
		if (in_force)
			(void)json_object_del(plan->lists, list);
		else
			(void)!json_object_set_new(plan->lists, list, json_true());
	} else if (strcmp(act, "unload") == 0 && list) {
		(void)json_object_del(plan->lists, list);
	} else if (strcmp(act, "add") == 0 || strcmp(act, "remove") == 0 ||
		   strcmp(act, "flush") == 0) {
		if (sound(entry, act))
			plan_list_act(plan, entry, act, in_force);
		else
			plan->bad++;
	}
}

int journal_plan(const char *text, size_t len, const char *maps, struct journal_plan *ret_plan)
{
	struct journal_plan plan = {.adds = json_object(),
				    .sets = json_object(),
				    .services = json_object(),
				    .lists = json_object()};
	size_t at = 0;

	if (!plan.adds || !plan.sets || !plan.services || !plan.lists) {
		journal_plan_deinit(&plan);
		return -ENOMEM;
	}
	while (at < len) {
		const char *end = memchr(text + at, '\n', len - at);
		size_t line = end ? (size_t)(end - text) - at : len - at;
		json_t *entry;

		if (!end) {
			plan.torn = true;
			break;
		}
		entry = line && line <= JOURNAL_LINE_MAX ? json_loadb(text + at, line, 0, NULL)
							 : NULL;
		if (entry)
			plan_entry(&plan, entry, maps);
		else
			plan.bad += line > 0;
		json_decref(entry);
		at += line + 1;
	}
	*ret_plan = plan;
	return 0;
}

void journal_plan_deinit(struct journal_plan *plan)
{
	json_decref(plan->adds);
	json_decref(plan->sets);
	json_decref(plan->services);
	json_decref(plan->lists);
	*plan = (struct journal_plan){0};
}

bool journal_decode(const json_t *entry, uint64_t wall_s, uint32_t boot_s, struct act *ret_act)
{
	const char *table = json_string_value(json_object_get(entry, "table"));
	const char *prefix = json_string_value(json_object_get(entry, "prefix"));
	const json_t *until = json_object_get(entry, "until_wall");
	uint64_t until_wall = (uint64_t)json_integer_value(until);
	struct act act = {.origin = SZ_ORIGIN_OPERATOR};

	if (!table || !prefix || prefix_parse(prefix, strlen(prefix), &act.prefix))
		return false;
	act.table = table_find(table);
	if (act.table == SZ_TABLES || (until && until_wall <= wall_s))
		return false;
	act.bit = act.table == SZ_TABLE_DENY ? SZ_LIST_OPERATOR : SZ_PASS_OPERATOR;
	if (until && until_wall - wall_s > UINT32_MAX - boot_s)
		return false;
	act.until_s = until ? boot_s + (uint32_t)(until_wall - wall_s) : 0;
	act.note = json_string_value(json_object_get(entry, "note"));
	*ret_act = act;
	return true;
}
