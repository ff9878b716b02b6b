/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Who gets a handshake without work. A token bucket of `rate` handshakes a second: strangers may
 * use the upper half of it; hellos with a good ticket all of it, but of the lower half no more than
 * half of the rate, for anybody can have a ticket, use it often, and replay a hello that was seen:
 * who comes beyond that is a stranger. A stranger who finds too little is asked
 * for work, and the work gets harder, a bit a quarter of a second, as long as there are more
 * strangers than the bucket has for them; then easier, down to none.
 *
 * Whoever looks at the whole machine may withhold a part of the rate and set a floor for the work
 * (door_pace()): strangers feel it first, tickets last, sessions that there are never.
 */
#ifndef STRAZH_USER_SERVER_DOOR_H
#define STRAZH_USER_SERVER_DOOR_H

#include <stdbool.h>
#include <stdint.h>

#define DOOR_STEP_MS 250U

#define DOOR_WHOLE 1000U

struct door {
	uint32_t set_rate; /* a second; 0: no limit */
	bool set_always;   /* everyone who is not known has to work */
	unsigned most;	   /* bits; 0: nobody is ever asked for work */
	uint32_t withheld, nominal;
	unsigned floor; /* bits */
	/* What follows from these. */
	uint32_t rate;
	unsigned least; /* bits, where work is asked for */
	bool always;
	uint64_t filled_ms;
	uint64_t tokens; /* thousandths, at most one second of them */
	uint64_t kept;	 /* of the lower half: what tickets may take at once */
	uint64_t stepped_ms;
	uint32_t short_of; /* strangers who found too little since the last step */
	unsigned bits;	   /* of the puzzle; 0: none */
};

enum door_answer {
	DOOR_OPEN,
	DOOR_WORK, /* a puzzle of door->bits */
	DOOR_BUSY, /* not even for those who have worked: later */
};

void door_init(struct door *door, uint32_t rate, unsigned most, bool always, uint64_t now_ms);
/* Another measure for those who come; how hard it is now goes on as far as that allows. */
void door_set(struct door *door, uint32_t rate, unsigned most, bool always);
/*
 * withheld: thousandths of the rate that are not to be had now, of `nominal` where no rate was set.
 * floor: everyone who is not known has to do work of at least so many bits; 0: nothing of it.
 */
void door_pace(struct door *door, uint32_t withheld, uint32_t nominal, unsigned floor);
/* The work that a stranger who comes now has to do; 0: none. */
unsigned door_bits(struct door *door, uint64_t now_ms);
/* One handshake. `worked`: its puzzle is solved; `known`: it came with a good ticket. */
enum door_answer door_ask(struct door *door, bool worked, bool known, uint64_t now_ms);

#endif
