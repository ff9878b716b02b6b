/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A note is written before its entry and deleted after it, so an entry never loses its words; a
 * note that a crash left without its entry is collected by the sweep.
 */
#include <user/gate/note.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include <strazh/base/own.h>
#include <strazh/base/utf8.h>
#include <user/base/clock.h>

#define NOTES_SLICE 512U

/* ---- text ---- */

int note_check(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t len = strlen(text);

	if (len >= SZ_NOTE_LEN) {
		gate_explain("note is %zu bytes long: at most %d", len, SZ_NOTE_LEN - 1);
		return -EINVAL;
	}
	for (size_t i = 0, step; i < len; i += step) {
		step = utf8_len(at + i, len - i);
		if (!step) {
			gate_explain("note is not UTF-8 at byte %zu (0x%02x)", i + 1, at[i]);
			return -EINVAL;
		}
		if (utf8_is_control(at + i)) {
			gate_explain("note has a control character at byte %zu (0x%02x): "
				     "one line of plain text is wanted",
				     i + 1, at[i + step - 1]);
			return -EINVAL;
		}
	}
	return 0;
}

/* ---- entries ---- */

static struct sz_note_key note_key(enum sz_table table, const struct prefix *prefix)
{
	struct sz_note_key key = {
		.family = prefix->family,
		.len = prefix->len,
		.table = (uint8_t)table,
	};

	memcpy(key.addr, prefix->addr, sizeof(key.addr));
	return key;
}

int note_write(struct gate *gate, enum sz_table table, const struct prefix *prefix,
	       const char *text)
{
	struct sz_note_key key = note_key(table, prefix);
	struct sz_note note = {.made_s = clock_wall_s()};
	int r;

	if (!*text)
		return note_delete(gate, table, prefix);
	memcpy(note.text, text, strnlen(text, sizeof(note.text) - 1));
	r = bpf_map_update_elem(gate->map[GATE_MAP_NOTE], &key, &note, BPF_ANY);
	return r == -E2BIG ? -ENOSPC : r;
}

int note_read(struct gate *gate, enum sz_table table, const struct prefix *prefix,
	      struct sz_note *ret_note)
{
	struct sz_note_key key = note_key(table, prefix);
	struct sz_note note;
	int r = bpf_map_lookup_elem(gate->map[GATE_MAP_NOTE], &key, &note);

	if (r)
		return r;
	note.text[sizeof(note.text) - 1] = '\0';
	*ret_note = note;
	return 0;
}

int note_delete(struct gate *gate, enum sz_table table, const struct prefix *prefix)
{
	struct sz_note_key key = note_key(table, prefix);
	int r = bpf_map_delete_elem(gate->map[GATE_MAP_NOTE], &key);

	return r == -ENOENT ? 0 : r;
}

/* ---- all of them ---- */

struct notes_slice {
	struct sz_note_key keys[NOTES_SLICE];
	struct sz_note notes[NOTES_SLICE];
};

static int slice_visit(struct gate *gate, const struct sz_note_key *key, note_entry is_there)
{
	struct prefix prefix = {.family = key->family, .len = key->len};
	int r;

	memcpy(prefix.addr, key->addr, sizeof(prefix.addr));
	if (key->table >= SZ_TABLES || !prefix_ok(&prefix))
		r = 0; /* nobody could ask for it */
	else
		r = is_there(gate, (enum sz_table)key->table, &prefix);
	if (r)
		return r < 0 ? r : 0;
	r = bpf_map_delete_elem(gate->map[GATE_MAP_NOTE], key);
	return r == -ENOENT ? 0 : r;
}

int notes_collect(struct gate *gate, note_entry is_there, uint32_t most, uint32_t *token,
		  bool *ret_done)
{
	own_free struct notes_slice *slice = malloc(sizeof(*slice));
	uint32_t count = MIN(MAX(most, 64U), NOTES_SLICE), next = 0;
	int r;

	if (!slice)
		return -ENOMEM;
	LIBBPF_OPTS(bpf_map_batch_opts, options);
	r = bpf_map_lookup_batch(gate->map[GATE_MAP_NOTE], *token ? token : NULL, &next,
				 slice->keys, slice->notes, &count, &options);
	if (r && r != -ENOENT)
		return r;
	*ret_done = r == -ENOENT;
	*token = next;
	for (uint32_t i = 0; i < count; i++) {
		r = slice_visit(gate, &slice->keys[i], is_there);
		if (r)
			return r;
	}
	return 0;
}

int notes_clear(struct gate *gate, enum sz_table table)
{
	struct sz_note_key key, next;
	int fd = gate->map[GATE_MAP_NOTE];
	int r = bpf_map_get_next_key(fd, NULL, &next);

	while (!r) {
		key = next;
		r = bpf_map_get_next_key(fd, &key, &next);
		if (key.table == (uint8_t)table && bpf_map_delete_elem(fd, &key) < 0)
			return -errno;
	}
	return r == -ENOENT ? 0 : r;
}
