/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Servers under test: a process each on the first processor, the clients on the last one. They end
 * with the bench. What a server can do is counted in its own time on the CPU, so that neither the
 * clients nor strangers on this machine are measured; wall time is said beside it.
 */
#ifndef TESTS_BENCH_WIRE_RIG_H
#define TESTS_BENCH_WIRE_RIG_H

#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/types.h>

#define RIG_LINE 256
#define RIG_PATH 512

struct rig {
	pid_t pid;
	uint16_t port;
	FILE *said; /* NULL: its first line was its last */
	uint8_t key[32];
	const struct rig *behind; /* whose time counts in this one's, too; or NULL */
};

/* `line` NULL: it says nothing; else its first line, which it says when it listens. */
struct rig rig_spawn(char *const argv[], char line[RIG_LINE]);
/* One of our own: a process that listens at a port of 127.0.0.1, and serve() does not return. */
struct rig rig_serve(void (*serve)(int listener, const void *arg), const void *arg);
/* `line` NULL, or what it says at its end. */
void rig_stop(struct rig *rig, char line[RIG_LINE]);
/* tests/tools/secured-echo; `tickets`: it gives some. */
struct rig rig_secured(int tickets);
/* The same with a tunnel to "up", a port of 127.0.0.1. */
struct rig rig_tunnel(uint16_t upstream);
/* The same without a tunnel, with at most so many threads that help with handshakes, and all
 * processors to run on. */
struct rig rig_helped(unsigned threads);
void rig_move(const struct rig *rig, int cpu);

/* Resident bytes of its memory. */
double rig_resident(const struct rig *rig);
/* Seconds that it, and those behind it, were on a CPU. */
double rig_cpu_s(const struct rig *rig);

void want_descriptors(rlim_t need);
/* A connection to 127.0.0.1 with TCP_NODELAY; a server that has just been started may be late. */
int dial(uint16_t port);

/* A run: begin, end, and what came of it. */
struct lap {
	const struct rig *rig;
	double wall, cpu;
};
struct lap lap_begin(const struct rig *rig);
/* `done` things: how many a second of the server's CPU. */
double lap_end(const struct lap *lap, double done, double *ret_wall_rate, double *ret_load);

#endif
