/* SPDX-License-Identifier: Apache-2.0 */
/* A client's beginning and end, and what it says of itself. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <user/client/parts.h>

#define CONNECT_MS 5000
#define QUEUE_BYTES (1U << 20)

uint64_t client_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

uint64_t client_now_ms(void)
{
	return client_now_ns() / 1000000;
}

const char *strazh_class_text(int class)
{
	static const char *const texts[] = {"done",
#define STRAZH_CLASS_TEXT(NAME, text) text,
					    STRAZH_CLASSES(STRAZH_CLASS_TEXT)
#undef STRAZH_CLASS_TEXT
	};

	if (class < 0)
		return strerror(-class);
	return (size_t) class < ARRAY_LEN(texts) ? texts[class] : "unknown";
}

int note_fault(struct strazh *s, int class, const char *format, ...)
{
	va_list args;

	s->error.class = class;
	s->error.code = 0;
	va_start(args, format);
	vsnprintf(s->error.text, sizeof(s->error.text), format, args);
	va_end(args);
	return class;
}

const struct strazh_error *strazh_error(const struct strazh *s)
{
	return &s->error;
}

/* ---- opening ---- */

static int wrong(struct strazh *s, const char *text)
{
	return note_fault(s, STRAZH_E_OPTION, "%s", text);
}

static uint8_t suite_of(const struct strazh_options *o)
{
	uint8_t suite;

	if (o->server_key)
		suite = o->client_key ? PH_XK1 : PH_NK1;
	else
		suite = o->client_key ? PH_XX : PH_NX;
	return o->demand_hybrid ? suite | PH_SUITE_HYBRID : suite;
}

static int take_keys(struct strazh *s, const struct strazh_options *o)
{
	struct secret32 secret;
	int r;

	if (!o->server_key == !o->root_key)
		return wrong(s, "one of server_key and root_key is wanted: who is the server?");
	if (o->server_key)
		memcpy(s->server_key, o->server_key, PH_KEY_LEN);
	else
		memcpy(s->root_key, o->root_key, PH_KEY_LEN);
	if (!o->client_key)
		return 0;
	memcpy(secret.bytes, o->client_key, PH_KEY_LEN);
	r = dh_public(s->crypto, secret.bytes, s->public);
	if (!r)
		r = shield_new(&secret, &s->secret);
	wipe(&secret, sizeof(secret));
	return r ? note_fault(s, r < 0 ? r : STRAZH_E_OPTION, "the client's key cannot be used")
		 : 0;
}

static int take_options(struct strazh *s, const struct strazh_options *o)
{
	int r;

	s->options = *o;
	if (!o->address)
		return wrong(s, "the server's address is missing");
	r = address_split(o->address, &s->host, &s->port);
	if (r == -EINVAL)
		return note_fault(s, STRAZH_E_OPTION,
				  "'%.150s' is no address: host, host:port or [v6]:port",
				  o->address);
	s->name = strdup(o->server_name ? o->server_name : PH_NAME_DEFAULT);
	if (r || !s->name)
		return note_fault(s, -ENOMEM, "no memory");
	if (!*s->name || strlen(s->name) > PH_NAME_MAX)
		return wrong(s, "the server's name has 1 to 255 bytes");
	if (o->connect_timeout_ms < 0)
		return wrong(s, "the time for connecting is below 0");
	if (o->demand_hybrid && !kem_available(s->crypto))
		return note_fault(s, STRAZH_E_UNSUPPORTED,
				  "hybrid handshakes need an OpenSSL with ML-KEM-768 (3.5)");
	r = take_keys(s, o);
	if (r)
		return r;
	if (!s->options.connect_timeout_ms)
		s->options.connect_timeout_ms = CONNECT_MS;
	if (!s->options.queue_bytes)
		s->options.queue_bytes = QUEUE_BYTES;
	s->suite = suite_of(o);
	s->hs_client = (struct hs_client){
		.name = s->name,
		.server_key = o->server_key ? s->server_key : NULL,
		.root = o->root_key ? s->root_key : NULL,
		.public = o->client_key ? s->public : NULL,
		.offer = o->strict ? PH_OFFER_STRICT : 0,
		.say_key = o->server_key != NULL, /* it may have an old one besides */
	};
	/* They were the caller's. */
	s->options.server_key = s->options.root_key = s->options.client_key = NULL;
	s->options.address = s->options.server_name = NULL;
	return 0;
}

