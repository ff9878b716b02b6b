/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Limits in words: what people write, what the gate gets, and back. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tests/draw.h>
#include <user/gate/limits.h>

static const struct sz_limit usual = {.step_ns = 10000, .burst_ns = 200000000};

static struct sz_limit said(struct sz_limit limit, struct limit_words words)
{
	char why[LIMIT_WHY_LEN] = "";

	if (limit_say(&words, &usual, &limit, why))
		fail_msg("%s", why);
	return limit;
}

static void packets(void **state)
{
	struct sz_limit limit = said(usual, (struct limit_words){.pps = "500", .burst = "1000"});

	(void)state;
	assert_int_equal(limit.step_ns, 2000000);
	assert_int_equal(limit.burst_ns, 2000000000);
	assert_int_equal(limit_pps(&limit), 500);
	assert_int_equal(limit_burst(&limit), 1000);
	limit = said(limit, (struct limit_words){.pps = "1000"});
	assert_int_equal(limit_burst(&limit), 1000); /* kept, in packets */
	limit = said(limit, (struct limit_words){.pps = "none"});
	assert_int_equal(limit.step_ns, 0);
	assert_int_equal(limit_pps(&limit), 0);
	limit = said(limit, (struct limit_words){.pps = "default"});
	assert_true(limit_equal(&limit, &usual));
}

/* The ends of what may be said: the gate's bounds hold, and no step is above its burst. */
static void bounds(void **state)
{
	struct sz_limit limit = said(usual, (struct limit_words){.pps = "1000000000"});

	(void)state;
	assert_int_equal(limit.step_ns, 1);
	assert_true(limit.burst_ns >= SZ_RATE_TICK_NS);
	limit = said(usual, (struct limit_words){.pps = "1", .burst = "1"});
	assert_int_equal(limit.step_ns, 1000000000);
	assert_int_equal(limit.burst_ns, 1000000000);
	limit = said(usual, (struct limit_words){.pps = "1", .burst = "4"});
	assert_int_equal(limit.burst_ns, SZ_RATE_NS_MAX);
	limit = said(usual, (struct limit_words){.pps = "1"}); /* 20,000 packets were its burst */
	assert_int_equal(limit.burst_ns, SZ_RATE_NS_MAX);
	limit = said(usual, (struct limit_words){.pps = "1000000", .burst = "1"});
	assert_int_equal(limit.burst_ns, SZ_RATE_TICK_NS);
}

static void bytes(void **state)
{
	struct sz_limit limit = said(usual, (struct limit_words){.bps = "8M"});

	(void)state;
	assert_int_equal(limit.byte_step, 1000 * 1024); /* a microsecond a byte */
	assert_int_equal(limit.byte_burst_ns, SZ_RATE_BYTE_BURST_NS);
	assert_int_equal(limit_bps(&limit), 8000000);
	assert_int_equal(limit_bytes(&limit), 200000);
	assert_int_equal(limit.step_ns, usual.step_ns);
	limit = said(limit, (struct limit_words){.bytes = "1.5M"});
	assert_int_equal(limit.byte_burst_ns, 1500000000);
	limit = said(limit, (struct limit_words){.bps = "16M"});
	assert_int_equal(limit_bytes(&limit), 1500000);
	limit = said(limit, (struct limit_words){.bps = "none"});
	assert_int_equal(limit.byte_step, 0);
	assert_int_equal(limit_bps(&limit), 0);
}

