/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What OpenSSL does for those who use it well: one epoll loop, blocks of a record, no copy but its
 * own. Sockets block where it writes. */
#include <tests/bench/wire/tls.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <tests/bench/wire/bench.h>

#define EVENTS_MAX 64
#define RECORD_MAX (1 << 14)

static void watch(int epoll, int fd, void *context)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = context};

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
		die("epoll_ctl: %s", strerror(errno));
}

static void take(SSL_CTX *context, int epoll, int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	const int on = 1;
	SSL *ssl = SSL_new(context);

	if (fd < 0 || !ssl || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) ||
	    SSL_set_fd(ssl, fd) != 1)
		die("accept: %s", strerror(errno));
	if (SSL_accept(ssl) == 1)
		watch(epoll, fd, ssl);
}

static void echo(SSL *ssl)
{
	static char bytes[RECORD_MAX];

	do {
		int n = SSL_read(ssl, bytes, sizeof(bytes));

		if (n <= 0) {
			int fd = SSL_get_fd(ssl);

			SSL_free(ssl);
			close(fd);
			return;
		}
		if (SSL_write(ssl, bytes, n) != n)
			die("SSL_write() failed");
	} while (SSL_pending(ssl));
}

static void serve(int listener, const void *arg)
{
	const struct tls_folder *folder = arg;
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event events[EVENTS_MAX];
	char path[RIG_PATH];

	snprintf(path, sizeof(path), "%s/both.pem", folder->path);
	if (!context || SSL_CTX_use_certificate_file(context, path, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_use_PrivateKey_file(context, path, SSL_FILETYPE_PEM) != 1)
		die("no TLS server");
	SSL_CTX_set_num_tickets(context, 0);
	SSL_CTX_set_read_ahead(context, 1);
	watch(epoll, listener, NULL);
	for (;;) {
		int n = epoll_wait(epoll, events, EVENTS_MAX, -1);

		for (int i = 0; i < n; i++)
			if (events[i].data.ptr)
				echo(events[i].data.ptr);
			else
				take(context, epoll, listener);
	}
}

struct rig rig_openssl(const struct tls_folder *folder)
{
	return rig_serve(serve, folder);
}
