/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Runs tests/e2e/98-scene-*.sh from the tree's top and adds up what they write down. A scene that
 * finds something untrue ends the bench: a figure beside it would be worth nothing. So does one
 * that is missing, or whose attack was not stopped: the worst of the others says nothing of it.
 */
#include <tests/bench/guard/scenes.h>

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jansson.h>

#include <strazh/base/compiler.h>

#include <tests/bench/figures.h>

#define BUDGET_MS 200
#define BUDGET_HELD_PPM 1000
#define BUDGET_NEW_PPM 10000
#define BUDGET_JAIN 0.95

static struct scene {
	const char *name;
	bool stopped; /* an attack is, so there is a first moment of it */
	bool told;
} scenes[] = {
	{"allowed", false, false},     {"bursts", false, false}, {"connect", true, false},
	{"connections", false, false}, {"crowd", false, false},	 {"feed", false, false},
	{"framing", true, false},      {"garbage", true, false}, {"grows", true, false},
	{"hold", true, false},	       {"keys", true, false},	 {"nat", false, false},
	{"odd-sizes", false, false},   {"records", true, false}, {"rotate-24", true, false},
	{"rotate-64", true, false},    {"scan", false, false},	 {"small", true, false},
	{"syn-spoofed", true, false},  {"udp-one", true, false}, {"udp-spoofed", true, false},
};

static struct samples detect_ms, held_ppm, new_ppm, jain;
static unsigned over;

static void play(char *script)
{
	char *argv[] = {script, NULL};
	int status;
	pid_t pid = fork();

	if (pid < 0)
		die("fork: %s", strerror(errno));
	if (!pid) {
		int out = open("/dev/null", O_WRONLY | O_CLOEXEC);

		if (out < 0 || dup2(out, STDOUT_FILENO) < 0)
			_exit(126);
		execv(script, argv);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			die("%s: %s", script, strerror(errno));
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		die("%s: something in it is not true; run it alone to see what", script);
}

static void note(struct samples *samples, const json_t *figures, const char *name)
{
	const json_t *value = json_object_get(figures, name);

	if (json_is_number(value))
		samples_add(samples, json_number_value(value));
}

static struct scene *find_scene(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(scenes); i++)
		if (name && strcmp(scenes[i].name, name) == 0)
			return &scenes[i];
	die("scene '%s' is not known here", name ? name : "");
}

static void take_scene(const json_t *figures)
{
	const json_t *ms = json_object_get(figures, "detect_ms");
	struct scene *scene = find_scene(json_string_value(json_object_get(figures, "scene")));

	scene->told = true;
	if (scene->stopped && !json_is_number(ms))
		die("scene '%s': no detect_ms, its attack was not stopped", scene->name);
	if (json_is_number(ms))
		say("  %s: %g ms%s", scene->name, json_number_value(ms),
		    json_number_value(ms) > BUDGET_MS ? ", OVER BUDGET" : "");
	note(&detect_ms, figures, "detect_ms");
	note(&held_ppm, figures, "held_ppm");
	note(&new_ppm, figures, "new_ppm");
	note(&jain, figures, "jain");
}

static void take(const char *path)
{
	FILE *file = fopen(path, "re");
	json_error_t error;
	json_t *figures;

	if (!file)
		die("%s: %s", path, strerror(errno));
	while ((figures = json_loadf(file, JSON_DISABLE_EOF_CHECK, &error))) {
		take_scene(figures);
		json_decref(figures);
	}
	fclose(file);
	for (size_t i = 0; i < ARRAY_LEN(scenes); i++)
		if (!scenes[i].told)
			die("scene '%s' told no figures", scenes[i].name);
}

static void judge(const char *name, double value, bool good)
{
	if (good)
		return;
	over++;
	say("OVER BUDGET: %s is %g", name, value);
}

/* The worst of all scenes; the row has the median beside it. */
static void report_worst(const char *name, struct samples *samples, const char *unit, double budget)
{
	double worst = samples_at(samples, 100);
	char peer[40];

	(void)snprintf(peer, sizeof(peer), "budget %g %s", budget, unit);
	report(name, worst, unit, peer, budget / MAX(worst, 1), samples);
	judge(name, worst, worst <= budget);
}

static void report_all(void)
{
	double least = samples_at(&jain, 0);

	report_worst("guard.detect_ms", &detect_ms, "ms", BUDGET_MS);
	report_worst("guard.honest_loss_ppm", &held_ppm, "ppm", BUDGET_HELD_PPM);
	report_worst("guard.honest_new_loss_ppm", &new_ppm, "ppm", BUDGET_NEW_PPM);
	report("guard.scene_jain", least, "", "budget 0.95", least / BUDGET_JAIN, &jain);
	judge("guard.scene_jain", least, least >= BUDGET_JAIN);
}

/* Writes into the file that `log` becomes the name of. */
static void play_all(const char *build_dir, char *log)
{
	char *build = realpath(build_dir, NULL);
	int fd = mkstemp(log);
	glob_t scripts;

	if (fd < 0 || !build || setenv("SCENE_LOG", log, 1) || setenv("O", build, 1))
		die("%s: %s", log, strerror(errno));
	close(fd);
	if (glob("tests/e2e/98-scene-*.sh", 0, NULL, &scripts))
		die("no tests/e2e/98-scene-*.sh: run it from the top of the tree");
	for (size_t i = 0; i < scripts.gl_pathc; i++) {
		say("%s", scripts.gl_pathv[i]);
		play(scripts.gl_pathv[i]);
	}
	globfree(&scripts);
	free(build);
}

unsigned bench_scenes(const char *build_dir)
{
	char log[] = "/tmp/strazh-scenes.XXXXXX";
	const char *played = getenv("BENCH_SCENES");

	if (!played)
		play_all(build_dir, log);
	take(played ? played : log);
	if (!played)
		unlink(log);
	report_all();
	return over;
}
