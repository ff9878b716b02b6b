/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * An entry that has SZ_SERVICE_USED is a service; sz_port follows from the entries. Order of
 * making: what the gate keeps for the entry (words, credits, sizes), the entry, its port. Of
 * removing: the port, then a grace period of the kernel in which every packet that found the entry
 * gets through, then the entry. A writer that dies on the way leaves an entry without port, which
 * is found by the next one, or mended.
 */
#include <user/gate/services.h>

#include <errno.h>
#include <linux/membarrier.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <strazh/base/own.h>
#include <user/base/clock.h>
#include <user/gate/limits.h>

/* Should the kernel not tell when its packets are through. */
#define GRACE_NS 50000000L
#define BURST_NS 200000000U
#define PORT_LINES_HALF (SZ_PORT_LINES / 2)

bool service_used(const struct gate *gate, uint32_t index)
{
	return index && index < SZ_SERVICES && gate->services[index].flags & SZ_SERVICE_USED;
}

static bool is_at(const struct gate *gate, uint32_t index, uint8_t proto, uint16_t port)
{
	const struct sz_service *at = &gate->services[index];

	return service_used(gate, index) && at->proto == proto && at->port == port;
}

int service_find(struct gate *gate, uint8_t proto, uint16_t port, uint32_t *ret_index)
{
	for (uint32_t i = 1; i < SZ_SERVICES; i++) {
		if (!is_at(gate, i, proto, port))
			continue;
		*ret_index = i;
		return 0;
	}
	gate_explain("%u/%s is no protected service", port, proto == SERVICE_UDP ? "udp" : "tcp");
	return SERVICE_ABSENT;
}

/* ---- limits ---- */

void service_pps(struct sz_limit *limit, uint32_t pps, uint32_t burst_ns)
{
	uint64_t step = pps ? NS_PER_S / pps : 0;

	if (pps && !step)
		step = 1;
	limit->burst_ns = (uint32_t)MAX(MAX((uint64_t)burst_ns, step), (uint64_t)SZ_RATE_TICK_NS);
	limit->step_ns = (uint32_t)step;
}

uint32_t service_pps_of(const struct sz_limit *limit)
{
	return limit->step_ns ? (uint32_t)((NS_PER_S + limit->step_ns / 2) / limit->step_ns) : 0;
}

struct sz_service service_standard(uint8_t proto, uint16_t port, bool local)
{
	struct sz_service config = {
		.proto = proto,
		.port = port,
		.flags = SZ_SERVICE_USED | (local ? SZ_SERVICE_LOCAL : 0),
		.since_s = MAX(clock_boot_s(), 1U),
	};

	if (proto != SERVICE_TCP || !local)
		return config;
	/* limit[SZ_RATE_SYN] stays 0: cookies then go by SZ_COOKIE_STEP_NS, and no SYN is dropped
	 * because there are many, should somebody switch them off. */
	config.cookies = SZ_COOKIES_AUTO;
	service_pps(&config.limit[SZ_RATE_EST], SERVICE_EST_PPS, BURST_NS);
	return config;
}

void service_forward(struct sz_service *config)
{
	struct sz_limit standard = {0};

	config->flags &= (uint8_t)~SZ_SERVICE_LOCAL;
	config->cookies = SZ_COOKIES_OFF;
	/* Above it packets of connections would be dropped: nobody here could tell them. */
	service_pps(&standard, SERVICE_EST_PPS, BURST_NS);
	if (!memcmp(&config->limit[SZ_RATE_EST], &standard, sizeof(standard)))
		config->limit[SZ_RATE_EST] = (struct sz_limit){0};
}

uint32_t service_syn_pressure(const struct sz_service *config)
{
	uint32_t pps = service_pps_of(&config->limit[SZ_RATE_SYN]);

	return !pps && config->cookies == SZ_COOKIES_AUTO ? SERVICE_SYN_PPS : pps;
}

/* ---- writing ---- */

static uint8_t *port_of(struct gate *gate, uint8_t proto, uint16_t port)
{
	return &gate->ports[sz_port_line(proto == SERVICE_UDP, port)].service[port & 63];
}

static void port_write(struct gate *gate, uint8_t proto, uint16_t port, uint32_t index)
{
	__atomic_store_n(port_of(gate, proto, port), (uint8_t)index, __ATOMIC_SEQ_CST);
}

static void let_packets_through(void)
{
	const struct timespec pause = {.tv_nsec = GRACE_NS};

	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		nanosleep(&pause, NULL);
}

