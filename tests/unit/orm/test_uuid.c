/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <orm/base/uuid.h>

static const char canon[] = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";

/* The list of the PostgreSQL manual, 8.12, and the other ways to set hyphens. */
static void forms(void **state)
{
	static const char *const good[] = {
		canon,
		"A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
		"{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}",
		"a0eebc999c0b4ef8bb6d6bb9bd380a11",
		"a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11",
		"{a0eebc99-9c0b4ef8-bb6d6bb9-bd380a11}",
	};
	uint8_t uuid[16];
	char text[ORM_UUID_LEN + 1];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		memset(uuid, 0, sizeof(uuid));
		assert_true(orm_uuid_parse(good[i], strlen(good[i]), uuid));
		orm_uuid_emit(uuid, text);
		assert_string_equal(text, canon);
	}
	assert_int_equal(uuid[0], 0xa0);
	assert_int_equal(uuid[15], 0x11);
}

static void refused(void **state)
{
	static const char *const bad[] = {
		"",
		"{}",
		"{",
		"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1",
		"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a112",
		"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11-",
		"-a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
		"a0eebc9-99c0b-4ef8-bb6d-6bb9bd380a11",
		"a0eebc99--9c0b-4ef8-bb6d-6bb9bd380a11",
		"{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
		"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}",
		"g0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
		" a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
		"@0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
	};
	uint8_t uuid[16] = {7}, before[16] = {7};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (orm_uuid_parse(bad[i], strlen(bad[i]), uuid))
			fail_msg("'%s' was taken", bad[i]);
	assert_false(orm_uuid_parse(canon, 35, uuid)); /* the length counts, no NUL is looked for */
	assert_memory_equal(uuid, before, sizeof(uuid));
}

static void plain_ones(void **state)
{
	static const char *const others[] = {
		"{0011223344556677-8899-aabbccddeeff}", "0011-2233-4455-6677-8899aabbccddeeff",
		"00112233445566778899aabbccddeeff", "00112233-4455-6677-8899-aabbccddeef-",
		"{0112233-4455-6677-8899-aabbccddeef}"};
	uint8_t uuid[16];

	(void)state;
	assert_true(orm_uuid_parse_plain(canon, 36, uuid));
	assert_true(orm_uuid_parse_plain("00112233-4455-6677-8899-AABBCCDDEEFF", 36, uuid));
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (orm_uuid_parse_plain(others[i], strlen(others[i]), uuid))
			fail_msg("read: %s", others[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(plain_ones), cmocka_unit_test(forms),
					   cmocka_unit_test(refused)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
