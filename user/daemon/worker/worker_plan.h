/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The configuration of the secured server in the terms of what serves. */
#ifndef STRAZH_USER_DAEMON_WORKER_WORKER_PLAN_H
#define STRAZH_USER_DAEMON_WORKER_WORKER_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include <user/daemon/config/config.h>
#include <user/net/sources.h>
#include <user/server/server.h>

#define WORKER_ADDRESSES_MAX 16

/* What a reload changes; the sizes of tables (half_open, links, total) are those of the start. */
struct worker_live {
	uint32_t ticket_s; /* 0: no tickets */
	uint32_t ticket_chain_s, drain_ms;
	struct sources_limits sources;
	struct server_limits limits;
};

struct worker_plan {
	struct {
		struct sockaddr_storage at;
		socklen_t len;
		char text[CONFIG_ITEM_LEN];
	} addresses[WORKER_ADDRESSES_MAX];
	size_t addresses_len, failed;
	struct prefix *proxies;
	size_t proxies_len;
	unsigned reactors;
	unsigned crypto_threads;      /* at most; 0: no crypto pool */
	size_t buffers_max;	      /* of a reactor */
	char engine[CONFIG_ITEM_LEN]; /* "": the best */
	struct worker_live live;
};

/* 0 or -ENOMEM: a configuration has right values only. */
int worker_plan_make(const struct config *config, struct worker_plan *ret_plan) must_check;
struct worker_live worker_plan_live(const struct config *config);
void worker_plan_deinit(struct worker_plan *plan);
/* Texts are the configuration's. */
void worker_plan_identity(const struct config *config, struct identity_config *ret_identity);

#endif
