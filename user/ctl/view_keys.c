/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Keys and certificates, one field a line. */
#include <user/ctl/view.h>

#include <stdio.h>
#include <string.h>

#include <strazh/base/compiler.h>
#include <user/crypto/keyfile.h>
#include <user/ctl/render.h>

static void show_text(struct render *render, const json_t *row, const char *key)
{
	const char *text = json_string_value(json_object_get(row, key));

	if (text && text[0])
		fprintf(render->out, "  %-10s %s\n", key, text);
}

static void show_time(struct render *render, const json_t *row, const char *key)
{
	const json_t *wall_s = json_object_get(row, key);
	char text[KEYFILE_TIME_TEXT_LEN];

	if (json_is_integer(wall_s))
		fprintf(render->out, "  %-10s %s\n", key,
			keyfile_time_text((uint64_t)json_integer_value(wall_s), text));
}

static void keys_row(struct render *render, const json_t *row)
{
	static const char *const texts[] = {"kind", "name", "id", "public", "root"};
	static const char *const times[] = {"created", "from", "until"};
	const char *path = json_string_value(json_object_get(row, "path"));

	fprintf(render->out, "%s%s%s\n", render_paint(render, PAINT_BOLD), path ? path : "",
		render_paint(render, PAINT_OFF));
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		show_text(render, row, texts[i]);
	for (size_t i = 0; i < ARRAY_LEN(times); i++)
		show_time(render, row, times[i]);
	if (json_is_true(json_object_get(row, "passphrase")))
		fputs("  under a passphrase\n", render->out);
	if (json_is_false(json_object_get(row, "valid")))
		fprintf(render->out, "  %snot valid now%s\n", render_paint(render, PAINT_RED),
			render_paint(render, PAINT_OFF));
}

const struct view view_keys = {.row = keys_row};
