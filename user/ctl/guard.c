/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * It sleeps until the lease is over, then rolls it back unless somebody has confirmed, or a
 * strazhd that started meanwhile holds the gate: that one does it. It holds the lock only for the
 * moment of rolling back.
 */
#include <user/ctl/guard.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <user/base/clock.h>
#include <user/ctl/lease.h>

#define BUSY_TRIES 60
#define STEP_NS 250000000L

static void pause_step(void)
{
	const struct timespec step = {.tv_nsec = STEP_NS};

	nanosleep(&step, NULL);
}

static bool wait_over(struct gate *gate, uint32_t until_s)
{
	while (clock_boot_s() < until_s) {
		uint32_t ifindex, now_until;

		pause_step();
		if (!lease_get(gate, &ifindex, &now_until) || now_until != until_s)
			return false;
	}
	return true;
}

static int roll_back(const struct gate_place *place)
{
	for (int i = 0; i < BUSY_TRIES; i++) {
		struct gate *gate;
		uint32_t ifindex;
		int r = gate_open(place, GATE_WRITE, NULL, &gate);

		if (r == GATE_BUSY) {
			pause_step();
			continue;
		}
		if (r)
			return 1;
		r = lease_expire(gate, &ifindex);
		gate_close(gate);
		return r && r != LEASE_NOT_DUE;
	}
	return 0;
}

static void detach_from_terminal(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; fd <= 2; fd++)
		if (null >= 0)
			(void)dup2(null, fd);
	(void)!chdir("/");
}

static void guard_main(const struct gate_place *place, uint32_t until_s)
{
	struct gate *gate;
	int r;

	detach_from_terminal();
	r = gate_open(place, 0, NULL, &gate);
	if (r)
		_exit(1);
	if (!wait_over(gate, until_s))
		_exit(0);
	gate_close(gate);
	_exit(roll_back(place));
}

int guard_spawn(const struct gate_place *place, uint32_t until_s)
{
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid)
		return 0;
	if (setsid() < 0)
		_exit(1);
	pid = fork();
	if (pid == 0)
		guard_main(place, until_s);
	_exit(pid < 0);
}
