// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * The reactor without a protocol, the ceiling of everything on it: 64 bytes there and back in a
 * closed loop over many connections, and what an idle connection costs. The server is a process
 * of its own on the first processor, the clients are here on the last one; the peer is the plain
 * epoll loop of tests/tools/echo-server, driven in turns with ours.
 */
#include <tests/bench/wire/bench.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define MESSAGE_LEN 64
#define BUSY 64 /* connections of the closed loop */
#define IDLE 10000
#define DESCRIPTORS_BESIDE 256
#define SECONDS 1.0
#define REPEATS 5
#define PEER_PORT 18611 /* not one that the kernel gives to clients */
#define EVENTS_MAX 64
#define PATH_LEN 512
#define LINE_LEN 128

struct server {
	pid_t pid;
	uint16_t port;
};

struct crowd {
	int epoll, count;
	int fds[IDLE];
};

static void want_descriptors(rlim_t need)
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

/* Its first line, which it says when it listens, into `line`. It ends with us. */
static pid_t spawn(char *const argv[], char line[LINE_LEN])
{
	FILE *said;
	int ends[2];
	pid_t pid;

	if (pipe(ends))
		die("pipe: %s", strerror(errno));
	pid = fork();
	if (pid < 0)
		die("fork: %s", strerror(errno));
	if (!pid) {
		pin(0);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(ends[1], STDOUT_FILENO);
		close(ends[0]);
		close(ends[1]);
		if (freopen("/dev/null", "w", stderr))
			execv(argv[0], argv);
		_exit(127);
	}
	close(ends[1]);
	said = fdopen(ends[0], "r");
	if (!said)
		die("fdopen: %s", strerror(errno));
	if (!fgets(line, LINE_LEN, said))
		die("'%s' does not start", argv[0]);
	fclose(said);
	return pid;
}

static struct server start_ours(void)
{
	char path[PATH_LEN], line[LINE_LEN];
	char *argv[] = {path, NULL};
	struct server server;

	snprintf(path, sizeof(path), "%s/tests/tools/plain-echo", bench_dir);
	server.pid = spawn(argv, line);
	server.port = (uint16_t)strtoul(line, NULL, 10);
	return server;
}

static struct server start_peer(void)
{
	char path[PATH_LEN], port[16], line[LINE_LEN];
	char option[] = "--port";
	char *argv[] = {path, option, port, NULL};
	struct server server = {.port = PEER_PORT};

	snprintf(path, sizeof(path), "%s/tests/tools/echo-server", bench_dir);
	snprintf(port, sizeof(port), "%d", PEER_PORT);
	server.pid = spawn(argv, line);
	return server;
}

static void stop(struct server server)
{
	kill(server.pid, SIGTERM);
	if (waitpid(server.pid, NULL, 0) != server.pid)
		die("waitpid: %s", strerror(errno));
}

/* Resident bytes of its memory. */
static double resident(struct server server)
{
	char path[64], line[128];
	double kib = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)server.pid);
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

/* ---- clients ---- */

static void exchange(int fd)
{
	char bytes[MESSAGE_LEN] = {0};

	if (send(fd, bytes, sizeof(bytes), 0) != MESSAGE_LEN ||
	    recv(fd, bytes, sizeof(bytes), MSG_WAITALL) != MESSAGE_LEN)
		die("no echo: %s", strerror(errno));
}

/* A server that has just been started may not listen yet. */
static int dial(uint16_t port)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	const int on = 1;

	for (int i = 0; i < 500; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

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

static struct crowd *crowd_new(struct server server, int count)
{
	struct crowd *crowd = calloc(1, sizeof(*crowd));

	if (!crowd)
		die("no memory");
	crowd->epoll = epoll_create1(0);
	for (; crowd->count < count; crowd->count++) {
		struct epoll_event event = {.events = EPOLLIN};
		int fd = dial(server.port);

		event.data.fd = fd;
		exchange(fd);
		if (epoll_ctl(crowd->epoll, EPOLL_CTL_ADD, fd, &event))
			die("epoll_ctl: %s", strerror(errno));
		crowd->fds[crowd->count] = fd;
	}
	return crowd;
}

static void crowd_free(struct crowd *crowd)
{
	for (int i = 0; i < crowd->count; i++)
		close(crowd->fds[i]);
	close(crowd->epoll);
	free(crowd);
}

static void say_one(int fd)
{
	static const char bytes[MESSAGE_LEN];

	if (send(fd, bytes, sizeof(bytes), 0) != MESSAGE_LEN)
		die("send: %s", strerror(errno));
}

/* Echoes a second: each connection has one message under way. */
static double closed_loop(struct crowd *crowd, double seconds)
{
	struct epoll_event events[EVENTS_MAX];
	double begin = now_s(), end = begin;
	unsigned long done = 0;
	int under_way = crowd->count;

	for (int i = 0; i < crowd->count; i++)
		say_one(crowd->fds[i]);
	while (under_way) {
		int n = epoll_wait(crowd->epoll, events, EVENTS_MAX, 5000);

		if (n <= 0)
			die("the echo stopped");
		for (int i = 0; i < n; i++) {
			char bytes[MESSAGE_LEN];

			if (recv(events[i].data.fd, bytes, sizeof(bytes), 0) != MESSAGE_LEN)
				die("recv: %s", strerror(errno));
			if (end - begin < seconds) {
				done++;
				say_one(events[i].data.fd);
			} else {
				under_way--;
			}
		}
		if (end - begin < seconds)
			end = now_s();
	}
	return (double)done / (end - begin);
}

/* ---- the figures ---- */

static void echo(void)
{
	struct server ours = start_ours(), peer = start_peer();
	struct crowd *to_ours = crowd_new(ours, BUSY), *to_peer = crowd_new(peer, BUSY);
	struct samples mine = {0}, theirs = {0};

	say("plain echo: %d connections, %d bytes", BUSY, MESSAGE_LEN);
	for (int i = 0; i < REPEATS; i++) {
		samples_add(&mine, closed_loop(to_ours, SECONDS));
		samples_add(&theirs, closed_loop(to_peer, SECONDS));
	}
	report("wire.plain_echo_64_s", samples_at(&mine, 50), "1/s", "a plain epoll loop",
	       samples_at(&mine, 50) / samples_at(&theirs, 50), &mine);
	crowd_free(to_ours);
	crowd_free(to_peer);
	stop(ours);
	stop(peer);
}

static void idle(void)
{
	struct server server = start_ours();
	struct crowd *busy = crowd_new(server, BUSY), *many;
	struct samples samples = {0};
	double before;

	closed_loop(busy, SECONDS / 5);
	before = resident(server);
	say("plain echo: %d idle connections", IDLE);
	many = crowd_new(server, IDLE);
	report_budget("wire.plain_idle_conn_bytes", (resident(server) - before) / IDLE, "B", 1024,
		      NULL);
	for (int i = 0; i < REPEATS; i++)
		samples_add(&samples, closed_loop(busy, SECONDS));
	report("wire.plain_echo_64_beside_idle_s", samples_at(&samples, 50), "1/s", NULL, 0,
	       &samples);
	crowd_free(many);
	crowd_free(busy);
	stop(server);
}

void bench_plain(void)
{
	int cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);

	want_descriptors(IDLE + BUSY + DESCRIPTORS_BESIDE);
	pin(cpus - 1);
	echo();
	idle();
}
