// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Messages through two channels in memory, sealed and opened by one thread, beside OpenSSL's
 * TLS 1.3 (AES-256-GCM) with memory BIOs doing the same: one message, one record, as many at a
 * time. Each record of ours has keys of its own and a signature besides.
 */
#include <tests/bench/wire/bench.h>

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <user/crypto/crypto.h>
#include <user/crypto/engine.h>
#include <user/session/channel.h>

#define ROUNDS 21U
#define WIRE_MAX (4U << 20)

static uint8_t payload[1 << 14];

/* What is measured: `burst` messages of `len` bytes, `bursts` times. */
struct job {
	size_t len;
	unsigned burst, bursts;
	bool held; /* the payload is shared and not copied into the queue */
};

/* ---- ours ---- */

struct ours {
	struct crypto *crypto;
	struct channel_host host;
	struct channel client, server;
	uint8_t *wire;
	unsigned long came;
};

static void on_message(struct channel *ch, void *context, const struct ph_message *message)
{
	struct ours *o = context;

	(void)ch;
	if (message->payload[0] != payload[0])
		die("another message than was sent");
	o->came++;
}

static void release(void *owner)
{
	(void)owner;
}

static const struct channel_ops ops = {.on_message = on_message};

static void ours_open(struct ours *o, const char *engine)
{
	struct session_keys keys = {.suite = PH_XK1, .h = {1}, .t = {{2}, {3}, {4}}};

	*o = (struct ours){.host = {.ops = &ops, .limits = channel_limits_usual}};
	o->host.limits.queue_bytes = 2 << 20;
	if (crypto_new(&o->host.crypto) || engine_new(engine, &o->host.engine))
		die("no engine '%s'", engine ? engine : "any");
	chunk_pool_init(&o->host.pool, 1024, 1024);
	o->wire = malloc(WIRE_MAX);
	if (!o->wire)
		die("no memory");
	memset(o->wire, 0, WIRE_MAX);
	channel_init(&o->client, &o->host, &keys, true, o, 0);
	channel_init(&o->server, &o->host, &keys, false, o, 0);
}

static void ours_close(struct ours *o)
{
	channel_deinit(&o->client);
	channel_deinit(&o->server);
	chunk_pool_deinit(&o->host.pool);
	engine_free(o->host.engine);
	crypto_free(o->host.crypto);
	free(o->wire);
}

static double ours_run(struct ours *o, const struct job *job)
{
	struct ph_message m = {.service = PH_S_ECHO, .payload = payload, .len = job->len};
	double begin = cpu_ns();

	o->came = 0;
	for (unsigned i = 0; i < job->bursts; i++) {
		size_t len, used;

		for (unsigned k = 0; k < job->burst; k++) {
			m.request = k;
			if (job->held ? channel_send_held(&o->client, &m, release, NULL)
				      : channel_send(&o->client, &m))
				die("a message was refused");
		}
		if (channel_write(&o->client, o->wire, WIRE_MAX, 0, &len) ||
		    channel_read(&o->server, o->wire, len, 0, &used) || used != len)
			die("a channel that fails");
	}
	if (o->came != (unsigned long)job->burst * job->bursts)
		die("%lu messages came", o->came);
	return (cpu_ns() - begin) / 1e9;
}

/* ---- TLS ---- */

struct tls {
	SSL_CTX *contexts[2];
	SSL *client, *server;
};

static void give_certificate(SSL_CTX *context)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();

	if (!key || !cert || !X509_set_pubkey(cert, key) ||
	    !X509_gmtime_adj(X509_getm_notBefore(cert), 0) ||
	    !X509_gmtime_adj(X509_getm_notAfter(cert), 3600) ||
	    !X509_sign(cert, key, EVP_sha256()) || SSL_CTX_use_certificate(context, cert) != 1 ||
	    SSL_CTX_use_PrivateKey(context, key) != 1)
		die("no certificate");
	X509_free(cert);
	EVP_PKEY_free(key);
}

