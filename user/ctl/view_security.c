/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/ctl/security.h>

#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include <user/ctl/render.h>

static void label(const struct render *render, const char *text)
{
	fprintf(render->out, "%s%-11s%s ", render_paint(render, PAINT_DIM), text,
		render_paint(render, PAINT_OFF));
}

static long long number(const json_t *row, const char *key)
{
	return json_integer_value(json_object_get(row, key));
}

static void show_set(const struct render *render, const json_t *row, const char *key)
{
	const json_t *names = json_object_get(row, key), *name;
	size_t i;

	label(render, "");
	fprintf(render->out, "%-12s", key);
	json_array_foreach(names, i, name) fprintf(render->out, " %s", json_string_value(name));
	fputs(json_array_size(names) ? "\n" : " none\n", render->out);
}

static void show_user(const struct render *render, const json_t *row)
{
	json_int_t uid = json_integer_value(json_array_get(json_object_get(row, "uids"), 1));
	json_int_t gid = json_integer_value(json_array_get(json_object_get(row, "gids"), 1));
	const struct passwd *user = getpwuid((uid_t)uid);

	label(render, "");
	fprintf(render->out, "user %lld (%s), group %lld, %lld threads\n", (long long)uid,
		user ? user->pw_name : "?", (long long)gid, number(row, "threads"));
}

static void show_held(const struct render *render, const json_t *row)
{
	const char *mode = json_string_value(json_object_get(row, "seccomp"));
	const json_t *set_up = json_object_get(row, "set_up");
	long long abi = number(set_up, "landlock_abi");

	label(render, "");
	fprintf(render->out, "no_new_privs %s, seccomp %s",
		json_is_true(json_object_get(row, "no_new_privs")) ? "yes" : "no",
		mode ? mode : "?");
	if (set_up)
		fprintf(render->out, ": %lld system calls", number(set_up, "calls"));
	fputc('\n', render->out);
	if (!set_up)
		return;
	label(render, "");
	if (!abi)
		fputs("Landlock: this kernel has none\n", render->out);
	else if (abi < 4)
		fprintf(render->out, "Landlock ABI %lld: no file; ports are not covered\n", abi);
	else
		fprintf(render->out,
			"Landlock ABI %lld: no file, no port to bind, %lld to connect to\n", abi,
			number(set_up, "landlock_ports"));
}

void security_view(const struct render *render, const json_t *row)
{
	static const char *const sets[] = {"effective", "permitted", "inheritable", "bounding",
					   "ambient"};

	label(render, json_string_value(json_object_get(row, "process")));
	if (!number(row, "pid")) {
		fputs("does not run\n", render->out);
		return;
	}
	fprintf(render->out, "process %lld: %s\n", number(row, "pid"),
		json_string_value(json_object_get(row, "does")));
	if (!json_object_get(row, "uids"))
		return;
	show_user(render, row);
	for (size_t i = 0; i < ARRAY_LEN(sets); i++)
		show_set(render, row, sets[i]);
	show_held(render, row);
}
