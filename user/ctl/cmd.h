/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The commands, one file a family; commands.c puts them in order. */
#ifndef STRAZH_USER_CTL_CMD_H
#define STRAZH_USER_CTL_CMD_H

#include <user/ctl/command.h>

extern const struct command cmd_attach, cmd_confirm, cmd_detach, cmd_replace, cmd_status, cmd_ban,
	cmd_ban_lines, cmd_unban, cmd_allow, cmd_disallow, cmd_never, cmd_list, cmd_stats, cmd_why,
	cmd_load, cmd_unload, cmd_lists, cmd_events, cmd_mode, cmd_set, cmd_flush, cmd_service,
	cmd_rate, cmd_explain, cmd_capture, cmd_top, cmd_profile, cmd_keys, cmd_guard, cmd_feeds,
	cmd_db, cmd_db_switch, cmd_report;

#endif