/* Every one is refused with the word, the option and what would be right, and changes nothing. */
static void refused(void **state)
{
	static const struct {
		struct limit_words words;
		const char *says;
	} rows[] = {
		{{.pps = "0"}, "--pps: 1 to 1000000000"},
		{{.pps = "-1"}, "--pps: 1 to 1000000000"},
		{{.pps = ""}, "--pps: 1 to 1000000000"},
		{{.pps = "1000000001"}, "--pps: 1 to 1000000000"},
		{{.pps = "10k"}, "--pps"},
		{{.pps = "1e3"}, "--pps"},
		{{.pps = "0x10"}, "--pps"},
		{{.pps = "1.5"}, "--pps"},
		{{.pps = "12 "}, "--pps"},
		{{.pps = "nonee"}, "'nonee' is no value for --pps"},
		{{.pps = "99999999999999999999999"}, "--pps"},
		{{.burst = "0"}, "--burst: 1 to 400000 packets at 100000 packets/s"},
		{{.burst = "400001"}, "--burst: 1 to 400000 packets"},
		{{.pps = "none", .burst = "5"}, "packets are not limited; name --pps"},
		{{.bps = "1999"}, "--bps: 2k to 100G bit/s"},
		{{.bps = "101G"}, "--bps: 2k to 100G bit/s"},
		{{.bps = "5T"}, "--bps"},
		{{.bps = "5kk"}, "--bps"},
		{{.bps = "k"}, "--bps"},
		{{.bps = "nan"}, "--bps"},
		{{.bps = "inf"}, "--bps"},
		{{.bytes = "1M"}, "bytes are not limited; name --bps"},
		{{.bps = "8M", .bytes = "4000001"}, "--bytes: 1 to 4000000 bytes"},
		{{.bps = "8M", .bytes = "0"}, "--bytes: 1 to 4000000 bytes"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char why[LIMIT_WHY_LEN] = "";
		struct sz_limit limit = usual;

		assert_int_equal(limit_say(&rows[i].words, &usual, &limit, why), -EINVAL);
		if (!strstr(why, rows[i].says))
			fail_msg("row %zu says '%s', not '%s'", i, why, rows[i].says);
		assert_true(limit_equal(&limit, &usual));
	}
}

/* Whatever can be said is a limit that the journal takes back, and comes out as it went in. */
static void round_trip(void **state)
{
	(void)state;
	for (int i = 0; i < 200000; i++) {
		uint64_t pps = 1 + draw(1ULL << draw(30));
		uint64_t bps = 2000 + draw(1ULL << draw(31));
		char pps_text[24], bps_text[24], why[LIMIT_WHY_LEN], text[LIMIT_TEXT_LEN];
		struct sz_limit limit = usual, back;

		snprintf(pps_text, sizeof(pps_text), "%llu", (unsigned long long)pps);
		snprintf(bps_text, sizeof(bps_text), "%llu", (unsigned long long)bps);
		assert_int_equal(limit_say(&(struct limit_words){.pps = pps_text, .bps = bps_text},
					   &usual, &limit, why),
				 0);
		/* A step is a whole number of ns: half of one off is what that costs. */
		assert_true(llabs((long long)limit.step_ns * (long long)pps - 1000000000LL) <=
			    (long long)pps / 2 + 1);
		assert_true(limit.burst_ns >= limit.step_ns && limit.burst_ns <= SZ_RATE_NS_MAX);
		limit_format(&limit, text);
		assert_int_equal(limit_parse(text, &back), 0);
		assert_true(limit_equal(&limit, &back));
	}
}

static void journal_takes_no_nonsense(void **state)
{
	static const char *const bad[] = {"",
					  "1,2,3",
					  "10000,200000000,0,0,",
					  "10000,200000000,0,0x",
					  "a,b,c,d",
					  "4000000001,4000000001,0,0",
					  "10000,5000,0,0",
					  "1,9999999,0,0",
					  "0,0,1024,100",
					  "-300000000,3994967296,0,0",
					  " 10000,200000000,0,0"};
	struct sz_limit limit = usual;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (limit_parse(bad[i], &limit) != -EINVAL)
			fail_msg("'%s' was taken", bad[i]);
	assert_true(limit_equal(&limit, &usual));
}

/* A prefix has its share, bytes are free, and every class has a name and a text. */
static void defaults(void **state)
{
	(void)state;
	for (enum sz_rate_class class_ = 0; class_ < SZ_RATE_CLASSES; class_++) {
		struct sz_limit host = limit_default(SZ_RATE_HOST, class_);
		struct sz_limit net = limit_default(SZ_RATE_NET, class_);

		assert_int_equal(host.step_ns / SZ_RATE_NET_SHARE, net.step_ns);
		assert_int_equal(host.byte_step, 0);
		assert_true(host.burst_ns >= SZ_RATE_TICK_NS);
		assert_true(rate_class_names[class_][0] && rate_class_texts[class_][0]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets),    cmocka_unit_test(bounds),
		cmocka_unit_test(bytes),      cmocka_unit_test(refused),
		cmocka_unit_test(round_trip), cmocka_unit_test(journal_takes_no_nonsense),
		cmocka_unit_test(defaults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
