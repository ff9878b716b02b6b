/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Every key of strazh.conf(5), once: what parses it, what it is when nobody says, what it may be,
 * and what the manual says. X(id, section, name, kind, default, least, most, words, when, help)
 *
 *	kind	of enum config_kind: user/daemon/config/config.h says what a value of each looks
 *like least, most	of the number; of the bytes of a text or path; of the items of a list words
 *of WORD and WORDS, with spaces between them
 *	when	LIVE: a reload is enough, for connections that come or as the help says;
 *		RESTART: strazhd has to be started again. tests/server/test_reload.c tries each
 *		key of the server that is LIVE.
 *
 * [service.tunnel] has, besides these, one line for each upstream: name = host:port.
 */
#ifndef STRAZH_USER_DAEMON_CONFIG_CONFIG_KEYS_H
#define STRAZH_USER_DAEMON_CONFIG_CONFIG_KEYS_H

#include <user/daemon/config/config_guard_keys.h>
#include <user/daemon/config/config_service_keys.h>

#define CONFIG_DAEMON_KEYS(X)                                                                      \
	X(RUN_DIR, "daemon", "run_dir", PATH, "/run/strazh", 1, 200, "", RESTART,                  \
	  "Socket and lock.")                                                                      \
	X(STATE_DIR, "daemon", "state_dir", PATH, "/var/lib/strazh", 1, 200, "", RESTART,          \
	  "What outlives a restart: the journal, and the store when nothing else is said.")        \
	X(LOG_LEVEL, "daemon", "log_level", WORD, "info", 0, 0, "error warning info debug", LIVE,  \
	  "What is logged: this and what is worse.")                                               \
	X(TEST_MODE, "daemon", "test_mode", SWITCH, "off", 0, 1, "", LIVE,                         \
	  "For a load test from one host: one source may have all connections, and the guard "     \
	  "bans and limits for almost nothing. Said in the log each minute and in the first "      \
	  "line of strazhctl status. Not for machines that strangers reach.")                      \
	X(INTERFACES, "gate", "interfaces", NAMES, "", 0, 64, "", RESTART,                         \
	  "Where the gate is attached.")                                                           \
	X(MODE, "gate", "mode", WORD, "auto", 0, 0, "native generic auto", RESTART,                \
	  "How: in the driver, in the kernel's stack, or what works.")                             \
	X(PIN_DIR, "gate", "pin_dir", PATH, "/sys/fs/bpf/strazh", 1, 200, "", RESTART,             \
	  "Pinned maps.")                                                                          \
	X(MAX_HOSTS, "gate", "max_hosts", NUMBER, "2097152", 16, 100000000, "", RESTART,           \
	  "Capacity of the table of denied IPv4 hosts, where it is made.")                         \
	X(SIZE_WINDOW, "gate", "size_window", TIME, "1m", 1, 86400, "", RESTART,                   \
	  "How long sizes of packets are watched before they are judged.")

#define CONFIG_STORE_KEYS(X)                                                                       \
	X(STORE_URL, "store", "url", URL, "", 0, 4000, "", RESTART,                                \
	  "Where it is: sqlite:/PATH, postgresql://USER@HOST/DATABASE with all that libpq takes, " \
	  "or none. Nothing here: strazh.db in the state folder. A password is shown to nobody; "  \
	  "better than here it is in a file that passfile= names.")                                \
	X(STORE_BACKLOG, "store", "backlog", NUMBER, "16384", 16, 1000000, "", RESTART,            \
	  "Acts that may wait while it is away; more are not taken.")                              \
	X(STORE_BANS_KEEP, "store", "bans_keep", TIME, "7d", 0, 315360000, "", RESTART,            \
	  "How long bans and permissions are kept that are over; 0: for ever.")                    \
	X(STORE_SOURCES_KEEP, "store", "sources_keep", TIME, "90d", 0, 315360000, "", RESTART,     \
	  "The same of sources, from when they were seen last.")                                   \
	X(STORE_ALERTS_KEEP, "store", "alerts_keep", TIME, "365d", 0, 315360000, "", RESTART,      \
	  "The same of alerts that are closed.")                                                   \
	X(STORE_AUDIT_KEEP, "store", "audit_keep", TIME, "730d", 0, 315360000, "", RESTART,        \
	  "The same of the audit's records.")

