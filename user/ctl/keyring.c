/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/ctl/keyring.h>

#include <errno.h>
#include <string.h>

#include <user/crypto/base64.h>

#define NAME "keys"

const char *keyring_text(const struct keyring *ring, const char *key)
{
	return json_string_value(json_object_get(ring->args, key));
}

int keyring_fail(struct keyring *ring, const char *path, int r, const struct keyfile_fault *fault)
{
	int code = CTL_FAILED;

	if (r == -ENOENT)
		code = CTL_NOT_FOUND;
	else if (r == KEYFILE_EXISTS || r == KEYFILE_EXPOSED)
		code = CTL_REFUSED;
	if (r == KEYFILE_MALFORMED && fault && fault->line)
		return client_fail(ring->client, code, NAME ": '%s', line %u: %s", path,
				   fault->line, fault->why);
	return client_fail(ring->client, code, NAME ": '%s': %s", path, keyfile_text(r));
}

int keyring_read(struct keyring *ring, const char *path, struct keyfile *ret_file)
{
	struct keyfile_fault fault = {0};
	int r = keyfile_read(path, ret_file, &fault);

	return r ? keyring_fail(ring, path, r, &fault) : CTL_DONE;
}

/* ---- passphrases ---- */

struct passphrase {
	char text[KEYFILE_PASSPHRASE_MAX];
	size_t len;
};

static void wipe_passphrase(struct passphrase *passphrase)
{
	wipe(passphrase, sizeof(*passphrase));
}
#define own_passphrase cleanup_with(wipe_passphrase)

/* Of length 0 where none was given. */
static int read_passphrase(struct keyring *ring, const char *key, struct passphrase *ret)
{
	const char *path = keyring_text(ring, key);
	int r = path ? keyfile_read_passphrase(path, ret->text, &ret->len) : 0;

	if (r == -ERANGE)
		return client_fail(ring->client, CTL_FAILED,
				   NAME ": '%s': a passphrase is a line of 1 to %d bytes", path,
				   KEYFILE_PASSPHRASE_MAX);
	return r ? keyring_fail(ring, path, r, NULL) : CTL_DONE;
}

int keyring_unlock(struct keyring *ring, const char *path, const char *key, struct keyfile *file)
{
	own_passphrase struct passphrase passphrase = {.len = 0};
	int r = read_passphrase(ring, key, &passphrase);

	if (r)
		return r;
	r = keyfile_unlock(ring->crypto, file, passphrase.len ? passphrase.text : NULL,
			   passphrase.len);
	if (r == KEYFILE_LOCKED)
		return client_fail(ring->client, CTL_FAILED,
				   NAME ": '%s' is under a passphrase: --%s FILE", path, key);
	return r ? keyring_fail(ring, path, r, NULL) : CTL_DONE;
}

int keyring_lock(struct keyring *ring, const char *key, struct keyfile *file)
{
	own_passphrase struct passphrase passphrase = {.len = 0};
	int r = read_passphrase(ring, key, &passphrase);

	if (r || !passphrase.len)
		return r;
	r = keyfile_lock(ring->crypto, file, passphrase.text, passphrase.len, KEYFILE_SCRYPT_LOG2N);
	return r ? keyring_fail(ring, ring->path, r, NULL) : CTL_DONE;
}

/* ---- certificates ---- */

int keyring_read_cert(struct keyring *ring, const char *path, struct cert *ret_cert)
{
	struct keyfile_fault fault = {0};
	uint8_t bytes[KEYFILE_CERT_MAX];
	size_t len = 0;
	int r = certfile_read(path, bytes, &len, &fault);

	if (r)
		return keyring_fail(ring, path, r, &fault);
	r = cert_parse(bytes, len, ret_cert);
	if (r)
		return client_fail(ring->client, CTL_FAILED, NAME ": '%s': %s", path,
				   cert_condition_text(r));
	return CTL_DONE;
}

int keyring_write_cert(struct keyring *ring, const char *path, const struct cert *cert,
		       enum keyfile_write how)
{
	uint8_t bytes[PH_CERT_MAX];
	int r;

