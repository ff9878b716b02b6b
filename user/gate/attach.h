/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Programs on interfaces. Through libxdp's dispatcher where the kernel takes freplace programs,
 * directly (one program an interface) where not; the caller does not see the difference. The state
 * is in the kernel only: what is attached is found through program and map ids, so a restarted
 * daemon needs no memory of it.
 *
 * `foreign`: our program on maps of its own, as `ip link set xdp` or xdp-loader leave it.
 * attach_adopt() imports its lists and replaces it, with no packet unfiltered, by ours on the
 * canonical pins.
 *
 * Everything here wants CAP_SYS_ADMIN in the effective set once something is attached: the kernel
 * turns ids into descriptors for nobody else (-EPERM, and libxdp does it too). A daemon keeps it
 * permitted and raises it around these calls. Conditions above 0 are ATTACH_*; gate_error() says
 * why, for those and for -errno.
 */
#ifndef STRAZH_USER_GATE_ATTACH_H
#define STRAZH_USER_GATE_ATTACH_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <user/gate/gate.h>

enum attach_mode {
	ATTACH_AUTO, /* native, else generic */
	ATTACH_NATIVE,
	ATTACH_GENERIC,
};

enum attach_owner {
	ATTACH_NONE,	/* no XDP program there */
	ATTACH_OURS,	/* ours, on the canonical pins */
	ATTACH_FOREIGN, /* our program, on other maps: can be adopted */
	ATTACH_OTHER,	/* somebody else's program, ours not among them */
};

struct attachment {
	unsigned int ifindex;
	char ifname[IF_NAMESIZE];
	enum attach_owner owner;
	enum attach_mode mode; /* native or generic */
	bool dispatcher;
	bool current;	  /* the program inside this binary, under the number that meta names */
	uint32_t prog_id; /* of our program, or of the other one */
	char prog_name[16];
	uint32_t instance; /* number of that instance, see sz_meta */
};

enum {
	ATTACH_NO_SUCH_IF = 1,
	ATTACH_LOOPBACK,  /* refused: lo carries only this machine's own traffic */
	ATTACH_OCCUPIED,  /* somebody else's program is there and there is no dispatcher to share */
	ATTACH_NO_NATIVE, /* the driver has no native XDP, and native was demanded */
	ATTACH_ALREADY,	  /* ours is there */
	ATTACH_NOT_THERE, /* detach, replace: ours is not; adopt: no foreign one is */
	ATTACH_OTHER_LAYOUT, /* adopt: the foreign gate is of a version with other maps */
	ATTACH_NO_ROOM,	     /* adopt: its entries do not fit into our maps; it stays in force */
};

int attach_query(struct gate *gate, unsigned int ifindex, struct attachment *ret_one) must_check;
/* Every interface of this network namespace. Array is the caller's: free(). */
int attach_list(struct gate *gate, struct attachment **ret_all, size_t *ret_count) must_check;

/* Attach ours; adopts a foreign instance instead where one is found. 0, a condition, -errno. */
int attach_add(struct gate *gate, unsigned int ifindex, enum attach_mode mode) must_check;
int attach_remove(struct gate *gate, unsigned int ifindex) must_check;

/* What an adoption brought. */
struct adoption {
	uint64_t never, allow, nets, hosts, notes; /* entries imported */
	uint64_t refused; /* denials that our never-ban set or allow list does not let in */
	uint64_t pins;	  /* stale pins of ip under /sys/fs/bpf/tc/globals, removed */
	bool settings;	  /* its settings were taken over, ours being untouched */
};
int attach_adopt(struct gate *gate, unsigned int ifindex, struct adoption *ret_adoption) must_check;

/*
 * Replace ours on `ifindex` by a fresh load of the embedded program on the same maps, with no
 * packet unfiltered: an atomic exchange, or under a dispatcher new beside old, then the old one
 * goes. Also finishes a replacement that was cut short.
 */
int attach_replace(struct gate *gate, unsigned int ifindex) must_check;

#endif
