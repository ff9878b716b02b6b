/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What the parts of bench-gate share. A bench is allowed to die: a failed step prints what failed
 * and exits, because a figure after it would be worth nothing. So nothing here returns errors.
 */
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <strazh/abi/reason.h>
#include <strazh/base/compiler.h>
#include <tests/bench/figures.h>
#include <tests/bench/source.h>
#include <user/base/prefix.h>
#include <user/gate/gate.h>

/* ---- world.c: a machine of our own ---- */
/* Where the build is: strazhctl, gate.bpf.o, tests/bench/source.bpf.o. */
extern const char *build_dir;

/* Network and mount namespaces, bpffs, /run; an empty folder under /run to work in. */
#define WORLD_DIR "/run/bench"
#define WORLD_STATE "/run/bench/state"
void world_enter(void);
void world_cpu(int cpu); /* pin this thread; -1: any */
/* When the last program that was started was about to be executed: the fork before it is ours. */
double world_exec_at(void);
void world_children_cpu(int cpu); /* the same for programs started from here on */
double cpu_s(void);		  /* of this thread */
/* Start a program, output to `out` (NULL: nowhere). Priority and CPUs are back to normal in it. */
pid_t start(const char *const argv[], const char *out);
int finish(pid_t pid);					       /* exit status */
void run(const char *const argv[]);			       /* dies unless it exits with 0 */
#define RUN(...) run((const char *const[]){__VA_ARGS__, NULL}) /* a program and its arguments */
/* strazhctl with these arguments; seconds it took. */
double ctl(const char *out, const char *const argv[]);
#define CTL(out, ...) ctl(out, (const char *const[]){__VA_ARGS__, NULL})
pid_t daemon_start(void); /* strazhd; returns when it answers */
void daemon_stop(pid_t pid);

/* ---- rig.c: the shipped gate behind the generator ---- */
struct rig {
	struct gate *gate;
	struct bpf_object *object; /* the gate, on the maps of the handle */
	struct bpf_object *generator;
	int gate_fd, source_fd, source_end_fd, to_peer_fd, next_fd;
	int count_fd;			      /* outlives the handle */
	volatile struct source_state *source; /* SOURCE_CPUS of them */
};

void rig_open(struct rig *rig);
void rig_close(struct rig *rig);
/* The handle (and with it the lock) only; programs and traffic go on. */
void rig_release(struct rig *rig);
void rig_retake(struct rig *rig);

uint64_t rig_count(const struct rig *rig, enum sz_reason reason); /* packets, all CPUs */
uint64_t rig_count_all(const struct rig *rig);

/* Which program gets the packets. */
void rig_behind(struct rig *rig, int program_fd);
/* Nanoseconds of CPU a packet: `repeat` packets from `source`. Safe on a thread a CPU. */
double rig_drive(struct rig *rig, uint32_t repeat);
/* Both. */
double rig_run(struct rig *rig, int program_fd, uint32_t repeat);
/* Packets are this frame of SOURCE_FRAME_LEN bytes, written anew each time; NULL: as else. */
void rig_rewrite(struct rig *rig, const unsigned char *frame);
uint64_t rig_sent(const struct rig *rig, enum source_kind kind);
void rig_forget_sent(struct rig *rig);
/* Denied and honest numbers, count 0: each packet a new one; and how many of 256 are honest. */
void rig_sources(struct rig *rig, const uint32_t first[2], const uint32_t count[2],
		 uint32_t honest_share, bool ipv6);

/* ---- lists.c: what is loaded ---- */
#define LISTS_HOSTS4 1000000U
#define LISTS_NETS4 20000U
#define LISTS_ENTRIES6 100000U
#define LISTS_HOSTS6 60000U /* of these; the others are prefixes */
#define LISTS_PASS 12U	    /* never and allow entries of each family */

struct lists {
	struct prefix *hosts4, *rest; /* sorted, no duplicates */
	size_t hosts4_count, rest_count;
};

void lists_make(struct lists *lists);
void lists_free(struct lists *lists);
/* `count` denied hosts from number `first` on, sorted. Caller's: free(). */
struct prefix *lists_hosts(uint32_t first, uint32_t count, size_t *ret_count);
/* One entry a line, shuffled as a text file that nobody sorted. */
void lists_file(const char *path, const struct prefix *entries, size_t count);
/* Never and allow entries, a plausible number; none covers a source. */
void lists_pass(struct gate *gate);
/* A round of the sweep, as strazhd makes them: presence and hints are exact after it. */
void lists_sweep(struct gate *gate);
/* act_load(), and dies on a refusal; seconds. */
double lists_load(struct gate *gate, const char *name, const struct prefix *entries, size_t count);

/* ---- the parts ---- */
void bench_lists(struct rig *rig, struct lists *lists); /* load, memory, listing; leaves them in */
void bench_packet(struct rig *rig);
void bench_flood(struct rig *rig); /* spoofed sources, starved neighbours, two cores */
void bench_peer(struct rig *rig, const struct lists *lists); /* one trie, LRU buckets */
void bench_cookie(struct rig *rig);
void bench_swap(struct rig *rig);
void bench_veth(struct rig *rig);
void bench_ban(struct rig *rig);

/* ---- veth.c, used by ban.c as well ---- */
#define VETH_SOURCE 0x05060709U /* of the frames; denied by nobody until the part says so */
#define VETH_SOURCE_TEXT "5.6.7.9"
void veth_up(void);
void veth_down(void);
void veth_attach(struct rig *rig, bool attach); /* the gate, to the receiving end */
/* Frames from one source into the veth pair, as fast as it goes; frames a second received. */
double veth_send(struct rig *rig, uint32_t frames);

#endif
