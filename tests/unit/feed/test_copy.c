/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What strazh-fetch leaves is believed in nothing that was not checked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <user/feed/copy.h>

#define ENTRIES 3U

struct image {
	struct feed_head head;
	union {
		struct prefix entries[ENTRIES];
		struct feed_decision decisions[ENTRIES];
	} records;
};

static struct prefix host(uint8_t last)
{
	const uint8_t addr[16] = {192, 0, 2, last};

	return prefix_from(4, addr, 32);
}

static void make(struct image *image, bool lapi)
{
	memset(image, 0, sizeof(*image));
	image->head = (struct feed_head){
		.magic = FEED_MAGIC,
		.version = FEED_VERSION,
		.format = lapi ? FEED_LAPI : FEED_PLAIN,
		.count = ENTRIES,
	};
	for (uint8_t i = 0; i < ENTRIES; i++)
		if (lapi)
			image->records.decisions[i] = (struct feed_decision){.id = i,
									     .prefix = host(i)};
		else
			image->records.entries[i] = host(i);
}

static size_t size_of(bool lapi)
{
	return sizeof(struct feed_head) +
	       ENTRIES * (lapi ? sizeof(struct feed_decision) : sizeof(struct prefix));
}

static const char *fault(const struct image *image, size_t len, bool lapi, uint64_t most)
{
	struct feed_copy copy = {.head.count = 77};
	const char *why = "";
	int r = feed_copy_check(image, len, lapi, most, &copy, &why);

	if (!r)
		return NULL;
	assert_int_equal(r, -EBADMSG);
	assert_int_equal(copy.head.count, 77);
	return why;
}

static void test_right(void **state)
{
	static struct image image;
	struct feed_copy copy;
	const char *why;

	(void)state;
	make(&image, false);
	memset(image.head.etag, 'e', sizeof(image.head.etag));
	image.head.wrongs[1].text[0] = '\n';
	assert_int_equal(feed_copy_check(&image, size_of(false), false, ENTRIES, &copy, &why), 0);
	assert_ptr_equal(copy.entries, image.records.entries);
	assert_int_equal(strlen(copy.head.etag), FEED_ETAG_LEN - 1);
	assert_int_equal(copy.head.wrongs[1].text[0], '?');
	make(&image, true);
	assert_null(fault(&image, size_of(true), true, ENTRIES));
}

static void test_wrong(void **state)
{
	static struct image image;
	const size_t len = size_of(false);

	(void)state;
	make(&image, false);
	assert_string_equal(fault(&image, 10, false, ENTRIES), "too short for its head");
	assert_string_equal(fault(&image, len, false, 2), "more records than allowed");
	assert_string_equal(fault(&image, len - 1, false, ENTRIES),
			    "another size than its head says");
	assert_string_equal(fault(&image, len, true, ENTRIES), "no copy of that kind");
	image.head.count = UINT64_MAX;
	assert_non_null(fault(&image, len, false, UINT64_MAX));
	make(&image, false);
	image.records.entries[1] = image.records.entries[0];
	assert_string_equal(fault(&image, len, false, ENTRIES), "a record is out of order");
	make(&image, false);
	image.records.entries[1].len = 31;
	image.records.entries[1].addr[3] = 1;
	assert_string_equal(fault(&image, len, false, ENTRIES), "a record is no prefix");
	image.records.entries[1].family = 5;
	assert_string_equal(fault(&image, len, false, ENTRIES), "a record is no prefix");
	make(&image, true);
	image.records.decisions[2].gone = 2;
	assert_string_equal(fault(&image, size_of(true), true, ENTRIES),
			    "a decision neither came nor went");
	image.records.decisions[2].prefix.len = 200;
	assert_string_equal(fault(&image, size_of(true), true, ENTRIES),
			    "a decision is about no prefix");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_right),
		cmocka_unit_test(test_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
