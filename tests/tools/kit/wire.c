/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <tests/tools/kit/wire.h>

_Noreturn void wire_fail(const char *what, const char *subject, const char *why)
{
	fprintf(stderr, "%s: %s '%s': %s\n", program_invocation_short_name, what, subject, why);
	exit(2);
}

int wire_open(const char *dev, uint8_t ret_mac[ETH_ALEN])
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = 0};
	struct ethtool_drvinfo driver = {.cmd = ETHTOOL_GDRVINFO};
	struct ifreq request = {.ifr_data = (char *)&driver};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0)
		wire_fail("socket", "AF_PACKET", strerror(errno));
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", dev);
	at.sll_ifindex = (int)if_nametoindex(dev);
	if (!at.sll_ifindex)
		wire_fail("--dev", dev, "no such interface in this namespace");
	if (ioctl(fd, SIOCETHTOOL, &request) || strcmp(driver.driver, "veth"))
		wire_fail("--dev", dev, "not a veth interface; this tool floods nothing else");
	if (ioctl(fd, SIOCGIFHWADDR, &request))
		wire_fail("hardware address of", dev, strerror(errno));
	memcpy(ret_mac, request.ifr_hwaddr.sa_data, ETH_ALEN);
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)))
		wire_fail("bind to", dev, strerror(errno));
	return fd;
}

static bool has_default_route(void)
{
	FILE *routes = fopen("/proc/net/route", "re");
	char line[256], destination[16], mask[16];
	bool found = !routes;

	while (routes && fgets(line, sizeof(line), routes)) {
		found |= sscanf(line, "%*s %15s %*s %*s %*s %*s %*s %15s", destination, mask) ==
				 2 &&
			 !strcmp(destination, "00000000") && !strcmp(mask, "00000000");
	}
	if (routes)
		fclose(routes);
	return found;
}

/*
 * Where process 1 may not be looked at (a container), a default route tells the machine's own
 * network from a namespace made for a test.
 */
void wire_refuse_real_network(void)
{
	struct stat own, first;
	bool real;

	if (stat("/proc/self/ns/net", &own))
		wire_fail("own namespace", "/proc/self/ns/net", strerror(errno));
	if (stat("/proc/1/ns/net", &first))
		real = has_default_route();
	else
		real = own.st_ino == first.st_ino && own.st_dev == first.st_dev;
	if (real)
		wire_fail("network namespace", "of this machine",
			  "refused; run it as: ip netns exec NAME attack ...");
}
