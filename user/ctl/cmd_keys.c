/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * keys: the files of the secured server and its clients. strazhctl does all of it on the files of
 * whoever calls it; strazhd is not asked, and no secret ever stands in a request or in a row.
 *
 * rotate writes in this order: the old key under its new name, the new key, the new certificate. A
 * crash in between leaves the old key where a server finds it, and at worst a certificate that is
 * of that key.
 */
#include <user/ctl/cmd.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <strazh/base/own.h>
#include <user/base/clock.h>
#include <user/ctl/keyring.h>
#include <user/ctl/request.h>
#include <user/ctl/view.h>
#include <user/ctl/watching.h>

#define CERT_ENDING ".cert"
#define DAY_S 86400ULL
#define DAYS_STANDARD 365UL
#define DAYS_MOST 36500UL
#define OVERLAP_STANDARD_S (7 * DAY_S)

static bool given(const struct keyring *ring, const char *key)
{
	return json_object_get(ring->args, key) != NULL;
}

static int done(struct keyring *ring, const char *text)
{
	return client_finish(ring->client, result_make("keys", CTL_DONE, text));
}

static int no_memory(struct keyring *ring)
{
	return client_fail(ring->client, CTL_FAILED, "keys: no memory");
}

/* ---- new ---- */

static int take_kind(struct keyring *ring, enum keyfile_kind *ret_kind)
{
	int kinds = 0;

	*ret_kind = KEYFILE_SERVER;
	for (size_t i = 0; i < KEYFILE_KIND_COUNT; i++) {
		if (!given(ring, keyfile_kind_names[i]))
			continue;
		*ret_kind = (enum keyfile_kind)i;
		kinds++;
	}
	if (kinds > 1)
		return client_fail(ring->client, CTL_USAGE,
				   "keys new: one of --server, --client and --root");
	return CTL_DONE;
}

static int generate(struct keyring *ring, enum keyfile_kind kind, const char *name,
		    struct keyfile *ret_file)
{
	int r = keyfile_generate(ring->crypto, kind, name, ring->now_s, ret_file);

	if (r == -EINVAL)
		return client_fail(ring->client, CTL_USAGE,
				   "keys: '%.60s' is no name: 1 to %d printable characters of "
				   "ASCII",
				   name, KEYFILE_NAME_MAX);
	return r ? keyring_fail(ring, ring->path, r, NULL) : CTL_DONE;
}

static int run_new(struct keyring *ring)
{
	const char *name = keyring_text(ring, "name");
	own_keyfile struct keyfile file = {0};
	char text[WHY_LEN], id[KEYFILE_ID_TEXT_LEN];
	enum keyfile_kind kind;
	int r = take_kind(ring, &kind);

	if (!r)
		r = generate(ring, kind, name ? name : "", &file);
	if (!r)
		r = keyring_lock(ring, "passphrase-file", &file);
	if (r)
		return r;
	r = keyfile_write(ring->path, &file, KEYFILE_NEW);
	if (r)
		return keyring_fail(ring, ring->path, r, NULL);
	render_row(ring->client->render, keyring_key_row(ring, ring->path, &file));
	(void)snprintf(text, sizeof(text), "a new key of a %s, %s, is in '%.200s'",
		       keyfile_kind_names[kind], keyfile_id_text(file.public, id), ring->path);
	return done(ring, text);
}

/* ---- show ---- */

static int show_key(struct keyring *ring)
{
	own_keyfile struct keyfile file = {0};
	int r = keyring_read(ring, ring->path, &file);

	if (r)
		return r;
	if (given(ring, "root"))
		return client_fail(ring->client, CTL_USAGE,
				   "keys show: '%s' is a key; --root is for certificates",
				   ring->path);
	render_row(ring->client->render, keyring_key_row(ring, ring->path, &file));
	return done(ring, NULL);
}

static int run_show(struct keyring *ring)
{
	const char *root = keyring_text(ring, "root");
	uint8_t bytes[KEYFILE_CERT_MAX];
	struct keyfile_fault fault = {0};
	struct cert cert;
	size_t len;
	int r = certfile_read(ring->path, bytes, &len, &fault);

	if (r == KEYFILE_MALFORMED && fault.line == 1)
		return show_key(ring);
	r = keyring_read_cert(ring, ring->path, &cert);
	if (!r && root)
		r = keyring_check(ring, root, &cert);
	if (r)
		return r;
	render_row(ring->client->render, keyring_cert_row(ring, ring->path, &cert));
	return done(ring, root ? "it is signed by this root" : NULL);
}

