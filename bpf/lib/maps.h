/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every map of the gate. What is in them: include/strazh/abi. Loaders may choose other capacities
 * for the list maps. All are pinned by name, so that a new program finds the lists of the old one.
 */
#ifndef STRAZH_BPF_MAPS_H
#define STRAZH_BPF_MAPS_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include <strazh/abi/dline.h>
#include <strazh/abi/event.h>
#include <strazh/abi/limits.h>
#include <strazh/abi/meta.h>
#include <strazh/abi/present.h>
#include <strazh/abi/rate.h>
#include <strazh/abi/reason.h>
#include <strazh/abi/rule.h>
#include <strazh/abi/service.h>
#include <strazh/abi/settings.h>
#include <strazh/abi/stats.h>
#include <strazh/abi/tap.h>

/* Lists grow entry by entry: memory is taken for what is in them, not for what may be. */
#define MAPS_LIST(name, kind, most, key_type, value_type)                                          \
	struct {                                                                                   \
		__uint(type, kind);                                                                \
		__uint(map_flags, BPF_F_NO_PREALLOC);                                              \
		__uint(max_entries, most);                                                         \
		__uint(pinning, LIBBPF_PIN_BY_NAME);                                               \
		__type(key, key_type);                                                             \
		__type(value, value_type);                                                         \
	} name SEC(".maps")

#define MAPS_ARRAY(name, kind, flags, most, value_type)                                            \
	struct {                                                                                   \
		__uint(type, kind);                                                                \
		__uint(map_flags, flags);                                                          \
		__uint(max_entries, most);                                                         \
		__uint(pinning, LIBBPF_PIN_BY_NAME);                                               \
		__type(key, __u32);                                                                \
		__type(value, value_type);                                                         \
	} name SEC(".maps")

MAPS_LIST(sz_never4, BPF_MAP_TYPE_LPM_TRIE, SZ_NEVER_MAX, struct sz_net4, struct sz_net_rule);
MAPS_LIST(sz_never6, BPF_MAP_TYPE_LPM_TRIE, SZ_NEVER_MAX, struct sz_net6, struct sz_net_rule);
MAPS_LIST(sz_allow4, BPF_MAP_TYPE_LPM_TRIE, SZ_ALLOW_MAX, struct sz_net4, struct sz_net_rule);
MAPS_LIST(sz_allow6, BPF_MAP_TYPE_LPM_TRIE, SZ_ALLOW_MAX, struct sz_net6, struct sz_net_rule);
MAPS_LIST(sz_dnet4, BPF_MAP_TYPE_LPM_TRIE, SZ_NET_MAX, struct sz_net4, struct sz_net_rule);
MAPS_LIST(sz_dnet6, BPF_MAP_TYPE_LPM_TRIE, SZ_NET_MAX, struct sz_net6, struct sz_net_rule);
MAPS_LIST(sz_dhost4, BPF_MAP_TYPE_HASH, SZ_HOST4_MAX, struct sz_host4, struct sz_rule);
MAPS_LIST(sz_dhost6, BPF_MAP_TYPE_HASH, SZ_HOST6_MAX, struct sz_host6, struct sz_rule);
MAPS_LIST(sz_reput4, BPF_MAP_TYPE_HASH, SZ_REPUT_MAX, struct sz_net4, struct sz_reput);
MAPS_LIST(sz_reput6, BPF_MAP_TYPE_HASH, SZ_REPUT_MAX, struct sz_net6, struct sz_reput);
MAPS_LIST(sz_proven, BPF_MAP_TYPE_HASH, SZ_PROVEN_MAX, struct sz_flow, struct sz_proven);
MAPS_LIST(sz_note, BPF_MAP_TYPE_HASH, SZ_NOTE_MAX, struct sz_note_key, struct sz_note);

MAPS_ARRAY(sz_present4, BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE, SZ_PRESENT4_LINES, struct sz_present4);
MAPS_ARRAY(sz_present6, BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE, SZ_PRESENT6_LINES, struct sz_present6);
MAPS_ARRAY(sz_settings, BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE, 1, struct sz_settings);
MAPS_ARRAY(sz_meta, BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE, 1, struct sz_meta);
MAPS_ARRAY(sz_rhost, BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE, SZ_RHOST_LINES, struct sz_meters);
MAPS_ARRAY(sz_rnet, BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE, SZ_RNET_LINES, struct sz_meters);
MAPS_ARRAY(sz_limit, BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE, SZ_LIMITS, struct sz_limit);
MAPS_ARRAY(sz_port, BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE, SZ_PORT_LINES, struct sz_port);
MAPS_ARRAY(sz_service, BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE, SZ_SERVICES, struct sz_service);
MAPS_ARRAY(sz_rsvc, BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE, SZ_SERVICES, struct sz_rsvc);
MAPS_ARRAY(sz_credit, BPF_MAP_TYPE_PERCPU_ARRAY, 0, SZ_SERVICES, struct sz_credit);
MAPS_ARRAY(sz_size, BPF_MAP_TYPE_PERCPU_ARRAY, 0, SZ_SERVICES, struct sz_size);
MAPS_ARRAY(sz_tap, BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE, SZ_TAPS, struct sz_tap);
MAPS_ARRAY(sz_list, BPF_MAP_TYPE_ARRAY, 0, SZ_LISTS, struct sz_list);
MAPS_ARRAY(sz_count, BPF_MAP_TYPE_PERCPU_ARRAY, 0, SZ_COUNT_MAX, struct sz_count);
MAPS_ARRAY(sz_dline4, BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE, SZ_DLINES, struct sz_dline);

#define MAPS_RING(name, bytes)                                                                     \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_RINGBUF);                                                \
		__uint(max_entries, bytes);                                                        \
		__uint(pinning, LIBBPF_PIN_BY_NAME);                                               \
	} name SEC(".maps")

MAPS_RING(sz_event, SZ_EVENT_BYTES);
MAPS_RING(sz_tap0, SZ_TAP_BYTES);
MAPS_RING(sz_tap1, SZ_TAP_BYTES);
MAPS_RING(sz_tap2, SZ_TAP_BYTES);
MAPS_RING(sz_tap3, SZ_TAP_BYTES);

/* Set by the loader before it loads; see struct sz_meta. */
const volatile __u32 sz_instance = 0;
/* This load only tells what it would do: it changes no list, sends nothing, marks no socket. */
const volatile __u32 sz_dry = 0;

#endif
