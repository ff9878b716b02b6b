/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/ctl/saying.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <user/base/clock.h>
#include <user/ctl/journal.h>
#include <user/ctl/names.h>
#include <user/ctl/rows.h>

static const char *const past[SZ_TABLES] = {"never banned from now on", "allowed", "banned"};

static void say_entry(struct gate *gate, const struct act_answer *answer, char *text, size_t size)
{
	struct list_names names;
	char prefix[PREFIX_TEXT_LEN], lists[160] = "";

	if (!names_read(gate, &names))
		names_text(&names, answer->other_table, answer->other_lists, lists, sizeof(lists));
	(void)snprintf(text, size, "%s entry %s%s%s%s", table_names[answer->other_table],
		       prefix_format(&answer->other, prefix), lists[0] ? " (" : "", lists,
		       lists[0] ? ")" : "");
}

static int refused(struct gate *gate, const struct prefix *prefix, const struct act_answer *answer,
		   char text[SAYING_LEN])
{
	char what[PREFIX_TEXT_LEN], entry[260];
	const char *verb = "the";

	prefix_format(prefix, what);
	say_entry(gate, answer, entry, sizeof(entry));
	if (answer->other.family)
		verb = prefix_covers(&answer->other, prefix) ? "protected by" : "it covers";
	(void)snprintf(text, SAYING_LEN, "%s is refused: %s %s", what, verb, entry);
	return CTL_REFUSED;
}

static int full(const struct prefix *prefix, const struct act_answer *answer, char text[SAYING_LEN])
{
	char what[PREFIX_TEXT_LEN];

	(void)snprintf(text, SAYING_LEN,
		       "%s does not fit: the map is full, %llu of %llu entries; nothing was "
		       "changed. `strazhctl unban` makes room, strazhd --max-hosts a larger map",
		       prefix_format(prefix, what), (unsigned long long)answer->fill,
		       (unsigned long long)answer->capacity);
	return CTL_FULL;
}

static int added(const struct act *act, uint64_t for_s, const struct act_answer *answer,
		 char text[SAYING_LEN])
{
	char what[PREFIX_TEXT_LEN], until[80] = "for good", wall[32], time[DURATION_TEXT_LEN];

	if (act->until_s) {
		wall_text(clock_wall_of(act->until_s), wall, sizeof(wall));
		(void)snprintf(until, sizeof(until), "for %s (until %s)",
			       duration_format(for_s, time), wall);
	}
	(void)snprintf(text, SAYING_LEN, "%s: %s%s %s%s%s", prefix_format(&act->prefix, what),
		       past[act->table], answer->was_there ? ", renewed," : "", until,
		       act->note && act->note[0] ? ": " : "", act->note ? act->note : "");
	return CTL_DONE;
}

int saying_add(struct request *request, enum sz_table table, const struct prefix *prefix,
	       uint64_t for_s, const char *note, char text[SAYING_LEN])
{
	struct act act = {
		.table = table,
		.prefix = *prefix,
		.bit = table == SZ_TABLE_DENY ? SZ_LIST_OPERATOR : SZ_PASS_OPERATOR,
		.origin = SZ_ORIGIN_OPERATOR,
		.until_s = for_s ? clock_until(for_s) : 0,
		.note = note,
	};
	struct act_answer answer = {0};
	int r = act_add(request->gate, &act, &answer);

	if (r == ACT_REFUSED_NEVER || r == ACT_REFUSED_ALLOW)
		return refused(request->gate, prefix, &answer, text);
	if (r == ACT_FULL)
		return full(prefix, &answer, text);
	if (r) {
		(void)snprintf(text, SAYING_LEN, "%s", gate_error());
		return r < 0 ? r : CTL_FAILED;
	}
	request_act(request, journal_add(request->gate, &act));
	return added(&act, for_s, &answer, text);
}

static int not_found(struct gate *gate, enum sz_table table, const struct prefix *prefix,
		     const struct act_answer *answer, char text[SAYING_LEN])
{
	static const char *const un[SZ_TABLES] = {"is not on the never list by your word",
						  "is not allowed", "is not banned"};
	char what[PREFIX_TEXT_LEN], entry[260] = "";

	if (answer->other.family)
		say_entry(gate, answer, entry, sizeof(entry));
	(void)snprintf(text, SAYING_LEN, "%s %s by itself%s%s%s", prefix_format(prefix, what),
		       un[table], entry[0] ? "; but there is the " : "", entry,
		       entry[0] ? ", which is taken back by its own name" : "");
	if (!entry[0])
		(void)snprintf(text, SAYING_LEN, "%s %s", what, un[table]);
	return CTL_NOT_FOUND;
}

/* What still denies or protects it, after its own entry is gone. */
static void say_rest(struct gate *gate, enum sz_table table, const struct prefix *prefix,
		     char *text, size_t size)
{
	struct entry entries[32];
	struct list_names names;
	size_t count;
	char what[PREFIX_TEXT_LEN], lists[160];

	if (act_covering(gate, prefix, entries, ARRAY_LEN(entries), &count) ||
	    names_read(gate, &names))
		return;
	for (size_t i = 0; i < count; i++) {
		uint64_t live = entry_own_live(&entries[i], gate->settings->lists_off,
					       clock_boot_s());

		if (entries[i].table != table || !live)
			continue;
		names_text(&names, table, live, lists, sizeof(lists));
		(void)snprintf(text, size, "; still on the %s list: %s (%s)", table_names[table],
			       prefix_format(&entries[i].prefix, what), lists);
		return;
	}
}

int saying_remove(struct request *request, enum sz_table table, const struct prefix *prefix,
		  char text[SAYING_LEN])
{
	static const char *const done[SZ_TABLES] = {"no longer never-ban by your word",
						    "no longer allowed", "no longer banned"};
	struct act_answer answer = {0};
	char what[PREFIX_TEXT_LEN];
	bool guards = false;
	json_t *act;
	int r = act_remove(request->gate, table, prefix, 0, &answer);
	int len;

	if (table == SZ_TABLE_DENY && (r == 0 || r == ACT_NOT_FOUND)) {
		/* A ban is a ban to whoever takes it back, learned by the daemon or not. */
		struct act_answer second = {0};
		int r2 = act_remove(request->gate, table, prefix, SZ_LIST_GUARD, &second);

		guards = !r2;
		r = r2 && r2 != ACT_NOT_FOUND ? r2 : r && r2 ? r : 0;
	}
	if (r == ACT_NOT_FOUND)
		return not_found(request->gate, table, prefix, &answer, text);
	if (r) {
		(void)snprintf(text, SAYING_LEN, "%s", gate_error());
		return r < 0 ? r : CTL_FAILED;
	}
	act = journal_remove(request->gate, table, prefix);
	if (act && guards)
		(void)!json_object_set_new(act, "guard", json_true());
	request_act(request, act);
	if (table == SZ_TABLE_DENY && request->host->on_unbanned)
		request->host->on_unbanned(request->host->context, prefix);
	len = snprintf(text, SAYING_LEN, "%s: %s", prefix_format(prefix, what), done[table]);
	say_rest(request->gate, table, prefix, text + len, SAYING_LEN - (size_t)len);
	return CTL_DONE;
}
