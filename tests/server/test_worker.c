/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The daemon's worker that cannot start, and one that does. Once the servers of those reactors that
 * had got no port were forgotten: their memory, and the timers of their services.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <user/daemon/worker/split.h>
#include <user/daemon/worker/worker.h>

#include <tests/server/house.h>

/* Without SO_REUSEPORT: nobody else gets it. */
static uint16_t take_port(int *ret_fd)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	*ret_fd = fd;
	return ntohs(at.sin_port);
}

static struct config *config_for(const struct house *house, uint16_t port)
{
	struct config_faults faults = {0};
	struct config *config = config_new();
	char text[512];
	int len = snprintf(text, sizeof(text),
			   "[server]\nenable = on\nlisten = 127.0.0.1:%u\nkey = %s/key\n"
			   "reactors = 2\nmax_connections = 1000\ndrain_timeout = 1s\n",
			   port, house->folder);

	assert_non_null(config);
	assert_int_equal(config_read(config, "test", text, (size_t)len, &faults), 0);
	if (faults.total)
		fail_msg("%s: %s", faults.list[0].where, faults.list[0].why);
	return config;
}

static int start(const struct config *config, struct worker **ret_worker, int *ret_split)
{
	struct config_faults faults = {0};
	int fds[2], r;

	assert_int_equal(split_pair(fds), 0);
	r = worker_start(config, NULL, fds[1], ret_worker, &faults);
	if (r && !(faults.total == 1 && strstr(faults.list[0].why, "cannot listen at")))
		fail_msg("%s: %s", faults.list[0].where, faults.list[0].why);
	*ret_split = fds[0];
	return r;
}

static void a_port_that_is_taken(void **state)
{
	unsigned before;
	struct worker *worker;
	struct config *config;
	struct house house;
	int fd, split;

	(void)state;
	house_open(&house, NULL);
	config = config_for(&house, take_port(&fd));
	before = house_descriptors();
	for (int i = 0; i < 3; i++) {
		assert_int_equal(start(config, &worker, &split), CONFIG_WRONG);
		close(split);
		assert_int_equal(house_descriptors(), before);
	}
	close(fd);
	assert_int_equal(start(config, &worker, &split), 0);
	worker_stop(worker);
	close(split);
	assert_int_equal(house_descriptors(), before - 1);
	config_free(config);
	house_close(&house);
}

/* A connection is a descriptor, and a stream of the tunnel is another one. */
static void descriptors_for_all(void **state)
{
	struct rlimit before, limit;
	struct config_faults faults = {0};
	static const char text[] = "[service.tunnel]\nenable = on\nstreams_total = 3000\n"
				   "web = 127.0.0.1:9\n";
	struct worker *worker;
	struct config *config;
	struct house house;
	int fd, split;

	(void)state;
	house_open(&house, NULL);
	config = config_for(&house, take_port(&fd));
	close(fd);
	assert_int_equal(config_read(config, "test", text, strlen(text), &faults), 0);
	assert_int_equal(faults.total, 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	limit = before;
	limit.rlim_cur = MIN((rlim_t)1024, before.rlim_max);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(start(config, &worker, &split), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_true(limit.rlim_cur >= MIN((rlim_t)1000 + 3000 + 100, before.rlim_max));
	worker_stop(worker);
	close(split);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	config_free(config);
	house_close(&house);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_port_that_is_taken),
		cmocka_unit_test(descriptors_for_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
