/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Lists from the world: whatever the text, the entries are canonical, sorted and without doubles.
 */
#include "must.h"

#include <user/base/cidrlist.h>

#define TEXT_MAX 65536

static void check_entry(const struct cidrlist *list, size_t i)
{
	const struct prefix *p = &list->entries[i];
	struct prefix again = prefix_from(p->family, p->addr, p->len);

	MUST(memcmp(p, &again, sizeof(again)) == 0);
	MUST(!i || prefix_compare(p - 1, p) < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cidrlist list;

	if (size > TEXT_MAX || cidrlist_parse((const char *)data, size, &list))
		return 0;
	for (size_t i = 0; i < list.count; i++)
		check_entry(&list, i);
	for (size_t i = 0; i < list.faults_total && i < ARRAY_LEN(list.faults); i++)
		MUST(list.faults[i].line && list.faults[i].line <= list.lines &&
		     list.faults[i].why && strnlen(list.faults[i].text, 64) != 64);
	cidrlist_deinit(&list);
	return 0;
}
