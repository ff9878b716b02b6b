// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * What strazhd reads of its own folder, which anybody may have written: a line of the journal as
 * changes of the store, each of which the store takes or refuses; what a never entry came to; and
 * where the store was moved to.
 */
#include "must.h"

#include <errno.h>
#include <jansson.h>

#include <user/daemon/acts/actrows.h>
#include <user/daemon/memory/moving.h>
#include <user/store/inside.h>

#define CHANGES_MAX 3U /* of one act */

static int has_key(const struct store_act *act)
{
	switch ((int)act->verb) {
	case STORE_BAN_PUT:
	case STORE_BAN_LIFT:
		return prefix_ok(&act->ban.prefix) && act->ban.origin;
	case STORE_ALLOW_PUT:
	case STORE_ALLOW_REMOVE:
		return prefix_ok(&act->allow.prefix);
	case STORE_LIST_PUT:
	case STORE_LIST_REMOVE:
		return act->list.name != NULL;
	case STORE_SETTING_PUT:
	case STORE_SETTING_RESET:
	case STORE_SETTING_CLEAR:
		return strncmp(act->setting.name, ACTROWS_SETTING, strlen(ACTROWS_SETTING)) == 0;
	case STORE_NOTE:
		return act->note.action && act->note.subject;
	case STORE_BAN_CLEAR:
	case STORE_ALLOW_CLEAR:
		return 1;
	default:
		return 0; /* no operator's act is one of these */
	}
}

static void check_act(const char *text, size_t len)
{
	json_t *root = json_loadb(text, len, 0, NULL);
	struct store_op *op = NULL;
	struct actrow row;
	unsigned n = 0;
	int r = root ? 0 : ACTROWS_END;

	for (; !r; n++) {
		r = actrow_make(root, n, &row);
		MUST(r == 0 || r == ACTROWS_END || r == -EINVAL);
		if (r)
			break;
		MUST(n < CHANGES_MAX);
		MUST(has_key(&row.act));
		MUST(row.act.actor == row.actor);
		if (!store_op_make(&row.act, &op))
			free(op);
	}
	json_decref(root);
}

static void check_never(const char *text, size_t len)
{
	struct actrow_never never, same;
	char value[STORE_TEXT_MAX + 1], again[STORE_TEXT_MAX + 1];

	if (len > STORE_TEXT_MAX)
		return;
	memcpy(value, text, len);
	value[len] = '\0';
	if (actrow_never_parse(value, &never))
		return;
	MUST(never.since_ms >= 0 && never.until_ms >= 0 && never.note);
	if (!actrow_never_format(never.since_ms, never.until_ms, never.note, again)) {
		MUST(!actrow_never_parse(again, &same));
		MUST(same.since_ms == never.since_ms && same.until_ms == never.until_ms);
		MUST(strcmp(same.note, never.note) == 0);
		json_decref(same.root);
	}
	json_decref(never.root);
}

static void check_moved(const char *text, size_t len)
{
	static char bytes[2 * MEMORY_URL_LEN + 3], url[MEMORY_URL_LEN];
	int r;

	if (len >= sizeof(bytes))
		return;
	memcpy(bytes, text, len);
	(void)snprintf(url, sizeof(url), "a");
	r = moving_parse(bytes, len, url);
	MUST(r == 0 || r == -EBADMSG);
	MUST(url[0]);
	if (r)
		MUST(strcmp(url, "a") == 0);
	else if (len > 2 && text[0] == 'a' && text[1] == '\n')
		MUST(strlen(url) == len - 3 && memcmp(url, text + 2, len - 3) == 0);
	else
		MUST(strcmp(url, "a") == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_act((const char *)data, size);
	check_never((const char *)data, size);
	check_moved((const char *)data, size);
	return 0;
}
