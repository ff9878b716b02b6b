/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <tests/bench/wire/bench.h>
#include <tests/bench/wire/rig.h>

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BACKLOG 256

void want_descriptors(rlim_t need)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		die("getrlimit: %s", strerror(errno));
	limit.rlim_cur = MAX(limit.rlim_cur, need);
	limit.rlim_max = MAX(limit.rlim_max, need);
	if (setrlimit(RLIMIT_NOFILE, &limit))
		die("%lu descriptors: %s", (unsigned long)need, strerror(errno));
}

/* ---- servers ---- */

static void become(char *const argv[], const int ends[2])
{
	pin(0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(ends[1], STDOUT_FILENO);
	close(ends[0]);
	close(ends[1]);
	if (freopen("/dev/null", "w", stderr))
		execvp(argv[0], argv);
	_exit(127);
}

struct rig rig_spawn(char *const argv[], char line[RIG_LINE])
{
	struct rig rig = {.said = NULL};
	int ends[2];

	if (pipe(ends))
		die("pipe: %s", strerror(errno));
	rig.pid = fork();
	if (rig.pid < 0)
		die("fork: %s", strerror(errno));
	if (!rig.pid)
		become(argv, ends);
	close(ends[1]);
	rig.said = fdopen(ends[0], "r");
	if (!rig.said)
		die("fdopen: %s", strerror(errno));
	if (line && !fgets(line, RIG_LINE, rig.said))
		die("'%s' does not start", argv[0]);
	return rig;
}

struct rig rig_serve(void (*serve)(int listener, const void *arg), const void *arg)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct rig rig = {.said = NULL};
	socklen_t len = sizeof(at);

	if (listener < 0 || bind(listener, (struct sockaddr *)&at, sizeof(at)) ||
	    listen(listener, BACKLOG) || getsockname(listener, (struct sockaddr *)&at, &len))
		die("listen: %s", strerror(errno));
	rig.port = ntohs(at.sin_port);
	rig.pid = fork();
	if (rig.pid < 0)
		die("fork: %s", strerror(errno));
	if (!rig.pid) {
		pin(0);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve(listener, arg);
		_exit(0);
	}
	close(listener);
	return rig;
}

void rig_stop(struct rig *rig, char line[RIG_LINE])
{
	kill(rig->pid, SIGTERM);
	if (line && !fgets(line, RIG_LINE, rig->said))
		die("a server without a last word");
	if (waitpid(rig->pid, NULL, 0) != rig->pid)
		die("waitpid: %s", strerror(errno));
	if (rig->said)
		fclose(rig->said);
}

static struct rig secured(char *option, char *value)
{
	char path[RIG_PATH], line[RIG_LINE], *hex;
	char *argv[] = {path, option, value, NULL};
	struct rig rig;

	snprintf(path, sizeof(path), "%s/tests/tools/secured-echo", bench_dir);
	rig = rig_spawn(argv, line);
	rig.port = (uint16_t)strtoul(line, &hex, 10);
	if (strlen(hex) < 1 + 2 * sizeof(rig.key))
		die("'%s' says '%s'", path, line);
	hex++;
	for (size_t i = 0; i < sizeof(rig.key); i++, hex += 2) {
		char byte[3] = {hex[0], hex[1], 0};

		rig.key[i] = (uint8_t)strtoul(byte, NULL, 16);
	}
	return rig;
}

struct rig rig_secured(int tickets)
{
	char none[] = "-t";

	return secured(tickets ? NULL : none, NULL);
}

struct rig rig_tunnel(uint16_t upstream)
{
	char option[] = "-u", value[16];

	snprintf(value, sizeof(value), "%u", upstream);
	return secured(option, value);
}

struct rig rig_helped(unsigned threads)
{
	char option[] = "-k", none[] = "-K", value[16];
	cpu_set_t all;
	struct rig rig;

	snprintf(value, sizeof(value), "%u", threads);
	rig = threads ? secured(option, value) : secured(none, NULL);
	CPU_ZERO(&all);
	for (long i = sysconf(_SC_NPROCESSORS_ONLN); i-- > 0;)
		CPU_SET((int)i, &all);
	/* Its only thread: those that come have its processors. */
	if (sched_setaffinity(rig.pid, sizeof(all), &all))
		die("sched_setaffinity: %s", strerror(errno));
	return rig;
}

double rig_resident(const struct rig *rig)
{
	char path[64], line[128];
	double kib = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)rig->pid);
	file = fopen(path, "r");
	if (!file)
		die("'%s': %s", path, strerror(errno));
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, "VmRSS:", 6))
			kib = strtod(line + 6, NULL);
	fclose(file);
	if (kib < 0)
		die("no VmRSS in '%s'", path);
	return kib * 1024;
}

/* Of all its threads, also of those that have ended. */
double rig_cpu_s(const struct rig *rig)
{
	struct timespec ts;
	clockid_t clock;

	if (clock_getcpuclockid(rig->pid, &clock) || clock_gettime(clock, &ts))
		die("no clock of process %d", (int)rig->pid);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9 +
	       (rig->behind ? rig_cpu_s(rig->behind) : 0);
}

void rig_move(const struct rig *rig, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(rig->pid, sizeof(set), &set))
		die("sched_setaffinity: %s", strerror(errno));
}

struct lap lap_begin(const struct rig *rig)
{
	return (struct lap){rig, now_s(), rig_cpu_s(rig)};
}

double lap_end(const struct lap *lap, double done, double *ret_wall_rate, double *ret_load)
{
	double wall = now_s() - lap->wall, cpu = rig_cpu_s(lap->rig) - lap->cpu;

	*ret_wall_rate = done / wall;
	*ret_load = cpu / wall;
	return done / cpu;
}

/* ---- clients ---- */

int dial(uint16_t port)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	const int on = 1;

	for (int i = 0; i < 500; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (fd < 0)
			die("socket: %s", strerror(errno));
		if (!connect(fd, (struct sockaddr *)&to, sizeof(to))) {
			if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)))
				die("setsockopt: %s", strerror(errno));
			return fd;
		}
		close(fd);
		usleep(10000);
	}
	die("port %u does not answer: %s", port, strerror(errno));
}
