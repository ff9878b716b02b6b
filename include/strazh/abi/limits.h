/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sizes and bounds that the gate and user space must agree on.
 *
 * Changing anything in this folder that alters a layout means a new SZ_LAYOUT: a daemon or a
 * command of another layout then refuses politely instead of misreading the maps.
 */
#ifndef STRAZH_ABI_LIMITS_H
#define STRAZH_ABI_LIMITS_H

#define SZ_LAYOUT 2

/* Parser bounds: what is deeper than this is dropped, never waved through. */
#define SZ_VLAN_MAX 2
#define SZ_EXT_MAX 8

/* Default capacities; the loader may choose others (struct gate_sizes in user/gate/gate.h). */
#define SZ_HOST4_MAX (1U << 21)
#define SZ_HOST6_MAX (1U << 18)
#define SZ_NET_MAX (1U << 18)
#define SZ_ALLOW_MAX (1U << 16)
#define SZ_NEVER_MAX (1U << 12)
#define SZ_NOTE_MAX (1U << 16)
#define SZ_EVENT_BYTES (1U << 20)

#define SZ_LISTS 64
#define SZ_LIST_NAME_LEN 32
#define SZ_NOTE_LEN 120

#define SZ_EVENTS_PER_S 100U
#define SZ_PROBES_PER_S 1000U /* SYNs that the kernel is asked about, of a CPU */

/* Rate tables, of cache lines with four slots: 16 MiB for hosts, 4 MiB for prefixes. */
#define SZ_RHOST_LINES (1U << 18)
#define SZ_RNET_LINES (1U << 16)
#define SZ_RATE_WAYS 4
#define SZ_TIERS 8

#define SZ_REPUT_MAX (1U << 17)
#define SZ_PROVEN_MAX (1U << 16)
#define SZ_SERVICES 64
#define SZ_TAPS 4
#define SZ_TAP_BYTES (1U << 20)
#define SZ_SNAP_MAX 512

#endif
