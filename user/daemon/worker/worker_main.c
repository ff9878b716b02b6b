/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * This thread obeys the keeper; the worker's own threads serve. All that is read from outside
 * before confine() is the keeper's: configuration, keys, and the answers to names of upstreams.
 */
#include <user/daemon/worker/worker_main.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <strazh/base/own.h>
#include <user/base/log.h>
#include <user/daemon/config/config_pass.h>
#include <user/daemon/config/config_service.h>
#include <user/daemon/config/options.h>
#include <user/daemon/worker/confine.h>
#include <user/daemon/worker/control.h>
#include <user/daemon/worker/launcher.h>
#include <user/daemon/worker/rights.h>
#include <user/daemon/worker/worker.h>
#include <user/daemon/worker/worker_plan.h>
#include <user/net/reactors.h>
#include <user/service/service.h>

#define SOCKETS_MAX ((size_t)REACTORS_MAX * WORKER_ADDRESSES_MAX)

struct process {
	struct worker *worker;
	int sockets[SOCKETS_MAX];
	size_t sockets_len;
	const struct config *config; /* during the start */
	struct confine_report report;
	size_t ports_len;
};

/* ---- upstreams ---- */

static size_t upstream_ports(const struct config *config, uint16_t ports[CONFIG_UPSTREAMS_MAX])
{
	size_t len = 0;

	if (!config_service_enabled(config, service_tunnel.name))
		return 0;
	for (size_t i = 0; i < config->upstreams_len && len < CONFIG_UPSTREAMS_MAX; i++) {
		const char *colon = strrchr(config->upstreams[i].target, ':');

		if (colon)
			ports[len++] = (uint16_t)strtoul(colon + 1, NULL, 10);
	}
	return len;
}

static int on_open(void *context)
{
	struct process *p = context;
	uint16_t ports[CONFIG_UPSTREAMS_MAX];

	p->ports_len = upstream_ports(p->config, ports);
	return confine(ports, p->ports_len, &p->report);
}

/* ---- orders ---- */

static int start(struct process *p, const struct config *config, const struct identity_files *files,
		 struct config_faults *faults)
{
	const struct worker_given given = {.files = files,
					   .sockets = p->sockets,
					   .sockets_len = p->sockets_len,
					   .confine = on_open,
					   .context = p};

	p->config = config;
	return worker_start(config, &given, LAUNCHER_SPLIT_FD, &p->worker, faults);
}

static int reload(struct process *p, const struct config *config,
		  const struct identity_files *files, struct config_faults *faults)
{
	return worker_reload(p->worker, config, files, faults);
}

/* fds: the configuration, then the files; taken. */
static int carry_out(struct process *p, const struct control_message *order, int *fds,
		     size_t fds_len, struct config_faults *faults)
{
	struct identity_files files = {0};
	struct config *config = NULL;
	int r = fds_len ? 0 : -EBADMSG;

	if (!r) {
		r = config_receive(fds[0], fds + 1, fds_len - 1, &config, &files);
		close(fds[0]);
	}
	if (r)
		return r;
	log_level_set(daemon_options_level(config));
	if (order->type == CONTROL_START)
		r = p->worker || p->sockets_len != order->count ? -EBADMSG
								: start(p, config, &files, faults);
	else
		r = p->worker ? reload(p, config, &files, faults) : -EBADMSG;
	identity_files_close(&files);
	config_free(config);
	return r;
}

static int answer(struct process *p, const struct control_message *order, int *fds, size_t fds_len)
{
	own_free struct control_answer *said = calloc(1, sizeof(*said));
	int r;

	if (!said)
		return -ENOMEM;
	said->r = carry_out(p, order, fds, fds_len, &said->faults);
	if (p->worker)
		snprintf(said->text, sizeof(said->text), "%s", worker_text(p->worker));
	said->calls = p->report.calls;
	said->landlock = p->report.landlock;
	said->ports = (uint32_t)p->ports_len;
	r = control_answer(LAUNCHER_CONTROL_FD, said);
	return r ? r : said->r && !p->worker ? -ECANCELED : 0;
}

static int take_sockets(struct process *p, const int *fds, size_t fds_len)
{
	if (p->worker || p->sockets_len + fds_len > SOCKETS_MAX)
		return -EBADMSG;
	memcpy(p->sockets + p->sockets_len, fds, fds_len * sizeof(*fds));
	p->sockets_len += fds_len;
	return 0;
}

/* Until it is to end: 0, or why it cannot go on. */
static int obey(struct process *p)
{
	for (;;) {
		struct control_message order;
		int fds[CONTROL_FDS_MAX];
		size_t len = 0;
		int r = control_receive(LAUNCHER_CONTROL_FD, &order, fds, &len);

		if (r == -EPIPE) /* the keeper is gone: nobody marks or bans any more */
			_exit(EXIT_SUCCESS);
		if (r)
			return r;
		if (order.type == CONTROL_STOP)
			return 0;
		if (order.type == CONTROL_SOCKETS)
			r = take_sockets(p, fds, len);
		else
			r = answer(p, &order, fds, len);
		if (r)
			return r;
	}
}

/* ---- the process ---- */

static bool is_ours(int fd)
{
	int domain = 0, type = 0;
	socklen_t len = sizeof(domain);

	return !getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) && domain == AF_UNIX &&
	       !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) && type == SOCK_SEQPACKET &&
	       !fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/* Sockets come before it is known how many connections there may be. */
static void raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)!setrlimit(RLIMIT_NOFILE, &limit);
}

int worker_main(void)
{
	static struct process process;
	int r;

	if (!is_ours(LAUNCHER_CONTROL_FD) || !is_ours(LAUNCHER_SPLIT_FD) || !rights_gone()) {
		fputs("strazhd: " LAUNCHER_WORD ": strazhd starts its worker itself, and nobody "
		      "else does\n",
		      stderr);
		return 2;
	}
	log_init("strazhd", LOG_LVL_INFO);
	(void)prctl(PR_SET_NAME, "strazhd-worker");
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	raise_limit();
	r = obey(&process);
	worker_stop(process.worker);
	return r ? EXIT_FAILURE : EXIT_SUCCESS;
}
