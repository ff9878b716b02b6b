/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Between the files of the configuration alone. */
#ifndef STRAZH_USER_DAEMON_CONFIG_CONFIG_PARTS_H
#define STRAZH_USER_DAEMON_CONFIG_CONFIG_PARTS_H

#include <user/daemon/config/config.h>

/* From 0; -1: no such section. */
int config_section_index(const char *section);
/* 0; CONFIG_WRONG, and the fault is added; -ENOMEM. */
int config_set_value(struct config *config, enum config_key key, const char *text,
		     enum config_from from, const char *where,
		     struct config_faults *faults) must_check;
/* What was judged already. 0 or -ENOMEM. */
int config_add_upstream(struct config *config, const char *name, const char *target,
			unsigned line) must_check;

#endif