static int zero_percpu(struct gate *gate, enum gate_map which, uint32_t index, size_t size)
{
	const int cpus = libbpf_num_possible_cpus();
	own_free void *zero = cpus > 0 ? calloc((size_t)cpus, size) : NULL;

	if (!zero)
		return cpus < 0 ? cpus : -ENOMEM;
	if (!bpf_map_update_elem(gate->map[which], &index, zero, BPF_ANY))
		return 0;
	gate_explain("map '%s' cannot be written: %s", gate_map_names[which], strerror(errno));
	return -errno;
}

static int empty(struct gate *gate, uint32_t index)
{
	int r;

	memset(&gate->services[index], 0, sizeof(gate->services[index]));
	memset(&gate->rsvc[index], 0, sizeof(gate->rsvc[index]));
	r = zero_percpu(gate, GATE_MAP_CREDIT, index, sizeof(struct sz_credit));
	return r ? r : zero_percpu(gate, GATE_MAP_SIZE, index, sizeof(struct sz_size));
}

static int find_room(struct gate *gate, uint32_t *ret_index)
{
	for (uint32_t i = 1; i < SZ_SERVICES; i++) {
		if (service_used(gate, i))
			continue;
		*ret_index = i;
		return 0;
	}
	gate_explain("%u services are the most, and so many there are", SZ_SERVICES - 1);
	return SERVICE_FULL;
}

/* Member by member, in an order in which the gate may read them: masks and limits are one store. */
static void change(struct sz_service *at, const struct sz_service *config)
{
	volatile struct sz_service *to = at;

	for (int i = 0; i < SZ_RATE_CLASSES; i++)
		limit_store(&at->limit[i], &config->limit[i]);
	to->mss = config->mss;
	to->wscale_plus = config->wscale_plus;
	to->cookies = config->cookies;
	to->size_usual = config->size_usual;
	to->learn_begin_s = config->learn_begin_s;
	to->learn_until_s = config->learn_until_s;
	to->profile_s = config->profile_s;
	to->alarm_s = config->alarm_s;
	to->flags = config->flags;
}

int service_put(struct gate *gate, const struct sz_service *config, uint32_t *ret_index)
{
	uint32_t index;
	int r = 0;

	if (service_find(gate, config->proto, config->port, &index)) {
		r = find_room(gate, &index);
		if (!r)
			r = empty(gate, index);
		if (r)
			return r;
		gate->services[index] = *config;
	} else {
		change(&gate->services[index], config);
	}
	port_write(gate, config->proto, config->port, index);
	*ret_index = index;
	return 0;
}

int service_remove(struct gate *gate, uint8_t proto, uint16_t port)
{
	uint32_t index;
	int r = service_find(gate, proto, port, &index);

	if (r)
		return r;
	port_write(gate, proto, port, 0);
	let_packets_through();
	return empty(gate, index);
}

int service_zero_sizes(struct gate *gate, uint32_t index)
{
	int r = zero_percpu(gate, GATE_MAP_SIZE, index, sizeof(struct sz_size));

	/* A packet that had read its counter before we wrote it writes the old number back. */
	let_packets_through();
	return r ? r : zero_percpu(gate, GATE_MAP_SIZE, index, sizeof(struct sz_size));
}

/* ---- of the guard ---- */

bool service_total_is_guards(const struct gate *gate, uint32_t index, enum sz_rate_class class_)
{
	return !index && gate->services[0].totals_guard >> class_ & 1;
}

static void mark_total(struct gate *gate, enum sz_rate_class class_, bool guards)
{
	volatile struct sz_service *all = &gate->services[0];
	uint16_t bit = (uint16_t)(1U << class_);

	all->totals_guard = (uint16_t)(guards ? all->totals_guard | bit : all->totals_guard & ~bit);
}

void service_keep(struct gate *gate, uint32_t index, enum sz_rate_class class_)
{
	if (!index)
		mark_total(gate, class_, false);
	else
		gate->services[index].flags &= (uint8_t)~SZ_SERVICE_GUARD;
}