/* ---- sign ---- */

/* Days that a certificate holds; *ret_s untouched where they are not given. */
static int take_days(struct keyring *ring, uint64_t *ret_s)
{
	const char *text = keyring_text(ring, "days");
	unsigned long days = 0;
	char *end = NULL;

	if (!text)
		return CTL_DONE;
	errno = 0;
	if (text[0] >= '0' && text[0] <= '9')
		days = strtoul(text, &end, 10);
	if (!end || errno || *end || !days || days > DAYS_MOST)
		return client_fail(ring->client, CTL_USAGE,
				   "keys: '%.40s' is no value for --days: a number, 1 to %lu", text,
				   DAYS_MOST);
	*ret_s = days * DAY_S;
	return CTL_DONE;
}

static int fill_cert(struct keyring *ring, const uint8_t public[32], const char *name,
		     uint64_t for_s, struct cert *ret_cert)
{
	const size_t len = strlen(name);

	if (!len || len > PH_NAME_MAX)
		return client_fail(ring->client, CTL_USAGE,
				   "keys: a certificate wants the server's name, 1 to %d bytes: "
				   "--name NAME",
				   PH_NAME_MAX);
	*ret_cert = (struct cert){
		.not_before = ring->now_s - KEYRING_EARLY_S,
		.not_after = ring->now_s + for_s,
		.name_len = (uint8_t)len,
	};
	memcpy(ret_cert->key, public, PH_KEY_LEN);
	memcpy(ret_cert->name, name, len);
	return CTL_DONE;
}

static int run_sign(struct keyring *ring)
{
	const char *root = keyring_text(ring, "root"), *name = keyring_text(ring, "name");
	const char *out = keyring_text(ring, "out");
	own_free char *beside = NULL;
	own_keyfile struct keyfile file = {0};
	uint64_t for_s = DAYS_STANDARD * DAY_S;
	char text[WHY_LEN];
	struct cert cert;
	int r;

	if (!root)
		return client_fail(ring->client, CTL_USAGE,
				   "keys sign: by whom? keys sign --root ROOT --name NAME PATH");
	if (!out && asprintf(&beside, "%s" CERT_ENDING, ring->path) < 0)
		return no_memory(ring);
	r = take_days(ring, &for_s);
	if (!r)
		r = keyring_read(ring, ring->path, &file);
	if (!r && file.kind != KEYFILE_SERVER)
		r = client_fail(ring->client, CTL_USAGE,
				"keys sign: '%s' is a %s's key; certificates are of servers",
				ring->path, keyfile_kind_names[file.kind]);
	if (!r)
		r = fill_cert(ring, file.public, name ? name : file.name, for_s, &cert);
	if (!r)
		r = keyring_sign(ring, root, "passphrase-file", &cert);
	if (!r)
		r = keyring_write_cert(ring, out ? out : beside, &cert, KEYFILE_NEW);
	if (r)
		return r;
	render_row(ring->client->render, keyring_cert_row(ring, out ? out : beside, &cert));
	(void)snprintf(text, sizeof(text), "the certificate is in '%.200s'", out ? out : beside);
	return done(ring, text);
}

/* ---- rotate ---- */

struct rotation {
	char *old_path, *cert_path;
	struct keyfile old, fresh;
	bool has_cert, sign;
	struct cert cert;
};

static void rotation_deinit(struct rotation *rotation)
{
	free(rotation->old_path);
	free(rotation->cert_path);
	wipe(rotation, sizeof(*rotation));
}
#define own_rotation cleanup_with(rotation_deinit)

/* The new certificate says what the old one said, for as long; options go before. */
static int renew_cert(struct keyring *ring, struct rotation *rotation)
{
	const char *root = keyring_text(ring, "root"), *name = keyring_text(ring, "name");
	uint64_t for_s = DAYS_STANDARD * DAY_S;
	struct cert was = {0};
	int r = CTL_DONE;

	rotation->has_cert = access(rotation->cert_path, F_OK) == 0;
	rotation->sign = root;
	if (!root)
		return CTL_DONE;
	if (rotation->old.kind != KEYFILE_SERVER)
		return client_fail(ring->client, CTL_USAGE,
				   "keys rotate: '%s' is a %s's key; certificates are of servers",
				   ring->path, keyfile_kind_names[rotation->old.kind]);
	if (rotation->has_cert) {
		r = keyring_read_cert(ring, rotation->cert_path, &was);
		for_s = was.not_after - was.not_before - KEYRING_EARLY_S;
	}
	if (!r)
		r = take_days(ring, &for_s);
	if (!name)
		name = rotation->has_cert ? was.name : rotation->old.name;
	if (!r)
		r = fill_cert(ring, rotation->fresh.public, name, for_s, &rotation->cert);
	return r ? r : keyring_sign(ring, root, "root-passphrase-file", &rotation->cert);
}

