/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <tests/bench/wire/carrier.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tests/bench/wire/bench.h>
#include <user/crypto/base64.h>

/* Not ports that the kernel gives to clients. */
#define STUNNEL_PORT 18613
#define HAPROXY_PORT 18614
#define STUNNEL_NEAR 18615
#define HAPROXY_NEAR 18616

/* `last` is the name of its file. */
static struct rig spawn(const struct tls_folder *folder, char *const before[3], const char *last,
			uint16_t port)
{
	char conf[RIG_PATH];
	char *argv[] = {before[0], before[1], before[2], NULL, NULL};
	struct rig rig;

	snprintf(conf, sizeof(conf), "%s/%s", folder->path, last);
	for (int i = 0; i < 4; i++)
		if (!argv[i]) {
			argv[i] = conf;
			break;
		}
	rig = rig_spawn(argv, NULL);
	rig.port = port;
	close(dial(port));
	return rig;
}

/* ---- stunnel ---- */

static const char stunnel_conf[] =
	"foreground = yes\npid =\ndebug = emerg\nsyslog = no\n[up]\n"
	"accept = 127.0.0.1:%d\nconnect = 127.0.0.1:%u\n%s"
	"sslVersionMin = TLSv1.3\nciphersuites = TLS_AES_256_GCM_SHA384\n"
	"socket = l:TCP_NODELAY=1\nsocket = r:TCP_NODELAY=1\n";

static struct rig stunnel(const struct tls_folder *folder, const char *name, int port, uint16_t to,
			  const char *more)
{
	char program[] = "stunnel4";
	FILE *file = tls_folder_file(folder, name);

	/* cppcheck-suppress invalidPrintfArgType_s ; it takes the array for a number */
	fprintf(file, stunnel_conf, port, to, more);
	fclose(file);
	return spawn(folder, (char *const[]){program, NULL, NULL}, name, (uint16_t)port);
}

struct rig rig_stunnel(const struct tls_folder *folder, uint16_t upstream)
{
	char cert[RIG_PATH];

	snprintf(cert, sizeof(cert), "cert = %s/both.pem\n", folder->path);
	return stunnel(folder, "stunnel.conf", STUNNEL_PORT, upstream, cert);
}

struct rig rig_stunnel_near(const struct tls_folder *folder, const struct rig *far)
{
	struct rig rig = stunnel(folder, "s-near.conf", STUNNEL_NEAR, far->port, "client = yes\n");

	rig.behind = far;
	return rig;
}

/* ---- haproxy ---- */

static const char haproxy_conf[] =
	"global\n nbthread 1\n"
	"defaults\n mode tcp\n timeout connect 5s\n timeout client 60s\n timeout server 60s\n"
	"frontend in\n bind 127.0.0.1:%d %s\n default_backend up\n"
	"backend up\n server up 127.0.0.1:%u %s\n";

static struct rig haproxy(const struct tls_folder *folder, const char *name, int port,
			  const char *front, uint16_t to, const char *back)
{
	char program[] = "haproxy", foreground[] = "-db", option[] = "-f";
	FILE *file = tls_folder_file(folder, name);

	/* cppcheck-suppress invalidPrintfArgType_s ; it takes the array for a number */
	fprintf(file, haproxy_conf, port, front, to, back);
	fclose(file);
	return spawn(folder, (char *const[]){program, foreground, option}, name, (uint16_t)port);
}

struct rig rig_haproxy(const struct tls_folder *folder, uint16_t upstream)
{
	char front[RIG_PATH];

	snprintf(front, sizeof(front),
		 "ssl crt %s/both.pem ssl-min-ver TLSv1.3 ciphersuites TLS_AES_256_GCM_SHA384",
		 folder->path);
	return haproxy(folder, "haproxy.conf", HAPROXY_PORT, front, upstream, "");
}

struct rig rig_haproxy_near(const struct tls_folder *folder, const struct rig *far)
{
	struct rig rig = haproxy(folder, "h-near.conf", HAPROXY_NEAR, "", far->port,
				 "ssl verify none ssl-min-ver TLSv1.3");

	rig.behind = far;
	return rig;
}

/* ---- strazh ---- */

struct rig rig_strazh_near(const struct rig *far)
{
	char program[RIG_PATH], command[] = "tunnel", server[] = "-s", at[32], pinned[] = "-k";
	char key[BASE64_LEN(sizeof(far->key)) + 1], door[] = "-L", leads[] = "0:up";
	char *argv[] = {program, command, server, at, pinned, key, door, leads, NULL};
	char line[RIG_LINE], *colon;
	struct rig rig;

	snprintf(program, sizeof(program), "%s/strazh", bench_dir);
	snprintf(at, sizeof(at), "127.0.0.1:%u", far->port);
	base64_emit(far->key, sizeof(far->key), key);
	rig = rig_spawn(argv, line);
	colon = strchr(line, ':'); /* "listening on 127.0.0.1:PORT for up" */
	if (!colon)
		die("'%s' says '%s'", program, line);
	rig.port = (uint16_t)strtoul(colon + 1, NULL, 10);
	rig.behind = far;
	return rig;
}
