/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <tests/bench/wire/tls.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/x509.h>

#include <tests/bench/wire/bench.h>

#define NGINX_PORT 18612
#define SHAKING 32 /* at a time */
#define EVENTS_MAX 64

static const char request[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
static const char *const files[] = {"cert.pem",	   "key.pem",	   "both.pem",
				    "nginx.conf",  "stunnel.conf", "haproxy.conf",
				    "s-near.conf", "h-near.conf",  "nginx.pid"};

/* ---- its folder ---- */

FILE *tls_folder_file(const struct tls_folder *folder, const char *name)
{
	char path[RIG_PATH];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder->path, name);
	file = fopen(path, "we");
	if (!file)
		die("'%s': %s", path, strerror(errno));
	return file;
}

void tls_folder_make(struct tls_folder *folder)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	X509_NAME *name = X509_NAME_new();

	*folder = (struct tls_folder){"/tmp/strazh-bench-tls.XXXXXX"};
	if (!mkdtemp(folder->path))
		die("mkdtemp: %s", strerror(errno));
	if (!key || !cert || !name ||
	    !X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"bench", -1, -1,
					0) ||
	    !X509_set_version(cert, 2) || !X509_set_subject_name(cert, name) ||
	    !X509_set_issuer_name(cert, name) ||
	    !ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) || !X509_set_pubkey(cert, key) ||
	    !X509_gmtime_adj(X509_getm_notBefore(cert), 0) ||
	    !X509_gmtime_adj(X509_getm_notAfter(cert), 86400) ||
	    !X509_sign(cert, key, EVP_sha256()))
		die("no certificate");
	for (int i = 0; i < 3; i++) {
		FILE *file = tls_folder_file(folder, files[i]);

		if ((i != 1 && !PEM_write_X509(file, cert)) ||
		    (i != 0 && !PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL)))
			die("cannot write the certificate");
		fclose(file);
	}
	X509_NAME_free(name);
	X509_free(cert);
	EVP_PKEY_free(key);
}

void tls_folder_free(const struct tls_folder *folder)
{
	char path[RIG_PATH];

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder->path, files[i]);
		(void)unlink(path);
	}
	(void)rmdir(folder->path);
}

/* ---- servers ---- */

static const char nginx_conf[] =
	/* It unlinks its pid file at the end, whatever that is: as root /dev/null, too. */
	"daemon off; master_process off; pid %1$s/nginx.pid; error_log /dev/null;\n"
	"events { worker_connections 4096; }\n"
	"http {\n"
	"access_log off; keepalive_requests 1000000000; tcp_nodelay on; server_tokens off;\n"
	"client_body_temp_path %1$s; proxy_temp_path %1$s; fastcgi_temp_path %1$s;\n"
	"uwsgi_temp_path %1$s; scgi_temp_path %1$s;\n"
	"server { listen 127.0.0.1:%2$d ssl backlog=4096;\n"
	"ssl_certificate %1$s/cert.pem; ssl_certificate_key %1$s/key.pem;\n"
	"ssl_protocols TLSv1.3; ssl_session_tickets off; ssl_conf_command NumTickets 0;\n"
	"ssl_ecdh_curve X25519;\n"
	"location / { return 200 "
	"\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"; }\n"
	"}\n}\n";

struct rig rig_nginx(const struct tls_folder *folder)
{
	char conf[RIG_PATH], name[] = "nginx", option[] = "-c", errors[] = "-e", null[] = "stderr";
	char *argv[] = {name, errors, null, option, conf, NULL};
	FILE *file = tls_folder_file(folder, "nginx.conf");
	struct rig rig;

	/* cppcheck-suppress invalidPrintfArgType_s ; it takes the array for a number */
	fprintf(file, nginx_conf, folder->path, NGINX_PORT);
	fclose(file);
	snprintf(conf, sizeof(conf), "%s/nginx.conf", folder->path);
	rig = rig_spawn(argv, NULL);
	rig.port = NGINX_PORT;
	close(dial(rig.port));
	return rig;
}

static SSL_CTX *tls_clients(void)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	char group[] = "X25519"; /* the macro casts const away */

	if (!context || SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set_ciphersuites(context, "TLS_AES_256_GCM_SHA384") != 1 ||
	    SSL_CTX_set1_groups_list(context, group) != 1)
		die("no TLS 1.3");
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
	return context;
}

/* ---- clients ---- */

