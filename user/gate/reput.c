/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Both maps are hashes with the keys of tries: length and address. A walk goes by key; the kernel
 * starts over behind a key that is gone.
 */
#include <user/gate/reput.h>

#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>

#include <user/base/clock.h>
#include <user/gate/explain.h>
#include <user/gate/present.h>

struct reput_map_key {
	uint32_t len;
	uint8_t addr[16];
};

static int map_of(const struct gate *gate, uint8_t family)
{
	return gate->map[family == 4 ? GATE_MAP_REPUT4 : GATE_MAP_REPUT6];
}

int reput_key(const struct prefix *prefix, struct prefix *ret_key)
{
	const uint8_t host = prefix_one_len(prefix->family), net = prefix_net_len(prefix->family);
	uint8_t len = prefix->len;

	if (prefix->family == 6 && len == 128)
		len = host;
	if (len != host && len != net) {
		gate_explain("/%u: rates are kept of %s", prefix->len,
			     prefix->family == 4 ? "hosts and of /24" : "/64 and of /48");
		return REPUT_LENGTH;
	}
	*ret_key = prefix_from(prefix->family, prefix->addr, len);
	return 0;
}

static struct reput_map_key key_of(const struct prefix *prefix)
{
	struct reput_map_key key = {.len = prefix->len};

	memcpy(key.addr, prefix->addr, prefix->family == 4 ? 4 : 16);
	return key;
}

static int say(int r)
{
	gate_explain("rates of sources: %s", strerror(-r));
	return r;
}

int reput_get(struct gate *gate, const struct prefix *prefix, struct sz_reput *ret_reput)
{
	struct reput_map_key key;
	struct prefix kept;
	int r = reput_key(prefix, &kept);

	if (r)
		return r;
	key = key_of(&kept);
	if (!bpf_map_lookup_elem(map_of(gate, kept.family), &key, ret_reput))
		return 0;
	return errno == ENOENT ? REPUT_ABSENT : say(-errno);
}

bool reput_is_over(const struct sz_reput *reput, uint32_t now_s)
{
	return reput->until_s && reput->until_s <= now_s;
}

/* What the guard decides gives way to what an operator set. */
static bool is_foreign(const struct sz_reput *there, uint8_t origin)
{
	return origin == SZ_ORIGIN_GUARD && there->origin != SZ_ORIGIN_GUARD &&
	       !reput_is_over(there, clock_boot_s());
}

int reput_put(struct gate *gate, const struct prefix *prefix, const struct sz_reput *reput)
{
	struct sz_reput value = *reput, old;
	struct reput_map_key key;
	struct prefix kept;
	int r = reput_key(prefix, &kept);

	if (r)
		return r;
	if (!reput_get(gate, &kept, &old)) {
		if (is_foreign(&old, reput->origin))
			return REPUT_FOREIGN;
		value.first_s = old.first_s;
	}
	key = key_of(&kept);
	present_mark(gate, &kept);
	if (!bpf_map_update_elem(map_of(gate, kept.family), &key, &value, BPF_ANY))
		return 0;
	if (errno != E2BIG && errno != ENOMEM)
		return say(-errno);
	gate_explain("rates of sources: all %u entries of IPv%d are in use",
		     gate->max[kept.family == 4 ? GATE_MAP_REPUT4 : GATE_MAP_REPUT6], kept.family);
	return REPUT_FULL;
}

int reput_drop(struct gate *gate, const struct prefix *prefix, uint8_t origin)
{
	struct reput_map_key key;
	struct sz_reput old;
	struct prefix kept;
	int r = reput_key(prefix, &kept);

	if (r)
		return r;
	if (origin == SZ_ORIGIN_GUARD && !reput_get(gate, &kept, &old) && is_foreign(&old, origin))
		return REPUT_FOREIGN;
	key = key_of(&kept);
	if (!bpf_map_delete_elem(map_of(gate, kept.family), &key))
		return 0;
	return errno == ENOENT ? REPUT_ABSENT : say(-errno);
}

int reput_standing(struct gate *gate, const struct prefix *source, uint32_t now_s,
		   struct sz_reput *ret_reput, struct prefix *ret_key)
{
	const uint8_t net = prefix_net_len(source->family);
	struct sz_reput reput;
	struct prefix key;
	int r = reput_key(source, &key);

	if (r)
		return r;
	r = reput_get(gate, &key, &reput);
	if (key.len != net && (r == REPUT_ABSENT || (!r && reput_is_over(&reput, now_s)))) {
		key = prefix_from(key.family, key.addr, net);
		r = reput_get(gate, &key, &reput);
	}
	if (!r && reput_is_over(&reput, now_s))
		r = REPUT_ABSENT;
	if (r)
		return r;
	*ret_reput = reput;
	*ret_key = key;
	return 0;
}

static void cursor_begin(const struct gate *gate, struct reput_cursor *cursor, uint8_t family)
{
	*cursor = (struct reput_cursor){
		.family = family,
		.left = 2 * gate->max[family == 4 ? GATE_MAP_REPUT4 : GATE_MAP_REPUT6],
	};
}

/* The next key of this family; false: there is none. */
static bool cursor_next(struct gate *gate, struct reput_cursor *cursor)
{
	struct reput_map_key at = {.len = cursor->len}, next;

	memcpy(at.addr, cursor->addr, sizeof(at.addr));
	if (!cursor->left ||
	    bpf_map_get_next_key(map_of(gate, cursor->family), cursor->inside ? &at : NULL, &next))
		return false;
	cursor->left--;
	cursor->inside = true;
	cursor->len = next.len;
	memcpy(cursor->addr, next.addr, cursor->family == 4 ? 4 : 16);
	return true;
}

int reput_walk(struct gate *gate, struct reput_cursor *cursor, uint32_t most, reput_visit visit,
	       void *context, bool *ret_done)
{
	bool done = false;
	int r = 0;

	if (!cursor->family)
		cursor_begin(gate, cursor, 4);
	while (!r && !done && most--) {
		struct prefix prefix;
		struct sz_reput reput;

		if (!cursor_next(gate, cursor)) {
			done = cursor->family == 6;
			cursor_begin(gate, cursor, 6);
			continue;
		}
		prefix = prefix_from(cursor->family, cursor->addr, (uint8_t)cursor->len);
		if (!reput_get(gate, &prefix, &reput))
			r = visit(context, &prefix, &reput);
	}
	*ret_done = done;
	return r;
}
