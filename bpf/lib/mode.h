/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Does a reason to drop a packet drop it, or is it only counted? */
#ifndef STRAZH_BPF_MODE_H
#define STRAZH_BPF_MODE_H

#include <bpf/lib/lists.h>
#include <bpf/lib/maps.h>

/* The reasons of a class as a mask: a switch over them would become a table in memory. */
#define MODE_IN(kind, code, class) ((__u64)(SZ_CLASS_##class == (kind)) << SZ_REASON_##code)

static inlined int mode_is_pass(__u32 reason)
{
#define X(code, name, class, text) | MODE_IN(SZ_CLASS_PASS, code, class)
	return (0ULL SZ_REASONS(X)) >> (reason & 63) & 1;
#undef X
}

static inlined int mode_is_rate(__u32 reason)
{
#define X(code, name, class, text) | MODE_IN(SZ_CLASS_RATE, code, class)
	return (0ULL SZ_REASONS(X)) >> (reason & 63) & 1;
#undef X
}

static inlined int mode_is_answer(__u32 reason)
{
#define X(code, name, class, text) | MODE_IN(SZ_CLASS_ANSWER, code, class)
	return (0ULL SZ_REASONS(X)) >> (reason & 63) & 1;
#undef X
}

_Static_assert(SZ_REASON_COUNT <= 64, "a mask holds every reason");

/* The lockout guard: an `attach --confirm` that nobody confirmed. */
static inlined int mode_lease_over(const struct sz_settings *settings, __u32 ifindex)
{
	return settings->lease_ifindex == ifindex &&
	       lists_over(settings->lease_until_s, bpf_ktime_get_boot_ns());
}

static inlined int mode_observes(const struct sz_settings *settings, __u32 reason, __u32 ifindex)
{
	if (settings->flags & SZ_SET_OBSERVE)
		return 1;
	if (mode_is_rate(reason) && !sz_rates_drop(settings->flags))
		return 1;
	return settings->lease_ifindex && mode_lease_over(settings, ifindex);
}

#endif
