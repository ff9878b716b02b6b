// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * A machine of the bench's own: network namespace, mount namespace, bpffs on /sys/fs/bpf, an empty
 * /run. Everything started from here lives in it, with the default paths, and it is gone with the
 * last process; so nothing is cleaned up here.
 */
#include <tests/bench/bench.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ARGS_MAX 32U
/* A packet generator must not be preempted for a compiler that runs beside it. */
#define NICE_MEASURE -20

const char *build_dir = "build";

static cpu_set_t all_cpus;
static cpu_set_t child_cpus;
static double *exec_at; /* shared with the children */

void world_enter(void)
{
	if (sched_getaffinity(0, sizeof(all_cpus), &all_cpus))
		die("sched_getaffinity: %s", strerror(errno));
	world_children_cpu(-1);
	exec_at = mmap(NULL, sizeof(*exec_at), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	if (exec_at == MAP_FAILED)
		die("mmap: %s", strerror(errno));
	if (unshare(CLONE_NEWNET | CLONE_NEWNS))
		die("unshare: %s (the bench needs root)", strerror(errno));
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("bpf", "/sys/fs/bpf", "bpf", 0, NULL) ||
	    mount("tmpfs", "/run", "tmpfs", 0, "mode=755"))
		die("mount: %s", strerror(errno));
	if (mkdir(WORLD_DIR, 0755) || mkdir(WORLD_STATE, 0755))
		die("mkdir '%s': %s", WORLD_DIR, strerror(errno));
	if (setpriority(PRIO_PROCESS, 0, NICE_MEASURE))
		die("setpriority: %s", strerror(errno));
	setenv("STRAZH_STATE_DIR", WORLD_STATE, 1);
	RUN("ip", "link", "set", "lo", "up");
}

void world_cpu(int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	if (cpu >= 0)
		CPU_SET(cpu, &one);
	if (sched_setaffinity(0, sizeof(one), cpu < 0 ? &all_cpus : &one))
		die("sched_setaffinity: %s", strerror(errno));
}

void world_children_cpu(int cpu)
{
	child_cpus = all_cpus;
	if (cpu < 0)
		return;
	CPU_ZERO(&child_cpus);
	CPU_SET(cpu, &child_cpus);
}

static double clock_s(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

double cpu_s(void)
{
	return clock_s(CLOCK_THREAD_CPUTIME_ID);
}

/* What the programs say while they are measured is kept, not shown. */
static void log_errors(void)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/bench.log", build_dir);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);
	if (fd >= 0)
		dup2(fd, STDERR_FILENO);
}

static void become(const char *const argv[], const char *out)
{
	char *copy[ARGS_MAX];
	size_t n = 0;
	int fd = open(out ? out : "/dev/null", O_WRONLY | O_CREAT | O_TRUNC, 0644);

	if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0)
		_exit(126);
	while (argv[n] && n < ARGS_MAX - 1) {
		copy[n] = strdup(argv[n]);
		n++;
	}
	copy[n] = NULL;
	log_errors();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpriority(PRIO_PROCESS, 0, 0);
	sched_setaffinity(0, sizeof(child_cpus), &child_cpus);
	*exec_at = now_s();
	execvp(copy[0], copy);
	_exit(127);
}

pid_t start(const char *const argv[], const char *out)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork: %s", strerror(errno));
	if (!pid)
		become(argv, out);
	return pid;
}

double world_exec_at(void)
{
	return *exec_at;
}

int finish(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			die("waitpid: %s", strerror(errno));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void run(const char *const argv[])
{
	int status = finish(start(argv, NULL));

	if (status)
		die("'%s %s ...' failed: status %d", argv[0], argv[1] ? argv[1] : "", status);
}

static const char *program(const char *name)
{
	static char path[2][4096];
	static unsigned int turn;
	char *at = path[turn++ % 2];

	snprintf(at, sizeof(path[0]), "%s/%s", build_dir, name);
	return at;
}

double ctl(const char *out, const char *const argv[])
{
	const char *full[ARGS_MAX] = {program("strazhctl")};
	double begin;
	int status;

	for (size_t n = 0; argv[n] && n < ARGS_MAX - 2; n++)
		full[n + 1] = argv[n];
	begin = now_s();
	status = finish(start(full, out));
	if (status)
		die("'strazhctl %s ...' failed: status %d", argv[0], status);
	return now_s() - begin;
}

pid_t daemon_start(void)
{
	const char *const argv[] = {program("strazhd"), "--state-dir", WORLD_STATE, NULL};
	const char *const status[] = {program("strazhctl"), "status", "--json", NULL};
	pid_t pid = start(argv, WORLD_DIR "/strazhd.log");
	char answer[4096];

	for (int tries = 0; tries < 100; tries++) {
		FILE *file;
		size_t got;

		usleep(50000);
		if (finish(start(status, WORLD_DIR "/status.json")))
			continue;
		file = fopen(WORLD_DIR "/status.json", "r");
		got = file ? fread(answer, 1, sizeof(answer) - 1, file) : 0;
		answer[got] = '\0';
		if (file)
			fclose(file);
		if (strstr(answer, "strazhd"))
			return pid;
	}
	die("strazhd does not answer");
}

void daemon_stop(pid_t pid)
{
	kill(pid, SIGTERM);
	if (finish(pid))
		die("strazhd did not end well");
}
