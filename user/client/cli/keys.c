/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/client/cli/keys.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <strazh/base/own.h>

#include <user/client/cli/settings.h>
#include <user/crypto/base64.h>

bool keys_parse(const char *text, size_t len, uint8_t ret_key[32])
{
	uint8_t key[PH_KEY_LEN];
	size_t got;

	if (base64_parse(text, len, sizeof(key), key, &got) || got != sizeof(key))
		return false;
	memcpy(ret_key, key, sizeof(key));
	return true;
}

const char *keys_short(const uint8_t key[32], char text[KEYFILE_ID_TEXT_LEN])
{
	keyfile_id_text(key, text);
	text[8] = 0;
	return text;
}

/* The first line that is a key, or that begins with "public: " as in a key file. */
static int read_public(const char *path, const char *option, uint8_t ret_key[32])
{
	own_file FILE *file = fopen(path, "re");
	char line[256];

	if (!file)
		return cli_fail(CLI_FILE, "--%s: '%s': %s", option, path, strerror(errno));
	for (unsigned n = 0; n < 16 && fgets(line, sizeof(line), file); n++) {
		char *at = strncmp(line, "public: ", 8) == 0 ? line + 8 : line;

		if (keys_parse(at, strcspn(at, "\r\n"), ret_key))
			return 0;
	}
	return cli_fail(CLI_FILE,
			"--%s: there is no public key in '%s': 44 characters of base64, "
			"in a line by themselves or after 'public: '",
			option, path);
}

static int take_public(const struct cli *cli, enum cli_option option, uint8_t ret_key[32],
		       const uint8_t **ret_slot)
{
	const char *value = cli->values[option], *name = cli_options[option].name;
	int r = 0;

	if (!value)
		return 0;
	if (*value == '@')
		r = read_public(value + 1, name, ret_key);
	else if (!keys_parse(value, strlen(value), ret_key))
		r = cli_fail(CLI_USAGE,
			     "--%s is a key, 44 characters of base64, or @FILE; "
			     "not '%.60s'",
			     name, value);
	if (!r)
		*ret_slot = ret_key;
	return r;
}

static int unlock(struct cli *cli, const char *path, struct keyfile *file)
{
	char passphrase[KEYFILE_PASSPHRASE_MAX];
	const char *from = cli->values[OPT_PASSPHRASE];
	size_t len = 0;
	int r = from && file->sealed ? keyfile_read_passphrase(from, passphrase, &len) : 0;

	if (r == -ERANGE)
		return cli_fail(CLI_FILE, "'%s': a passphrase is one line of 1 to %d bytes", from,
				KEYFILE_PASSPHRASE_MAX - 1);
	if (r)
		return cli_fail(CLI_FILE, "'%s': %s", from, keyfile_text(r));
	r = keyfile_unlock(cli->crypto, file, len ? passphrase : NULL, len);
	wipe(passphrase, sizeof(passphrase));
	if (r)
		return cli_fail(CLI_FILE, "'%s': %s%s", path, keyfile_text(r),
				r == KEYFILE_LOCKED ? "; see --passphrase FILE" : "");
	return 0;
}

int keys_read(struct cli *cli, const char *path, enum keyfile_kind kind, struct keyfile *ret_file)
{
	struct keyfile_fault fault = {0};
	int r = keyfile_read(path, ret_file, &fault);

	if (r == KEYFILE_MALFORMED && fault.why)
		return cli_fail(CLI_FILE, "'%s' line %u: %s", path, fault.line, fault.why);
	if (r)
		return cli_fail(CLI_FILE, "'%s': %s", path, keyfile_text(r));
	if (ret_file->kind != kind)
		return cli_fail(CLI_FILE,
				"'%s' is a key of kind '%s', not '%s': make one with "
				"`strazh keygen%s FILE`",
				path, keyfile_kind_names[ret_file->kind], keyfile_kind_names[kind],
				kind == KEYFILE_ROOT ? " --signing" : "");
	if (ret_file->until_s && ret_file->until_s < (uint64_t)time(NULL))
		return cli_fail(CLI_FILE, "'%s': the time of this key is over", path);
	return unlock(cli, path, ret_file);
}

static int take_identity(struct cli *cli)
{
	const char *path = cli->values[OPT_IDENTITY];
	own_keyfile struct keyfile file = {0};
	int r;

	if (!path)
		return 0;
	r = keys_read(cli, path, KEYFILE_CLIENT, &file);
	if (r)
		return r;
	memcpy(cli->secret.bytes, file.secret.bytes, PH_KEY_LEN);
	memcpy(cli->public, file.public, PH_KEY_LEN);
	cli->options.client_key = cli->secret.bytes;
	return 0;
}

int keys_take(struct cli *cli)
{
	struct strazh_options *o = &cli->options;
	uint64_t timeout_ms;
	int r = settings_thousandths(cli, OPT_TIMEOUT, 5000, 1, 86400000, &timeout_ms);

	if (r)
		return r;
	if (!cli->values[OPT_SERVER])
		return cli_fail(CLI_USAGE, "which server? --server ADDRESS, STRAZH_SERVER, or "
					   "'server = ADDRESS' in the configuration file");
	if (!cli->values[OPT_KEY] == !cli->values[OPT_ROOT])
		return cli_fail(CLI_USAGE, "%s",
				cli->values[OPT_KEY]
					? "either --key or --root, not both"
					: "who is the server? --key BASE64|@FILE pins its key "
					  "(`strazhctl keys show` shows it), --root that which "
					  "signs its certificate");
	r = take_public(cli, OPT_KEY, cli->server_key, &o->server_key);
	if (!r)
		r = take_public(cli, OPT_ROOT, cli->root_key, &o->root_key);
	if (!r)
		r = take_identity(cli);
	o->address = cli->values[OPT_SERVER];
	o->server_name = cli->values[OPT_NAME];
	o->strict = cli->values[OPT_STRICT];
	o->demand_hybrid = cli->values[OPT_HYBRID];
	o->connect_timeout_ms = (int64_t)timeout_ms;
	return r;
}
