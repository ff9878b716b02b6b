/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What the store keeps, as plain structs, and an act: one change of it, with who did it and why.
 *
 * Texts are UTF-8 without control characters; NULL is "". In what is given they are borrowed for
 * the call, in what is read until the callback returns. Times are of the wall, in ms since 1970,
 * 0 to the year 9999; an until_ms of 0 is for ever. What does not keep to this is -EINVAL.
 */
#ifndef STRAZH_USER_STORE_ROWS_H
#define STRAZH_USER_STORE_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <user/base/prefix.h>

#define STORE_NAME_MAX 127U    /* bytes of a name, actor, origin, action, subject */
#define STORE_TEXT_MAX 2047U   /* bytes of any other text */
#define STORE_EVIDENCE_MAX 40U /* numbers about one source */
#define STORE_HASH_LEN 32U

struct store_ban {
	struct prefix prefix; /* the key: this and origin; several may ban one prefix */
	int64_t since_ms, until_ms;
	int32_t offences;
	const char *origin;	   /* "operator", "guard", "feed:NAME" */
	const char *actor, *cause; /* when read; of a change they are the act's */
};
struct store_allow {
	struct prefix prefix; /* the key */
	int64_t since_ms, until_ms;
	const char *origin;
	const char *actor, *cause; /* as of a ban */
};
struct store_list {
	const char *name; /* the key */
	const char *origin;
	double weight;
	const char *etag;
	int64_t loaded_ms; /* 0: never */
	int64_t entries;
};
struct store_feed {
	const char *name; /* the key */
	const char *url;
	double weight;
	int64_t every_s, expiry_s;
	const char *etag;
	int64_t tried_ms, loaded_ms; /* 0: never */
	int32_t failures;	     /* in a row */
	int64_t entries;
	const char *fault; /* of the last try, or "" */
};
struct store_alert {
	const char *kind, *subject;   /* the key: these and opened_ms */
	int64_t opened_ms, closed_ms; /* 0: it is open */
	int32_t severity;
	const char *what;
};
struct store_setting {
	const char *name; /* the key */
	const char *value;
	const char *actor; /* when read; of a change it is the act's */
	int64_t set_ms;	   /* likewise: the act's time */
};
struct store_note {		      /* nothing but an audit record */
	const char *action, *subject; /* any action but "cut", which is retention's */
};
/* What is remembered of an address; written behind, never acknowledged one by one. */
struct store_source {
	struct prefix prefix; /* the key */
	uint32_t evidence_len;
	int32_t offences;
	double evidence[STORE_EVIDENCE_MAX]; /* whatever numbers its owner wants back */
	double score, pressure, good;	     /* as they were at scored_ms; so are the ages: */
	int32_t ban_over_h, good_ago_d;	     /* hours since its last ban, days since a good one */
	int32_t share, days, sessions, proven;
	int64_t trust_until_ms, banned_until_ms; /* 0: it is not */
	int64_t scored_ms, first_ms, last_ms;
};
/* What speaks against it is gone; what speaks for it stays. */
static inline void store_source_forgive(struct store_source *source)
{
	source->evidence_len = 0;
	source->score = source->pressure = 0;
	source->offences = source->ban_over_h = 0;
	source->banned_until_ms = 0;
}
/* One link of the audit chain (chain.h). */
struct store_record {
	int64_t seq; /* from 1, without gaps */
	int64_t at_ms;
	const char *actor, *action, *subject, *cause, *detail;
	uint8_t hash[STORE_HASH_LEN];
};

/* X(NAME, action in the audit, member, removes?). Of what is removed only the key is read (of a ban
 * prefix and origin). */
#define STORE_VERBS(X)                                                                             \
	X(BAN_PUT, "ban", ban, false)                                                              \
	X(BAN_LIFT, "unban", ban, true)                                                            \
	X(ALLOW_PUT, "allow", allow, false)                                                        \
	X(ALLOW_REMOVE, "disallow", allow, true)                                                   \
	X(LIST_PUT, "list", list, false)                                                           \
	X(LIST_REMOVE, "unlist", list, true)                                                       \
	X(FEED_PUT, "feed", feed, false)                                                           \
	X(FEED_REMOVE, "unfeed", feed, true)                                                       \
	X(ALERT_PUT, "alert", alert, false)                                                        \
	X(ALERT_REMOVE, "unalert", alert, true)                                                    \
	X(SETTING_PUT, "set", setting, false)                                                      \
	X(SETTING_RESET, "reset", setting, true)                                                   \
	X(BAN_CLEAR, "flush", ban, true)                                                           \
	X(ALLOW_CLEAR, "flush", allow, true)                                                       \
	X(SETTING_CLEAR, "flush", setting, true)                                                   \
	X(NOTE, "", note, false)
#define STORE_VERB_ENUM_(name, action, member, removes) STORE_##name,
enum store_verb { STORE_VERBS(STORE_VERB_ENUM_) STORE_VERB_COUNT };

/*
 * The change and its audit record are one transaction: neither is there without the other. `quiet`
 * leaves the record out, of lists, feeds and alerts only: the bookkeeping of a download is no act.
 * What is removed may be absent already: that is done too, and recorded.
 *
 * A CLEAR removes every row of its table that acts before it left; its subject is "deny" or
 * "allow". Of settings those whose name begins with the one given, which is its subject. Of bans
 * those of ban.origin, if it is there ("deny ORIGIN"); else all, and what sources were banned for
 * is forgiven: their evidence, score and offences, also of states that wait to be written.
 */
struct store_act {
	enum store_verb verb;
	bool quiet;
	int64_t at_ms;
	const char *actor;  /* "guard", "operator:anna"; never "" */
	const char *cause;  /* in words */
	const char *detail; /* what `why` tells more: JSON, or "" */
	union {
		struct store_ban ban;
		struct store_allow allow;
		struct store_list list;
		struct store_feed feed;
		struct store_alert alert;
		struct store_setting setting;
		struct store_note note;
	};
};

/*
 * ms that a ban or permission still holds at now_ms; 0: none; INT64_MAX: for ever. Never more than
 * it was given for, so that a clock that jumped back makes none eternal.
 */
int64_t store_left_ms(int64_t since_ms, int64_t until_ms, int64_t now_ms);

#endif
