/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What must never be banned, found in a network namespace of the test's own: addresses, default
 * routes of every table, IPv6 and multipath; resolv.conf; the SSH session of an ancestor.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <tests/gate/fake_gate.h>
#include <tests/gate/netns.h>
#include <user/base/clock.h>
#include <user/gate/act.h>
#include <user/gate/never.h>
#include <user/gate/surroundings.h>

static uint64_t passes_of(struct gate *gate, const char *text)
{
	struct prefix p = pfx(text);
	struct entry entries[8];
	size_t count;

	assert_int_equal(act_covering(gate, &p, entries, 8, &count), 0);
	for (size_t i = 0; i < count; i++)
		if (entries[i].table == SZ_TABLE_NEVER &&
		    prefix_compare(&entries[i].prefix, &p) == 0)
			return entries[i].own_lists;
	return 0;
}

#define PASS(name) (1ULL << SZ_PASS_##name)

static const char *const machine[] = {
	"link set lo up",
	"link add d0 type veth peer name e0",
	"link add d1 type veth peer name e1",
	"link set d0 up",
	"link set e0 up",
	"link set d1 up",
	"link set e1 up",
	"addr add 192.0.2.10/24 dev d0",
	"addr add 198.51.100.10/24 dev d1",
	"addr add 203.0.113.1 peer 203.0.113.2 dev d1",
	"-6 addr add 2001:db8::10/64 dev d0 nodad",
	"route add default via 192.0.2.1",
	"route add default via 192.0.2.3 table 77",
	"route add default table 78 nexthop via 192.0.2.4 dev d0 nexthop via 198.51.100.4 dev d1",
	"route add 0.0.0.0/1 via 192.0.2.5 table 79",
	"route add 10.0.0.0/8 via 192.0.2.66",
	"route add unreachable default table 80",
	"route add default via inet6 fe80::99 dev d0 table 81",
	"-6 route add default via 2001:db8::1",
	"-6 route add default table 82 nexthop via fe80::7 dev d0 nexthop via 2001:db8::8",
};

static void finds_what_the_machine_has(void **state)
{
	struct gate *gate = fake_gate(NULL);
	uint32_t added, removed;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(machine); i++)
		assert_int_equal(sh("ip %s", machine[i]), 0);
	assert_int_equal(never_refresh(gate, &added, &removed), 0);
	assert_int_equal(removed, 0);
	assert_int_equal(passes_of(gate, "127.0.0.0/8"), PASS(LOOPBACK));
	assert_int_equal(passes_of(gate, "::1"), PASS(LOOPBACK) | PASS(OWN));
	assert_int_equal(passes_of(gate, "127.0.0.1"), PASS(OWN));
	assert_int_equal(passes_of(gate, "192.0.2.10"), PASS(OWN));
	assert_int_equal(passes_of(gate, "198.51.100.10"), PASS(OWN));
	assert_int_equal(passes_of(gate, "203.0.113.1"), PASS(OWN));
	assert_int_equal(passes_of(gate, "203.0.113.2"), 0); /* the peer, not ours */
	assert_int_equal(passes_of(gate, "2001:db8::10"), PASS(OWN));
	for (const char *const *gateway =
		     (const char *const[]){"192.0.2.1", "192.0.2.3", "192.0.2.4", "198.51.100.4",
					   "192.0.2.5", "fe80::99", "2001:db8::1", "fe80::7",
					   "2001:db8::8", NULL};
	     *gateway; gateway++)
		assert_int_equal(passes_of(gate, *gateway), PASS(GATEWAY));
	assert_int_equal(passes_of(gate, "192.0.2.66"), 0); /* of no default route */
	assert_int_equal(passes_of(gate, "192.0.2.0/24"), 0);
	gate_close(gate);
}

