/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Immutable after identity_load() but for the shields, which guard themselves. The keys are in the
 * order in which a client that names none gets them: the key file's, then the rotated ones.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <strazh/base/own.h>
#include <user/crypto/base64.h>
#include <user/crypto/keyfile.h>
#include <user/server/identity.h>
#include <user/server/identity_files.h>

#define CLIENTS_MAX 1000000U
#define HYBRID_SUITES (0xffffU << PH_SUITE_HYBRID)

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

/* One that is being loaded, and what it is loaded with. */
struct loading {
	struct identity *id;
	const struct identity_config *config;
	struct crypto *crypto;
	struct identity_faults *faults;
	char passphrase[KEYFILE_PASSPHRASE_MAX];
	size_t passphrase_len; /* 0: there is none, or it cannot be read */
};

/* The first fault of a part is the one that is told. */
printf_like(4, 5) static int refuse(struct loading *l, enum identity_part part, int r,
				    const char *format, ...)
{
	char *why = l->faults->why[part];
	va_list args;

	va_start(args, format);
	if (!*why)
		vsnprintf(why, IDENTITY_WHY_LEN, format, args);
	va_end(args);
	return r == -ENOMEM || r == -EIO ? r : -EINVAL;
}

const char *identity_why(const struct identity_faults *faults)
{
	for (size_t i = 0; i < IDENTITY_PARTS; i++)
		if (faults->why[i][0])
			return faults->why[i];
	return "";
}

/* What helps against it, for who is called at night. */
static const char *advice(int r)
{
	switch (r) {
	case -EACCES:
	case -EPERM:
		return "; the file, and each folder above it, has to belong to who runs strazhd "
		       "(root, as a rule) or to let him in";
	case -ERANGE:
		return "; it has to hold the passphrase in its first line, 1 to 1024 bytes";
	default:
		return "";
	}
}

static int refuse_file(struct loading *l, enum identity_part part, int r, const char *path,
		       const struct keyfile_fault *fault)
{
	if (fault && fault->line)
		return refuse(l, part, r, "'%.120s', line %u: %s", path, fault->line, fault->why);
	if (r == -ERANGE)
		return refuse(l, part, r, "'%.120s': no passphrase%s", path, advice(r));
	return refuse(l, part, r, "'%.120s': %s%s", path, keyfile_text(r), advice(r));
}

/* ---- keys ---- */

static int read_passphrase(struct loading *l)
{
	const char *path = l->config->passphrase_path;
	own_fd int fd = -1;
	int r = path ? identity_file_open(l->config, path, &fd) : 0;

	if (path && !r)
		r = keyfile_read_passphrase_fd(fd, l->passphrase, &l->passphrase_len);
	return r ? refuse_file(l, IDENTITY_PASSPHRASE, r, path, NULL) : 0;
}

static int refuse_lock(struct loading *l, int r, const char *path)
{
	if (r == KEYFILE_LOCKED)
		return refuse(l, IDENTITY_PASSPHRASE, r,
			      "'%.120s' is under a passphrase: server.passphrase has to name a "
			      "file with it",
			      path);
	if (r == KEYFILE_PASSPHRASE)
		return refuse(l, IDENTITY_PASSPHRASE, r,
			      "what is in '%.80s' is not the passphrase of '%.80s', or that was "
			      "changed",
			      l->config->passphrase_path, path);
	return refuse_file(l, IDENTITY_KEY, r, path, NULL);
}

static int read_key(struct loading *l, const char *path, struct keyfile *file)
{
	struct keyfile_fault fault = {0};
	own_fd int fd = -1;
	int r = identity_file_open(l->config, path, &fd);

	if (!r)
		r = keyfile_read_fd(fd, file, &fault);
	if (r == -ENOENT)
		return refuse(l, IDENTITY_KEY, r,
			      "'%.120s': there is no such file; make one: strazhctl keys new "
			      "--server FILE",
			      path);
	if (r)
		return refuse_file(l, IDENTITY_KEY, r, path, &fault);
	if (file->kind != KEYFILE_SERVER)
		return refuse(l, IDENTITY_KEY, -EINVAL,
			      "'%.120s': that is no server's key; make one: strazhctl keys new "
			      "--server FILE",
			      path);
	r = keyfile_unlock(l->crypto, file, l->passphrase_len ? l->passphrase : NULL,
			   l->passphrase_len);
	return r ? refuse_lock(l, r, path) : 0;
}

static int add_key(struct loading *l, const char *path)
{
	own_keyfile struct keyfile file = {0};
	struct identity *id = l->id;
	unsigned at = id->server.key_count;
	int r = read_key(l, path, &file);

	if (r)
		return r;
	if (file.until_s && file.until_s <= (uint64_t)time(NULL)) {
		if (at) /* a rotated one whose time is over */
			return 0;
		return refuse(l, IDENTITY_KEY, -EINVAL,
			      "'%.120s': the key's time is over; rotate it: strazhctl keys rotate",
			      path);
	}
	memcpy(id->keys[at].public, file.public, PH_KEY_LEN);
	keyfile_id(file.public, id->keys[at].id);
	r = shield_new(&file.secret, &id->shields[at]);
	if (r)
		return refuse(l, IDENTITY_KEY, r, "'%.120s': no memory to shield the key: %s", path,
			      strerror(-r));
	id->server.key_count++;
	return 0;
}

