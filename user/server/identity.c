/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Immutable after identity_load() but for the shields, which guard themselves. The keys are in the
 * order in which a client that names none gets them: the key file's, then the rotated ones.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <strazh/base/own.h>
#include <user/crypto/base64.h>
#include <user/crypto/keyfile.h>
#include <user/server/identity.h>

#define CLIENTS_MAX 1000000U

struct identity {
	atomic_uint references;
	struct hs_server server;
	struct hs_server_key keys[IDENTITY_KEYS_MAX];
	struct shield *shields[IDENTITY_KEYS_MAX];
	uint8_t cert[KEYFILE_CERT_MAX];
	char name[PH_NAME_MAX + 1];
	uint8_t (*clients)[PH_KEY_LEN]; /* sorted */
	size_t clients_len;
};

static int compare_keys(const void *a, const void *b)
{
	return memcmp(a, b, PH_KEY_LEN);
}

static bool known(void *owner, const uint8_t key[PH_KEY_LEN])
{
	const struct identity *id = owner;

	return bsearch(key, id->clients, id->clients_len, PH_KEY_LEN, compare_keys);
}

static int refuse(char why[IDENTITY_WHY_LEN], int r, const char *path, unsigned line,
		  const char *text)
{
	if (line)
		snprintf(why, IDENTITY_WHY_LEN, "'%.150s', line %u: %s", path, line, text);
	else
		snprintf(why, IDENTITY_WHY_LEN, "'%.180s': %s", path, text);
	return r;
}

/* ---- keys ---- */

static int read_key(const struct identity_config *config, struct crypto *c, const char *path,
		    struct keyfile *file, char why[IDENTITY_WHY_LEN])
{
	char passphrase[KEYFILE_PASSPHRASE_MAX];
	struct keyfile_fault fault = {0};
	size_t len = 0;
	int r = keyfile_read(path, file, &fault);

	if (r)
		return refuse(why, r < 0 ? r : -EINVAL, path, fault.line,
			      fault.why ? fault.why : keyfile_text(r));
	if (file->kind != KEYFILE_SERVER)
		return refuse(why, -EINVAL, path, 0,
			      "that is no server's key; make one: strazhctl keys new --server");
	if (file->sealed && config->passphrase_path) {
		r = keyfile_read_passphrase(config->passphrase_path, passphrase, &len);
		if (r)
			return refuse(why, r < 0 ? r : -EINVAL, config->passphrase_path, 0,
				      keyfile_text(r));
	}
	r = keyfile_unlock(c, file, len ? passphrase : NULL, len);
	wipe(passphrase, sizeof(passphrase));
	return r ? refuse(why, r < 0 ? r : -EINVAL, path, 0, keyfile_text(r)) : 0;
}

static int add_key(struct identity *id, const struct identity_config *config, struct crypto *c,
		   const char *path, char why[IDENTITY_WHY_LEN])
{
	own_keyfile struct keyfile file = {0};
	unsigned at = id->server.key_count;
	int r = read_key(config, c, path, &file, why);

	if (r)
		return r;
	if (file.until_s && file.until_s <= (uint64_t)time(NULL)) {
		if (at) /* a rotated one whose time is over */
			return 0;
		return refuse(why, -EINVAL, path, 0,
			      "the key's time is over; rotate it: strazhctl keys rotate");
	}
	memcpy(id->keys[at].public, file.public, PH_KEY_LEN);
	keyfile_id(file.public, id->keys[at].id);
	r = shield_new(&file.secret, &id->shields[at]);
	if (r)
		return refuse(why, r, path, 0, "no memory to shield the key");
	id->server.key_count++;
	return 0;
}

static int add_keys(struct identity *id, const struct identity_config *config, struct crypto *c,
		    char why[IDENTITY_WHY_LEN])
{
	struct keyfile_olds olds = {0};
	int r = add_key(id, config, c, config->key_path, why);

	if (!r)
		r = keyfile_olds(config->key_path, &olds);
	for (size_t i = 0; i < olds.count && !r; i++)
		r = add_key(id, config, c, olds.paths[i], why);
	keyfile_olds_free(&olds);
	return r;
}

static int add_cert(struct identity *id, const char *path, char why[IDENTITY_WHY_LEN])
{
	struct keyfile_fault fault = {0};
	size_t len;
	int r = certfile_read(path, id->cert, &len, &fault);

	if (r)
		return refuse(why, r < 0 ? r : -EINVAL, path, fault.line,
			      fault.why ? fault.why : keyfile_text(r));
	/* Of which key it is, its client will check; a server must not need that to find out. */
	for (unsigned i = 0; i < id->server.key_count; i++) {
		if (len > 41 && !memcmp(id->cert + 9, id->keys[i].public, PH_KEY_LEN)) {
			id->keys[i].cert = id->cert;
			id->keys[i].cert_len = len;
			return 0;
		}
	}
	return refuse(why, -EINVAL, path, 0, "the certificate is of none of the server's keys");
}

/* ---- clients ---- */

