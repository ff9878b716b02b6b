/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A handle on one gate: its pinned maps, opened, and the writable ones mapped into memory.
 *
 * There is one writer at a time: gate_open() with GATE_WRITE takes an exclusive lock on
 * <run dir>/gate.lock, held until gate_close(). strazhd holds it for its life; strazhctl takes it
 * only while no strazhd runs. Readers need no lock.
 *
 * Everything in user/gate/ that changes a map wants a handle opened for writing.
 */
#ifndef STRAZH_USER_GATE_GATE_H
#define STRAZH_USER_GATE_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include <strazh/abi/dline.h>
#include <strazh/abi/meta.h>
#include <strazh/abi/present.h>
#include <strazh/abi/service.h>
#include <strazh/abi/settings.h>
#include <strazh/base/compiler.h>

#define GATE_PIN_DIR "/sys/fs/bpf/strazh"
#define GATE_RUN_DIR "/run/strazh"

/* The maps, by name "sz_" and this. X(ENUM, "name", pinned file = name) */
#define GATE_MAPS(X)                                                                               \
	X(NEVER4, "sz_never4")                                                                     \
	X(NEVER6, "sz_never6")                                                                     \
	X(ALLOW4, "sz_allow4")                                                                     \
	X(ALLOW6, "sz_allow6")                                                                     \
	X(DNET4, "sz_dnet4")                                                                       \
	X(DNET6, "sz_dnet6")                                                                       \
	X(DHOST4, "sz_dhost4")                                                                     \
	X(DHOST6, "sz_dhost6")                                                                     \
	X(PRESENT4, "sz_present4")                                                                 \
	X(PRESENT6, "sz_present6")                                                                 \
	X(RHOST, "sz_rhost")                                                                       \
	X(SETTINGS, "sz_settings")                                                                 \
	X(COUNT, "sz_count")                                                                       \
	X(EVENT, "sz_event")                                                                       \
	X(META, "sz_meta")                                                                         \
	X(LIST, "sz_list")                                                                         \
	X(NOTE, "sz_note")                                                                         \
	X(RNET, "sz_rnet")                                                                         \
	X(LIMIT, "sz_limit")                                                                       \
	X(REPUT4, "sz_reput4")                                                                     \
	X(REPUT6, "sz_reput6")                                                                     \
	X(PROVEN, "sz_proven")                                                                     \
	X(PORT, "sz_port")                                                                         \
	X(SERVICE, "sz_service")                                                                   \
	X(RSVC, "sz_rsvc")                                                                         \
	X(CREDIT, "sz_credit")                                                                     \
	X(SIZE, "sz_size")                                                                         \
	X(TAP, "sz_tap")                                                                           \
	X(TAP0, "sz_tap0")                                                                         \
	X(TAP1, "sz_tap1")                                                                         \
	X(TAP2, "sz_tap2")                                                                         \
	X(TAP3, "sz_tap3")                                                                         \
	X(DLINE4, "sz_dline4")

enum gate_map {
#define X(code, name) GATE_MAP_##code,
	GATE_MAPS(X)
#undef X
		GATE_MAPS_TOTAL,
};

extern const char *const gate_map_names[GATE_MAPS_TOTAL];

/* Capacities, chosen when the maps are made; 0 takes the default of abi/limits.h. */
struct gate_sizes {
	uint32_t host4, host6, net, allow, never;
};

/* Where a gate lives. NULL members take the defaults above. */
struct gate_place {
	const char *pin_dir;
	const char *run_dir;
};

struct gate {
	char pin_dir[200];
	char run_dir[200];
	int lock_fd;		       /* -1: opened for reading */
	int map[GATE_MAPS_TOTAL];      /* descriptors */
	uint32_t max[GATE_MAPS_TOTAL]; /* capacities */
	volatile struct sz_settings *settings;
	volatile struct sz_meta *meta;
	struct sz_present4 *present4;
	struct sz_present6 *present6;
	struct sz_limit *limits;     /* SZ_LIMITS of them */
	struct sz_port *ports;	     /* SZ_PORT_LINES */
	struct sz_service *services; /* SZ_SERVICES */
	struct sz_rsvc *rsvc;	     /* SZ_SERVICES; the gate writes */
	struct sz_dline *dlines;     /* NULL: a foreign gate that has none */
	struct gate_nets *nets;	     /* model of the tries, see nets.h; made on first use, owned */
	uint64_t hosts[2]; /* entries in dhost4, dhost6: exact after a sweep or count, kept by
			      writers */
	bool hosts_known;
	uint32_t proven_full_s; /* boot second in which all of them were looked at for room */
	uint64_t remade; /* bit per enum gate_map: lost with its pin, made anew by this opening */
};

enum gate_open_flags {
	GATE_WRITE = 1,	 /* take the lock */
	GATE_CREATE = 2, /* make and pin the maps where there are none (loads the object once) */
};

/* Conditions of gate_open() and of everything that forwards them. */
enum {
	GATE_ABSENT = 1,   /* no pins at that place */
	GATE_BUSY,	   /* another writer holds the lock: strazhd, or a strazhctl at work */
	GATE_OTHER_LAYOUT, /* the pins were made by another version: meta.layout or sizes differ */
	GATE_DAMAGED,	   /* some pins are missing or are no maps of ours */
};

/* The last failure in words, for a person: per thread, valid until the next call on this thread. */
const char *gate_error(void);
/* For the files of user/gate: say it. The text replaces the previous one. */
void gate_explain(const char *format, ...) printf_like(1, 2);

int gate_open(const struct gate_place *place, unsigned int flags, const struct gate_sizes *sizes,
	      struct gate **ret_gate) must_check;
void gate_close(struct gate *gate);
static inline void gate_closep(struct gate **gate)
{
	gate_close(*gate);
}
#define own_gate cleanup_with(gate_closep)

/* Remove every pin (the maps live on while a program is attached). Writer only. */
int gate_unpin(struct gate *gate) must_check;

/* The seed of the keyed hash; drawn now if nobody has. */
const struct sz_seed *gate_seed(struct gate *gate);

/* Bytes of kernel memory that maps and programs of this gate hold, from fdinfo's memlock. */
int gate_memory(struct gate *gate, uint64_t *ret_bytes) must_check;

#endif