static int watch(struct strazh *s, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	return epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static int open_descriptors(struct strazh *s)
{
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	s->timer = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	s->post = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (s->epoll < 0 || s->timer < 0 || s->post < 0 || watch(s, s->timer) || watch(s, s->post))
		return note_fault(s, -errno, "no descriptor: %s", strerror(errno));
	return 0;
}

static void set_host(struct strazh *s)
{
	s->host_of = (struct channel_host){.crypto = s->crypto,
					   .engine = s->engine,
					   .limits = channel_limits_usual,
					   .ops = &client_channel_ops};
	s->host_of.limits.queue_bytes = (uint32_t)MIN(s->options.queue_bytes, UINT32_MAX / 2);
	if (s->options.heartbeat_ms > 0)
		s->host_of.limits.heartbeat_ms = (uint32_t)MIN(s->options.heartbeat_ms,
							       24 * 3600 * 1000);
	else if (s->options.heartbeat_ms < 0)
		s->host_of.limits.heartbeat_ms = UINT32_MAX / 8;
	/* A message of one byte counts 9 in the queue, and takes 24 of a chunk. */
	chunk_pool_init(&s->host_of.pool, 16 + s->options.queue_bytes / POOL_CHUNK * 3, 4);
}

int strazh_open(const struct strazh_options *options, struct strazh **ret_client,
		struct strazh_error *ret_error)
{
	struct strazh *s = calloc(1, sizeof(*s));
	int r;

	if (!s) {
		if (ret_error)
			*ret_error = (struct strazh_error){.class = -ENOMEM, .text = "no memory"};
		return -ENOMEM;
	}
	s->epoll = s->timer = s->post = s->socket = -1;
	s->about.suite = "";
	pthread_mutex_init(&s->lock, NULL);
	kept_init(&s->inbox);
	kept_init(&s->early);
	kept_init(&s->posted);
	r = crypto_new(&s->crypto);
	if (!r)
		r = engine_new(NULL, &s->engine);
	if (r)
		note_fault(s, r, "OpenSSL cannot be used: %s", strerror(-r));
	if (!r)
		r = take_options(s, options);
	if (!r)
		r = open_descriptors(s);
	if (r) {
		if (ret_error)
			*ret_error = s->error;
		strazh_close(s);
		return r;
	}
	set_host(s);
	*ret_client = s;
	return 0;
}

static void say_goodbye(struct strazh *s)
{
	if (s->phase != PHASE_UP)
		return;
	channel_close(&s->channel, 0);
	(void)!machine_write(s);
}

void strazh_close(struct strazh *s)
{
	static const struct strazh_error closed = {.text = "closed here"};

	if (!s)
		return;
	s->options.on_state = NULL;
	s->options.on_message = NULL;
	s->options.on_room = NULL;
	say_goodbye(s);
	machine_down(s, &closed);
	if (s->host_of.ops)
		chunk_pool_deinit(&s->host_of.pool);
	kept_clear(&s->inbox);
	kept_clear(&s->early);
	kept_clear(&s->posted);
	free(s->lent);
	free(s->answer);
	shield_free(s->secret);
	engine_free(s->engine);
	crypto_free(s->crypto);
	pthread_mutex_destroy(&s->lock);
	for (unsigned i = 0; i < 3; i++) {
		int fd = i == 0 ? s->epoll : i == 1 ? s->timer : s->post;

		if (fd >= 0)
			close(fd);
	}
	free(s->host);
	free(s->port);
	free(s->name);
	wipe(s, sizeof(*s));
	free(s);
}

/* ---- what it is ---- */

int strazh_fd(const struct strazh *s)
{
	return s->epoll;
}

size_t strazh_queued(const struct strazh *s)
{
	return s->early.bytes + (s->has_channel ? channel_queued(&s->channel) : 0) +
	       (s->out_len - s->out_at);
}

void strazh_about(const struct strazh *s, struct strazh_about *ret_about)
{
	*ret_about = s->about;
	ret_about->resumable = s->has_ticket;
}

int strazh_renew(struct strazh *s)
{
	if (s->turning)
		return note_fault(s, -EBUSY, "not from a callback");
	if (s->phase == PHASE_ENDED)
		return s->error = s->why, machine_end(s);
	say_goodbye(s);
	return s->phase == PHASE_ENDED ? machine_end(s) : machine_renew(s);
}

/* Control messages are the library's own. */
int message_fault(const struct strazh_message *message)
{
	if (message->service == PH_S_CONTROL)
		return STRAZH_E_UNSUPPORTED;
	return message->len > PH_MESSAGE_MAX ? STRAZH_E_TOO_BIG : 0;
}

int strazh_post(struct strazh *s, const struct strazh_message *message)
{
	uint64_t one = 1;
	int r = message_fault(message);

	if (r)
		return r;
	pthread_mutex_lock(&s->lock);
	if (s->over) {
		r = STRAZH_E_CLOSED;
	} else if (!kept_fits(&s->posted, message, s->options.queue_bytes)) {
		s->post_full = true;
		r = STRAZH_E_FULL;
	} else {
		r = kept_add(&s->posted, message);
	}
	/* It can be full only of wake-ups, and then it is readable. */
	if (!r && !s->woken) {
		(void)!write(s->post, &one, sizeof(one));
		s->woken = true;
	}
	pthread_mutex_unlock(&s->lock);
	return r;
}

int strazh_queue(struct strazh *s, const struct strazh_message *message)
{
	int r = machine_queue(s, message);

	if (r)
		return note_fault(s, r, "%s", strazh_class_text(r));
	return machine_want_turn(s);
}
