/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * strazh, the client program: what its commands share. main.c finds the command, settings.c what
 * was asked for, keys.c makes of it the options of libstrazh, link.c drives one session. A command
 * says what went wrong once, on standard error, and returns one of enum cli_code.
 */
#ifndef STRAZH_USER_CLIENT_CLI_CLI_H
#define STRAZH_USER_CLIENT_CLI_CLI_H

#include <stdbool.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <strazh/client.h>
#include <strazh/wire/phantom.h>
#include <user/crypto/crypto.h>
#include <user/crypto/wipe.h>

/* X(NAME, text): exit codes, as the manual tells them */
#define CLI_CODES(X)                                                                               \
	X(DONE, "All was done.")                                                                   \
	X(FAILED, "Not all was done: a reply is missing or wrong, or this machine failed.")        \
	X(USAGE, "The command line or the configuration is wrong.")                                \
	X(FILE, "A file cannot be used: a key, a list.")                                           \
	X(REACH, "The server cannot be reached, or ended the handshake.")                          \
	X(STRANGER, "The server is not who it should be.")                                         \
	X(LOST, "The session broke, or the server closed it.")                                     \
	X(ANSWER, "The server answered with an error.")
enum cli_code {
#define X(NAME, text) CLI_##NAME,
	CLI_CODES(X)
#undef X
};

enum cli_for {
	FOR_PING = 1,
	FOR_ECHO = 2,
	FOR_CHAT = 4,
	FOR_TUNNEL = 8,
	FOR_BENCH = 16,
	FOR_KEYGEN = 32,
	FOR_SESSION = 31, /* all that go to a server; also environment and configuration file */
	FOR_ALL = 63,
};

/* X(ID, "name", letter or 0, "VALUE" or NULL for a switch, commands, help) */
#define CLI_OPTIONS(X)                                                                             \
	X(SERVER, "server", 's', "ADDRESS", FOR_SESSION, "host, host:port or [v6]:port")           \
	X(KEY, "key", 'k', "BASE64|@FILE", FOR_SESSION, "the server's public key, pinned")         \
	X(ROOT, "root", 'r', "BASE64|@FILE", FOR_SESSION, "the key that signs its certificate")    \
	X(IDENTITY, "identity", 'I', "FILE", FOR_SESSION, "who we are: strazh keygen")             \
	X(PASSPHRASE, "passphrase", 0, "FILE", FOR_ALL, "file with the passphrase of key files")   \
	X(NAME, "name", 0, "NAME", FOR_ALL, "the server's name (strazh); keygen: the key's")       \
	X(STRICT, "strict", 0, NULL, FOR_SESSION, "a new seed of keys for each record")            \
	X(HYBRID, "hybrid", 0, NULL, FOR_SESSION, "ML-KEM-768 besides X25519, or nothing")         \
	X(TIMEOUT, "timeout", 't', "SECONDS", FOR_SESSION, "for connecting, for an answer (5)")    \
	X(JSON, "json", 'j', NULL, FOR_ALL, "one JSON object a line")                              \
	X(CONFIG, "config", 0, "FILE", FOR_SESSION, "instead of ~/.config/strazh/client.conf")     \
	X(COUNT, "count", 'c', "NUMBER", FOR_PING, "so many pings; 0: until interrupted (0)")      \
	X(INTERVAL, "interval", 'i', "SECONDS", FOR_PING, "between two pings (1)")                 \
	X(SIGN, "sign", 0, "FILE", FOR_CHAT, "sign messages with this key: keygen --signing")      \
	X(KNOWN, "known", 0, "FILE", FOR_CHAT, "lines NAME KEY|- [SIGNING-KEY] of others")         \
	X(STAY, "stay", 0, NULL, FOR_CHAT, "go on listening after the end of the input")           \
	X(LISTEN, "listen", 'L', "[ADDR:]PORT:NAME", FOR_TUNNEL, "may be given several times")     \
	X(CONNECTIONS, "connections", 0, "NUMBER", FOR_BENCH, "sessions at once (1)")              \
	X(SIZE, "size", 0, "BYTES", FOR_BENCH, "of a message (64)")                                \
	X(DEPTH, "depth", 0, "NUMBER", FOR_BENCH, "messages under way in a session (1)")           \
	X(SECONDS, "seconds", 0, "SECONDS", FOR_BENCH, "how long (5)")                             \
	X(HANDSHAKES, "handshakes", 0, NULL, FOR_BENCH, "a new session for each message")          \
	X(RESUME, "resume", 0, NULL, FOR_BENCH, "with --handshakes: by ticket")                    \
	X(SIGNING, "signing", 0, NULL, FOR_KEYGEN, "an Ed25519 key for --sign")                    \
	X(HELP, "help", 'h', NULL, FOR_ALL, "say this")                                            \
	X(VERSION, "version", 'V', NULL, FOR_ALL, "say the version")

enum cli_option {
#define X(ID, name, letter, value, commands, help) OPT_##ID,
	CLI_OPTIONS(X)
#undef X
		OPT_COUNT_
};
struct cli_option_about {
	const char *name;
	char letter;
	const char *value;
	unsigned commands;
	const char *help;
};
extern const struct cli_option_about cli_options[OPT_COUNT_];

#define CLI_LISTENS_MAX 64

struct cli;
struct cli_command {
	const char *name, *operands, *help;
	unsigned self;	 /* enum cli_for */
	int least, most; /* operands */
	int (*run)(struct cli *cli);
};
extern const struct cli_command cli_commands[];
extern const unsigned cli_commands_len;

struct cli {
	const struct cli_command *command; /* NULL: none was named */
	const char *values[OPT_COUNT_];	   /* a switch: "on" or NULL */
	char *owned[OPT_COUNT_];	   /* those of the configuration file */
	const char *listens[CLI_LISTENS_MAX];
	unsigned listens_len;
	const char **operands; /* of argv */
	int operands_len;
	bool json;

	struct crypto *crypto;
	struct strazh_options options; /* after keys_take() */
	uint8_t server_key[PH_KEY_LEN], root_key[PH_KEY_LEN], public[PH_KEY_LEN];
	struct secret32 secret;
};

int cli_ping(struct cli *cli);
int cli_echo(struct cli *cli);
int cli_chat(struct cli *cli);
int cli_tunnel(struct cli *cli);
int cli_bench(struct cli *cli);
int cli_keygen(struct cli *cli);

/* Says it on standard error and returns the code. */
int cli_fail(enum cli_code code, const char *format, ...) printf_like(2, 3);
/* The code of an error of libstrazh's; its words are said. */
int cli_fail_error(const struct strazh_error *error);
/* SIGINT or SIGTERM came. They come only while something is waited for; a second one ends us. */
bool cli_stopped(void);
/* Where a call may wait for long by itself: they come there, too. */
void cli_let_signals(bool let);

#endif
