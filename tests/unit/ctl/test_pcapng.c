/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Captures as others read them: libpcap, and a reader of blocks written from the format's draft
 * (draft-ietf-opsawg-pcapng, sections 3.1, 4.1 to 4.3), which sees names and comments as well.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <pcap/pcap.h>

#include <user/ctl/pcapng.h>

#define FRAMES 70

static uint8_t frame[FRAMES][128];

static uint32_t len_of(int n)
{
	return 60 + (uint32_t)n % 5; /* every remainder of four, and so every padding */
}

static const char *comment_of(int n)
{
	static char text[32];

	snprintf(text, sizeof(text), "%.*s", n % 9 + 1, "deny-host");
	return text;
}

static void write_all(FILE *out)
{
	struct pcapng file;

	assert_int_equal(pcapng_begin(&file, out, 128), 0);
	for (int n = 0; n < FRAMES; n++) {
		const struct pcapng_packet packet = {
			.wall_ns = 1700000000123456789ULL + (uint64_t)n,
			.ifindex = (uint32_t)n % 3,
			.ifname = n % 3 == 0   ? "eth0"
				  : n % 3 == 1 ? "enp5s0"
					       : "a",
			.bytes = frame[n],
			.caplen = len_of(n),
			.len = len_of(n) + 1000,
			.comment = comment_of(n),
		};

		memset(frame[n], n + 1, sizeof(frame[n]));
		assert_int_equal(pcapng_write(&file, &packet), 0);
	}
	assert_int_equal(pcapng_end(&file), 0);
}

static FILE *written(void)
{
	FILE *file = tmpfile();

	assert_non_null(file);
	write_all(file);
	rewind(file);
	return file;
}

static void libpcap_reads_it(void **state)
{
	char error[PCAP_ERRBUF_SIZE] = "";
	struct pcap_pkthdr *head;
	const u_char *bytes;
	pcap_t *pcap = pcap_fopen_offline_with_tstamp_precision(written(),
								PCAP_TSTAMP_PRECISION_NANO, error);

	(void)state;
	if (!pcap)
		fail_msg("%s", error);
	assert_int_equal(pcap_datalink(pcap), DLT_EN10MB);
	for (int n = 0; n < FRAMES; n++) {
		assert_int_equal(pcap_next_ex(pcap, &head, &bytes), 1);
		assert_int_equal(head->caplen, len_of(n));
		assert_int_equal(head->len, len_of(n) + 1000);
		assert_int_equal(head->ts.tv_sec, 1700000000);
		assert_int_equal(head->ts.tv_usec, 123456789 + n); /* nanoseconds */
		assert_memory_equal(bytes, frame[n], len_of(n));
	}
	assert_int_equal(pcap_next_ex(pcap, &head, &bytes), PCAP_ERROR_BREAK);
	pcap_close(pcap);
}

/* ---- a reader of blocks ---- */

struct block {
	uint32_t type, len;
	uint8_t body[512];
};

/* False: the end. */
static bool read_block(FILE *in, struct block *block)
{
	uint32_t again;

	if (fread(&block->type, 4, 1, in) != 1)
		return false;
	assert_int_equal(fread(&block->len, 4, 1, in), 1);
	assert_int_equal(block->len % 4, 0);
	assert_in_range(block->len, 12, sizeof(block->body) + 12);
	assert_int_equal(fread(block->body, block->len - 12, 1, in), 1);
	assert_int_equal(fread(&again, 4, 1, in), 1);
	assert_int_equal(again, block->len);
	return true;
}

/* The text of that option, of options that begin there; each is padded, the last is the end. */
static void option(const struct block *block, size_t at, uint16_t wanted, char text[64])
{
	uint16_t code, len;

	text[0] = '\0';
	for (;;) {
		assert_true(at + 4 <= block->len - 12);
		memcpy(&code, block->body + at, 2);
		memcpy(&len, block->body + at + 2, 2);
		if (!code) {
			assert_int_equal(len, 0);
			assert_int_equal(at + 4, block->len - 12);
			return;
		}
		if (code == wanted)
			snprintf(text, 64, "%.*s", len, (const char *)block->body + at + 4);
		for (size_t i = len; i % 4; i++)
			assert_int_equal(block->body[at + 4 + i], 0);
		at += 4 + (len + 3U) / 4 * 4;
	}
}