static void refresh_keeps_what_is_not_its_own(void **state)
{
	struct gate *gate = fake_gate(NULL);
	struct act act = {.table = SZ_TABLE_NEVER, .prefix = pfx("192.0.2.10")};
	struct prefix own = pfx("192.0.2.10"), peer = pfx("192.0.2.200");
	struct act_answer answer;
	uint32_t added, removed;
	struct entry entries[4];
	size_t count;

	(void)state;
	assert_int_equal(act_add(gate, &act, &answer), 0);
	act.prefix = pfx("100.64.0.0/10");
	assert_int_equal(act_add(gate, &act, &answer), 0);
	assert_int_equal(never_ssh_peer(gate, &peer), 0);
	assert_int_equal(never_ssh_peer(gate, &own), 0); /* ssh to oneself */
	assert_int_equal(never_refresh(gate, &added, &removed), 0);
	assert_int_equal(passes_of(gate, "192.0.2.10"), PASS(OPERATOR) | PASS(OWN) | PASS(SSH));
	assert_int_equal(passes_of(gate, "192.0.2.200"), PASS(SSH));
	assert_int_equal(act_covering(gate, &peer, entries, 4, &count), 0);
	assert_in_range(clock_left(entries[0].own_until_s[SZ_ORIGIN_GUARD]), NEVER_SSH_S - 60,
			NEVER_SSH_S + 2);
	assert_int_equal(act_covering(gate, &own, entries, 4, &count), 0);
	assert_int_equal(entries[0].own_until_s[SZ_ORIGIN_GUARD], 0); /* its own address stays */

	assert_int_equal(never_refresh(gate, &added, &removed), 0);
	assert_int_equal(added + removed, 0);
	assert_int_equal(sh("ip addr del 192.0.2.10/24 dev d0; ip addr add 192.0.2.11/24 dev d0"),
			 0);
	assert_int_equal(never_refresh(gate, &added, &removed), 0);
	assert_int_equal(added, 1);
	assert_true(removed >= 1); /* with the address its routes may go */
	assert_int_equal(passes_of(gate, "192.0.2.11"), PASS(OWN));
	assert_int_equal(passes_of(gate, "192.0.2.10"), PASS(OPERATOR) | PASS(SSH));
	assert_int_equal(act_covering(gate, &own, entries, 4, &count), 0);
	assert_in_range(clock_left(entries[0].own_until_s[SZ_ORIGIN_GUARD]), NEVER_SSH_S - 60,
			NEVER_SSH_S + 2);
	assert_int_equal(passes_of(gate, "100.64.0.0/10"), PASS(OPERATOR));
	gate_close(gate);
}

static void reads_resolv_conf(void **state)
{
	static const char text[] = "# nameserver 9.9.9.1\n"
				   "search example.org\n"
				   "nameserver 9.9.9.9\n"
				   "nameserver\t2620:fe::fe # quad9\r\n"
				   "nameserver fe80::1%eth0\n"
				   "nameserver not-an-address\n"
				   "nameserverx 9.9.9.2\n"
				   "nameserver 9.9.9.0/24\n"
				   "nameserver 127.0.0.53";
	static const char *const want[] = {"9.9.9.9", "127.0.0.53", "2620:fe::fe", "fe80::1"};
	struct surroundings around = {0};
	char path[] = "/tmp/strazh-resolv-XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	close(fd);
	assert_int_equal(surroundings_dns(&around, path), 0);
	unlink(path);
	assert_int_equal(surroundings_dns(&around, path), 0); /* gone: names none */
	assert_int_equal(around.count, ARRAY_LEN(want));
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		struct prefix p = pfx(want[i]);
		bool found = false;

		for (size_t j = 0; j < around.count; j++)
			found |= prefix_compare(&around.at[j].prefix, &p) == 0 &&
				 around.at[j].passes == PASS(DNS);
		assert_true(found);
	}
	surroundings_deinit(&around);
}

/* In a child of a child, whose own environment is empty, as under sudo. */
static int find_below(const char *connection, char *peer, size_t size)
{
	int pipe_fds[2], status;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(pipe_fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		char self[256], fd_text[16], *child_env[] = {(char *)(uintptr_t)connection, NULL};
		ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

		self[len > 0 ? len : 0] = '\0';
		snprintf(fd_text, sizeof(fd_text), "%d", pipe_fds[1]);
		execle("/bin/sh", "sh", "-c", "env -i \"$0\" --find \"$1\"; exit $?", self, fd_text,
		       NULL, child_env);
		_exit(99);
	}
	close(pipe_fds[1]);
	n = read(pipe_fds[0], peer, size - 1);
	close(pipe_fds[0]);
	peer[n > 0 ? n : 0] = '\0';
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 98;
}

static void finds_the_ssh_session(void **state)
{
	char peer[64];

	(void)state;
	assert_int_equal(
		find_below("SSH_CONNECTION=203.0.113.9 50022 192.0.2.10 22", peer, sizeof(peer)),
		0);
	assert_string_equal(peer, "203.0.113.9");
	assert_int_equal(
		find_below("SSH_CONNECTION=fe80::5%eth0 50022 fe80::1%eth0 22", peer, sizeof(peer)),
		0);
	assert_string_equal(peer, "fe80::5");
	assert_int_equal(find_below("XSSH_CONNECTION=203.0.113.9 1 2 3", peer, sizeof(peer)), 1);
	assert_int_equal(find_below("SSH_CONNECTION=nonsense", peer, sizeof(peer)), 1);
}

/* The end of find_below(): tells what never_find_ssh() found. */
static int find_main(int fd)
{
	char text[PREFIX_TEXT_LEN];
	struct prefix peer;

	if (never_find_ssh(&peer))
		return 1;
	prefix_format(&peer, text);
	return write(fd, text, strlen(text)) < 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_what_the_machine_has),
		cmocka_unit_test(refresh_keeps_what_is_not_its_own),
		cmocka_unit_test(reads_resolv_conf),
		cmocka_unit_test(finds_the_ssh_session),
	};

	if (argc == 3 && strcmp(argv[1], "--find") == 0)
		return find_main((int)strtol(argv[2], NULL, 10));
	unsetenv("SSH_CONNECTION");
	if (!netns_enter())
		return 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
