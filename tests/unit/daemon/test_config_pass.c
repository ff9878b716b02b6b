/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A configuration comes over with its places and files; what is cut short or changed is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <user/daemon/config/config_diff.h>
#include <user/daemon/config/config_pass.h>
#include <user/daemon/config/config_show.h>

static const char text[] = "[server]\n"
			   "enable = on\n"
			   "listen = 127.0.0.1:1 [::1]:2\n"
			   "suites = nk1, xk1\n"
			   "drain_timeout = 90s\n"
			   "\n"
			   "[service.tunnel]\n"
			   "enable = on\n"
			   "web = localhost:80\n"
			   "other = [::1]:81\n";

static struct config *make(void)
{
	static const struct config_set set = {"--set", CFG_SERVER_NAME, "here"};
	struct config_faults faults = {0};
	struct config *config = config_new();

	assert_non_null(config);
	config->path = strdup("/some/conf");
	assert_int_equal(config_read(config, "conf", text, strlen(text), &faults), 0);
	assert_int_equal(config_put(config, &set, &faults), 0);
	assert_int_equal(faults.total, 0);
	return config;
}

/* Two that are there and one that is not between them. */
static struct identity_files make_files(void)
{
	struct identity_files files = {.count = 3};

	files.list[0] = (struct identity_file){strdup("/key"), open("/dev/null", O_RDONLY)};
	files.list[1] = (struct identity_file){strdup("/pass"), -EACCES};
	files.list[2] = (struct identity_file){strdup("/key.old-1"), open("/dev/zero", O_RDONLY)};
	assert_true(files.list[0].fd >= 0 && files.list[2].fd >= 0);
	return files;
}

static unsigned descriptors(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void same_place(const struct config *a, const struct config *b)
{
	char one[CONFIG_ORIGIN_LEN], two[CONFIG_ORIGIN_LEN];

	for (size_t i = 0; i < CFG_KEYS; i++) {
		assert_string_equal(config_origin(a, (enum config_key)i, one),
				    config_origin(b, (enum config_key)i, two));
		assert_int_equal(a->values[i].number, b->values[i].number);
	}
	assert_string_equal(config_upstream_origin(a, "other", one),
			    config_upstream_origin(b, "other", two));
}

static void test_whole(void **state)
{
	struct identity_files files = make_files(), got = {0};
	struct config *config = make(), *other = NULL;
	int fds[2] = {dup(files.list[0].fd), dup(files.list[2].fd)}, fd, zero = fds[1];

	(void)state;
	assert_int_equal(config_pass(config, &files, &fd), 0);
	assert_int_equal(config_receive(fd, fds, 2, &other, &got), 0);
	assert_int_equal(config_diff(config, other, NULL, NULL), 0);
	same_place(config, other);
	assert_int_equal(got.count, 3);
	assert_string_equal(got.list[1].path, "/pass");
	assert_int_equal(got.list[1].fd, -EACCES);
	assert_string_equal(got.list[2].path, "/key.old-1");
	assert_int_equal(got.list[2].fd, zero);
	close(fd);
	identity_files_close(&got);
	identity_files_close(&files);
	config_free(config);
	config_free(other);
}

/* A worker that was taken over reads all that it is given. */
static void test_secrets(void **state)
{
	static const char secret[] = "[store]\nurl = postgresql://strazh:pa55word@db/strazh\n"
				     "[crowdsec]\nurl = http://lapi:8080\n"
				     "key_file = /etc/strazh/lapi\n"
				     "[daemon]\nlog_level = debug\n";
	struct identity_files none = {0};
	struct config_faults faults = {0};
	struct config *config = make();
	char bytes[4096];
	ssize_t len;
	int fd;

	(void)state;
	assert_int_equal(config_read(config, "conf", secret, strlen(secret), &faults), 0);
	assert_non_null(strstr(config->values[CFG_STORE_URL].text, "pa55word"));
	assert_int_equal(config_pass(config, &none, &fd), 0);
	len = pread(fd, bytes, sizeof(bytes), 0);
	assert_in_range(len, 1, sizeof(bytes) - 1);
	assert_null(memmem(bytes, (size_t)len, "pa55word", 8));
	assert_null(memmem(bytes, (size_t)len, "lapi", 4));
	assert_non_null(memmem(bytes, (size_t)len, "debug", 5));
	assert_non_null(memmem(bytes, (size_t)len, "localhost:80", 12));
	close(fd);
	config_free(config);
}

/* Each cut, and each byte turned: refused or a configuration, and nothing is left open. */
static void test_broken(void **state)
{
	struct identity_files files = make_files();
	struct config *config = make();
	char *bytes;
	struct stat st;
	int whole;

	(void)state;
	assert_int_equal(config_pass(config, &files, &whole), 0);
	assert_int_equal(fstat(whole, &st), 0);
	bytes = malloc((size_t)st.st_size);
	assert_non_null(bytes);
	assert_int_equal(pread(whole, bytes, (size_t)st.st_size, 0), st.st_size);
	for (off_t at = 0; at < 2 * st.st_size; at++) {
		off_t i = at / 2;
		size_t len = at % 2 ? (size_t)st.st_size : (size_t)i;
		struct identity_files got = {0};
		struct config *other = NULL;
		int fds[2], fd = memfd_create("test", MFD_CLOEXEC), r;
		unsigned before = descriptors();

		assert_true(fd >= 0);
		bytes[i] = (char)(bytes[i] ^ (at % 2 ? 1 : 0));
		assert_int_equal(write(fd, bytes, len), (ssize_t)len);
		bytes[i] = (char)(bytes[i] ^ (at % 2 ? 1 : 0));
		fds[0] = dup(files.list[0].fd);
		fds[1] = dup(files.list[2].fd);
		r = config_receive(fd, fds, 2, &other, &got);
		if (at % 2 == 0)
			assert_int_equal(r, -EBADMSG);
		assert_true(r == 0 || r == -EBADMSG);
		if (!r) {
			config_free(other);
			identity_files_close(&got);
		}
		assert_int_equal(descriptors(), before);
		close(fd);
	}
	free(bytes);
	close(whole);
	identity_files_close(&files);
	config_free(config);
}

/* Fewer descriptors than files that could be opened. */
static void test_missing_descriptor(void **state)
{
	struct identity_files files = make_files(), got = {0};
	struct config *config = make(), *other = NULL;
	int fds[1] = {dup(files.list[0].fd)}, fd;

	(void)state;
	assert_int_equal(config_pass(config, &files, &fd), 0);
	assert_int_equal(config_receive(fd, fds, 1, &other, &got), -EBADMSG);
	assert_null(other);
	close(fd);
	identity_files_close(&files);
	config_free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_missing_descriptor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