int service_guard(struct gate *gate, uint16_t port, uint32_t est_pps, bool cookies)
{
	struct sz_service config = service_standard(SERVICE_TCP, port, true);
	uint32_t index;

	if (!service_find(gate, SERVICE_TCP, port, &index)) {
		if (!(gate->services[index].flags & SZ_SERVICE_GUARD))
			return 0;
		config = gate->services[index];
	}
	config.flags |= SZ_SERVICE_GUARD;
	config.cookies = cookies ? SZ_COOKIES_AUTO : SZ_COOKIES_OFF;
	service_pps(&config.limit[SZ_RATE_EST], est_pps, BURST_NS);
	return service_put(gate, &config, &index);
}

static bool is_among(const uint16_t *ports, size_t len, uint16_t port)
{
	bool found = false;

	for (size_t i = 0; i < len; i++)
		found |= ports[i] == port;
	return found;
}

void service_unguard(struct gate *gate, const uint16_t *ports, size_t len)
{
	for (uint32_t i = 1; i < SZ_SERVICES; i++) {
		const struct sz_service *at = &gate->services[i];

		if (service_used(gate, i) && at->flags & SZ_SERVICE_GUARD &&
		    !is_among(ports, len, at->port))
			(void)!service_remove(gate, at->proto, at->port);
	}
}

bool service_total(struct gate *gate, enum sz_rate_class class_, uint32_t pps)
{
	static const struct sz_limit none;
	struct sz_limit *at = &gate->services[0].limit[class_], limit = {0};

	if (!service_total_is_guards(gate, 0, class_) && !limit_equal(at, &none))
		return false;
	service_pps(&limit, pps, BURST_NS);
	/* Marked first: nobody is to take it for an operator's. */
	mark_total(gate, class_, true);
	limit_store(at, &limit);
	return true;
}

void service_total_drop(struct gate *gate)
{
	static const struct sz_limit none;

	for (unsigned i = 0; i < SZ_RATE_CLASSES; i++) {
		if (!service_total_is_guards(gate, 0, i))
			continue;
		limit_store(&gate->services[0].limit[i], &none);
		mark_total(gate, i, false);
	}
}

/* ---- mending ---- */

static uint32_t right_index(struct gate *gate, uint32_t line, uint32_t at)
{
	const uint8_t proto = line < PORT_LINES_HALF ? SERVICE_TCP : SERVICE_UDP;
	const uint16_t port = (uint16_t)(line % PORT_LINES_HALF * 64 + at);
	uint32_t index = gate->ports[line].service[at];

	return index && is_at(gate, index, proto, port) ? index : 0;
}

static unsigned int mend_line(struct gate *gate, uint32_t line)
{
	unsigned int mended = 0;

	for (uint32_t i = 0; i < 64; i++) {
		uint32_t right = right_index(gate, line, i);

		if (gate->ports[line].service[i] == right)
			continue;
		gate->ports[line].service[i] = (uint8_t)right;
		mended++;
	}
	return mended;
}

unsigned int services_mend(struct gate *gate)
{
	static const struct sz_port none;
	unsigned int mended = 0;

	for (uint32_t line = 0; line < SZ_PORT_LINES; line++)
		if (memcmp(&gate->ports[line], &none, sizeof(none)) != 0)
			mended += mend_line(gate, line);
	for (uint32_t i = 1; i < SZ_SERVICES; i++) {
		const struct sz_service *at = &gate->services[i];

		if (!service_used(gate, i) || *port_of(gate, at->proto, at->port))
			continue;
		port_write(gate, at->proto, at->port, i);
		mended++;
	}
	return mended;
}

/* ---- reading ---- */

static uint64_t coarse_ns(void)
{
	struct timespec now = {0};

	(void)clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

bool service_cookies_on(const struct gate *gate, uint32_t index, uint64_t *ret_since_s)
{
	const struct sz_service *at = &gate->services[index];
	const volatile struct sz_rsvc *rsvc = &gate->rsvc[index];
	uint64_t now = coarse_ns(), since = rsvc->cookies_since_ns;

	if (at->cookies == SZ_COOKIES_ALWAYS) {
		*ret_since_s = clock_wall_of(at->since_s);
		return true;
	}
	if (at->cookies != SZ_COOKIES_AUTO || rsvc->cookies_until_ns <= now)
		return false;
	*ret_since_s = clock_wall_s() - (now > since ? (now - since) / NS_PER_S : 0);
	return true;
}

bool service_answers(const struct gate *gate, uint32_t index)
{
	const volatile struct sz_rsvc *rsvc = &gate->rsvc[index];
	uint64_t sent = rsvc->cookie_sent_ns;

	return sent && coarse_ns() < sent + 2 * NS_PER_S;
}
