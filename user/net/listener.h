/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A listening TCP socket of one reactor; the reactors of a server each have their own on the same
 * port (SO_REUSEPORT). A new connection is half-open until conn_opened() and counted against the
 * limits of the reactor's table of sources.
 *
 * A connection that says nothing belongs to the listener and costs its slot and no more: on_conn()
 * comes with its first byte, unless `early`. Behind a trusted proxy it comes after the proxy's
 * header, which is then required; from everyone else such a header ends the connection.
 */
#ifndef STRAZH_USER_NET_LISTENER_H
#define STRAZH_USER_NET_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <strazh/base/compiler.h>
#include <user/base/prefix.h>
#include <user/net/conn.h>
#include <user/net/reactor.h>

struct listener;

struct listener_ops {
	/* False: not this one (NET_REFUSED_OWNER). NULL: everyone. */
	bool (*admit)(struct listener *listener, const struct endpoint *from);
	/* Must conn_set_ops(), or end it. The deadline CONN_HELLO runs on. */
	void (*on_conn)(struct listener *listener, struct conn *conn);
	/* Refused at accept, by which counter. May be NULL. */
	void (*on_refuse)(struct listener *listener, const struct endpoint *from,
			  enum net_counter why);
	/* It ended before on_conn(). May be NULL. */
	void (*on_lost)(struct listener *listener, const struct endpoint *from, enum conn_end why);
};

struct listener_config {
	int fd; /* > 0: listener_bind() made it, the listener takes it; 0: it makes its own */
	struct sockaddr_storage address;
	socklen_t address_len;
	int backlog;
	bool v6_only; /* else an IPv6 address takes IPv4 as well */
	bool early;   /* on_conn() at once: for protocols whose server speaks first; no proxies */
	uint32_t hello_ms;
	const struct conn_limits *limits; /* of a new connection; borrowed. in_max >= PROXY_MAX */
	const struct prefix *trusted;	  /* whose PROXY headers count; borrowed */
	size_t trusted_len;
};

/* A socket with its address that does not listen yet, for listener_new() of any process. */
int listener_bind(const struct sockaddr_storage *address, socklen_t len, bool v6_only,
		  int *ret_fd) must_check;
/* -errno as socket(2), bind(2) and listen(2) say. `fd` is taken when it succeeds. */
int listener_new(struct reactor *reactor, const struct listener_config *config,
		 const struct listener_ops *ops, void *context,
		 struct listener **ret_listener) must_check;
/* Those that have not said anything are closed with it. */
void listener_free(struct listener *listener);
/* For connections that come to any listener of this reactor; in its thread. */
void listeners_set_hello(struct reactor *reactor, uint32_t hello_ms);
/* In its thread: connections that wait to be accepted at the fullest listener of this reactor, and
 * how many may. */
void listeners_waiting(const struct reactor *reactor, uint32_t *ret_waiting, uint32_t *ret_most);
void *listener_context(const struct listener *listener);
struct reactor *listener_reactor(const struct listener *listener);
/* Where it listens: the port, when 0 was asked for. */
int listener_address(const struct listener *listener,
		     struct sockaddr_storage *ret_address) must_check;

#endif
