/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <string.h>
#include <time.h>

#include <stdio.h>

#include <user/client/cli/cli.h>
#include <user/client/cli/keys.h>
#include <user/crypto/base64.h>

static int lock(struct cli *cli, struct keyfile *file)
{
	const char *from = cli->values[OPT_PASSPHRASE];
	char passphrase[KEYFILE_PASSPHRASE_MAX];
	size_t len;
	int r = keyfile_read_passphrase(from, passphrase, &len);

	if (!r)
		r = keyfile_lock(cli->crypto, file, passphrase, len, KEYFILE_SCRYPT_LOG2N);
	wipe(passphrase, sizeof(passphrase));
	return r ? cli_fail(CLI_FILE, "'%s': %s", from, keyfile_text(r)) : 0;
}

static void show(const struct cli *cli, const struct keyfile *file)
{
	char public[BASE64_LEN(PH_KEY_LEN) + 1], id[KEYFILE_ID_TEXT_LEN];

	base64_emit(file->public, PH_KEY_LEN, public);
	keyfile_id_text(file->public, id);
	if (cli->json)
		printf("{\"kind\":\"%s\",\"public\":\"%s\",\"id\":\"%s\"}\n",
		       file->kind == KEYFILE_ROOT ? "signing" : "identity", public, id);
	else
		puts(public);
}

/* A signing key is a key of the kind "root": what signs. */
int cli_keygen(struct cli *cli)
{
	const char *path = cli->operands[0];
	const char *name = cli->values[OPT_NAME] ? cli->values[OPT_NAME] : "";
	own_keyfile struct keyfile file = {0};
	int r;

	if (*name && !keyfile_name_fits(name))
		return cli_fail(CLI_USAGE, "--name is up to %d printable ASCII characters",
				KEYFILE_NAME_MAX);
	r = keyfile_generate(cli->crypto, cli->values[OPT_SIGNING] ? KEYFILE_ROOT : KEYFILE_CLIENT,
			     name, (uint64_t)time(NULL), &file);
	if (r)
		return cli_fail(CLI_FAILED, "no key can be made: %s", keyfile_text(r));
	r = cli->values[OPT_PASSPHRASE] ? lock(cli, &file) : 0;
	if (r)
		return r;
	r = keyfile_write(path, &file, KEYFILE_NEW);
	if (r)
		return cli_fail(CLI_FILE, "'%s': %s", path, keyfile_text(r));
	show(cli, &file);
	return 0;
}
