/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Every key of a section [feed NAME] of strazh.conf(5), as user/daemon/config/config_keys.h has
 * those of the other sections: X(id, name, kind, default, least, most, words, help). All of them
 * are live.
 */
#ifndef STRAZH_USER_DAEMON_CONFIG_CONFIG_FEED_KEYS_H
#define STRAZH_USER_DAEMON_CONFIG_CONFIG_FEED_KEYS_H

#define CONFIG_FEED_KEYS(X)                                                                        \
	X(URL, "url", TEXT, "", 0, 2000, "",                                                       \
	  "Where the list is: https://, http:// or file:/path. It has no default.")                \
	X(EVERY, "every", TIME, "1h", 60, 2592000, "",                                             \
	  "How often it is fetched, +-10 %. After a failure sooner, with growing pauses.")         \
	X(EXPIRY, "expiry", TIME, "7d", 60, 34560000, "",                                          \
	  "How long the last good copy holds when no newer one comes.")                            \
	X(WEIGHT, "weight", NUMBER, "70", 1, 100, "",                                              \
	  "What being listed weighs, in hundredths of a score. From guard.ban on the list is "     \
	  "denied in the gate; a lighter one counts against a source when something of it is "     \
	  "seen, where the guard is on.")                                                          \
	X(FORMAT, "format", WORD, "auto", 0, 0, "auto plain csv",                                  \
	  "plain: an address, prefix or range a line, or what `strazhctl load` reads; csv: the "   \
	  "same in the first column; auto: csv where most lines have commas.")                     \
	X(MAX_ENTRIES, "max_entries", NUMBER, "1000000", 1, 4000000, "",                           \
	  "A longer list is refused as a whole, and the last good copy holds on.")                 \
	X(MAX_BYTES, "max_bytes", SIZE, "64M", 1024, 1073741824, "",                               \
	  "The same of its text, after decompression.")                                            \
	X(WIDE, "wide", SWITCH, "off", 0, 1, "",                                                   \
	  "Whether prefixes shorter than /8 (IPv6: /16) are taken; else they are left out.")

#endif
