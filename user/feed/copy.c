/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/feed/copy.h>

#include <errno.h>
#include <string.h>

static size_t record_size(bool lapi)
{
	return lapi ? sizeof(struct feed_decision) : sizeof(struct prefix);
}

uint64_t feed_copy_size_most(enum feed_format format, uint64_t max_entries)
{
	return sizeof(struct feed_head) + max_entries * record_size(format == FEED_LAPI);
}

static bool canonical(const struct prefix *p)
{
	struct prefix again;

	if ((p->family != 4 && p->family != 6) || p->len > prefix_len_max(p->family))
		return false;
	again = prefix_from(p->family, p->addr, p->len);
	return memcmp(&again, p, sizeof(again)) == 0;
}

static const char *check_entries(const struct prefix *entries, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		if (!canonical(&entries[i]))
			return "a record is no prefix";
		if (i && prefix_compare(&entries[i - 1], &entries[i]) >= 0)
			return "a record is out of order";
	}
	return NULL;
}

static const char *check_decisions(const struct feed_decision *decisions, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		if (!canonical(&decisions[i].prefix))
			return "a decision is about no prefix";
		if (decisions[i].gone > 1)
			return "a decision neither came nor went";
	}
	return NULL;
}

int feed_copy_check(const void *bytes, size_t len, bool lapi, uint64_t max_entries,
		    struct feed_copy *ret_copy, const char **ret_why)
{
	struct feed_copy copy = {0};
	struct feed_head *head = &copy.head;
	const char *records, *why = NULL;

	if (len < sizeof(*head)) {
		*ret_why = "too short for its head";
		return -EBADMSG;
	}
	memcpy(head, bytes, sizeof(*head));
	records = (const char *)bytes + sizeof(*head);
	if (head->magic != FEED_MAGIC || head->version != FEED_VERSION ||
	    head->format >= FEED_FORMATS || (head->format == FEED_LAPI) != lapi)
		why = "no copy of that kind";
	else if (head->count > max_entries)
		why = "more records than allowed";
	else if (len - sizeof(*head) != head->count * record_size(lapi))
		why = "another size than its head says";
	else if (lapi)
		why = check_decisions((const void *)records, head->count);
	else
		why = check_entries((const void *)records, head->count);
	if (why) {
		*ret_why = why;
		return -EBADMSG;
	}
	feed_text_clean(head->etag, sizeof(head->etag));
	feed_text_clean(head->modified, sizeof(head->modified));
	for (size_t i = 0; i < FEED_WRONG_KEPT; i++) {
		feed_text_clean(head->wrongs[i].text, sizeof(head->wrongs[i].text));
		feed_text_clean(head->wrongs[i].why, sizeof(head->wrongs[i].why));
	}
	if (lapi)
		copy.decisions = (const void *)records;
	else
		copy.entries = (const void *)records;
	*ret_copy = copy;
	return 0;
}
