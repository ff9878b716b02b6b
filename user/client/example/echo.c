/* SPDX-License-Identifier: Apache-2.0 */
/* echo KEYFILE ADDRESS TEXT: says it to the echo service. KEYFILE: the server's key, 32 bytes. */
#include <stdio.h>
#include <string.h>

#include <strazh/client.h>
#include <strazh/wire/phantom.h>

int main(int argc, char **argv)
{
	struct strazh_message message = {.service = PH_S_ECHO, .opcode = PH_OP_REQUEST}, reply;
	struct strazh_options options = {.reconnects = -1};
	FILE *file = argc == 4 ? fopen(argv[1], "rb") : NULL;
	struct strazh_error error = {0};
	struct strazh *client = NULL;
	uint8_t key[32];
	int r;

	if (!file || fread(key, 1, sizeof(key), file) != sizeof(key))
		return fputs("usage: echo KEYFILE ADDRESS TEXT\n", stderr), 2;
	fclose(file);
	options.server_key = key;
	options.address = argv[2];
	message.payload = argv[3];
	message.len = strlen(argv[3]);
	r = strazh_open(&options, &client, &error);
	if (!r)
		r = strazh_request(client, &message, 5000, &reply);
	if (r)
		fprintf(stderr, "echo: %s\n", client ? strazh_error(client)->text : error.text);
	else
		printf("%.*s\n", (int)reply.len, (const char *)reply.payload);
	strazh_close(client);
	return r != 0;
}
