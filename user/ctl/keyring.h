/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What the verbs of `keys` share: files read and written with what went wrong said, certificates.
 */
#ifndef STRAZH_USER_CTL_KEYRING_H
#define STRAZH_USER_CTL_KEYRING_H

#include <jansson.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <user/crypto/keyfile.h>
#include <user/ctl/client.h>
#include <user/wire/cert.h>

/* A certificate begins so long before it is made, for clients whose clocks are slow. */
#define KEYRING_EARLY_S 300

struct keyring {
	struct client *client;
	struct crypto *crypto;
	const json_t *args;
	const char *path;
	uint64_t now_s;
};

/* All return a ctl_code; what is not CTL_DONE has been said. */

/* keyring_fail() of what a function of keyfile.h returned for `path`. */
int keyring_fail(struct keyring *ring, const char *path, int r, const struct keyfile_fault *fault);
int keyring_read(struct keyring *ring, const char *path, struct keyfile *ret_file) must_check;
/* Take the secret out, by the passphrase in the file that option `key` names, if it is given. */
int keyring_unlock(struct keyring *ring, const char *path, const char *key,
		   struct keyfile *file) must_check;
int keyring_lock(struct keyring *ring, const char *key, struct keyfile *file) must_check;
int keyring_read_cert(struct keyring *ring, const char *path, struct cert *ret_cert) must_check;
int keyring_write_cert(struct keyring *ring, const char *path, const struct cert *cert,
		       enum keyfile_write how) must_check;
/* Sign what is filled in of `cert` but key id and signature; the root is opened here. */
int keyring_sign(struct keyring *ring, const char *root_path, const char *passphrase_key,
		 struct cert *cert) must_check;
/* Is the certificate signed by this root? */
int keyring_check(struct keyring *ring, const char *root_path, const struct cert *cert) must_check;

/* Rows: `valid` is what the clock says. */
json_t *keyring_key_row(const struct keyring *ring, const char *path, const struct keyfile *file);
json_t *keyring_cert_row(const struct keyring *ring, const char *path, const struct cert *cert);

const char *keyring_text(const struct keyring *ring, const char *key); /* NULL: not given */

#endif
