/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/ctl/request.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <strazh/base/own.h>
#include <user/base/clock.h>

const char *const ctl_code_names[CTL_CODE_COUNT] = {
#define X(code, name, text) [CTL_##code] = name,
	CTL_CODES(X)
#undef X
};

const char *const ctl_code_texts[CTL_CODE_COUNT] = {
#define X(code, name, text) [CTL_##code] = text,
	CTL_CODES(X)
#undef X
};

int request_say(struct request *request, int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(request->message, sizeof(request->message), format, args);
	va_end(args);
	return code;
}

int request_fail(struct request *request, int r)
{
	if (r <= 0)
		return r;
	return request_say(request, CTL_FAILED, "%s: %s", request->command->name, gate_error());
}

void request_warn(struct request *request, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(request->warning, sizeof(request->warning), format, args);
	va_end(args);
}

int request_row(struct request *request, json_t *row)
{
	if (!row)
		return -ENOMEM;
	return request->on_row(request->sink, row);
}

void request_set(struct request *request, const char *key, json_t *value)
{
	if (!request->result)
		request->result = json_object();
	(void)!json_object_set_new(request->result, key, value);
}

void request_act(struct request *request, json_t *act)
{
	const struct host *host = request->host;
	int r;

	if (act && host->on_act) {
		(void)!json_object_set_new(act, "uid", json_integer(request->uid));
		r = host->on_act(host->context, act);
		if (r)
			request_warn(request, REQUEST_NO_JOURNAL, host->state_dir, strerror(-r));
	}
	json_decref(act);
}

const char *request_text(const struct request *request, const char *key)
{
	return json_string_value(json_object_get(request->args, key));
}

bool request_flag(const struct request *request, const char *key)
{
	return json_is_true(json_object_get(request->args, key));
}

uint64_t request_number(const struct request *request, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(request->args, key));
}

uint64_t request_seconds(const struct request *request, const char *key)
{
	const char *text = request_text(request, key), *why;
	uint64_t seconds;

	return text && !duration_parse(text, &seconds, &why) ? seconds : 0;
}

int request_prefix(const struct request *request, const char *key, struct prefix *ret_prefix)
{
	const char *text = request_text(request, key);

	return text && !prefix_parse(text, strlen(text), ret_prefix) ? 0 : -EINVAL;
}

json_t *result_make(const char *command, int code, const char *message)
{
	json_t *result = json_pack("{s:s, s:i}", "result", ctl_code_names[code], "code", code);

	if (result && command)
		(void)!json_object_set_new(result, "command", json_string(command));
	if (result && message && message[0])
		(void)!json_object_set_new(result, "message", json_string(message));
	return result;
}

/* Conditions of gate.h that a command forwarded without a word of its own, and errors. */
static int settle(struct request *request, int r)
{
	const char *why = gate_error();

	if (r >= 0 && r < CTL_CODE_COUNT)
		return r;
	if (r == -EPERM || r == -EACCES)
		return request_say(request, CTL_NO_GATE, "%s: not permitted%s%s",
				   request->command->name, why[0] ? ": " : "", why);
	if (!request->message[0])
		(void)request_say(request, CTL_FAILED, "%s: %s%s%s", request->command->name,
				  r < 0 ? strerror(-r) : "failed", why[0] ? ": " : "", why);
	return CTL_FAILED;
}

json_t *request_run(struct request *request)
{
	int code = settle(request, request->command->run(request));
	json_t *result = result_make(request->command->name, code, request->message);

	if (result && request->result)
		(void)!json_object_update(result, request->result);
	json_decref(request->result);
	request->result = NULL;
	if (result && request->warning[0])
		(void)!json_object_set_new(result, "warning", json_string(request->warning));
	return result;
}

int request_parse(const char *line, size_t len, const struct command **ret_command,
		  json_t **ret_args, char why[WHY_LEN])
{
	json_error_t error;
	json_t *root = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);
	const char *name = json_string_value(json_object_get(root, "command"));
	json_t *args = json_object_get(root, "args");
	const struct command *command = name ? command_find(name) : NULL;
	int code = CTL_USAGE;

	if (!root)
		(void)snprintf(why, WHY_LEN, "not a line of JSON: %.100s, at byte %d", error.text,
			       error.position);
	else if (!name)
		(void)snprintf(why, WHY_LEN,
			       "no command: {\"command\": \"status\", \"args\": {}} would be one");
	else if (!command)
		(void)snprintf(why, WHY_LEN, "there is no command '%.40s'", name);
	else if (!json_is_object(args))
		(void)snprintf(why, WHY_LEN, "'args' is no object");
	else
		code = args_check(command, args, why);
	if (code == CTL_DONE) {
		*ret_command = command;
		*ret_args = json_incref(args);
	}
	json_decref(root);
	return code;
}

char *request_format(const struct command *command, const json_t *args)
{
	json_t *root = json_pack("{s:s, s:O}", "command", command->name, "args", args);
	own_free char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;
	char *line = NULL;

	json_decref(root);
	if (text && asprintf(&line, "%s\n", text) < 0)
		return NULL;
	return line;
}
