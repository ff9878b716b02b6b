/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/daemon/worker/worker_ports.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <user/daemon/worker/worker_parts.h>
#include <user/net/listener.h>

#define DESCRIPTORS_BESIDE 512 /* of the keeper: maps, pins, clients */

/* What fails at night, and what then helps. */
static const char *advice(int r)
{
	switch (r) {
	case -EADDRINUSE:
		return "; another program listens there: `ss -ltnp` shows which";
	case -EADDRNOTAVAIL:
		return "; no interface has this address (yet): `ip address`";
	case -EACCES:
	case -EPERM:
		return "; a port below 1024 needs CAP_NET_BIND_SERVICE";
	case -EAFNOSUPPORT:
		return "; this kernel has no IPv6: `sysctl net.ipv6`, `ipv6.disable=1`";
	default:
		return "";
	}
}

int worker_ports_refuse(const struct worker_plan *plan, const struct config *config, int r,
			struct config_faults *faults)
{
	struct rlimit limit = {0};

	if (r == -ENOMEM)
		return r;
	if (r == -EMFILE || r == -ENFILE) {
		(void)getrlimit(RLIMIT_NOFILE, &limit);
		return worker_fault(faults, config, CFG_SERVER_MAX_CONNECTIONS,
				    "%s: %llu open files are allowed, and it needs a few hundred "
				    "and one for each connection (LimitNOFILE of the unit, "
				    "ulimit -n)",
				    strerror(-r), (unsigned long long)limit.rlim_cur);
	}
	if (plan->failed != SIZE_MAX)
		return worker_fault(faults, config, CFG_SERVER_LISTEN,
				    "cannot listen at '%s': %s%s",
				    plan->addresses[plan->failed].text, strerror(-r), advice(r));
	return worker_fault(faults, config, CFG_SERVER_ENABLE, "the server cannot start: %s",
			    strerror(-r));
}

/* A shell's usual 1,024 are few for many processors and addresses. */
static void raise_limit(size_t sockets)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= sockets + DESCRIPTORS_BESIDE)
		return;
	limit.rlim_cur = MIN((rlim_t)(sockets + DESCRIPTORS_BESIDE), limit.rlim_max);
	(void)!setrlimit(RLIMIT_NOFILE, &limit);
}

static int bind_all(struct worker_plan *plan, struct worker_ports *ports)
{
	size_t len = plan->reactors * plan->addresses_len;

	ports->fds = calloc(len, sizeof(*ports->fds));
	if (!ports->fds)
		return -ENOMEM;
	raise_limit(len);
	for (size_t i = 0; i < plan->addresses_len; i++)
		ports->numbers[ports->numbers_len++] = endpoint_from(&plan->addresses[i].at).port;
	while (ports->len < len) {
		size_t i = ports->len % plan->addresses_len;
		int r = listener_bind(&plan->addresses[i].at, plan->addresses[i].len, true,
				      &ports->fds[ports->len]);

		if (r) {
			plan->failed = i;
			return r;
		}
		ports->len++;
	}
	return 0;
}

int worker_ports_open(const struct config *config, struct worker_ports *ret_ports,
		      struct config_faults *faults)
{
	struct worker_ports ports = {0};
	struct worker_plan plan = {0};
	int r = worker_plan_make(config, &plan);

	plan.failed = SIZE_MAX;
	if (!r)
		r = bind_all(&plan, &ports);
	if (r) {
		r = worker_ports_refuse(&plan, config, r, faults);
		worker_ports_close(&ports);
	} else {
		*ret_ports = ports;
	}
	worker_plan_deinit(&plan);
	return r;
}

bool worker_ports_has(const struct worker_ports *ports, uint16_t number)
{
	for (size_t i = 0; i < ports->numbers_len; i++)
		if (ports->numbers[i] == number)
			return true;
	return false;
}

void worker_ports_close(struct worker_ports *ports)
{
	for (size_t i = 0; i < ports->len; i++)
		close(ports->fds[i]);
	free(ports->fds);
	*ports = (struct worker_ports){0};
}