	cert_emit(cert, bytes);
	r = certfile_write(path, bytes, cert_len(cert), how);
	return r ? keyring_fail(ring, path, r, NULL) : CTL_DONE;
}

static int read_root(struct keyring *ring, const char *path, struct keyfile *ret_root)
{
	int r = keyring_read(ring, path, ret_root);

	if (!r && ret_root->kind != KEYFILE_ROOT)
		return client_fail(ring->client, CTL_FAILED,
				   NAME ": '%s' is a %s's key; certificates are signed by a root: "
					"strazhctl keys new --root PATH",
				   path, keyfile_kind_names[ret_root->kind]);
	return r;
}

int keyring_sign(struct keyring *ring, const char *root_path, const char *passphrase_key,
		 struct cert *cert)
{
	own_keyfile struct keyfile root = {0};
	uint8_t bytes[PH_CERT_MAX];
	struct cert again;
	int r = read_root(ring, root_path, &root);

	if (!r)
		r = keyring_unlock(ring, root_path, passphrase_key, &root);
	if (r)
		return r;
	if (root.until_s && root.until_s <= ring->now_s)
		return client_fail(ring->client, CTL_REFUSED, NAME ": '%s': its time is over",
				   root_path);
	keyfile_id(root.public, cert->key_id);
	cert_emit(cert, bytes);
	r = sign_make(ring->crypto, root.secret.bytes, bytes, cert_signed_len(cert),
		      cert->signature);
	if (r)
		return keyring_fail(ring, root_path, r, NULL);
	/* What nobody could read must not be handed out: a name that is no UTF-8. */
	cert_emit(cert, bytes);
	r = cert_parse(bytes, cert_len(cert), &again);
	if (r)
		return client_fail(ring->client, CTL_USAGE, NAME ": that would be %s",
				   cert_condition_text(r));
	return CTL_DONE;
}

int keyring_check(struct keyring *ring, const char *root_path, const struct cert *cert)
{
	own_keyfile struct keyfile root = {0};
	uint8_t bytes[PH_CERT_MAX];
	int r = read_root(ring, root_path, &root);

	if (r)
		return r;
	cert_emit(cert, bytes);
	r = sign_check(ring->crypto, root.public, bytes, cert_signed_len(cert), cert->signature);
	if (r == CRYPTO_BAD)
		return client_fail(ring->client, CTL_FAILED, NAME ": '%s' is not signed by '%s'",
				   ring->path, root_path);
	return r ? keyring_fail(ring, root_path, r, NULL) : CTL_DONE;
}

/* ---- rows ---- */

static json_t *time_or_null(uint64_t wall_s)
{
	return wall_s ? json_integer((json_int_t)wall_s) : json_null();
}

json_t *keyring_key_row(const struct keyring *ring, const char *path, const struct keyfile *file)
{
	char id[KEYFILE_ID_TEXT_LEN], public[BASE64_LEN(sizeof(file->public)) + 1];

	base64_emit(file->public, sizeof(file->public), public);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:o, s:o, s:b}", "path", path, "kind",
			 keyfile_kind_names[file->kind], "id", keyfile_id_text(file->public, id),
			 "public", public, "name", file->name, "passphrase", (int)file->sealed,
			 "created", time_or_null(file->created_s), "until",
			 time_or_null(file->until_s), "valid",
			 (int)(!file->until_s || ring->now_s <= file->until_s));
}

json_t *keyring_cert_row(const struct keyring *ring, const char *path, const struct cert *cert)
{
	char id[KEYFILE_ID_TEXT_LEN], root[KEYFILE_ID_TEXT_LEN];
	char public[BASE64_LEN(sizeof(cert->key)) + 1];

	base64_emit(cert->key, sizeof(cert->key), public);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:b}", "path", path, "kind",
			 "certificate", "id", keyfile_id_text(cert->key, id), "public", public,
			 "name", cert->name, "root", keyfile_hex(cert->key_id, root), "from",
			 time_or_null(cert->not_before), "until", time_or_null(cert->not_after),
			 "valid",
			 (int)(ring->now_s >= cert->not_before && ring->now_s <= cert->not_after));
}
