/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What a worker that has been taken over can do: the worker's own code drops the rights of this
 * process and confines it, and then each attempt is made in a child. A line an attempt:
 *
 *	NAME done | refused ERRNO | killed SIGNAL
 *
 * "before NAME ..." are the same without any of it, so that an attempt that fails for another
 * reason is seen. usage: worker-probe [--uid UID] PIN PORT CLOSED_PORT
 * PIN: a pinned map; PORT: one that the worker may connect to, CLOSED_PORT: one it may not.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <user/daemon/worker/confine.h>
#include <user/daemon/worker/rights.h>

static const char *pin;
static uint16_t open_port, closed_port;
static pid_t parent;
static int letters[2], listening;

/* ---- what is tried: 0 or -1 and errno ---- */

static int open_map(void)
{
	union bpf_attr attr = {.pathname = (uint64_t)(uintptr_t)pin};

	return (int)syscall(SYS_bpf, BPF_OBJ_GET, &attr, sizeof(attr));
}

static int make_map(void)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};

	return (int)syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
}

static int raw_socket(void)
{
	return socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
}

static int packet_socket(void)
{
	return socket(AF_PACKET, SOCK_RAW, 0);
}

static int udp_socket(void)
{
	return socket(AF_INET, SOCK_DGRAM, 0);
}

static int unix_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0);
}

static int read_shadow(void)
{
	return open("/etc/shadow", O_RDONLY | O_CLOEXEC);
}

static int read_passwd(void)
{
	return open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}

static int write_file(void)
{
	return open("/tmp", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
}

static int run_program(void)
{
	return execl("/bin/true", "true", NULL);
}

static int new_process(void)
{
	return fork() < 0 ? -1 : 0;
}

static int trace_parent(void)
{
	return (int)ptrace(PTRACE_SEIZE, parent, NULL, NULL);
}

static int signal_parent(void)
{
	return kill(parent, SIGCONT);
}

static int become_root(void)
{
	return setresuid(0, 0, 0);
}

static int code_in_memory(void)
{
	void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0);

	return at == MAP_FAILED ? -1 : 0;
}

static int connect_to(uint16_t port)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	/* Nobody listens: that is an answer. */
	return fd < 0 || (connect(fd, (struct sockaddr *)&at, sizeof(at)) && errno != ECONNREFUSED)
		       ? -1
		       : 0;
}

static int connect_upstream(void)
{
	return connect_to(open_port);
}

static int connect_elsewhere(void)
{
	return connect_to(closed_port);
}

static int bind_port(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return fd < 0 ? -1 : bind(fd, (struct sockaddr *)&at, sizeof(at));
}

/* A descriptor for the keeper, which then has to close it. */
static int pass_descriptor(void)
{
	char room[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec part = {(char[]){'x'}, 1};
	struct msghdr letter = {.msg_iov = &part,
				.msg_iovlen = 1,
				.msg_control = room,
				.msg_controllen = sizeof(room)};
	struct cmsghdr *head = CMSG_FIRSTHDR(&letter);

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(head), &letters[1], sizeof(int));
	return sendmsg(letters[0], &letter, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

/* A listening socket is the keeper's, too, and would be deaf for ever. */
static int deafen_port(void)
{
	struct sock_filter none = {BPF_RET | BPF_K, 0, 0, 0};
	struct sock_fprog program = {1, &none};

	return setsockopt(listening, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

/* Connects, where Landlock hears of no connection. */
static int connect_by_sending(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons(closed_port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return fd < 0 || (sendto(fd, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL, (struct sockaddr *)&at,
				 sizeof(at)) < 0 &&
			  errno != ECONNREFUSED)
		       ? -1
		       : 0;
}

static int slow_parent(void)
{
	const struct sched_param none = {0};

	return sched_setscheduler(parent, SCHED_OTHER, &none);
}

static void *nothing(void *data)
{
	return data;
}

static int new_thread(void)
{
	pthread_t thread;

	errno = pthread_create(&thread, NULL, nothing, NULL);
	return errno ? -1 : pthread_join(thread, NULL);
}

static int memory(void)
{
	void *at = malloc(64U << 20);

	free(at);
	return at ? 0 : -1;
}

static const struct {
	const char *name;
	int (*act)(void);
} attempts[] = {
	{"bpf-map-open", open_map},
	{"bpf-map-create", make_map},
	{"raw-socket", raw_socket},
	{"packet-socket", packet_socket},
	{"udp-socket", udp_socket},
	{"unix-socket", unix_socket},
	{"read-shadow", read_shadow},
	{"read-passwd", read_passwd},
	{"write-file", write_file},
	{"run-program", run_program},
	{"new-process", new_process},
	{"trace-parent", trace_parent},
	{"signal-parent", signal_parent},
	{"become-root", become_root},
	{"code-in-memory", code_in_memory},
	{"bind-port", bind_port},
	{"pass-descriptor", pass_descriptor},
	{"deafen-port", deafen_port},
	{"connect-by-sending", connect_by_sending},
	{"slow-parent", slow_parent},
	{"connect-elsewhere", connect_elsewhere},
	{"connect-upstream", connect_upstream},
	{"new-thread", new_thread},
	{"memory", memory},
};

/* ---- each in a child ---- */

/* 0, or what stands against it. */
static int prepare(uid_t uid)
{
	struct confine_report report;
	int r = rights_drop(uid);

	return r ? r : confine(&open_port, 1, &report);
}

static void attempt(size_t i, const char *when, bool held, uid_t uid)
{
	int status = 0, failed;
	pid_t pid;

	(void)fflush(stdout);
	pid = fork();
	if (!pid) {
		if (held && prepare(uid))
			_exit(255);
		failed = attempts[i].act();
		_exit(failed < 0 ? errno : 0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		perror("worker-probe");
		exit(EXIT_FAILURE);
	}
	printf("%s%s ", when, attempts[i].name);
	if (WIFSIGNALED(status))
		printf("killed %d\n", WTERMSIG(status));
	else if (WEXITSTATUS(status) == 255)
		puts("not held");
	else if (WEXITSTATUS(status))
		printf("refused %s\n", strerrorname_np(WEXITSTATUS(status)));
	else
		puts("done");
}

int main(int argc, char **argv)
{
	uid_t uid = geteuid();

	if (argc > 2 && strcmp(argv[1], "--uid") == 0) {
		uid = (uid_t)strtoul(argv[2], NULL, 10);
		argc -= 2;
		argv += 2;
	}
	if (argc != 4) {
		fputs("usage: worker-probe [--uid UID] PIN PORT CLOSED_PORT\n", stderr);
		return 2;
	}
	pin = argv[1];
	open_port = (uint16_t)strtoul(argv[2], NULL, 10);
	closed_port = (uint16_t)strtoul(argv[3], NULL, 10);
	parent = getpid();
	listening = socket(AF_INET, SOCK_STREAM, 0);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, letters) || listening < 0) {
		perror("worker-probe");
		return EXIT_FAILURE;
	}
	for (size_t i = 0; i < ARRAY_LEN(attempts); i++) {
		attempt(i, "before ", false, uid);
		attempt(i, "", true, uid);
	}
	return EXIT_SUCCESS;
}
