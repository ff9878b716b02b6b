/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The profile on the maps; what is decided and why: profile.h and profile_step.c. */
#include <user/gate/profile.h>

#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <strazh/base/own.h>
#include <user/base/clock.h>
#include <user/gate/services.h>

int profile_sizes(struct gate *gate, uint32_t index, struct sz_size *ret_sizes)
{
	const int cpus = libbpf_num_possible_cpus();
	own_free struct sz_size *all = cpus > 0 ? calloc((size_t)cpus, sizeof(*all)) : NULL;
	struct sz_size sum = {0};

	if (!all)
		return cpus < 0 ? cpus : -ENOMEM;
	if (bpf_map_lookup_elem(gate->map[GATE_MAP_SIZE], &index, all)) {
		int r = -errno;

		gate_explain("map '%s' cannot be read: %s", gate_map_names[GATE_MAP_SIZE],
			     strerror(-r));
		return r;
	}
	for (int cpu = 0; cpu < cpus; cpu++)
		for (int i = 0; i < SZ_SIZE_BINS; i++) {
			sum.bin[i] += all[cpu].bin[i];
			sum.odd[i] += all[cpu].odd[i];
			sum.over[i] += all[cpu].over[i];
		}
	*ret_sizes = sum;
	return 0;
}

/* Each member by one store: the gate reads them meanwhile. */
static void publish(struct sz_service *at, const struct sz_service *config)
{
	volatile struct sz_service *to = at;

	to->size_usual = config->size_usual;
	to->flags = config->flags;
	to->learn_begin_s = config->learn_begin_s;
	to->learn_until_s = config->learn_until_s;
	to->profile_s = config->profile_s;
	to->alarm_s = config->alarm_s;
	to->watch_passed = config->watch_passed;
	to->watch_odd = config->watch_odd;
	to->watch_over = config->watch_over;
	to->watch_s = config->watch_s;
	to->drift_windows = config->drift_windows;
	to->attack_windows = config->attack_windows;
}

int profile_learn(struct gate *gate, uint32_t index, uint32_t for_s)
{
	struct sz_service config = gate->services[index];
	int r = service_zero_sizes(gate, index);

	if (r)
		return r;
	profile_begin(&config, clock_boot_s(), for_s, false);
	config.alarm_s = 0;
	publish(&gate->services[index], &config);
	return 0;
}

void profile_set(struct gate *gate, uint32_t index, uint32_t usual)
{
	struct sz_service config = gate->services[index];

	config.size_usual = usual;
	config.flags &= (uint8_t)~SZ_SERVICE_WIDEN;
	config.learn_begin_s = config.learn_until_s = 0;
	config.profile_s = config.alarm_s = config.watch_s = 0;
	config.drift_windows = config.attack_windows = 0;
	publish(&gate->services[index], &config);
}

int profile_tick(struct gate *gate, uint32_t index, uint32_t window_s, enum profile_news *ret_news)
{
	const struct profile_time time = {
		.boot_s = clock_boot_s(), .wall_s = clock_wall_s(), .window_s = window_s};
	struct sz_service config = gate->services[index];
	enum profile_news news;
	struct sz_size sizes;
	bool zero = false;
	int r = profile_sizes(gate, index, &sizes);

	if (r)
		return r;
	news = profile_step(&config, &sizes, &time, &zero);
	if (zero)
		r = service_zero_sizes(gate, index);
	if (r)
		return r;
	publish(&gate->services[index], &config);
	*ret_news = news;
	return 0;
}
