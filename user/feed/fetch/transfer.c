/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * libcurl unpacks gzip before it hands bytes out, so the limit is on what came out of it: a bomb
 * ends there. The API key goes to the host that was named and to no other: with a key no redirect
 * is followed. A redirect leads outwards or stays inside. Proxies and passwords of the environment
 * and of ~/.netrc are not asked.
 */
#include <user/feed/fetch/transfer.h>

#include <curl/curl.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <strazh/base/own.h>

#define CONNECT_S 15L
#define STALLED_S 30L /* without a byte */
#define FIRST_ROOM 65536U

void transfer_deinit(struct transfer *t)
{
	free(t->bytes);
	*t = (struct transfer){0};
}

/* Room for `more` bytes and a NUL. */
static int make_room(struct transfer *t, size_t more)
{
	size_t need = t->len + more + 1, room = t->room ? t->room : FIRST_ROOM;
	char *bytes;

	if (need <= t->room)
		return 0;
	while (room < need)
		room *= 2;
	bytes = realloc(t->bytes, room);
	if (!bytes)
		return -ENOMEM;
	t->bytes = bytes;
	t->room = room;
	return 0;
}

static size_t on_bytes(char *bytes, size_t size, size_t count, void *context)
{
	struct transfer *t = context;
	size_t len = size * count;

	if (len > t->max - t->len) {
		t->full = true;
		return 0;
	}
	if (make_room(t, len))
		return 0;
	memcpy(t->bytes + t->len, bytes, len);
	t->len += len;
	return len;
}

/* ---- where it leads ---- */

/* Of this machine or of the nets around it, where a stranger cannot reach and we can. */
static bool is_inner(const struct sockaddr *at)
{
	static const char *const nets[] = {
		"0.0.0.0/8",	  "10.0.0.0/8",	   "100.64.0.0/10",	  "127.0.0.0/8",
		"169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",	  "::/127",
		"fc00::/7",	  "fe80::/10",	   "64:ff9b::7f00:0/104", "64:ff9b::a9fe:0/112",
	};
	struct prefix host = {0};

	if (at->sa_family == AF_INET) {
		const struct in_addr *v4 =
			&((const struct sockaddr_in *)(const void *)at)->sin_addr;

		host = prefix_from(4, (const uint8_t *)v4, 32);
	} else if (at->sa_family == AF_INET6) {
		const struct in6_addr *v6 =
			&((const struct sockaddr_in6 *)(const void *)at)->sin6_addr;

		host = IN6_IS_ADDR_V4MAPPED(v6) ? prefix_from(4, v6->s6_addr + 12, 32)
						: prefix_from(6, v6->s6_addr, 128);
	} else {
		return true;
	}
	for (size_t i = 0; i < ARRAY_LEN(nets); i++) {
		struct prefix net;

		if (!prefix_parse(nets[i], strlen(nets[i]), &net) && prefix_covers(&net, &host))
			return true;
	}
	return false;
}

/* Who was named from outside leads to no inner address: there are who answer us and not him. */
static curl_socket_t on_socket(void *context, curlsocktype purpose, struct curl_sockaddr *at)
{
	struct transfer *t = context;
	long redirects = 0;
	bool inner = is_inner(&at->addr);

	(void)purpose;
	(void)curl_easy_getinfo(t->curl, CURLINFO_REDIRECT_COUNT, &redirects);
	if (!redirects)
		t->begins_inner |= inner;
	else if (inner && !t->begins_inner) {
		t->led_in = true;
		return CURL_SOCKET_BAD;
	}
	return socket(at->family, at->socktype | SOCK_CLOEXEC, at->protocol);
}

/* ---- HTTP ---- */

static int add_header(struct curl_slist **list, const char *name, const char *value)
{
	char line[FEED_ETAG_LEN + FEED_KEY_LEN];
	struct curl_slist *longer;

	if (!value[0])
		return 0;
	(void)snprintf(line, sizeof(line), "%s: %s", name, value);
	longer = curl_slist_append(*list, line);
	if (!longer)
		return -ENOMEM;
	*list = longer;
	return 0;
}

static int add_headers(struct curl_slist **list, const struct feed_request *request)
{
	int r = add_header(list, "If-None-Match", request->etag);

	if (!r)
		r = add_header(list, "If-Modified-Since", request->modified);
	if (!r)
		r = add_header(list, "X-Api-Key", request->key);
	return r;
}

static bool set_up(CURL *curl, const struct feed_request *request, struct transfer *t,
		   struct curl_slist *headers, char error[CURL_ERROR_SIZE])
{
	const bool secure = strncmp(request->url, "https:", 6) == 0;
	const bool follow = request->redirects && !request->key[0];
	CURLcode r = curl_easy_setopt(curl, CURLOPT_URL, request->url);

#define SET(option, value) r = r ? r : curl_easy_setopt(curl, option, value)
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
	SET(CURLOPT_FOLLOWLOCATION, follow ? 1L : 0L);
	SET(CURLOPT_MAXREDIRS, (long)request->redirects);
	SET(CURLOPT_CONNECTTIMEOUT, CONNECT_S);
	SET(CURLOPT_TIMEOUT, (long)request->seconds);
	SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
	SET(CURLOPT_LOW_SPEED_TIME, STALLED_S);
	SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)request->max_bytes);
	SET(CURLOPT_ACCEPT_ENCODING, "gzip");
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_USERAGENT, "strazh/" STRAZH_VERSION);
	SET(CURLOPT_HTTPHEADER, headers);
	SET(CURLOPT_ERRORBUFFER, error);
	SET(CURLOPT_WRITEFUNCTION, on_bytes);
	SET(CURLOPT_WRITEDATA, t);
	SET(CURLOPT_OPENSOCKETFUNCTION, on_socket);
	SET(CURLOPT_OPENSOCKETDATA, t);
