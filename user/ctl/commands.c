/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/ctl/cmd.h>

const struct command *const commands[] = {
	&cmd_attach,  &cmd_confirm, &cmd_detach,    &cmd_status,   &cmd_stats, &cmd_ban,
	&cmd_unban,   &cmd_report,  &cmd_allow,	    &cmd_disallow, &cmd_never, &cmd_list,
	&cmd_why,     &cmd_top,	    &cmd_explain,   &cmd_capture,  &cmd_load,  &cmd_unload,
	&cmd_lists,   &cmd_feeds,   &cmd_events,    &cmd_mode,	   &cmd_set,   &cmd_rate,
	&cmd_service, &cmd_profile, &cmd_flush,	    &cmd_replace,  &cmd_keys,  &cmd_ban_lines,
	&cmd_guard,   &cmd_db,	    &cmd_db_switch, NULL,
};