static SSL *open_line(SSL_CTX *context, int epoll, const struct rig *rig)
{
	struct epoll_event event = {.events = EPOLLIN};
	SSL *ssl = SSL_new(context);
	int fd = dial(rig->port);

	event.data.ptr = ssl;
	if (!ssl || SSL_set_fd(ssl, fd) != 1 || fcntl(fd, F_SETFL, O_NONBLOCK) ||
	    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
		die("no TLS client");
	SSL_set_connect_state(ssl);
	return ssl;
}

static void close_line(SSL *ssl)
{
	int fd = SSL_get_fd(ssl);

	SSL_free(ssl);
	close(fd);
}

/* True: it is over. */
static bool shake(SSL *ssl)
{
	int r = SSL_do_handshake(ssl);

	if (r == 1)
		return true;
	if (SSL_get_error(ssl, r) != SSL_ERROR_WANT_READ)
		die("a TLS handshake failed");
	return false;
}

double tls_handshakes(const struct rig *rig, double seconds, double *ret_wall, double *ret_load)
{
	struct lap lap = lap_begin(rig);
	SSL_CTX *context = tls_clients();
	int epoll = epoll_create1(EPOLL_CLOEXEC), under_way = 0;
	unsigned long done = 0;
	bool more = true;

	while (more || under_way) {
		struct epoll_event events[EVENTS_MAX];
		int n;

		more = now_s() - lap.wall < seconds;
		while (more && under_way < SHAKING) {
			SSL *ssl = open_line(context, epoll, rig);

			/* The server may have been faster than we. */
			if (shake(ssl)) {
				close_line(ssl);
				done++;
			} else {
				under_way++;
			}
		}
		if (!under_way)
			break;
		n = epoll_wait(epoll, events, EVENTS_MAX, 10000);
		if (n <= 0)
			die("the server does not answer");
		for (int i = 0; i < n; i++) {
			if (!shake(events[i].data.ptr))
				continue;
			close_line(events[i].data.ptr);
			under_way--;
			done++;
		}
	}
	close(epoll);
	SSL_CTX_free(context);
	return lap_end(&lap, (double)done, ret_wall, ret_load);
}

static void ask(SSL *ssl)
{
	if (SSL_write(ssl, request, sizeof(request) - 1) != sizeof(request) - 1)
		die("SSL_write() failed");
}

/* Whether an answer came: it is short, and so one record. */
static bool answered(SSL *ssl)
{
	char bytes[4096];
	int n = SSL_read(ssl, bytes, sizeof(bytes));

	if (n > 0)
		return true;
	if (SSL_get_error(ssl, n) != SSL_ERROR_WANT_READ)
		die("SSL_read() failed");
	return false;
}

double tls_requests(const struct rig *rig, int count, double seconds, double *ret_wall,
		    double *ret_load)
{
	SSL_CTX *context = tls_clients();
	int epoll = epoll_create1(EPOLL_CLOEXEC), under_way = count;
	SSL **lines = calloc((size_t)count, sizeof(*lines));
	unsigned long done = 0;
	struct lap lap;
	double rate;

	if (!lines)
		die("no memory");
	for (int i = 0; i < count; i++) {
		lines[i] = open_line(context, epoll, rig);
		while (!shake(lines[i]))
			usleep(100);
	}
	lap = lap_begin(rig);
	for (int i = 0; i < count; i++)
		ask(lines[i]);
	while (under_way) {
		struct epoll_event events[EVENTS_MAX];
		int n = epoll_wait(epoll, events, EVENTS_MAX, 10000);
		bool more = now_s() - lap.wall < seconds;

		if (n <= 0)
			die("the server does not answer");
		for (int i = 0; i < n; i++) {
			if (!answered(events[i].data.ptr))
				continue;
			done++;
			if (more)
				ask(events[i].data.ptr);
			else
				under_way--;
		}
	}
	rate = lap_end(&lap, (double)done, ret_wall, ret_load);
	for (int i = 0; i < count; i++)
		close_line(lines[i]);
	free(lines);
	close(epoll);
	SSL_CTX_free(context);
	return rate;
}

/* ---- streams ---- */

struct stream {
	SSL *ssl;
	size_t under_way;
};

static void fill(struct stream *s, const struct tls_stream *stream)
{
	static const char bytes[1 << 14];

	for (; s->under_way + stream->len <= stream->window; s->under_way += stream->len)
		if (SSL_write(s->ssl, bytes, (int)stream->len) != (int)stream->len)
			die("SSL_write() failed");
}

static size_t drain(struct stream *s)
{
	char bytes[1 << 14];
	size_t came = 0;

	do {
		int n = SSL_read(s->ssl, bytes, sizeof(bytes));

		if (n <= 0)
			die("SSL_read() failed");
		came += (size_t)n;
	} while (SSL_pending(s->ssl));
	if (came > s->under_way)
		die("more came back than was sent");
	s->under_way -= came;
	return came;
}

static struct stream *open_streams(SSL_CTX *context, int epoll, const struct rig *rig, int count)
{
	struct stream *streams = calloc((size_t)count, sizeof(*streams));

	if (!streams)
		die("no memory");
	for (int i = 0; i < count; i++) {
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = &streams[i]};
		SSL *ssl = open_line(context, epoll, rig);

		while (!shake(ssl))
			usleep(100);
		/* From here on it blocks: the window is less than what sockets hold. */
		if (fcntl(SSL_get_fd(ssl), F_SETFL, 0) ||
		    epoll_ctl(epoll, EPOLL_CTL_MOD, SSL_get_fd(ssl), &event))
			die("fcntl: %s", strerror(errno));
		streams[i].ssl = ssl;
	}
	return streams;
}

double tls_echo(const struct rig *rig, const struct tls_stream *stream, double seconds,
		double *ret_wall, double *ret_load)
{
	SSL_CTX *context = tls_clients();
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct stream *streams = open_streams(context, epoll, rig, stream->lines);
	size_t under_way = (size_t)stream->lines, done = 0;
	struct lap lap = lap_begin(rig);
	double rate;

	for (int i = 0; i < stream->lines; i++)
		fill(&streams[i], stream);
	while (under_way) {
		struct epoll_event events[EVENTS_MAX];
		int n = epoll_wait(epoll, events, EVENTS_MAX, 10000);
		bool more = now_s() - lap.wall < seconds;

		if (n <= 0)
			die("the stream stopped");
		for (int i = 0; i < n; i++) {
			struct stream *s = events[i].data.ptr;

			done += drain(s);
			if (more)
				fill(s, stream);
			else if (!s->under_way)
				under_way--;
		}
	}
	rate = lap_end(&lap, (double)done, ret_wall, ret_load);
	for (int i = 0; i < stream->lines; i++)
		close_line(streams[i].ssl);
	free(streams);
	close(epoll);
	SSL_CTX_free(context);
	return rate;
}
