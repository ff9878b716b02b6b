/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * strazh-db VERB [FILE] [OPTIONS]: strazhctl has judged the words (user/ctl/cmd_db.c); here the
 * store is found: by --url, else by the configuration that strazhd would read.
 */
#include <user/db/db.h>

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <user/daemon/memory/memory.h>

struct words {
	struct db db;
	const char *config, *state_dir;
};

static const struct verb {
	const char *name;
	int (*run)(const struct db *db);
	bool file;
} verbs[] = {
	{"check", db_check, false},
	{"export", db_export, true},
	{"import", db_import, true},
	{"copy", db_copy, false},
};

static int usage(void)
{
	fputs("usage: strazh-db check | export FILE | import FILE | copy --to URL [--final]\n"
	      "                 [--url URL] [--config FILE] [--state-dir DIR] [--json] [--quiet]\n"
	      "`strazhctl db` runs it; see strazhctl(8).\n",
	      stderr);
	return CTL_USAGE;
}

static bool take_options(struct words *words, int argc, char **argv)
{
	static const struct option options[] = {
		{"url", required_argument, NULL, 'u'},
		{"to", required_argument, NULL, 't'},
		{"config", required_argument, NULL, 'c'},
		{"state-dir", required_argument, NULL, 's'},
		{"final", no_argument, NULL, 'f'},
		{"json", no_argument, NULL, 'j'},
		{"quiet", no_argument, NULL, 'q'},
		{0},
	};
	struct db *db = &words->db;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'u':
			db->url = optarg;
			break;
		case 't':
			db->to = optarg;
			break;
		case 'c':
			words->config = optarg;
			break;
		case 's':
			words->state_dir = optarg;
			break;
		case 'f':
			db->final = true;
			break;
		case 'j':
			db->json = true;
			break;
		case 'q':
			db->quiet = true;
			break;
		default:
			return false;
		}
	}
	return true;
}

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

/* The store of strazhd, as its configuration has it. */
static int find_store(struct words *words, char url[MEMORY_URL_LEN])
{
	const struct config_set set = {"--state-dir", CFG_STATE_DIR, words->state_dir};
	const struct config_sources sources = {
		.path = words->config,
		.environment = environ,
		.sets = &set,
		.sets_len = words->state_dir ? 1 : 0,
	};
	static struct config_faults faults;
	struct config *config;
	int r = config_load(&sources, &config, &faults);

	if (r)
		return faults.total
			       ? db_fail(&words->db, CTL_FAILED, "%s: %s: %s", faults.list[0].where,
					 faults.list[0].key, faults.list[0].why)
			       : db_fail(&words->db, CTL_FAILED, "out of memory");
	words->db.url = memory_url(config, url);
	config_free(config);
	if (!words->db.url)
		return db_fail(&words->db, CTL_NOT_FOUND,
			       "strazhd has no store: store.url is 'none'; --url names one");
	return CTL_DONE;
}

int main(int argc, char **argv)
{
	struct words words = {0};
	char url[MEMORY_URL_LEN];
	const struct verb *verb;
	int code = CTL_DONE;

	(void)signal(SIGPIPE, SIG_IGN);
	umask(077);
	if (!take_options(&words, argc, argv) || optind >= argc)
		return usage();
	verb = find_verb(argv[optind]);
	words.db.file = argv[optind + 1];
	if (!verb || verb->file != !!words.db.file || (verb->run == db_copy) != !!words.db.to)
		return usage();
	if (!words.db.url)
		code = find_store(&words, url);
	return code ? code : verb->run(&words.db);
}
