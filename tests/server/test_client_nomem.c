/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The n-th allocation of a client fails, for all n: it says so, or goes on, and nothing is lost
 * without a word. The linker puts __wrap_malloc() and its like in the place of malloc(); the
 * server's threads have a count of their own and never fail. A connection whose second buffer alone
 * could be had once ended in a fault, and a message that could not be kept was passed over.
 */
#include <tests/server/house.h>

#include <errno.h>

enum { MESSAGES = 8, SMALL = 300 };

static _Thread_local unsigned long seen, fail_at;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
char *__wrap_strdup(const char *text);

static bool fails(void)
{
	return fail_at && ++seen == fail_at;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

char *__wrap_strdup(const char *text)
{
	return fails() ? NULL : __real_strdup(text);
}

/* 0: all of it was done; else what it ended with. */
static int receive_all(struct strazh *client)
{
	struct strazh_message got;

	for (uint32_t i = 1; i <= MESSAGES; i++) {
		int r = strazh_receive(client, 20000, &got);

		if (r)
			return r;
		assert_int_equal(got.request, i); /* none is missing between */
		assert_int_equal(got.len, SMALL);
	}
	return 0;
}

static int talk(const struct house *house)
{
	static const uint8_t payload[SMALL], secret[32] = {7};
	struct strazh_options options = house_options(house);
	struct strazh_message message = {.service = PH_S_ECHO,
					 .priority = PH_NORMAL,
					 .payload = payload,
					 .len = sizeof(payload)};
	struct strazh *client;
	uint64_t ns;
	int r;

	options.client_key = secret;
	r = strazh_open(&options, &client, NULL);
	if (r)
		return r;
	message.request = 1;
	r = strazh_queue(client, &message); /* before there is a session */
	for (message.request = 2; !r && message.request <= MESSAGES; message.request++)
		r = message.request % 2 ? strazh_send(client, &message, 20000)
					: strazh_post(client, &message);
	if (!r)
		r = receive_all(client);
	if (!r)
		r = strazh_renew(client);
	if (!r)
		r = strazh_ping(client, 20000, &ns);
	strazh_close(client);
	return r;
}

static void each_allocation(void **state)
{
	unsigned long n = 0, failed = 0, passed = 0;
	struct house house;
	int r;

	(void)state;
	house_open(&house, NULL);
	do {
		fail_at = ++n;
		seen = 0;
		r = talk(&house);
		fail_at = 0;
		if (r && r != -ENOMEM)
			fail_msg("allocation %lu: %d, %s", n, r, strazh_class_text(r));
		failed += !!r;
		passed += !r;
	} while (seen >= n);
	printf("# %lu allocations: %lu failed\n", n - 1, failed);
	assert_true(n > 20 && failed > 10 && passed > 0);
	assert_int_equal(r, 0);
	house_close(&house);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
