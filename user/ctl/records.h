/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Prefixes on their way from strazhctl to strazhd: struct prefix records in a sealed memfd, so that
 * the text is parsed by whoever brought it and cannot change while it is looked at.
 */
#ifndef STRAZH_USER_CTL_RECORDS_H
#define STRAZH_USER_CTL_RECORDS_H

#include <stddef.h>

#include <strazh/base/compiler.h>
#include <user/base/prefix.h>

#define RECORDS_WHY_LEN 160

int records_send(const struct prefix *entries, size_t count, int *ret_fd) must_check;

struct records {
	const struct prefix *entries;
	size_t count;
	void *mapping;
	size_t mapping_len;
};

/* Canonical, sorted, no duplicates. */
int records_check(const struct prefix *entries, size_t count, char why[RECORDS_WHY_LEN]) must_check;
/* 0; -EBADMSG and `why`: it is not sealed or holds what a sender must not send; -errno. */
int records_receive(int fd, struct records *ret_records, char why[RECORDS_WHY_LEN]) must_check;
void records_deinit(struct records *records);

#endif