#undef SET
	return r == CURLE_OK;
}

static void copy_header(CURL *curl, const char *name, char *to, size_t size)
{
	struct curl_header *header;

	if (curl_easy_header(curl, name, 0, CURLH_HEADER, -1, &header) ||
	    strlen(header->value) >= size)
		return; /* too long to be sent back: it counts as none */
	memcpy(to, header->value, strlen(header->value) + 1);
	feed_text_clean(to, size);
}

static enum feed_outcome judge(CURL *curl, CURLcode code, const struct transfer *t,
			       const char *error, char text[FEED_TEXT_LEN])
{
	long status = 0;

	if (t->full || code == CURLE_FILESIZE_EXCEEDED) {
		(void)snprintf(text, FEED_TEXT_LEN, "more than max_bytes, %llu",
			       (unsigned long long)t->max);
		return FEED_TOO_LARGE;
	}
	if (code && t->led_in) {
		(void)snprintf(text, FEED_TEXT_LEN, "it leads to an address of this network");
		return FEED_UNREACHED;
	}
	if (code) {
		(void)snprintf(text, FEED_TEXT_LEN, "%s",
			       error[0] ? error : curl_easy_strerror(code));
		return code == CURLE_OUT_OF_MEMORY || code == CURLE_WRITE_ERROR ? FEED_BROKEN
										: FEED_UNREACHED;
	}
	(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	if (status == 200)
		return FEED_NEW;
	if (status == 304)
		return FEED_SAME;
	(void)snprintf(text, FEED_TEXT_LEN, "HTTP status %ld", status);
	return status == 401 || status == 403 ? FEED_DENIED : FEED_UNREACHED;
}

enum feed_outcome transfer_http(const struct feed_request *request, struct transfer *ret_transfer,
				char text[FEED_TEXT_LEN])
{
	CURL *curl = curl_global_init(CURL_GLOBAL_DEFAULT) ? NULL : curl_easy_init();
	struct transfer t = {.max = request->max_bytes, .curl = curl};
	struct curl_slist *headers = NULL;
	enum feed_outcome outcome = FEED_BROKEN;
	char error[CURL_ERROR_SIZE] = "";

	(void)snprintf(text, FEED_TEXT_LEN, "libcurl cannot be set up");
	if (curl && !make_room(&t, 0) && !add_headers(&headers, request) &&
	    set_up(curl, request, &t, headers, error)) {
		text[0] = '\0';
		outcome = judge(curl, curl_easy_perform(curl), &t, error, text);
	}
	if (outcome == FEED_NEW) {
		copy_header(curl, "ETag", t.etag, sizeof(t.etag));
		copy_header(curl, "Last-Modified", t.modified, sizeof(t.modified));
		t.bytes[t.len] = '\0';
		*ret_transfer = t;
	} else {
		transfer_deinit(&t);
	}
	curl_slist_free_all(headers);
	curl_easy_cleanup(curl);
	return outcome;
}

/* ---- files ---- */

static enum feed_outcome fail(char text[FEED_TEXT_LEN], int error)
{
	(void)snprintf(text, FEED_TEXT_LEN, "%s", strerror(error));
	return error == ENOMEM ? FEED_BROKEN : FEED_UNREACHED;
}

static enum feed_outcome read_all(struct transfer *t, int fd, char text[FEED_TEXT_LEN])
{
	for (;;) {
		ssize_t n;

		if (make_room(t, FIRST_ROOM))
			return fail(text, ENOMEM);
		n = read(fd, t->bytes + t->len, FIRST_ROOM);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(text, errno);
		if (!n)
			return FEED_NEW;
		t->len += (size_t)n;
		if (t->len > t->max) {
			(void)snprintf(text, FEED_TEXT_LEN, "more than max_bytes, %llu",
				       (unsigned long long)t->max);
			return FEED_TOO_LARGE;
		}
	}
}

enum feed_outcome transfer_file(const struct feed_request *request, int fd,
				struct transfer *ret_transfer, char text[FEED_TEXT_LEN])
{
	struct transfer t = {.max = request->max_bytes};
	enum feed_outcome outcome;
	struct stat st;

	if (fstat(fd, &st))
		return fail(text, errno);
	if (!S_ISREG(st.st_mode)) {
		(void)snprintf(text, FEED_TEXT_LEN, "it is no file");
		return FEED_UNREADABLE;
	}
	(void)snprintf(t.etag, sizeof(t.etag), "%llu-%lld-%lld.%09ld",
		       (unsigned long long)st.st_ino, (long long)st.st_size,
		       (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	if (strcmp(t.etag, request->etag) == 0)
		return FEED_SAME;
	outcome = read_all(&t, fd, text);
	if (outcome == FEED_NEW) {
		t.bytes[t.len] = '\0';
		*ret_transfer = t;
	} else {
		transfer_deinit(&t);
	}
	return outcome;
}