static int renew_keys(struct keyring *ring, struct rotation *rotation)
{
	struct keyfile *old = &rotation->old, *fresh = &rotation->fresh;
	uint64_t overlap_s = OVERLAP_STANDARD_S, until_s;
	const char *overlap = keyring_text(ring, "overlap"), *why;
	bool sealed;
	int r = keyring_read(ring, ring->path, old);

	if (!r)
		r = keyring_unlock(ring, ring->path, "passphrase-file", old);
	if (!r)
		r = generate(ring, old->kind, old->name, fresh);
	if (r)
		return r;
	if (overlap && duration_parse(overlap, &overlap_s, &why))
		return client_fail(ring->client, CTL_USAGE, "keys rotate: %s", why);
	until_s = ring->now_s + overlap_s;
	if (!old->until_s || old->until_s > until_s)
		old->until_s = until_s;
	sealed = old->sealed;
	old->sealed = false;
	if (sealed)
		r = keyring_lock(ring, "passphrase-file", old);
	if (!r && sealed)
		r = keyring_lock(ring, "passphrase-file", fresh);
	return r;
}

static int write_all(struct keyring *ring, const struct rotation *rotation)
{
	int r = keyfile_write(rotation->old_path, &rotation->old, KEYFILE_NEW);

	if (r)
		return keyring_fail(ring, rotation->old_path, r, NULL);
	r = keyfile_write(ring->path, &rotation->fresh, KEYFILE_REPLACE);
	if (r)
		return keyring_fail(ring, ring->path, r, NULL);
	if (!rotation->sign)
		return CTL_DONE;
	return keyring_write_cert(ring, rotation->cert_path, &rotation->cert, KEYFILE_REPLACE);
}

/* Keys whose overlap is over. */
static unsigned int remove_ended(struct keyring *ring)
{
	struct keyfile_olds olds;
	unsigned int removed = 0;

	if (keyfile_olds(ring->path, &olds))
		return 0;
	for (size_t i = 0; i < olds.count; i++) {
		own_keyfile struct keyfile file = {0};
		struct keyfile_fault fault;

		if (!keyfile_read(olds.paths[i], &file, &fault) && file.until_s &&
		    file.until_s < ring->now_s && !unlink(olds.paths[i]))
			removed++;
	}
	keyfile_olds_free(&olds);
	return removed;
}

static int tell_rotation(struct keyring *ring, const struct rotation *rotation,
			 unsigned int removed)
{
	char text[2 * WHY_LEN], id[KEYFILE_ID_TEXT_LEN], until[KEYFILE_TIME_TEXT_LEN];
	json_t *result;

	render_row(ring->client->render, keyring_key_row(ring, ring->path, &rotation->fresh));
	render_row(ring->client->render, keyring_key_row(ring, rotation->old_path, &rotation->old));
	if (rotation->sign)
		render_row(ring->client->render,
			   keyring_cert_row(ring, rotation->cert_path, &rotation->cert));
	(void)snprintf(text, sizeof(text), "the new key is %s; the old one holds until %s",
		       keyfile_id_text(rotation->fresh.public, id),
		       keyfile_time_text(rotation->old.until_s, until));
	result = result_make("keys", CTL_DONE, text);
	(void)!json_object_set_new(result, "removed", json_integer(removed));
	if (rotation->has_cert && !rotation->sign)
		(void)!json_object_set_new(
			result, "warning",
			json_sprintf("'%s' is of the old key; keys sign --root ROOT makes one for "
				     "the new key",
				     rotation->cert_path));
	return client_finish(ring->client, result);
}

static int run_rotate(struct keyring *ring)
{
	own_rotation struct rotation rotation = {0};
	char id[KEYFILE_ID_TEXT_LEN];
	int r = renew_keys(ring, &rotation);

	if (r)
		return r;
	if (asprintf(&rotation.cert_path, "%s" CERT_ENDING, ring->path) < 0) {
		rotation.cert_path = NULL;
		return no_memory(ring);
	}
	if (asprintf(&rotation.old_path, "%s" KEYFILE_OLD "%s", ring->path,
		     keyfile_id_text(rotation.old.public, id)) < 0) {
		rotation.old_path = NULL;
		return no_memory(ring);
	}
	r = renew_cert(ring, &rotation);
	if (!r)
		r = write_all(ring, &rotation);
	return r ? r : tell_rotation(ring, &rotation, remove_ended(ring));
}

