/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What the parts of bench-wire share. */
#ifndef TESTS_BENCH_WIRE_BENCH_H
#define TESTS_BENCH_WIRE_BENCH_H

#include <tests/bench/figures.h>

/* Where the programs lie. */
extern const char *bench_dir;

/* Of this thread, in ns: for what waits for nobody. Others on the CPU do not count in it. */
double cpu_ns(void);
void pin(int cpu);

/* The parts. */
void bench_record(void);  /* the engines */
void bench_channel(void); /* messages through channels in memory, beside TLS 1.3 */
void bench_shield(void);  /* keys at rest */
void bench_dudect(void);  /* whether the time of a record tells something of a secret */
void bench_plain(void);	  /* the reactor alone: echo without cryptography, idle connections */
void bench_shake(void);	  /* new sessions, beside nginx */
void bench_echo(void);	  /* messages through the secured server */
void bench_tunnel(void);  /* TCP behind it, beside stunnel and haproxy */
void bench_burst(void);	  /* a session beside a burst of handshakes; the crypto pool */
void bench_ends(void);	  /* the same with an end on each side */
void bench_idle(void);	  /* ten thousand sessions: memory, latency, a message to all */

#endif
