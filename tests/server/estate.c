/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <tests/server/estate.h>
#include <user/daemon/worker/worker.h>
#include <user/session/cert.h>

#define VALID_S 1000000U
#define LIGHT 10U /* scrypt's log2 N: it is not scrypt that is tried here */

/* ---- the clock: these stand in the place of libc's ---- */

static _Atomic(int64_t) ahead;

void estate_set_clock(int64_t ahead_s)
{
	atomic_store(&ahead, ahead_s);
}

int clock_gettime(clockid_t id, struct timespec *ret_time)
{
	int r = (int)syscall(SYS_clock_gettime, id, ret_time);

	if (!r && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
		ret_time->tv_sec += atomic_load(&ahead);
	return r;
}

time_t time(time_t *ret_time)
{
	struct timespec now = {0};

	(void)!clock_gettime(CLOCK_REALTIME, &now);
	if (ret_time)
		*ret_time = now.tv_sec;
	return now.tv_sec;
}

/* ---- files ---- */

const char *estate_path(const struct estate *e, const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", e->folder, name);
	return path;
}

void estate_write(const struct estate *e, const char *name, const char *text)
{
	FILE *file = fopen(estate_path(e, name), "we");

	assert_non_null(file);
	assert_int_equal(fchmod(fileno(file), 0600), 0);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

void estate_new_key(struct estate *e, const char *name, const char *passphrase)
{
	own_keyfile struct keyfile key = {0};

	assert_int_equal(
		keyfile_generate(e->crypto, KEYFILE_SERVER, "", (uint64_t)time(NULL), &key), 0);
	if (passphrase)
		assert_int_equal(
			keyfile_lock(e->crypto, &key, passphrase, strlen(passphrase), LIGHT), 0);
	assert_int_equal(keyfile_write(estate_path(e, name), &key, KEYFILE_REPLACE), 0);
	memcpy(e->house.key, key.public, 32);
}

/* Both certificates are of the first key, each by its own root. */
static void make_cert(struct estate *e, unsigned i)
{
	own_keyfile struct keyfile root = {0};
	uint64_t now = (uint64_t)time(NULL);
	uint8_t cert[PH_CERT_MAX];
	char name[16];
	size_t len;

	assert_int_equal(keyfile_generate(e->crypto, KEYFILE_ROOT, "", now, &root), 0);
	memcpy(e->roots[i], root.public, 32);
	assert_int_equal(cert_make(e->crypto, root.secret.bytes, e->keys[0], PH_NAME_DEFAULT,
				   now - 10, now + VALID_S, cert, &len),
			 0);
	snprintf(name, sizeof(name), "cert%u", i);
	assert_int_equal(certfile_write(estate_path(e, name), cert, len, KEYFILE_NEW), 0);
}

static void make_pair(struct estate *e, unsigned i)
{
	char name[16];

	snprintf(name, sizeof(name), "key%u", i);
	estate_new_key(e, name, NULL);
	memcpy(e->keys[i], e->house.key, 32);
	make_cert(e, i);
	memcpy(e->house.key, e->keys[0], 32);
}

static void write_config(const struct estate *e, const char *lines)
{
	bool named = strstr(lines, "\nkey = ") || !strncmp(lines, "key = ", 6);
	char text[4096];

	snprintf(text, sizeof(text), "[server]\nenable = on\nlisten = %s\nreactors = 2\n%s%s\n%s\n",
		 e->house.address, named ? "" : "key = ", named ? "" : estate_path(e, "key0"),
		 lines);
	estate_write(e, "conf", text);
}

/* ---- the worker ---- */

static int on_config(void *owner, const struct config *config, struct config_faults *faults)
{
	struct estate *e = owner;

	e->reload_said = worker_reload(e->worker, config, NULL, faults);
	e->faults = *faults;
	return e->reload_said;
}

/* One that nobody has just now. */
static uint16_t free_port(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	close(fd);
	return ntohs(at.sin_port);
}

void estate_make(struct estate *e)
{
	memset(e, 0, sizeof(*e));
	snprintf(e->folder, sizeof(e->folder), "/tmp/strazh-estate.XXXXXX");
	assert_non_null(mkdtemp(e->folder));
	assert_int_equal(crypto_new(&e->crypto), 0);
	for (unsigned i = 0; i < ESTATE_KEYS; i++)
		make_pair(e, i);
	e->house.port = free_port();
	snprintf(e->house.address, sizeof(e->house.address), "127.0.0.1:%u", e->house.port);
}

void estate_start(struct estate *e, const char *lines)
{
	static char *const none[] = {NULL};
	int fds[2];

	write_config(e, lines);
	snprintf(e->conf, sizeof(e->conf), "%s", estate_path(e, "conf"));
	e->options.config_path = e->conf;
	if (daemon_options_load(&e->options, (char **)(uintptr_t)none, &e->faults))
		fail_msg("%s: %s", e->faults.list[0].key, e->faults.list[0].why);
	assert_int_equal(split_pair(fds), 0);
	e->split = fds[0];
	if (worker_start(e->options.config, NULL, fds[1], &e->worker, &e->faults))
		fail_msg("%s: %s", e->faults.list[0].key, e->faults.list[0].why);
	e->keeper.options = &e->options;
	e->keeper.on_config = on_config;
	e->keeper.on_config_owner = e;
}

int estate_reload(struct estate *e, const char *lines)
{
	write_config(e, lines);
	e->reload_said = -1; /* nobody was asked */
	reload_config(&e->keeper);
	return e->reload_said;
}

void estate_stop(struct estate *e)
{
	worker_stop(e->worker);
	e->worker = NULL;
}

void estate_close(struct estate *e)
{
	static const char *const files[] = {"key0", "key1",    "cert0", "cert1", "conf",
					    "keyp", "clients", "pass",	"pass2"};

	estate_stop(e);
	close(e->split);
	daemon_options_deinit(&e->options);
	crypto_free(e->crypto);
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		unlink(estate_path(e, files[i]));
	assert_int_equal(rmdir(e->folder), 0);
}
