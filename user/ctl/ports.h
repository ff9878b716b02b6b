/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* "443/tcp", "53/udp", "https/tcp": how people name a service. */
#ifndef STRAZH_USER_CTL_PORTS_H
#define STRAZH_USER_CTL_PORTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <user/ctl/command.h>
#include <user/ctl/request.h>

#define PORT_TEXT_LEN 12
#define PORT_WHY_LEN 200

/* Numbers only. 0; or -EINVAL and `why`. Pure. */
int port_parse(const char *text, uint8_t *ret_proto, uint16_t *ret_port,
	       char why[PORT_WHY_LEN]) must_check;
/* "443/tcp" */
const char *port_format(uint8_t proto, uint16_t port, char text[PORT_TEXT_LEN]);

/*
 * In strazhctl: the argument `key`, where there is one and it is a name of /etc/services, into
 * numbers. What is neither is left for whoever carries the request out. For command.prepare.
 */
void port_resolve(json_t *args, const char *key);

/* The service that the argument "port" names: CTL_DONE, or a code, and it has been said. */
int request_service(struct request *request, uint32_t *ret_index) must_check;
/* Its protocol and port, be there such a service or not. */
int request_port(struct request *request, uint8_t *ret_proto, uint16_t *ret_port) must_check;

#endif
