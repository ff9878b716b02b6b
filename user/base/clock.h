/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Time. The gate compares expiries with bpf_ktime_get_boot_ns: CLOCK_BOOTTIME of the host, which
 * runs on over suspend and knows no clock steps. A process inside a time namespace sees that clock
 * with an offset; clock_boot_ns() takes it out (/proc/self/timens_offsets), so both sides agree.
 * Wall-clock times are computed for display at the moment of display, never stored as expiry.
 */
#ifndef STRAZH_USER_BASE_CLOCK_H
#define STRAZH_USER_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#include <strazh/base/compiler.h>

#define NS_PER_S 1000000000ULL

uint64_t clock_boot_ns(void);
uint32_t clock_boot_s(void);
uint64_t clock_wall_s(void);

/* Boot second at which something that starts now and lasts `for_s` is over; rounded up. */
uint32_t clock_until(uint64_t for_s);
/* Seconds left until `until_s`, 0 if past. until_s 0 (never) gives UINT64_MAX. */
uint64_t clock_left(uint32_t until_s);
/* The boot second as a wall-clock second, as of now. */
uint64_t clock_wall_of(uint32_t boot_s);

/*
 * "90", "90s", "10m", "2h", "7d", "4w", "1h30m": seconds; > 0, at most 100 years. 0 or -EINVAL, and
 * then *ret_why says what would be right.
 */
int duration_parse(const char *text, uint64_t *ret_s, const char **ret_why) must_check;
#define DURATION_TEXT_LEN 24
/* Two units at most: "2d3h", "9m58s", "never" for UINT64_MAX. */
const char *duration_format(uint64_t seconds, char text[DURATION_TEXT_LEN]);

#endif
