/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* mode, set. */
#include <user/ctl/cmd.h>

#include <string.h>

#include <user/ctl/journal.h>
#include <user/ctl/request.h>
#include <user/ctl/settings.h>
#include <user/ctl/ssh.h>
#include <user/ctl/view.h>

static int show(struct request *request, const struct setting *setting)
{
	const volatile struct sz_settings *settings = request->gate->settings;
	char value[32] = "";

	settings_get(settings, setting->name, value, sizeof(value));
	return request_row(request, json_pack("{s:s, s:s, s:b, s:s, s:s}", "setting", setting->name,
					      "value", value, "default",
					      (int)settings_is_default(settings, setting->name),
					      "values", setting->values, "text", setting->text));
}

static int change(struct request *request, const char *name, const char *value)
{
	char why[SETTINGS_WHY_LEN];

	if (settings_put(request->gate->settings, name, value, why))
		return request_say(request, CTL_USAGE, "%s: %s", request->command->name, why);
	request_act(request, journal_set(request->gate, name, value));
	return request_say(request, CTL_DONE, "%s is %s now", name, value);
}

/* ---- mode ---- */

static int run_mode(struct request *request)
{
	const char *mode = request_text(request, "mode");

	if (!mode)
		return show(request, &settings_all[0]) ? CTL_FAILED : CTL_DONE;
	/* Enforcing can lock out; whoever switches it on stays in. */
	ssh_protect(request);
	return change(request, "mode", mode);
}

static const struct arg mode_args[] = {
	{"mode", ARG_CHOICE, ARG_POSITIONAL, "observe|enforce", "shows the mode without it"},
	{"ssh", ARG_PREFIX, ARG_INTERNAL, "ADDR", "peer of the operator's SSH session"},
	{0},
};

const struct command cmd_mode = {
	.name = "mode",
	.flags = CMD_SSH | CMD_SHOWS,
	.args = mode_args,
	.summary = "drop, or only count what would be dropped",
	.help = "In observe mode every packet passes; `strazhctl stats` counts what would have "
		"been "
		"dropped.",
	.prepare = ssh_prepare,
	.run = run_mode,
	.view = &view_settings,
};

/* ---- set ---- */

static int run_set(struct request *request)
{
	const char *name = request_text(request, "name"), *value = request_text(request, "value");
	char now[32];

	if (name && !settings_get(request->gate->settings, name, now, sizeof(now))) {
		char why[SETTINGS_WHY_LEN];

		(void)!settings_put(request->gate->settings, name, value ? value : "", why);
		return request_say(request, CTL_USAGE, "set: %s", why);
	}
	if (value)
		return change(request, name, value);
	for (size_t i = 0; i < SETTINGS_COUNT; i++)
		if (!name || strcmp(settings_all[i].name, name) == 0)
			if (show(request, &settings_all[i]))
				return CTL_FAILED;
	return CTL_DONE;
}

static const struct arg set_args[] = {
	{"name", ARG_TEXT, ARG_POSITIONAL, "NAME", "shows all without it"},
	{"value", ARG_TEXT, ARG_POSITIONAL, "VALUE", "shows the value without it"},
	{0},
};

const struct command cmd_set = {
	.name = "set",
	.flags = CMD_SHOWS,
	.args = set_args,
	.summary = "show or change settings",
	.help = "rate.mode, events.per_second, bogon.GROUP. In force with "
		"the "
		"next packet.",
	.run = run_set,
	.view = &view_settings,
};
