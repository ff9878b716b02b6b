/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* db: another program does it (user/db/db.h says why), in the place of this one. */
#include <user/ctl/cmd.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <user/ctl/client.h>
#include <user/ctl/request.h>

#define PROGRAM "strazh-db"
#define WORDS_MAX 24

static const char *word(const json_t *args, const char *key)
{
	return json_string_value(json_object_get(args, key));
}

static int judge(struct client *client, const json_t *args)
{
	const char *verb = word(args, "verb");
	bool file = strcmp(verb, "export") == 0 || strcmp(verb, "import") == 0;
	bool copy = strcmp(verb, "copy") == 0;

	if (file && !word(args, "file"))
		return client_fail(client, CTL_USAGE,
				   "db: %s wants a file: strazhctl db %s FILE, or - for %s", verb,
				   verb, verb[0] == 'e' ? "stdout" : "stdin");
	if (!file && word(args, "file"))
		return client_fail(client, CTL_USAGE, "db: %s takes no file: '%.60s'", verb,
				   word(args, "file"));
	if (copy && !word(args, "to"))
		return client_fail(client, CTL_USAGE,
				   "db: copy wants a target: strazhctl db copy --to URL");
	if (!copy && (word(args, "to") || json_object_get(args, "final")))
		return client_fail(client, CTL_USAGE, "db: --to and --final are for copy");
	return CTL_DONE;
}

static void fill(const struct client *client, const json_t *args, const char *argv[WORDS_MAX])
{
	static const char *const keys[] = {"url", "to", "config"};
	static const char *const options[] = {"--url", "--to", "--config"};
	unsigned n = 0;

	argv[n++] = PROGRAM;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		if (!word(args, keys[i]))
			continue;
		argv[n++] = options[i];
		argv[n++] = word(args, keys[i]);
	}
	if (client->state_dir) {
		argv[n++] = "--state-dir";
		argv[n++] = client->state_dir;
	}
	if (json_is_true(json_object_get(args, "final")))
		argv[n++] = "--final";
	if (client->json)
		argv[n++] = "--json";
	if (client->quiet)
		argv[n++] = "--quiet";
	argv[n++] = "--";
	argv[n++] = word(args, "verb");
	argv[n++] = word(args, "file");
	argv[n] = NULL;
}

/* Beside strazhctl, as it is built; or where it is installed. */
static int become(struct client *client, const char *const argv[WORDS_MAX])
{
	char self[400], path[500];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	self[n > 0 ? n : 0] = '\0';
	slash = strrchr(self, '/');
	if (slash)
		*slash = '\0';
	(void)snprintf(path, sizeof(path), "%s/" PROGRAM, self);
	(void)execv(path, (char *const *)(uintptr_t)argv);
	(void)snprintf(path, sizeof(path), "%s/../lib/strazh/" PROGRAM, self);
	(void)execv(path, (char *const *)(uintptr_t)argv);
	return client_fail(client, CTL_FAILED, "db: '%s': %s", path, strerror(errno));
}

static int prepare_db(struct client *client, json_t *args, bool *ret_stop)
{
	const char *argv[WORDS_MAX];
	char why[WHY_LEN];
	int code;

	if (args_check(client->command, args, why))
		return client_fail(client, CTL_USAGE, "%s", why);
	*ret_stop = true;
	code = judge(client, args);
	if (code)
		return code;
	fill(client, args, argv);
	return become(client, argv);
}

/* A client of the socket that asks for it all the same. */
static int run_db(struct request *request)
{
	return request_say(request, CTL_USAGE, "db: strazhctl does that by itself");
}

static const struct arg db_args[] = {
	{"verb", ARG_CHOICE, ARG_POSITIONAL | ARG_REQUIRED, "check|export|import|copy", "what"},
	{"file", ARG_TEXT, ARG_POSITIONAL, "FILE", "of export and import; - is stdout, stdin"},
	{"to", ARG_TEXT, 0, "URL", "copy: into this store"},
	{"final", ARG_FLAG, 0, NULL,
	 "copy: nobody writes any more; succeed only when both are equal"},
	{"url", ARG_TEXT, 0, "URL", "another store than strazhd's"},
	{"config", ARG_TEXT, 0, "FILE", "strazhd's configuration, when it is elsewhere"},
	{0},
};

const struct command cmd_db = {
	.name = "db",
	.flags = CMD_READ,
	.args = db_args,
	.summary = "check, export, import or copy strazhd's store",
	.help = "check looks at the database, its tables, every prefix and the audit chain, counts "
		"rows, and names the first fault with its place.\n"
		"export writes JSON lines of one moment, also while strazhd writes; import takes "
		"them into a store without rows, all or nothing.\n"
		"copy moves a store to another database, SQLite or PostgreSQL, also while strazhd "
		"writes; run it again to catch up, and with --final when strazhd is stopped.",
	.prepare = prepare_db,
	.run = run_db,
};