#define CONFIG_CROWDSEC_KEYS(X)                                                                    \
	X(CROWDSEC_URL, "crowdsec", "url", TEXT, "", 0, 1000, "", LIVE,                            \
	  "CrowdSec's local API, like http://127.0.0.1:8080: whom it bans is denied in the gate. " \
	  "None: it is not asked.")                                                                \
	X(CROWDSEC_KEY_FILE, "crowdsec", "key_file", PATH, "", 0, 4000, "", LIVE,                  \
	  "File with the key of `cscli bouncers add` in its first line, for its owner alone.")     \
	X(CROWDSEC_EVERY, "crowdsec", "every", TIME, "10s", 1, 86400, "", LIVE,                    \
	  "How often it is asked for what came and went, +-10 %.")                                 \
	X(CROWDSEC_SCOPES, "crowdsec", "scopes", WORDS, "ip range", 1, 2, "ip range", LIVE,        \
	  "Whom its decisions may be about.")                                                      \
	X(CROWDSEC_MAX_ENTRIES, "crowdsec", "max_entries", NUMBER, "200000", 1, 1000000, "", LIVE, \
	  "Decisions that are kept; what is beyond is counted and not enforced.")

#define CONFIG_SERVER_KEYS(X)                                                                      \
	X(SERVER_ENABLE, "server", "enable", SWITCH, "off", 0, 1, "", RESTART,                     \
	  "Whether there is a secured server at all.")                                             \
	X(SERVER_LISTEN, "server", "listen", LISTEN, "0.0.0.0:8000", 1, 16, "", RESTART,           \
	  "Where it listens: address:port, an IPv6 address in brackets.")                          \
	X(SERVER_NAME, "server", "name", TEXT, "strazh", 1, 255, "", RESTART,                      \
	  "Its name: clients expect it, and it is part of every handshake.")                       \
	X(SERVER_SUITES, "server", "suites", WORDS, "nk1 xk1", 1, 4, "nk1 xk1 nx xx", LIVE,        \
	  "Handshakes that are served. nk1, xk1: the client knows the server's key; nx, xx: the "  \
	  "key comes in a certificate; xk1, xx: the client has a key, too.")                       \
	X(SERVER_HYBRID, "server", "hybrid", WORD, "on", 0, 0, "off on require", LIVE,             \
	  "ML-KEM-768 beside X25519, where OpenSSL has it (3.5 and later); require: no handshake " \
	  "without it.")                                                                           \
	X(SERVER_KEY, "server", "key", PATH, "/etc/strazh/server.key", 1, 4000, "", LIVE,          \
	  "File with the server's static key: see strazhctl keys new.")                            \
	X(SERVER_PASSPHRASE, "server", "passphrase", PATH, "", 0, 4000, "", LIVE,                  \
	  "File with the passphrase of the key in its first line, for its owner alone; none: the " \
	  "key has none.")                                                                         \
	X(SERVER_CERTIFICATE, "server", "certificate", PATH, "", 0, 4000, "", LIVE,                \
	  "File with its certificate: see strazhctl keys sign. nx and xx need it.")                \
	X(SERVER_CLIENTS, "server", "clients", PATH, "", 0, 4000, "", LIVE,                        \
	  "File with the public keys of clients that xk1 and xx serve, one a line; none: any "     \
	  "key.")                                                                                  \
	X(SERVER_TICKETS, "server", "tickets", SWITCH, "on", 0, 1, "", LIVE,                       \
	  "Whether a client may resume its session.")                                              \
	X(SERVER_TICKET_LIFETIME, "server", "ticket_lifetime", TIME, "1h", 60, 604800, "", LIVE,   \
	  "How long a ticket is good.")                                                            \
	X(SERVER_TICKET_CHAIN, "server", "ticket_chain", TIME, "1d", 60, 2592000, "", LIVE,        \
	  "How long one session may be resumed by ticket after ticket.")                           \
	X(SERVER_STRICT, "server", "strict", SWITCH, "off", 0, 1, "", LIVE,                        \
	  "Move the seed of the keys on with every record, not every 256.")                        \
	X(SERVER_PADDING, "server", "padding", WORD, "block", 0, 0, "block classes", LIVE,         \
	  "Records are padded to 16 bytes, or to one of eleven sizes.")                            \
	X(SERVER_MAX_CONNECTIONS, "server", "max_connections", NUMBER, "10000", 1, 1000000, "",    \
	  RESTART, "Connections in all.")                                                          \
	X(SERVER_MAX_PER_SOURCE, "server", "max_per_source", NUMBER, "64", 1, 1000000, "", LIVE,   \
	  "Connections of one address, or of one IPv6 /64.")                                       \
	X(SERVER_MAX_HALF_OPEN, "server", "max_half_open", NUMBER, "1024", 1, 1000000, "",         \
	  RESTART, "Connections in all whose handshake has not ended.")                            \
	X(SERVER_MAX_HALF_OPEN_PER_SOURCE, "server", "max_half_open_per_source", NUMBER, "16", 1,  \
	  1000000, "", LIVE, "The same of one address, or of one IPv6 /64.")                       \
	X(SERVER_HELLO_TIMEOUT, "server", "hello_timeout", TIME, "5s", 1, 60, "", LIVE,            \
	  "How long a connection may take to say hello.")                                          \
	X(SERVER_FINISH_TIMEOUT, "server", "finish_timeout", TIME, "5s", 1, 60, "", LIVE,          \
	  "How long it may take from there to the end of the handshake.")                          \
	X(SERVER_HEARTBEAT, "server", "heartbeat", TIME, "30s", 1, 3600, "", LIVE,                 \
	  "After how long a silence the other side is asked whether it is there. A change holds "  \
	  "for running sessions from their next heartbeat on.")                                    \
	X(SERVER_HEARTBEAT_MISSED, "server", "heartbeat_missed", NUMBER, "3", 1, 100, "", LIVE,    \
	  "After how many such questions without an answer a session is closed. A change holds "   \
	  "for running ones, too.")                                                                \
	X(SERVER_QUEUE_BYTES, "server", "queue_bytes", SIZE, "1M", 65536, 1073741824, "", LIVE,    \
	  "What may wait to be sent in one session. A change holds for running ones, too.")        \
	X(SERVER_SLOW_TIMEOUT, "server", "slow_timeout", TIME, "30s", 1, 3600, "", LIVE,           \
	  "How long a client may read nothing of what waits for it. A change holds for running "   \
	  "sessions, too.")                                                                        \
	X(SERVER_DRAIN_TIMEOUT, "server", "drain_timeout", TIME, "10s", 1, 600, "", LIVE,          \
	  "How long sessions have to come to an end when strazhd does.")                           \
	X(SERVER_PUZZLE, "server", "puzzle", WORD, "auto", 0, 0, "off auto always", LIVE,          \
	  "Whether a client has to solve a puzzle first; auto: under load.")                       \
	X(SERVER_PUZZLE_BITS, "server", "puzzle_bits", NUMBER, "22", 14, 22, "", LIVE,             \
	  "The hardest puzzle, in zero bits.")                                                     \
	X(SERVER_PUZZLE_ABOVE, "server", "puzzle_above", NUMBER, "4000", 1, 1000000, "", LIVE,     \
	  "Load, for auto: handshakes a second of one thread.")                                    \
	X(SERVER_PROXIES, "server", "proxies", PREFIXES, "", 0, 64, "", RESTART,                   \
	  "Addresses of proxies that have to say the client's address by the PROXY protocol, "     \
	  "version 2. From all others it is refused. The guard does nothing against them.")        \
	X(SERVER_REACTORS, "server", "reactors", NUMBER, "0", 0, 256, "", RESTART,                 \
	  "Threads that serve; 0: one for each processor.")                                        \
	X(SERVER_CRYPTO_THREADS, "server", "crypto_threads", NUMBER, "0", 0, 256, "", RESTART,     \
	  "Threads that help when many handshakes come at once, at most; 0: one for each "         \
	  "processor. They come and go with the load. On one processor there are none.")           \
	X(SERVER_ENGINE, "server", "engine", WORD, "auto", 0, 0, "auto openssl ipsec-mb", RESTART, \
	  "What seals and opens records; auto: the best that works here.")

#define CONFIG_KEYS(X)                                                                             \
	CONFIG_DAEMON_KEYS(X)                                                                      \
	CONFIG_GUARD_KEYS(X)                                                                       \
	CONFIG_STORE_KEYS(X) CONFIG_CROWDSEC_KEYS(X) CONFIG_SERVER_KEYS(X) CONFIG_SERVICE_KEYS(X)

#endif
