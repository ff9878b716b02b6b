/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/daemon/wanted.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct wanted_one *wanted_find(struct wanted *wanted, const char *ifname)
{
	for (size_t i = 0; i < wanted->len; i++)
		if (strcmp(wanted->at[i].ifname, ifname) == 0)
			return &wanted->at[i];
	return NULL;
}

int wanted_put(struct wanted *wanted, const char *ifname, enum attach_mode mode)
{
	struct wanted_one *one = wanted_find(wanted, ifname);

	if (!one) {
		if (wanted->len == WANTED_MAX)
			return -ENOSPC;
		one = &wanted->at[wanted->len++];
		(void)snprintf(one->ifname, sizeof(one->ifname), "%s", ifname);
	}
	one->mode = mode;
	one->told = false;
	return 0;
}

bool wanted_drop(struct wanted *wanted, const char *ifname)
{
	struct wanted_one *one = wanted_find(wanted, ifname);

	if (!one)
		return false;
	*one = wanted->at[--wanted->len];
	return true;
}
