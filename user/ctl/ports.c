/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/ctl/ports.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <user/gate/services.h>

#define RIGHT "right would be 443/tcp, 53/udp or https/tcp"

static int wrong(char why[PORT_WHY_LEN], const char *text, const char *what)
{
	(void)snprintf(why, PORT_WHY_LEN, "'%.40s': %s; " RIGHT, text, what);
	return -EINVAL;
}

int port_parse(const char *text, uint8_t *ret_proto, uint16_t *ret_port, char why[PORT_WHY_LEN])
{
	const char *slash = strchr(text, '/');
	unsigned long port;
	uint8_t proto;
	char *end;

	if (!slash)
		return wrong(why, text, "its protocol is missing");
	if (strcmp(slash, "/tcp") == 0)
		proto = SERVICE_TCP;
	else if (strcmp(slash, "/udp") == 0)
		proto = SERVICE_UDP;
	else
		return wrong(why, text, "a service is of tcp or udp");
	if (text[0] < '0' || text[0] > '9')
		return wrong(why, text, "no number, and no name in /etc/services");
	errno = 0;
	port = strtoul(text, &end, 10);
	if (end != slash || errno || !port || port > UINT16_MAX)
		return wrong(why, text, "a port is a number, 1 to 65535");
	*ret_proto = proto;
	*ret_port = (uint16_t)port;
	return 0;
}

const char *port_format(uint8_t proto, uint16_t port, char text[PORT_TEXT_LEN])
{
	(void)snprintf(text, PORT_TEXT_LEN, "%u/%s", port, proto == SERVICE_UDP ? "udp" : "tcp");
	return text;
}

void port_resolve(json_t *args, const char *key)
{
	const char *text = json_string_value(json_object_get(args, key));
	const char *slash = text ? strchr(text, '/') : NULL;
	const struct servent *found;
	char name[40];

	if (!slash || (text[0] >= '0' && text[0] <= '9') || (size_t)(slash - text) >= sizeof(name))
		return;
	(void)snprintf(name, sizeof(name), "%.*s", (int)(slash - text), text);
	found = getservbyname(name, slash + 1);
	if (found)
		(void)!json_object_set_new(
			args, key,
			json_sprintf("%u/%s", ntohs((uint16_t)found->s_port), slash + 1));
}

int request_port(struct request *request, uint8_t *ret_proto, uint16_t *ret_port)
{
	const char *text = request_text(request, "port");
	char why[PORT_WHY_LEN];

	if (!text)
		return request_say(request, CTL_USAGE, "%s: which service? " RIGHT,
				   request->command->name);
	if (port_parse(text, ret_proto, ret_port, why))
		return request_say(request, CTL_USAGE, "%s: %s", request->command->name, why);
	return CTL_DONE;
}

int request_service(struct request *request, uint32_t *ret_index)
{
	char text[PORT_TEXT_LEN];
	uint8_t proto;
	uint16_t port;
	int r = request_port(request, &proto, &port);

	if (r)
		return r;
	if (!service_find(request->gate, proto, port, ret_index))
		return CTL_DONE;
	port_format(proto, port, text);
	return request_say(request, CTL_NOT_FOUND,
			   "%s: %s is no protected service; `strazhctl service add %s` makes it "
			   "one, `service list` shows them",
			   request->command->name, text, text);
}