/* ---- the command ---- */

static const struct verb {
	const char *name;
	const char *options; /* that it takes */
	int (*run)(struct keyring *ring);
} verbs[] = {
	{"new", " server client root name passphrase-file ", run_new},
	{"show", " root ", run_show},
	{"rotate", " root name days overlap passphrase-file root-passphrase-file ", run_rotate},
	{"sign", " root name days out passphrase-file ", run_sign},
};

static bool takes(const struct verb *verb, const char *key)
{
	char word[40];

	(void)snprintf(word, sizeof(word), " %s ", key);
	return strcmp(key, "verb") == 0 || strcmp(key, "path") == 0 || strstr(verb->options, word);
}

static int run_verb(struct keyring *ring)
{
	const char *name = keyring_text(ring, "verb"), *key;
	const struct verb *verb = verbs;
	json_t *value;
	int r;

	while (strcmp(verb->name, name) != 0)
		verb++; /* args_check() has found it in the list */
	json_object_foreach((json_t *)(uintptr_t)ring->args, key, value)
	{
		if (!takes(verb, key))
			return client_fail(ring->client, CTL_USAGE, "keys %s takes no --%s", name,
					   key);
	}
	r = crypto_new(&ring->crypto);
	if (r)
		return client_fail(ring->client, CTL_FAILED, "keys: %s", keyfile_text(r));
	r = verb->run(ring);
	crypto_free(ring->crypto);
	return r;
}

static int prepare(struct client *client, json_t *args, bool *ret_stop)
{
	struct keyring ring = {.client = client, .args = args, .now_s = clock_wall_s()};
	json_t *checked = json_copy(args);
	char why[WHY_LEN];
	int r;

	*ret_stop = true;
	if (!checked)
		return no_memory(&ring);
	/* Behind `new` it stands alone: ARG_BARE. */
	if (json_is_true(json_object_get(checked, "root")))
		(void)json_object_del(checked, "root");
	r = args_check(client->command, checked, why);
	json_decref(checked);
	if (r)
		return client_fail(client, CTL_USAGE, "%s", why);
	ring.path = keyring_text(&ring, "path");
	return run_verb(&ring);
}

static const struct arg keys_args[] = {
	{"verb", ARG_CHOICE, ARG_POSITIONAL | ARG_REQUIRED, "new|show|rotate|sign", "what to do"},
	{"path", ARG_TEXT, ARG_POSITIONAL | ARG_REQUIRED, "PATH", "the file"},
	{"server", ARG_FLAG, 0, NULL, "new: a server's key (default)"},
	{"client", ARG_FLAG, 0, NULL, "new: a client's key"},
	{"root", ARG_TEXT, ARG_BARE, "ROOT",
	 "new (without ROOT): a root's key; sign, rotate: who signs; show: who should have signed"},
	{"name", ARG_TEXT, 0, "NAME", "of the key; in a certificate: the server's"},
	{"days", ARG_TEXT, 0, "N", "how long a certificate holds (365)"},
	{"overlap", ARG_DURATION, 0, "7d", "rotate: how long the old key holds beside the new one"},
	{"out", ARG_TEXT, 0, "FILE", "sign: where to (PATH.cert)"},
	{"passphrase-file", ARG_TEXT, 0, "FILE", "its first line is the key's passphrase"},
	{"root-passphrase-file", ARG_TEXT, 0, "FILE", "rotate: that of the root"},
	{0},
};

const struct command cmd_keys = {
	.name = "keys",
	.flags = CMD_READ,
	.args = keys_args,
	.summary = "make, show, rotate and sign keys of the secured server",
	.help = "new makes a key file, readable by its owner only.\nshow tells all about a key or "
		"a certificate but the secret.\nrotate puts a new key in its place; the old one "
		"stays beside it as PATH.old-ID for the time of the overlap, and a certificate "
		"PATH.cert is made anew where --root is given.\nsign makes the certificate of a "
		"server's key, by which clients know the server that know its root only.\nNo file "
		"is overwritten but by rotate. No strazhd and no gate is needed.",
	.prepare = prepare,
	.run = watching_run,
	.view = &view_keys,
};
