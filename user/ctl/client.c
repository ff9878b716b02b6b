/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/ctl/client.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <user/base/clock.h>
#include <user/ctl/journal.h>
#include <user/ctl/request.h>

/* How long to wait for another strazhctl to be done with the gate, or for a strazhd that starts. */
#define BUSY_TRIES 100
#define BUSY_PAUSE_MS 50

void client_say_way(struct client *client)
{
	const bool tty = isatty(STDERR_FILENO);

	if (client->said_way || client->quiet)
		return;
	client->said_way = true;
	fprintf(stderr, "%s%s%s\n", tty ? "\033[2m" : "",
		client->direct ? "strazhd is not running: directly on the pinned maps"
			       : "via strazhd",
		tty ? "\033[0m" : "");
}

int client_call(struct client *client, const json_t *args, json_t **ret_result)
{
	const struct timespec pause = {.tv_nsec = BUSY_PAUSE_MS * 1000000L};
	bool absent = true, busy = false;
	int code = CTL_FAILED;

	for (int i = 0; i < BUSY_TRIES; i++) {
		if (!client->direct)
			code = remote_call(client, args, ret_result, &absent);
		if (!absent)
			break;
		code = local_call(client, args, ret_result, &busy);
		if (!busy) {
			client->direct = true;
			break;
		}
		nanosleep(&pause, NULL);
	}
	client_say_way(client);
	if (busy && absent)
		*ret_result = result_make(client->command->name, code, gate_error());
	if (*ret_result)
		(void)!json_object_set_new(*ret_result, "via",
					   json_string(client->direct ? "direct" : "strazhd"));
	return code;
}

int client_fail(struct client *client, int code, const char *format, ...)
{
	char text[600];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return client_finish(
		client, result_make(client->command ? client->command->name : NULL, code, text));
}

static void show_result(const struct client *client, const json_t *result, int code)
{
	const char *message = json_string_value(json_object_get(result, "message"));
	const char *warning = json_string_value(json_object_get(result, "warning"));

	if (message && code == CTL_DONE && !client->quiet)
		printf("%s\n", message);
	else if (message && code != CTL_DONE)
		fprintf(stderr, "strazhctl: %s\n", message);
	if (warning)
		fprintf(stderr, "strazhctl: warning: %s\n", warning);
}

/* Was it shown? A reader that left (`| head`) wants no words about it, a full disk does. */
static int check_shown(const struct client *client, int code)
{
	int error = 0;

	if (fflush(stdout))
		error = errno;
	else if (ferror(stdout))
		error = EIO;
	if (client->render && client->render->broken)
		error = client->render->error ? client->render->error : EIO;
	if (!error)
		return code;
	if (error != EPIPE)
		fprintf(stderr, "strazhctl: standard output: %s\n", strerror(error));
	return code == CTL_DONE ? CTL_FAILED : code;
}

int client_finish(struct client *client, json_t *result)
{
	int code = result ? (int)json_integer_value(json_object_get(result, "code")) : CTL_FAILED;

	if (client->render)
		render_end(client->render, code == CTL_DONE);
	if (!result) {
		fprintf(stderr, "strazhctl: out of memory\n");
		return code;
	}
	if (client->json) {
		(void)json_dumpf(result, stdout, JSON_COMPACT);
		putchar('\n');
		if (code != CTL_DONE)
			show_result(client, result, code);
	} else {
		show_result(client, result, code);
	}
	json_decref(result);
	return check_shown(client, code);
}

void client_state_dir(const struct client *client, char *path, size_t size)
{
	char link[300];
	ssize_t n;

	if (client->state_dir) {
		(void)snprintf(path, size, "%s", client->state_dir);
		return;
	}
	(void)snprintf(link, sizeof(link), "%s/state", client->run_dir);
	n = readlink(link, path, size - 1);
	if (n > 0)
		path[n] = '\0';
	else
		(void)snprintf(path, size, "%s", JOURNAL_STATE_DIR);
}

void client_deinit(struct client *client)
{
	remote_close(client);
	if (client->file_fd >= 0)
		close(client->file_fd);
}
