/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <errno.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <tests/server/raw.h>

static void on_message(struct channel *ch, void *context, const struct ph_message *message)
{
	struct raw *raw = context;

	(void)ch;
	if (message->service != PH_S_CONTROL) {
		raw->messages++;
	} else if (message->opcode == PH_CTL_TICKET && message->len <= sizeof(raw->ticket)) {
		memcpy(raw->ticket, message->payload, message->len);
		raw->ticket_len = message->len;
	}
}

static const struct channel_ops ops = {.on_message = on_message};

static void open_suite(struct raw *raw, const struct house *house, uint8_t suite)
{
	size_t len;

	assert_int_equal(crypto_new(&raw->crypto), 0);
	assert_int_equal(engine_new(NULL, &raw->engine), 0);
	assert_int_equal(dh_generate(raw->crypto, raw->secret, raw->public), 0);
	raw->client = (struct hs_client){.suite = suite,
					 .name = PH_NAME_DEFAULT,
					 .server_key = house->key,
					 .root = house->root,
					 .resume = &raw->resume,
					 .public = raw->public};
	raw->host = (struct channel_host){.crypto = raw->crypto,
					  .engine = raw->engine,
					  .limits = channel_limits_usual,
					  .ops = &ops};
	chunk_pool_init(&raw->host.pool, 1024, 4);
	assert_int_equal(handshake_connect(&raw->hs, &raw->client), 0);
	assert_int_equal(handshake_write(&raw->hs, raw->crypto, NULL, raw->hello, &len), 0);
	raw->hello_len = len;
	memcpy(raw->e, raw->hs.noise.e, sizeof(raw->e));
	raw->fd = house_socket(house);
}

void raw_open(struct raw *raw, const struct house *house, uint8_t suite)
{
	memset(raw, 0, sizeof(*raw));
	open_suite(raw, house, suite);
}

void raw_open_resumed(struct raw *raw, const struct house *house, const struct hs_resume *resume)
{
	memset(raw, 0, sizeof(*raw));
	raw->resume = *resume;
	open_suite(raw, house, PH_RESUME);
}

static bool read_all(int fd, uint8_t *to, size_t len)
{
	while (len) {
		ssize_t n = recv(fd, to, len, 0);

		if (n <= 0)
			return false;
		to += n;
		len -= (size_t)n;
	}
	return true;
}

bool raw_shake(struct raw *raw)
{
	uint8_t frame[HS_FRAME_LEN];
	size_t len;

	raw_send(raw, raw->hello, raw->hello_len);
	if (!read_all(raw->fd, frame, PH_FRAME_HEAD))
		return false;
	len = (size_t)(frame[2] << 8 | frame[3]);
	if (!read_all(raw->fd, frame + PH_FRAME_HEAD, len))
		return false;
	assert_int_equal(handshake_read(&raw->hs, raw->crypto, frame, PH_FRAME_HEAD + len,
					(uint64_t)time(NULL)),
			 0);
	memcpy(raw->server_e, frame + PH_FRAME_HEAD, sizeof(raw->server_e));
	if (handshake_next(&raw->hs) == HS_NEXT_WRITE)
		assert_int_equal(handshake_write(&raw->hs, raw->crypto, raw->secret, raw->out,
						 &raw->out_len),
				 0);
	memcpy(raw->ck, raw->hs.noise.ck, sizeof(raw->ck));
	assert_int_equal(handshake_keys(&raw->hs, &raw->keys), 0);
	channel_init(&raw->channel, &raw->host, &raw->keys, true, raw, 0);
	return true;
}

void raw_seal(struct raw *raw, const struct ph_message *message)
{
	size_t len;

	assert_int_equal(channel_send(&raw->channel, message), 0);
	while (channel_has_output(&raw->channel)) {
		assert_int_equal(channel_write(&raw->channel, raw->out + raw->out_len,
					       sizeof(raw->out) - raw->out_len, 0, &len),
				 0);
		assert_true(len > 0);
		raw->out_len += len;
	}
}

void raw_seal_echo(struct raw *raw, uint32_t request, const void *payload, size_t len)
{
	const struct ph_message message = {.service = PH_S_ECHO,
					   .opcode = PH_OP_REQUEST,
					   .priority = PH_NORMAL,
					   .request = request,
					   .payload = payload,
					   .len = len};

	raw_seal(raw, &message);
}

/* Who is closed meanwhile finds out when reading. */
void raw_send(const struct raw *raw, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;

	while (len) {
		ssize_t n = send(raw->fd, at, len, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		at += n;
		len -= (size_t)n;
	}
}

void raw_flush(struct raw *raw)
{
	raw_send(raw, raw->out, raw->out_len);
	raw->out_len = 0;
}

bool raw_wait(struct raw *raw, unsigned messages)
{
	static _Thread_local uint8_t in[2 * PH_RECORD_MAX];
	size_t len = 0, used;

	while (raw->messages < messages || len) {
		ssize_t n = recv(raw->fd, in + len, sizeof(in) - len, 0);

		if (n <= 0)
			return false;
		len += (size_t)n;
		assert_int_equal(channel_read(&raw->channel, in, len, 0, &used), 0);
		len -= used;
		memmove(in, in + used, len);
	}
	return true;
}

size_t socket_rest(int fd)
{
	uint8_t bytes[4096];
	size_t sum = 0;
	ssize_t n;

	while ((n = recv(fd, bytes, sizeof(bytes), 0)) > 0)
		sum += (size_t)n;
	/* Closed or reset, but not still there. */
	assert_true(!n || errno == ECONNRESET);
	return sum;
}

size_t raw_rest(const struct raw *raw)
{
	return socket_rest(raw->fd);
}

void raw_close(struct raw *raw)
{
	close(raw->fd);
	handshake_deinit(&raw->hs);
	channel_deinit(&raw->channel);
	chunk_pool_deinit(&raw->host.pool);
	engine_free(raw->engine);
	crypto_free(raw->crypto);
}