static SSL *end_of(SSL_CTX *context, BIO *in, BIO *out)
{
	SSL *ssl;

	if (SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set_ciphersuites(context, "TLS_AES_256_GCM_SHA384") != 1)
		die("no TLS 1.3");
	SSL_CTX_set_num_tickets(context, 0);
	ssl = SSL_new(context);
	if (!ssl)
		die("no memory");
	SSL_set_bio(ssl, in, out);
	return ssl;
}

static void tls_open(struct tls *t)
{
	BIO *up = BIO_new(BIO_s_mem()), *down = BIO_new(BIO_s_mem());

	t->contexts[0] = SSL_CTX_new(TLS_client_method());
	t->contexts[1] = SSL_CTX_new(TLS_server_method());
	if (!up || !down || !t->contexts[0] || !t->contexts[1] || !BIO_up_ref(up) ||
	    !BIO_up_ref(down))
		die("no memory");
	give_certificate(t->contexts[1]);
	t->client = end_of(t->contexts[0], down, up);
	t->server = end_of(t->contexts[1], up, down);
	SSL_set_connect_state(t->client);
	SSL_set_accept_state(t->server);
	for (int i = 0; i < 4; i++) {
		SSL_do_handshake(t->client);
		SSL_do_handshake(t->server);
	}
	if (!SSL_is_init_finished(t->client) || !SSL_is_init_finished(t->server))
		die("a TLS handshake that does not end");
}

static void tls_close(struct tls *t)
{
	SSL_free(t->client);
	SSL_free(t->server);
	SSL_CTX_free(t->contexts[0]);
	SSL_CTX_free(t->contexts[1]);
}

static double tls_run(struct tls *t, const struct job *job)
{
	static uint8_t got[1 << 14];
	double begin = cpu_ns();

	for (unsigned i = 0; i < job->bursts; i++) {
		for (unsigned k = 0; k < job->burst; k++)
			if (SSL_write(t->client, payload, (int)job->len) != (int)job->len)
				die("SSL_write() of another length");
		for (unsigned k = 0; k < job->burst; k++)
			if (SSL_read(t->server, got, sizeof(got)) != (int)job->len ||
			    got[0] != payload[0])
				die("SSL_read() of another length");
	}
	return (cpu_ns() - begin) / 1e9;
}

/* ---- in turn ---- */

/* A figure is messages a second, or bytes: `scale` of one message. */
static void compare(const char *name, const char *engine, const struct job *job, double scale,
		    const char *unit)
{
	struct samples ours = {.count = 0}, raw = {.count = 0};
	double amount = (double)job->burst * job->bursts * scale;
	struct ours o;
	struct tls t;

	ours_open(&o, engine);
	tls_open(&t);
	ours_run(&o, job);
	tls_run(&t, job);
	for (unsigned i = 0; i < ROUNDS; i++) {
		samples_add(&ours, amount / ours_run(&o, job));
		samples_add(&raw, amount / tls_run(&t, job));
	}
	report(name, samples_at(&ours, 50), unit, "OpenSSL TLS 1.3, memory BIO",
	       samples_at(&ours, 50) / samples_at(&raw, 50), &ours);
	tls_close(&t);
	ours_close(&o);
}

void bench_channel(void)
{
	static const struct job small = {.len = 64, .burst = 256, .bursts = 100};
	static const struct job single = {.len = 64, .burst = 1, .bursts = 20000};
	static const struct job bulk = {.len = 1 << 14, .burst = 32, .bursts = 40};
	static const struct job shared = {.len = 1 << 14, .burst = 32, .bursts = 40, .held = true};

	pin(0);
	memset(payload, 0x5a, sizeof(payload));
	compare("wire.channel_messages_s", NULL, &small, 1, "1/s");
	compare("wire.channel_messages_openssl_s", "openssl", &small, 1, "1/s");
	compare("wire.channel_single_s", NULL, &single, 1, "1/s");
	compare("wire.bulk_16k_gb_s", NULL, &bulk, (1 << 14) / 1e9, "GB/s");
	compare("wire.bulk_16k_shared_gb_s", NULL, &shared, (1 << 14) / 1e9, "GB/s");
}
