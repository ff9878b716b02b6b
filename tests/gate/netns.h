/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A network and mount namespace of the test's own, veth pairs in it, and frames through them. Both
 * ends of a pair are in one namespace: frames are sent and seen with AF_PACKET, so neither address
 * nor route is needed. "sz0" is the protected end, "pr0" its peer.
 */
#ifndef TESTS_GATE_NETNS_H
#define TESTS_GATE_NETNS_H

#include <stdbool.h>
#include <stdint.h>

#include <strazh/base/compiler.h>

/* Prints the TAP skip line and returns false when not root. Ends the test program if it fails. */
bool netns_enter(void);

/* printf for /bin/sh; output is shown only on failure. Returns the exit status. */
int sh(const char *format, ...) printf_like(1, 2);

/* Make the pair sz<n>, pr<n>, both up; the protected end's index. */
unsigned int veth_up(int n);
void veth_down(int n);

/* Addresses as dotted text. One UDP frame from the peer of pair n with that source. */
void frame_send(int n, const char *source);

/* Two threads: one sends frames of both sources from the peer, one counts what gets through. */
struct traffic;
struct traffic_seen {
	uint64_t sent;	      /* of each source */
	uint64_t bad, honest; /* arrived behind the gate */
};
struct traffic *traffic_start(int n, const char *bad, const char *honest);
struct traffic_seen traffic_stop(struct traffic *traffic);
/* Does a frame of that source get through? */
bool passes(int n, const char *source);

/*
 * Deny a host behind everybody's back, as bpftool would: presence bit, its line, then the entry.
 * `map`: descriptors by enum gate_map.
 */
void deny_raw(const int *map, const char *address, uint32_t until_s);

#endif
