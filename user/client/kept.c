/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <user/client/parts.h>

void kept_init(struct kept_list *list)
{
	*list = (struct kept_list){.end = &list->first};
}

bool kept_fits(const struct kept_list *list, const struct strazh_message *message, size_t max)
{
	return !list->first || (list->bytes < max && message->len <= max - list->bytes);
}

int kept_add(struct kept_list *list, const struct strazh_message *message)
{
	struct kept *kept = malloc(sizeof(*kept) + message->len);

	if (!kept)
		return -ENOMEM;
	kept->next = NULL;
	kept->message = *message;
	kept->message.payload = kept->payload;
	if (message->len)
		memcpy(kept->payload, message->payload, message->len);
	*list->end = kept;
	list->end = &kept->next;
	list->bytes += sizeof(*kept) + message->len;
	return 0;
}

struct kept *kept_take(struct kept_list *list)
{
	struct kept *kept = list->first;

	if (!kept)
		return NULL;
	list->first = kept->next;
	if (!list->first)
		list->end = &list->first;
	list->bytes -= sizeof(*kept) + kept->message.len;
	return kept;
}

void kept_clear(struct kept_list *list)
{
	struct kept *kept;

	while ((kept = kept_take(list)) != NULL)
		free(kept);
}