static int add_client(struct identity *id, size_t *room, const char *text, size_t len)
{
	uint8_t key[PH_KEY_LEN];
	size_t key_len = 0;

	if (base64_parse(text, len, sizeof(key), key, &key_len) || key_len != PH_KEY_LEN)
		return -EINVAL;
	if (id->clients_len == CLIENTS_MAX)
		return -E2BIG;
	if (id->clients_len == *room) {
		size_t more = *room ? *room * 2 : 64;
		void *grown = realloc(id->clients, more * PH_KEY_LEN);

		if (!grown)
			return -ENOMEM;
		id->clients = grown;
		*room = more;
	}
	memcpy(id->clients[id->clients_len++], key, PH_KEY_LEN);
	return 0;
}

static int add_clients(struct identity *id, const char *path, char why[IDENTITY_WHY_LEN])
{
	own_file FILE *file = fopen(path, "re");
	size_t room = 0;
	char line[512];
	int r = 0;

	if (!file)
		return refuse(why, -errno, path, 0, strerror(errno));
	for (unsigned n = 1; fgets(line, sizeof(line), file); n++) {
		size_t len = strcspn(line, " \t\r\n#");

		if (!len)
			continue;
		r = add_client(id, &room, line, len);
		if (r)
			return refuse(why, r, path, n,
				      r == -EINVAL ? "not the base64 of a public key (44 letters)"
						   : strerror(-r));
	}
	if (ferror(file))
		return refuse(why, -EIO, path, 0, "cannot be read");
	if (id->clients_len)
		qsort(id->clients, id->clients_len, PH_KEY_LEN, compare_keys);
	id->server.known = known;
	id->server.owner = id;
	return 0;
}

/* ---- the whole ---- */

static uint32_t possible(const struct identity *id, bool kem)
{
	uint32_t suites = HS_SUITE_BIT(PH_NK1) | HS_SUITE_BIT(PH_XK1) | HS_SUITE_BIT(PH_RESUME);

	if (id->keys[0].cert)
		suites |= HS_SUITE_BIT(PH_NX) | HS_SUITE_BIT(PH_XX);
	if (kem)
		suites |= (suites & ~HS_SUITE_BIT(PH_RESUME)) << PH_SUITE_HYBRID;
	return suites;
}

static int load(struct identity *id, const struct identity_config *config, struct crypto *c,
		char why[IDENTITY_WHY_LEN])
{
	uint32_t can;
	int r = add_keys(id, config, c, why);

	if (!r && config->cert_path)
		r = add_cert(id, config->cert_path, why);
	if (!r && config->clients_path)
		r = add_clients(id, config->clients_path, why);
	if (r)
		return r;
	can = possible(id, kem_available(c));
	if (config->suites & ~can) {
		snprintf(why, IDENTITY_WHY_LEN,
			 "a suite is asked for that cannot be had: NX and XX need a certificate, "
			 "hybrid ones an OpenSSL with ML-KEM-768 (3.5)");
		return -EINVAL;
	}
	id->server.suites = config->suites ? config->suites : can;
	if (config->hybrid)
		id->server.suites |= can & ((id->server.suites & ~HS_SUITE_BIT(PH_RESUME))
					    << PH_SUITE_HYBRID);
	id->server.demand = config->demand;
	return 0;
}

int identity_load(const struct identity_config *config, struct identity **ret_identity,
		  char why[IDENTITY_WHY_LEN])
{
	struct identity *id = calloc(1, sizeof(*id));
	struct crypto *c = NULL;
	int r = id ? crypto_new(&c) : -ENOMEM;

	if (r)
		snprintf(why, IDENTITY_WHY_LEN, "%s", strerror(-r));
	if (!r) {
		atomic_init(&id->references, 1);
		snprintf(id->name, sizeof(id->name), "%s", config->name);
		id->server = (struct hs_server){.name = id->name, .keys = id->keys};
		r = load(id, config, c, why);
	}
	crypto_free(c);
	if (r) {
		identity_put(id);
		return r;
	}
	*ret_identity = id;
	return 0;
}

struct identity *identity_get(struct identity *identity)
{
	atomic_fetch_add_explicit(&identity->references, 1, memory_order_relaxed);
	return identity;
}

void identity_put(struct identity *identity)
{
	if (!identity ||
	    atomic_fetch_sub_explicit(&identity->references, 1, memory_order_acq_rel) > 1)
		return;
	for (unsigned i = 0; i < IDENTITY_KEYS_MAX; i++)
		shield_free(identity->shields[i]);
	free(identity->clients);
	free(identity);
}

struct hs_server identity_server(const struct identity *identity, const struct ticket_keys *tickets)
{
	struct hs_server server = identity->server;

	server.tickets = tickets;
	return server;
}

int identity_open(struct identity *identity, int key, struct secret32 *ret_secret)
{
	if (key < 0 || (unsigned)key >= identity->server.key_count)
		return -EINVAL;
	return shield_open(identity->shields[key], ret_secret);
}

int identity_renew(struct identity *identity)
{
	int worst = 0;

	for (unsigned i = 0; i < identity->server.key_count; i++) {
		int r = shield_renew(identity->shields[i]);

		worst = r ? r : worst;
	}
	return worst;
}

const uint8_t *identity_public(const struct identity *identity)
{
	return identity->keys[0].public;
}