static uint32_t word(const struct block *block, size_t at)
{
	uint32_t value;

	memcpy(&value, block->body + at, sizeof(value));
	return value;
}

static void names_and_comments(void **state)
{
	char names[3][64] = {{0}}, text[64];
	struct block block;
	FILE *file = written();
	uint32_t interfaces = 0;
	int n = 0;

	(void)state;
	assert_true(read_block(file, &block));
	assert_int_equal(block.type, 0x0a0d0d0a);
	assert_int_equal(word(&block, 0), 0x1a2b3c4d);
	while (read_block(file, &block)) {
		if (block.type == 1) {
			assert_in_range(interfaces, 0, 2);
			option(&block, 8, 2, names[interfaces++]);
			continue;
		}
		assert_int_equal(block.type, 6);
		assert_in_range(word(&block, 0), 0, interfaces - 1);
		assert_string_equal(names[word(&block, 0)], n % 3 == 0	 ? "eth0"
							    : n % 3 == 1 ? "enp5s0"
									 : "a");
		option(&block, 20 + (word(&block, 12) + 3U) / 4 * 4, 1, text);
		assert_string_equal(text, comment_of(n));
		n++;
	}
	assert_int_equal(n, FRAMES);
	assert_int_equal(interfaces, 3);
	fclose(file);
}

/* More interfaces than it tells apart: the last one stands for the rest, no frame is lost. */
static void many_interfaces(void **state)
{
	struct pcapng file;
	struct block block;
	FILE *out = tmpfile();
	uint32_t count[7] = {0};

	(void)state;
	assert_int_equal(pcapng_begin(&file, out, 64), 0);
	for (uint32_t n = 0; n < PCAPNG_INTERFACES + 10; n++)
		assert_int_equal(pcapng_write(&file, &(struct pcapng_packet){.ifindex = n,
									     .ifname = "veth",
									     .bytes = frame[0],
									     .caplen = 60,
									     .len = 60,
									     .comment = ""}),
				 0);
	assert_int_equal(pcapng_end(&file), 0);
	rewind(out);
	assert_true(read_block(out, &block));
	while (read_block(out, &block)) {
		assert_in_range(block.type, 1, 6);
		count[block.type]++;
		if (block.type == 6)
			assert_in_range(word(&block, 0), 0, PCAPNG_INTERFACES - 1);
	}
	assert_int_equal(count[1], PCAPNG_INTERFACES);
	assert_int_equal(count[6], PCAPNG_INTERFACES + 10);
	fclose(out);
}

static void empty(void **state)
{
	char error[PCAP_ERRBUF_SIZE] = "";
	struct pcap_pkthdr *head;
	const u_char *bytes;
	struct pcapng file;
	FILE *out = tmpfile();
	pcap_t *pcap;

	(void)state;
	assert_int_equal(pcapng_begin(&file, out, 64), 0);
	assert_int_equal(pcapng_end(&file), 0);
	rewind(out);
	pcap = pcap_fopen_offline(out, error);
	if (!pcap)
		fail_msg("%s", error);
	assert_int_equal(pcap_next_ex(pcap, &head, &bytes), PCAP_ERROR_BREAK);
	pcap_close(pcap);
}

static void full_disk(void **state)
{
	struct pcapng file;
	FILE *out = fopen("/dev/full", "w");
	int r;

	(void)state;
	assert_non_null(out);
	r = pcapng_begin(&file, out, 64);
	for (int n = 0; n < 1000 && !r; n++)
		r = pcapng_write(&file, &(struct pcapng_packet){.ifname = "veth",
								.bytes = frame[0],
								.caplen = 60,
								.len = 60,
								.comment = "x"});
	assert_int_equal(r, -ENOSPC);
	assert_int_not_equal(pcapng_end(&file), 0);
	fclose(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(libpcap_reads_it), cmocka_unit_test(names_and_comments),
		cmocka_unit_test(many_interfaces),  cmocka_unit_test(empty),
		cmocka_unit_test(full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
