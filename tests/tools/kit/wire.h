/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Where frames may be let loose: veth interfaces of network namespaces made for a test. */
#ifndef STRAZH_TESTS_TOOLS_KIT_WIRE_H
#define STRAZH_TESTS_TOOLS_KIT_WIRE_H

#include <net/ethernet.h>
#include <stdint.h>

/* Both say on stderr why not, and exit with status 2. */
void wire_refuse_real_network(void);
/* A packet socket that sends on this veth interface, and its hardware address. */
int wire_open(const char *dev, uint8_t ret_mac[ETH_ALEN]);

/* The end of the program: "PROGRAM: WHAT 'SUBJECT': WHY", status 2. */
_Noreturn void wire_fail(const char *what, const char *subject, const char *why);

#endif
