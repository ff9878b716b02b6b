/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * db: another program does it (user/db/db.h says why), in the place of this one; but `switch`,
 * which strazhd does.
 */
#include <user/ctl/cmd.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <user/ctl/client.h>
#include <user/ctl/request.h>

#define PROGRAM "strazh-db"
#define WORDS_MAX 24
#define SWITCH_PAUSE_MS 50

static const char *word(const json_t *args, const char *key)
{
	return json_string_value(json_object_get(args, key));
}

static int judge_switch(struct client *client, const json_t *args)
{
	if (!word(args, "to"))
		return client_fail(client, CTL_USAGE,
				   "db: switch wants a target: strazhctl db switch --to URL");
	if (word(args, "file") || word(args, "url") || word(args, "config") ||
	    json_object_get(args, "final"))
		return client_fail(client, CTL_USAGE,
				   "db: switch is about the store that strazhd has open: it takes "
				   "--to alone");
	return CTL_DONE;
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

/* ---- switch ---- */

static int ask(struct client *client, const char *to, json_t **ret_result)
{
	json_t *args = to ? json_pack("{s:s}", "value", to) : json_object();
	int code = client_call(client, args, ret_result);

	json_decref(args);
	return code;
}

static int run_switch(struct client *client, const char *to)
{
	const struct timespec pause = {.tv_nsec = SWITCH_PAUSE_MS * 1000000L};
	json_t *result = NULL;
	int code;

	client->command = &cmd_db_switch;
	code = ask(client, to, &result);
	while (!code && result && word(result, "now") &&
	       strcmp(word(result, "now"), "running") == 0) {
		json_decref(result);
		result = NULL;
		nanosleep(&pause, NULL);
		code = ask(client, NULL, &result);
	}
	return client_finish(client, result);
}

static int report(struct request *request)
{
	const struct host_switch *now = request->host->switching(request->host->context);

	if (!now)
		return request_say(request, CTL_NOT_FOUND, "db: strazhd has no store");
	request_set(request, "now", json_string(now->now));
	request_set(request, "rows", json_integer((json_int_t)now->rows));
	request_set(request, "took_ms", json_integer((json_int_t)now->took_ms));
	if (strcmp(now->now, "failed") == 0)
		return request_say(request, CTL_FAILED, "db: the store stays where it is: %s",
				   now->why);
	if (strcmp(now->now, "done") == 0)
		return request_say(
			request, CTL_DONE,
			"the store was moved, %llu rows proved equal; nothing was written "
			"for %llu ms",
			(unsigned long long)now->rows, (unsigned long long)now->took_ms);
	return CTL_DONE;
}

static int run_db_switch(struct request *request)
{
	const char *to = request_text(request, "value");
	char why[300];
	int code;

	if (!request->host->store_switch || !request->host->switching)
		return request_say(request, CTL_FAILED,
				   "db: strazhd is not running: `strazhctl db copy --to URL "
				   "--final`, then name the URL in strazh.conf, [store] url");
	if (to) {
		code = request->host->store_switch(request->host->context, to, why, sizeof(why));
		if (code)
			return request_say(request, code, "db: the store stays where it is: %s",
					   why);
	}
	return report(request);
}

static const struct arg switch_args[] = {
	{"value", ARG_TEXT, ARG_INTERNAL, "URL", "where to; without it, how it goes"},
	{0},
};

const struct command cmd_db_switch = {
	.name = "db-switch",
	.flags = CMD_HIDDEN | CMD_SHOWS,
	.args = switch_args,
	.summary = "what `db switch` sends",
	.run = run_db_switch,
};

/* ---- all of them ---- */

static int prepare_db(struct client *client, json_t *args, bool *ret_stop)
{
	const char *argv[WORDS_MAX];
	char why[WHY_LEN];
	int code;

	if (args_check(client->command, args, why))
		return client_fail(client, CTL_USAGE, "%s", why);
	*ret_stop = true;
	if (strcmp(word(args, "verb"), "switch") == 0) {
		code = judge_switch(client, args);
		return code ? code : run_switch(client, word(args, "to"));
	}
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
	{"verb", ARG_CHOICE, ARG_POSITIONAL | ARG_REQUIRED, "check|export|import|copy|switch",
	 "what"},
	{"file", ARG_TEXT, ARG_POSITIONAL, "FILE", "of export and import; - is stdout, stdin"},
	{"to", ARG_TEXT, 0, "URL", "copy: into this store; switch: to it"},
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
		"writes; run it again to catch up, and with --final when strazhd is stopped.\n"
		"switch takes the store of a strazhd at work to another database, where it stays "
		"until it is switched back or [store] url names it; acts wait meanwhile.",
	.prepare = prepare_db,
	.run = run_db,
};
