/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The peer: TLS 1.3 servers with a P-256 certificate, and clients to them. */
#ifndef TESTS_BENCH_WIRE_TLS_H
#define TESTS_BENCH_WIRE_TLS_H

#include <openssl/ssl.h>

#include <tests/bench/wire/rig.h>

/* A folder with cert.pem, key.pem and both.pem in it. */
struct tls_folder {
	char path[64];
};
void tls_folder_make(struct tls_folder *folder);
void tls_folder_free(const struct tls_folder *folder);
/* A file of a peer's in it; tls_folder_free() knows their names. */
FILE *tls_folder_file(const struct tls_folder *folder, const char *name);

/* nginx: one process, no tickets, no log; answers any request with 64 bytes. */
struct rig rig_nginx(const struct tls_folder *folder);

/* A process of ours that echoes. */
struct rig rig_openssl(const struct tls_folder *folder);
/* Sessions a second, made anew by many clients at a time; of the server's CPU, and by the clock. */
double tls_handshakes(const struct rig *rig, double seconds, double *ret_wall, double *ret_load);
/* Requests a second over connections that stay. */
double tls_requests(const struct rig *rig, int count, double seconds, double *ret_wall,
		    double *ret_load);

/* Bytes a second through connections to what sends back: `len` at a time, `window` under way. */
struct tls_stream {
	int lines;
	size_t len, window;
};
double tls_echo(const struct rig *rig, const struct tls_stream *stream, double seconds,
		double *ret_wall, double *ret_load);

#endif
