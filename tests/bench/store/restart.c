// SPDX-License-Identifier: AGPL-3.0-or-later
#include <tests/bench/store/restart.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tests/bench/figures.h>

#define ROUNDS 3U
#define STATE "/run/strazh-state"

static void child(const char *build, const char *url, int out)
{
	char program[4200], config[64] = "/run/strazh.conf", text[4300];
	int fd;

	if (unshare(CLONE_NEWNET | CLONE_NEWNS) ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("bpf", "/sys/fs/bpf", "bpf", 0, NULL) ||
	    mount("tmpfs", "/run", "tmpfs", 0, "mode=755") || mkdir(STATE, 0750))
		_exit(3);
	fd = open(config, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	(void)snprintf(text, sizeof(text), "[store]\nurl = %s\n", url);
	if (fd < 0 || write(fd, text, strlen(text)) < 0 || close(fd))
		_exit(3);
	(void)snprintf(program, sizeof(program), "%s/strazhd", build);
	(void)dup2(out, STDERR_FILENO);
	(void)dup2(out, STDOUT_FILENO);
	execl(program, program, "--config", config, "--state-dir", STATE, (char *)NULL);
	_exit(3);
}

/* Seconds until it is ready. */
static double start_once(const char *build, const char *url, unsigned entries)
{
	char line[1024], want[80];
	bool put = false, ready = false;
	int pipe_fd[2], status;
	double begin, took = 0;
	FILE *log;
	pid_t pid;

	if (pipe2(pipe_fd, O_CLOEXEC))
		die("pipe: %s", strerror(errno));
	(void)snprintf(want, sizeof(want), "store: %u entries are in the gate again", entries);
	begin = now_s();
	pid = fork();
	if (pid < 0)
		die("fork: %s", strerror(errno));
	if (!pid)
		child(build, url, pipe_fd[1]);
	close(pipe_fd[1]);
	log = fdopen(pipe_fd[0], "r");
	if (!log)
		die("fdopen: %s", strerror(errno));
	while (!(ready && put) && fgets(line, sizeof(line), log)) {
		put = put || strstr(line, want);
		ready = ready || strstr(line, "ready: ");
		took = now_s() - begin;
	}
	(void)kill(pid, SIGKILL); /* what is compared behind it would only take the time */
	fclose(log);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!ready || !put)
		die("strazhd %s: %s", ready ? "did not put all bans back" : "did not start", line);
	return took;
}

void restart(const char *name, const char *build, const char *url, unsigned entries)
{
	struct samples samples = {0};

	for (unsigned i = 0; i < ROUNDS; i++)
		samples_add(&samples, start_once(build, url, entries));
	report_budget(name, samples_at(&samples, 50), "s", 5, &samples);
}