static int add_keys(struct loading *l)
{
	struct keyfile_olds olds = {0};
	int first = read_passphrase(l), r = add_key(l, l->config->key_path);

	if (!r) {
		r = identity_files_olds(l->config, &olds);
		if (r)
			r = refuse_file(l, IDENTITY_KEY, r, l->config->key_path, NULL);
	}
	for (size_t i = 0; i < olds.count && !r; i++)
		r = add_key(l, olds.paths[i]);
	keyfile_olds_free(&olds);
	return first ? first : r;
}

/* `keys`: they were read, and one of them has to be the certificate's. */
static int add_cert(struct loading *l, const char *path, bool keys)
{
	struct keyfile_fault fault = {0};
	struct identity *id = l->id;
	own_fd int fd = -1;
	size_t len;
	int r = identity_file_open(l->config, path, &fd);

	if (!r)
		r = certfile_read_fd(fd, id->cert, &len, &fault);
	if (r)
		return refuse_file(l, IDENTITY_CERTIFICATE, r, path, &fault);
	if (!keys)
		return 0;
	/* Of which key it is, its client will check; a server must not need that to find out. */
	for (unsigned i = 0; i < id->server.key_count; i++) {
		if (len > 41 && !memcmp(id->cert + 9, id->keys[i].public, PH_KEY_LEN)) {
			id->keys[i].cert = id->cert;
			id->keys[i].cert_len = len;
			return 0;
		}
	}
	return refuse(l, IDENTITY_CERTIFICATE, -EINVAL,
		      "'%.120s': the certificate is of none of the server's keys; sign the key: "
		      "strazhctl keys sign",
		      path);
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

static int open_clients(const struct identity_config *config, const char *path, FILE **ret_file)
{
	own_fd int fd = -1;
	struct stat st;
	int r = identity_file_open(config, path, &fd);

	if (r)
		return r;
	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return KEYFILE_IRREGULAR;
	*ret_file = fdopen(fd, "r");
	if (!*ret_file)
		return -errno;
	take_fd(&fd);
	return 0;
}

/* The rest of a line that is longer than what is looked at: a comment's. */
static void skip_rest(FILE *file, const char *line)
{
	int c = 0;

	if (!strchr(line, '\n'))
		while (c != '\n' && c != EOF)
			c = fgetc(file);
}

static int add_clients(struct loading *l, const char *path)
{
	own_file FILE *file = NULL;
	struct identity *id = l->id;
	size_t room = 0;
	char line[512];
	int r = open_clients(l->config, path, &file);

	if (r)
		return refuse_file(l, IDENTITY_CLIENTS, r, path, NULL);
	for (unsigned n = 1; fgets(line, sizeof(line), file); n++) {
		size_t len = strcspn(line, " \t\r\n#");

		skip_rest(file, line);
		if (!len)
			continue;
		r = add_client(id, &room, line, len);
		if (r)
			return refuse(l, IDENTITY_CLIENTS, r, "'%.120s', line %u: %s", path, n,
				      r == -EINVAL  ? "not the base64 of a public key (44 letters)"
				      : r == -E2BIG ? "there may be a million clients"
						    : strerror(-r));
	}
	if (ferror(file))
		return refuse_file(l, IDENTITY_CLIENTS, -EIO, path, NULL);
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

static int choose_suites(struct loading *l)
{
	const struct identity_config *config = l->config;
	struct hs_server *server = &l->id->server;
	uint32_t can = possible(l->id, kem_available(l->crypto));

	if (config->suites & ~can & ~HYBRID_SUITES)
		return refuse(l, IDENTITY_SUITES, -EINVAL,
			      "nx and xx need server.certificate: strazhctl keys sign");
	if (config->suites & ~can)
		return refuse(l, IDENTITY_HYBRID, -EINVAL,
			      "hybrid suites need an OpenSSL with ML-KEM-768 (3.5 and later), and "
			      "the one here has none; or server.hybrid = on");
	server->suites = config->suites ? config->suites : can;
	if (config->hybrid)
		server->suites |= can &
				  ((server->suites & ~HS_SUITE_BIT(PH_RESUME)) << PH_SUITE_HYBRID);
	server->demand = config->demand;
	return 0;
}

/* All that is wrong, not only the first. */
static int load(struct loading *l)
{
	const struct identity_config *config = l->config;
	int keys = add_keys(l), cert = 0, clients = 0;

	if (config->cert_path)
		cert = add_cert(l, config->cert_path, !keys);
	if (config->clients_path)
		clients = add_clients(l, config->clients_path);
	if (keys || cert || clients)
		return keys ? keys : cert ? cert : clients;
	return choose_suites(l);
}

int identity_load(const struct identity_config *config, struct identity **ret_identity,
		  struct identity_faults *ret_faults)
{
	struct identity *id = calloc(1, sizeof(*id));
	struct loading loading = {.id = id, .config = config, .faults = ret_faults};
	int r = id ? crypto_new(&loading.crypto) : -ENOMEM;

	memset(ret_faults, 0, sizeof(*ret_faults));
	if (!r) {
		atomic_init(&id->references, 1);
		snprintf(id->name, sizeof(id->name), "%s", config->name);
		id->server = (struct hs_server){.name = id->name, .keys = id->keys};
		r = load(&loading);
	}
	wipe(loading.passphrase, sizeof(loading.passphrase));
	crypto_free(loading.crypto);
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
