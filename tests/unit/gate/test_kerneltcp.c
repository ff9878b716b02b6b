/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* settings.tcp from a made-up /proc/sys/net. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

#include <user/gate/kerneltcp.h>

static char root[] = "/tmp/strazh-sysctl-XXXXXX";

static void write_file(const char *name, const char *text)
{
	char path[200];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", root, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void make_folder(const char *name)
{
	char path[200];

	(void)snprintf(path, sizeof(path), "%s/%s", root, name);
	assert_int_equal(mkdir(path, 0700), 0);
}

static const char *const files[] = {
	"ipv4/tcp_timestamps",	   "ipv4/tcp_syncookies",     "ipv4/tcp_ecn",
	"ipv4/tcp_sack",	   "ipv4/tcp_window_scaling", "ipv4/ip_default_ttl",
	"ipv6/conf/all/hop_limit", "ipv4/tcp_rmem",	      "core/rmem_max"};
static const char *const folders[] = {"core", "ipv4", "ipv6", "ipv6/conf", "ipv6/conf/all"};

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(root))
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(folders); i++)
		make_folder(folders[i]);
	return 0;
}

static int tear_down(void **state)
{
	char path[200];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", root, files[i]);
		(void)remove(path);
	}
	for (size_t i = ARRAY_LEN(folders); i-- > 0;) {
		(void)snprintf(path, sizeof(path), "%s/%s", root, folders[i]);
		(void)remove(path);
	}
	return remove(root);
}

static void read_as_set(void **state)
{
	static const char *const values[] = {"2\n",	"1\n",	"0\n",	 "1\n",
					     "0\n",	"99\n", "200\n", "4096\t131072\t33554432\n",
					     "212992\n"};
	struct kernel_tcp tcp;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		write_file(files[i], values[i]);
	kernel_tcp_read(root, &tcp);
	assert_int_equal(tcp.timestamps, 2);
	assert_int_equal(tcp.syncookies, 1);
	assert_int_equal(tcp.wscale, 10); /* 2^25 */
	assert_int_equal(kernel_tcp_word(&tcp),
			 SZ_TCP_TIMESTAMPS | SZ_TCP_SACK | 10U << 8 | 99U << 16 | 200U << 24);
	assert_int_equal(SZ_TCP_WSCALE(kernel_tcp_word(&tcp)), 10);
	assert_int_equal(SZ_TCP_TTL(kernel_tcp_word(&tcp)), 99);
	assert_int_equal(SZ_TCP_HOPS(kernel_tcp_word(&tcp)), 200);
	write_file("ipv4/tcp_timestamps", "1\n");
	write_file("ipv4/tcp_syncookies", "0\n");
	write_file("ipv4/tcp_ecn", "2\n");
	write_file("ipv4/tcp_window_scaling", "1\n");
	write_file("core/rmem_max", "1073741824\n");
	kernel_tcp_read(root, &tcp);
	assert_int_equal(tcp.syncookies, 0);
	assert_int_equal(kernel_tcp_word(&tcp) & 0xffff,
			 SZ_TCP_ECN | SZ_TCP_SACK | SZ_TCP_WINDOWS | 14U << 8);
}

/* Nonsense and nothing are as the kernel has it by default. */
static void defaults(void **state)
{
	struct kernel_tcp tcp, none;

	(void)state;
	write_file("ipv4/tcp_timestamps", "yes\n");
	write_file("ipv4/tcp_rmem", "4096\t131072\n");
	kernel_tcp_read(root, &tcp);
	assert_int_equal(tcp.timestamps, 1);
	kernel_tcp_read("/nonexistent", &none);
	assert_int_equal(none.timestamps, 1);
	assert_int_equal(none.syncookies, 1);
	assert_int_equal(none.wscale, 7);
	assert_int_equal(kernel_tcp_word(&none), SZ_TCP_ECN | SZ_TCP_SACK | SZ_TCP_WINDOWS |
							 7U << 8 | 64U << 16 | 64U << 24);
}

static void window_scales(void **state)
{
	(void)state;
	assert_int_equal(kernel_tcp_wscale(0), 0);
	assert_int_equal(kernel_tcp_wscale(65535), 0);
	assert_int_equal(kernel_tcp_wscale(65536), 1);
	assert_int_equal(kernel_tcp_wscale(6291456), 7);
	assert_int_equal(kernel_tcp_wscale((1U << 29) - 1), 13);
	assert_int_equal(kernel_tcp_wscale(~0ULL), 14);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(read_as_set),
		cmocka_unit_test(defaults),
		cmocka_unit_test(window_scales),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
