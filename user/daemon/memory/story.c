/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/daemon/memory/story.h>

#include <stdlib.h>

#include <user/base/clock.h>
#include <user/daemon/memory/memory_parts.h>
#include <user/gate/act.h>

#define WAIT_S 3U
#define ENTRIES_MAX 16U

struct story_wait {
	struct story_wait *next;
	struct client_link *link; /* NULL: nobody waits any more */
	const struct command *command;
	json_t *args;
	uint32_t since_s;
};

static void add(struct prefix subjects[], size_t *len, const struct prefix *prefix)
{
	for (size_t i = 0; i < *len; i++)
		if (prefix_compare(&subjects[i], prefix) == 0)
			return;
	if (*len < RECALL_SUBJECTS_MAX)
		subjects[(*len)++] = *prefix;
}

/* What may have been done to the address: to itself, to what the guard calls its source and its
 * prefix, and to whatever list entry covers it. */
static size_t subjects_of(struct gate *gate, const struct prefix *prefix, struct prefix subjects[])
{
	static const uint8_t lens[2][2] = {{32, 24}, {64, 48}};
	struct entry entries[ENTRIES_MAX];
	size_t len = 0, count = 0;

	add(subjects, &len, prefix);
	for (size_t i = 0; i < ARRAY_LEN(lens[0]); i++) {
		uint8_t most = lens[prefix->family == 6][i];
		struct prefix wide;

		if (prefix->len < most)
			continue;
		wide = prefix_from(prefix->family, prefix->addr, most);
		add(subjects, &len, &wide);
	}
	if (act_covering(gate, prefix, entries, ENTRIES_MAX, &count))
		return len;
	for (size_t i = 0; i < count; i++)
		add(subjects, &len, &entries[i].prefix);
	return len;
}

static void drop(struct memory *m, struct story_wait *wait)
{
	for (struct story_wait **at = &m->stories; *at; at = &(*at)->next) {
		if (*at != wait)
			continue;
		*at = wait->next;
		break;
	}
	json_decref(wait->args);
	free(wait);
}

bool story_ask(struct client_link *link, const struct request *request, const char **ret_why)
{
	struct memory *m = link->keeper->memory;
	struct prefix prefix, subjects[RECALL_SUBJECTS_MAX];
	struct story_wait *wait;
	size_t len;

	*ret_why = NULL;
	if (!m || !m->recall || request_prefix(request, "prefix", &prefix))
		return false;
	*ret_why = "the store is away";
	if (m->degraded)
		return false;
	*ret_why = "too many ask";
	wait = calloc(1, sizeof(*wait));
	if (!wait)
		return false;
	*wait = (struct story_wait){
		.next = m->stories,
		.link = link,
		.command = request->command,
		.args = json_incref(request->args),
		.since_s = clock_boot_s(),
	};
	m->stories = wait;
	len = subjects_of(link->keeper->gate, &prefix, subjects);
	if (recall_story(m->recall, subjects, len, wait)) {
		drop(m, wait);
		return false;
	}
	link->story = wait;
	lines_pause(&link->lines);
	return true;
}

void story_abandon(struct client_link *link)
{
	if (link->story)
		link->story->link = NULL;
	link->story = NULL;
}

static void give(struct story_wait *wait, json_t *records, const char *why)
{
	struct client_link *link = wait->link;

	if (!link)
		return;
	wait->link = NULL;
	link->story = NULL;
	link_go_on(link, wait->command, wait->args, records, why);
}

void story_found(void *memory, void *tag, json_t *records, const char *why)
{
	struct story_wait *wait = tag;

	give(wait, records, records ? NULL : why);
	json_decref(records);
	drop(memory, wait);
}

void stories_tick(struct memory *m)
{
	uint32_t now_s = clock_boot_s();

	for (struct story_wait *wait = m->stories; wait; wait = wait->next)
		if (wait->link && now_s - wait->since_s >= WAIT_S)
			give(wait, NULL, "the store did not answer in time");
}

/* No client is there any more, and nobody is told of what was read. */
void stories_close(struct memory *m)
{
	while (m->stories)
		drop(m, m->stories);
}
