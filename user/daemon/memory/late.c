/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/daemon/memory/late.h>

#include <errno.h>
#include <stdlib.h>

int late_put(struct late *late, const struct late_act *act)
{
	if (late->len == LATE_MAX)
		return -ENOBUFS;
	if (!late->acts)
		late->acts = calloc(LATE_MAX, sizeof(*late->acts));
	if (!late->acts)
		return -ENOMEM;
	late->acts[(late->at + late->len++) % LATE_MAX] = *act;
	return 0;
}

const struct late_act *late_first(const struct late *late)
{
	return late->len ? &late->acts[late->at] : NULL;
}

void late_drop_first(struct late *late)
{
	late->at = (late->at + 1) % LATE_MAX;
	if (!--late->len)
		late_deinit(late);
}

void late_deinit(struct late *late)
{
	free(late->acts);
	*late = (struct late){0};
}
