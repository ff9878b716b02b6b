/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Protected services: which port is which entry of sz_service, and what is said of it. Entry 0 is
 * everything that is no service ("other"): it has limits and cannot be added or removed.
 *
 * A packet finds a service by its port. So an entry is complete before its port is written, and
 * its port is gone, and every packet that had seen it is through, before it is emptied.
 */
#ifndef STRAZH_USER_GATE_SERVICES_H
#define STRAZH_USER_GATE_SERVICES_H

#include <stdbool.h>
#include <stdint.h>

#include <strazh/abi/service.h>
#include <strazh/base/compiler.h>
#include <user/gate/gate.h>

#define SERVICE_TCP 6
#define SERVICE_UDP 17

/*
 * Over all sources, until somebody says otherwise: above the first the kernel is asked whether it
 * has the connection, above the second cookies go on.
 */
#define SERVICE_EST_PPS 100000U
#define SERVICE_SYN_PPS (1000000000U / SZ_COOKIE_STEP_NS)

/* Conditions. */
enum {
	SERVICE_ABSENT = 1, /* there is no such service */
	SERVICE_FULL,	    /* SZ_SERVICES - 1 of them are there */
};

/* Which entry; SERVICE_ABSENT. */
int service_find(struct gate *gate, uint8_t proto, uint16_t port, uint32_t *ret_index) must_check;
/* Is there a service at this index? false for 0. */
bool service_used(const struct gate *gate, uint32_t index);

/* What a service is when nothing more is said of it. `local`: its sockets are on this machine. */
struct sz_service service_standard(uint8_t proto, uint16_t port, bool local);
/* From now on its sockets are elsewhere: without what wants them here. */
void service_forward(struct sz_service *config);
/* N packets/s over all sources as a limit; 0: none. The burst is `burst_ns`, or what must be. */
void service_pps(struct sz_limit *limit, uint32_t pps, uint32_t burst_ns);
uint32_t service_pps_of(const struct sz_limit *limit);
/* SYN/s over all sources above which its cookies go on (AUTO) or SYNs are too many; 0: never. */
uint32_t service_syn_pressure(const struct sz_service *config);

/*
 * Make `config` the service of its port, or change the one that is there: in that case limits,
 * profile and counters that config was read with stay in force throughout. SERVICE_FULL.
 */
int service_put(struct gate *gate, const struct sz_service *config, uint32_t *ret_index) must_check;
/* SERVICE_ABSENT. */
int service_remove(struct gate *gate, uint8_t proto, uint16_t port) must_check;
/*
 * Ports and entries that say different things, as after the loss of one of the two maps or the
 * death of a writer: the entries are right. How many ports were mended.
 */
unsigned int services_mend(struct gate *gate);

/*
 * An operator has said something of it, or of the limit of a class of everything that is none: it
 * is his from now on, and the guard leaves it alone.
 */
void service_keep(struct gate *gate, uint32_t index, enum sz_rate_class class_);

/* ---- of the guard ---- */

/*
 * Makes it a service, or changes it where it is the guard's; SERVICE_FULL. `est_pps`: above it the
 * kernel is asked for connections.
 */
int service_guard(struct gate *gate, uint16_t port, uint32_t est_pps, bool cookies) must_check;
/* Removes those of the guard's that are not among `ports`. */
void service_unguard(struct gate *gate, const uint16_t *ports, size_t len);
/*
 * A limit of everything that is no service, for as long as gate/pace.h holds. False: an operator
 * has set one, or said that there is none.
 */
bool service_total(struct gate *gate, enum sz_rate_class class_, uint32_t pps);
void service_total_drop(struct gate *gate);
bool service_total_is_guards(const struct gate *gate, uint32_t index, enum sz_rate_class class_);

/* Its sizes from 0, with nothing left of before: what is counted meanwhile may be lost. */
int service_zero_sizes(struct gate *gate, uint32_t index) must_check;

/* Are SYNs of this service answered with cookies now, and since when (wall clock)? */
bool service_cookies_on(const struct gate *gate, uint32_t index, uint64_t *ret_since_s);
/* Did one go out in these two seconds, be it for a source over its own limit only? */
bool service_answers(const struct gate *gate, uint32_t index);

#endif
