/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The state is in the kernel; what we remember is only which interfaces should carry the gate
 * (struct wanted): those found at start, those of the options, those that `attach` named. Each
 * check compares, mends, and says each fault once.
 */
#include <user/daemon/keeper.h>

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include <strazh/base/own.h>
#include <user/base/log.h>
#include <user/ctl/settings.h>
#include <user/gate/attach.h>

static void want(struct keeper *keeper, const char *ifname, enum attach_mode mode)
{
	if (wanted_put(&keeper->wanted, ifname, mode))
		log_warning("'%s' is one interface too many to be watched over", ifname);
}

/* ---- at start ---- */

static void adopt(struct keeper *keeper, const struct attachment *one)
{
	struct adoption adoption = {0};
	int r = attach_adopt(keeper->gate, one->ifindex, &adoption);

	if (r) {
		log_error("'%s': the gate there is not adopted: %s", one->ifname, gate_error());
		return;
	}
	log_info("'%s': adopted a gate that was not ours, with %llu hosts, %llu prefixes, %llu "
		 "allow and %llu never entries%s",
		 one->ifname, (unsigned long long)adoption.hosts, (unsigned long long)adoption.nets,
		 (unsigned long long)adoption.allow, (unsigned long long)adoption.never,
		 adoption.settings ? " and its settings" : "");
	if (adoption.refused)
		log_warning("'%s': %llu of its denials are left out: never or allow entries",
			    one->ifname, (unsigned long long)adoption.refused);
	want(keeper, one->ifname, one->mode);
}

static void upgrade(struct keeper *keeper, const struct attachment *one)
{
	want(keeper, one->ifname, one->mode);
	if (one->current) {
		log_info("'%s': found the gate attached, %s mode", one->ifname,
			 one->mode == ATTACH_GENERIC ? "generic" : "native");
		return;
	}
	if (attach_replace(keeper->gate, one->ifindex))
		log_error("'%s': its program is of another build and cannot be replaced: %s",
			  one->ifname, gate_error());
	else
		log_info("'%s': replaced a program of another build", one->ifname);
}

static int look_around(struct keeper *keeper)
{
	own_free struct attachment *all = NULL;
	size_t count;
	int r = attach_list(keeper->gate, &all, &count);

	if (r) {
		log_error("what is attached cannot be listed: %s", gate_error());
		return r;
	}
	for (size_t i = 0; i < count; i++) {
		if (all[i].owner == ATTACH_FOREIGN)
			adopt(keeper, &all[i]);
		else if (all[i].owner == ATTACH_OURS)
			upgrade(keeper, &all[i]);
	}
	return 0;
}

/* Attach what is wanted; faults are told once. True: it is there. */
static bool attach_wanted(struct keeper *keeper, struct wanted_one *one, const char *why)
{
	unsigned int ifindex = if_nametoindex(one->ifname);
	int r;

	if (!ifindex) {
		if (!one->told)
			log_warning("'%s' is not there: the gate is attached when it comes",
				    one->ifname);
		one->told = true;
		return false;
	}
	r = attach_add(keeper->gate, ifindex, one->mode);
	if (r && r != ATTACH_ALREADY) {
		if (!one->told)
			log_error("'%s': the gate cannot be attached: %s", one->ifname,
				  gate_error());
		one->told = true;
		return false;
	}
	log_info("'%s': attached, %s", one->ifname, one->told ? "which can be done now" : why);
	one->told = false;
	return true;
}

int drift_start(struct keeper *keeper)
{
	const struct daemon_options *options = keeper->options;
	int r = look_around(keeper);

	if (r)
		return r;
	for (unsigned int i = 0; i < options->interfaces_len; i++) {
		const char *ifname = options->interfaces[i];

		if (wanted_find(&keeper->wanted, ifname))
			continue;
		want(keeper, ifname, options->mode);
		attach_wanted(keeper, wanted_find(&keeper->wanted, ifname), "as the options say");
	}
	return 0;
}

/* ---- each two seconds ---- */

static void check_interfaces(struct keeper *keeper)
{
	own_free struct attachment *all = NULL;
	size_t count;

	if (attach_list(keeper->gate, &all, &count)) {
		if (!keeper->drift_failing)
			log_error("what is attached cannot be listed: %s", gate_error());
		keeper->drift_failing = true;
		return;
	}
	keeper->drift_failing = false;
	for (size_t w = 0; w < keeper->wanted.len; w++) {
		struct wanted_one *one = &keeper->wanted.at[w];
		bool there = false;

		for (size_t i = 0; i < count && !there; i++)
			there = all[i].owner == ATTACH_OURS &&
				strcmp(all[i].ifname, one->ifname) == 0;
		if (there)
			one->told = false;
		else
			attach_wanted(keeper, one, "it had been taken off behind our back");
	}
}

static void repin(struct keeper *keeper, enum gate_map which, const char *path)
{
	if (mkdir(keeper->gate->pin_dir, 0700) && errno != EEXIST)
		return;
	if (bpf_obj_pin(keeper->gate->map[which], path))
		log_error("pin '%s' is gone and cannot be made again: %s", path, strerror(errno));
	else
		log_warning("pin '%s' was gone: pinned again", path);
}

static void check_pins(struct keeper *keeper)
{
	for (enum gate_map i = 0; i < GATE_MAPS_TOTAL; i++) {
		char path[300];

		(void)snprintf(path, sizeof(path), "%s/%s", keeper->gate->pin_dir,
			       gate_map_names[i]);
		if (access(path, F_OK) && errno == ENOENT)
			repin(keeper, i, path);
	}
}

void drift_check(struct keeper *keeper)
{
	unsigned int mended = settings_mend(keeper->gate->settings);

	if (mended)
		log_warning("settings: %u values that no command can have set are back to their "
			    "defaults",
			    mended);
	servicewatch_check(keeper);
	check_pins(keeper);
	check_interfaces(keeper);
}
