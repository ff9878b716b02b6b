/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/ctl/listfile.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <strazh/abi/limits.h>
#include <strazh/base/own.h>
#include <user/base/cidrlist.h>
#include <user/ctl/records.h>

#define FILE_MAX_BYTES (512U << 20)

void listfile_name(const char *path, char *name, size_t size)
{
	const char *base = strrchr(path, '/');
	size_t len = 0;

	base = base ? base + 1 : path;
	len = strcspn(base, ".");
	if (!len)
		len = strlen(base);
	(void)snprintf(name, size, "%.*s", (int)len, base);
	for (char *p = name; *p; p++)
		if (!isalnum((unsigned char)*p) && *p != '_' && *p != '-')
			*p = '-';
}

static int read_all(int fd, char **ret_text, size_t *ret_len)
{
	own_free char *text = NULL;
	size_t len = 0, size = 0;

	for (;;) {
		ssize_t n;

		if (len == size) {
			char *bigger;

			size = size ? size * 2 : 1 << 16;
			if (size > FILE_MAX_BYTES)
				return -EFBIG;
			bigger = realloc(text, size);
			if (!bigger)
				return -ENOMEM;
			text = bigger;
		}
		n = read(fd, text + len, size - len);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			break;
		len += n > 0 ? (size_t)n : 0;
	}
	*ret_text = take_ptr(text);
	*ret_len = len;
	return 0;
}

static int read_file(struct client *client, const char *path, char **ret_text, size_t *ret_len)
{
	own_fd int fd = -1;
	int r;

	if (strcmp(path, "-") != 0) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return client_fail(client, CTL_FAILED, "load: '%s': %s", path,
					   strerror(errno));
	}
	r = read_all(fd >= 0 ? fd : STDIN_FILENO, ret_text, ret_len);
	if (r)
		return client_fail(client, CTL_FAILED, "load: '%s': %s", path, strerror(-r));
	return CTL_DONE;
}

static void show_faults(struct client *client, const char *path, const struct cidrlist *list)
{
	size_t shown = MIN(list->faults_total, ARRAY_LEN(list->faults));

	for (size_t i = 0; i < shown; i++)
		render_row(client->render, json_pack("{s:s, s:I, s:s, s:o}", "file", path, "line",
						     (json_int_t)list->faults[i].line, "text",
						     list->faults[i].text, "error",
						     json_sprintf("%s: '%s'", list->faults[i].why,
								  list->faults[i].text)));
}

static int send_list(struct client *client, json_t *args, const char *path,
		     const struct cidrlist *list)
{
	int r;

	if (!list->count)
		return client_fail(client, CTL_FAILED,
				   "load: '%s' holds no address (%zu lines, %zu not understood); "
				   "`strazhctl unload` removes a list",
				   path, list->lines, list->faults_total);
	r = records_send(list->entries, list->count, &client->file_fd);
	if (r)
		return client_fail(client, CTL_FAILED, "load: %s", strerror(-r));
	(void)!json_object_set_new(args, "faults", json_integer((json_int_t)list->faults_total));
	return CTL_DONE;
}

int listfile_prepare(struct client *client, json_t *args, bool *ret_stop)
{
	const char *path = json_string_value(json_object_get(args, "file"));
	own_free char *text = NULL;
	struct cidrlist list;
	char name[SZ_LIST_NAME_LEN];
	size_t len = 0;
	int r;

	(void)ret_stop;
	if (!path) /* args_check() tells it */
		return CTL_DONE;
	if (!json_object_get(args, "list") && strcmp(path, "-") != 0) {
		listfile_name(path, name, sizeof(name));
		(void)!json_object_set_new(args, "list", json_string(name));
	}
	r = read_file(client, path, &text, &len);
	if (r)
		return r;
	r = cidrlist_parse(text, len, &list);
	if (r)
		return client_fail(client, CTL_FAILED, "load: '%s': %s", path,
				   r == CIDRLIST_TOO_MANY ? "more than 4,000,000 entries"
							  : strerror(-r));
	show_faults(client, path, &list);
	r = send_list(client, args, path, &list);
	cidrlist_deinit(&list);
	return r;
}
