/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * only-calls COMMAND ...: runs it with no system calls but those named on standard input, one a
 * line; what it starts inherits that. Any other kills, as systemd's SystemCallFilter does. Names of
 * other machines' calls are passed over.
 */
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	char name[80];
	int call, r = filter && argc > 1 ? 0 : -1;

	while (!r && fgets(name, sizeof(name), stdin)) {
		name[strcspn(name, "\n")] = '\0';
		call = seccomp_syscall_resolve_name(name);
		if (call >= 0)
			r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0);
	}
	if (!r)
		r = seccomp_load(filter);
	if (r) {
		fprintf(stderr, "only-calls: %s\n", argc > 1 ? strerror(-r) : "COMMAND is missing");
		return 126;
	}
	execvp(argv[1], argv + 1);
	perror(argv[1]);
	return 127;
}
