/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <user/ctl/client.h>
#include <user/ctl/help.h>
#include <user/ctl/options.h>
#include <user/ctl/request.h>

static int unknown(struct client *client, const char *name)
{
	const struct command *near = command_nearest(name);

	if (near)
		return client_fail(client, CTL_USAGE,
				   "there is no command '%.40s'; did you mean '%s'?", name,
				   near->name);
	return client_fail(client, CTL_USAGE,
			   "there is no command '%.40s'; `strazhctl help` shows all", name);
}

static int carry_out(struct client *client, json_t *args)
{
	char why[WHY_LEN];
	bool stop = false;
	json_t *result = NULL;
	int code = CTL_DONE;

	if (client->command->prepare)
		code = client->command->prepare(client, args, &stop);
	if (code || stop)
		return code;
	if (args_check(client->command, args, why))
		return client_fail(client, CTL_USAGE, "%s", why);
	(void)!client_call(client, args, &result);
	return client_finish(client, result);
}

static int run(struct client *client, int argc, char **argv)
{
	struct render render;
	char why[WHY_LEN];
	json_t *args;
	int code;

	client->command = command_find(argv[0]);
	if (!client->command)
		return unknown(client, argv[0]);
	if (args_build(client->command, argc - 1, (const char *const *)argv + 1, &args, why))
		return client_fail(client, CTL_USAGE, "%s", why);
	render_init(&render, client->command->view, stdout, client->json);
	client->render = &render;
	code = carry_out(client, args);
	client->render = NULL;
	render_deinit(&render);
	json_decref(args);
	return code;
}

static int help(struct client *client, const char *name)
{
	const struct command *command = name ? command_find(name) : NULL;

	if (name && !command)
		return unknown(client, name);
	if (command)
		help_command(stdout, command);
	else
		help_all(stdout);
	return CTL_DONE;
}

int main(int argc, char **argv)
{
	struct options options;
	struct client client = {.file_fd = -1, .socket_fd = -1};
	int code;

	(void)signal(SIGPIPE, SIG_IGN);
	options_take(&options, argc, argv);
	client.run_dir = options.run_dir;
	client.pin_dir = options.pin_dir;
	client.state_dir = options.state_dir;
	client.json = options.json;
	client.quiet = options.quiet;
	if (options.version) {
		puts("strazhctl " STRAZH_VERSION);
		return CTL_DONE;
	}
	if (options.missing)
		return client_fail(&client, CTL_USAGE, "'%s' wants a value", options.missing);
	if (options.argc && strcmp(options.argv[0], "complete-words") == 0)
		return help_complete(stdout, options.argc - 1, options.argv + 1) ? CTL_DONE
										 : CTL_USAGE;
	if (options.argc && strcmp(options.argv[0], "help") == 0)
		return help(&client, options.argv[1]);
	if (options.help || !options.argc)
		code = help(&client, options.argc ? options.argv[0] : NULL);
	else
		code = run(&client, options.argc, options.argv);
	client_deinit(&client);
	return options.help || options.argc ? code : CTL_USAGE;
}
