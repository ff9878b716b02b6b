/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * To report an address: evidence for strazhd's guard, proven since somebody who may ban says so,
 * and nothing else. Whether it bans is the guard's to decide; said again it is the same report.
 */
#ifndef STRAZH_USER_CTL_REPORTING_H
#define STRAZH_USER_CTL_REPORTING_H

#include <user/ctl/request.h>
#include <user/ctl/saying.h>

/* A host: an IPv4 address, an IPv6 address or /64. weight: as typed, NULL: that of the kind; for_s:
 * it does not fade for so long. A ctl_code, and the words. */
int reporting_tell(struct request *request, const struct prefix *prefix, const char *weight,
		   uint64_t for_s, const char *reason, char text[SAYING_LEN]) must_check;

#endif
