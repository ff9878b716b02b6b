/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What /proc/PID/status says is the kernel's own word. How many system calls a filter allows and
 * what Landlock leaves is told by nothing there: that is what was set up, and the row says so by
 * having it apart.
 */
#include <user/ctl/security.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cap-ng.h>

#include <strazh/base/own.h>
#include <user/ctl/request.h>

static const struct {
	const char *field, *key;
} sets[] = {{"CapEff", "effective"},
	    {"CapPrm", "permitted"},
	    {"CapInh", "inheritable"},
	    {"CapBnd", "bounding"},
	    {"CapAmb", "ambient"}};

static const char *const modes[] = {"off", "strict", "filter"};

static void set(json_t *row, const char *key, json_t *value)
{
	(void)!json_object_set_new(row, key, value);
}

static json_t *names_of(uint64_t set)
{
	json_t *names = json_array();

	for (unsigned cap = 0; cap <= CAP_LAST_CAP; cap++) {
		const char *name = set >> cap & 1 ? capng_capability_to_name(cap) : NULL;

		if (name)
			(void)!json_array_append_new(names, json_string(name));
	}
	return names;
}

/* The line of /proc/PID/status that begins with `field`; NULL: there is none. */
static const char *find(const char *text, const char *field)
{
	size_t len = strlen(field);

	while (text) {
		if (strncmp(text, field, len) == 0 && text[len] == ':')
			return text + len + 1;
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
	return NULL;
}

static unsigned long long number(const char *text, const char *field, int base)
{
	const char *at = find(text, field);

	return at ? strtoull(at, NULL, base) : 0;
}

/* Real, effective, saved, of the file system. */
static json_t *four(const char *text, const char *field)
{
	const char *at = find(text, field);
	json_t *all = json_array();

	for (unsigned i = 0; at && i < 4; i++) {
		char *end;

		(void)!json_array_append_new(all, json_integer((json_int_t)strtoul(at, &end, 10)));
		at = end;
	}
	return all;
}

static int read_status(pid_t pid, char *text, size_t size)
{
	own_file FILE *file = NULL;
	char path[64];
	size_t len;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	len = fread(text, 1, size - 1, file);
	text[len] = '\0';
	return 0;
}

/* What was set up, by a table: the row has it apart from what the kernel says. */
static json_t *set_up(const struct host_process *process)
{
	json_t *names = json_array();

	for (size_t i = 0; i < HOST_CALLS_MAX && process->names[i]; i++)
		(void)!json_array_append_new(names, json_string(process->names[i]));
	return json_pack("{s:i, s:o, s:i, s:i}", "calls", (int)process->calls, "allowed", names,
			 "landlock_abi", process->landlock, "landlock_ports", (int)process->ports);
}

static void describe(json_t *row, const struct host_process *process, const char *text)
{
	unsigned long long mode = number(text, "Seccomp", 10);

	set(row, "uids", four(text, "Uid"));
	set(row, "gids", four(text, "Gid"));
	set(row, "threads", json_integer((json_int_t)number(text, "Threads", 10)));
	for (size_t i = 0; i < ARRAY_LEN(sets); i++)
		set(row, sets[i].key, names_of(number(text, sets[i].field, 16)));
	set(row, "no_new_privs", json_boolean(number(text, "NoNewPrivs", 10) == 1));
	set(row, "seccomp", json_string(mode < ARRAY_LEN(modes) ? modes[mode] : "unknown"));
	set(row, "seccomp_filters", json_integer((json_int_t)number(text, "Seccomp_filters", 10)));
	if (!process->confined)
		return;
	set(row, "set_up", set_up(process));
}

static int show(struct request *request, const struct host_process *process)
{
	char text[8192];
	json_t *row = json_pack("{s:s, s:s, s:s, s:i}", "kind", "security", "process",
				process->name, "does", process->does, "pid", (int)process->pid);

	if (!row)
		return -ENOMEM;
	if (process->pid && !read_status(process->pid, text, sizeof(text)))
		describe(row, process, text);
	return request_row(request, row);
}

int security_show(struct request *request)
{
	const struct host *host = request->host;
	struct host_process list[HOST_PROCESSES_MAX];
	size_t len = host->security ? host->security(host->context, list) : 0;
	int r = 0;

	for (size_t i = 0; i < len && !r; i++)
		r = show(request, &list[i]);
	if (r)
		return r;
	if (!len)
		return request_say(request, CTL_NO_GATE,
				   "strazhd is not running: there is no process to look at");
	return CTL_DONE;
}
