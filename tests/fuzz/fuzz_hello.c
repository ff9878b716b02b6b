/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What a stranger sends before there are keys: a frame, and in it a hello, a Retry; and a
 * certificate, as 'c' and its bytes. What was taken is written again, byte for byte.
 */
#include "must.h"

#include <user/wire/cert.h>
#include <user/wire/frame.h>
#include <user/wire/hello.h>
#include <user/wire/retry.h>

static void fuzz_cert(const uint8_t *bytes, size_t len)
{
	uint8_t again[PH_CERT_MAX];
	struct cert cert;
	int r = cert_parse(bytes, len, &cert);

	if (r) {
		MUST(cert_condition_text(r));
		return;
	}
	MUST(cert_len(&cert) == len && len <= PH_CERT_MAX);
	MUST(strlen(cert.name) == cert.name_len);
	cert_emit(&cert, again);
	MUST(memcmp(again, bytes, len) == 0);
}

static void fuzz_hello(const struct frame *frame)
{
	uint8_t again[HELLO_EXTENSIONS_MAX];
	struct hello hello;
	int r = hello_parse(frame->suite, frame->body, frame->len, &hello);

	if (r) {
		MUST(hello_condition_text(r));
		return;
	}
	MUST(hello.noise == frame->body && hello.noise_len + hello.sent_len == frame->len);
	MUST(hello_extensions_len(&hello.extensions) == hello.sent_len);
	MUST(hello_extensions_emit(&hello.extensions, again) == again + hello.sent_len);
	MUST(memcmp(again, hello.sent, hello.sent_len) == 0);
}

static void fuzz_retry(const struct frame *frame)
{
	uint8_t again[RETRY_LEN];
	struct retry retry;
	int r = retry_parse(frame->body, frame->len, &retry);

	if (r) {
		MUST(retry_condition_text(r));
		return;
	}
	retry_emit(&retry, again);
	MUST(frame->len == RETRY_LEN && memcmp(again, frame->body, RETRY_LEN) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t head[PH_FRAME_HEAD], *exact;
	struct frame frame;
	int r;

	if (size && data[0] == 'c') {
		fuzz_cert(data + 1, size - 1);
		return 0;
	}
	r = frame_parse(data, size, &frame);
	if (r) {
		MUST(frame_condition_text(r));
		MUST(r != FRAME_MORE || size < FRAME_LEN_MAX);
		return 0;
	}
	MUST(frame.body == data + PH_FRAME_HEAD && frame.len && frame.len <= PH_FRAME_MAX);
	MUST(frame.len <= size - PH_FRAME_HEAD);
	frame_emit(frame.type, frame.suite, frame.len, head);
	MUST(memcmp(head, data, sizeof(head)) == 0);
	exact = malloc(frame.len);
	MUST(exact);
	memcpy(exact, frame.body, frame.len);
	frame.body = exact;
	if (frame.type == PH_RETRY)
		fuzz_retry(&frame);
	else
		fuzz_hello(&frame);
	free(exact);
	return 0;
}
