/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* 10,000 bans through fail2ban and through us: fail2ban.sh does it, here it becomes figures. */
#ifndef TESTS_BENCH_GUARD_FAIL2BAN_H
#define TESTS_BENCH_GUARD_FAIL2BAN_H

void bench_fail2ban(const char *build_dir);

#endif
