/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* 10,000 bans through fail2ban and through us: fail2ban.sh does it, here it becomes figures. */
#ifndef TESTS_BENCH_GUARD_FAIL2BAN_H
#define TESTS_BENCH_GUARD_FAIL2BAN_H

extern const char *bench_dir; /* where the build is */
void bench_fail2ban(void);

#endif
