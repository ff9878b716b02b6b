/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/ctl/rows.h>

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <user/base/clock.h>
#include <user/ctl/ports.h>
#include <user/gate/limits.h>
#include <user/gate/stats.h>

#define HALF_YEAR_S (183 * 24 * 3600)

static enum sz_origin origin_of(enum sz_table table, uint32_t bit)
{
	if (table != SZ_TABLE_DENY)
		return bit == SZ_PASS_OPERATOR ? SZ_ORIGIN_OPERATOR : SZ_ORIGIN_GUARD;
	if (bit == SZ_LIST_OPERATOR)
		return SZ_ORIGIN_OPERATOR;
	return bit == SZ_LIST_GUARD ? SZ_ORIGIN_GUARD : SZ_ORIGIN_FEED;
}

static bool over(const struct entry *entry, uint32_t bit, uint32_t now_s)
{
	uint32_t until_s = entry->own_until_s[origin_of(entry->table, bit)];

	return until_s && now_s >= until_s;
}

uint64_t entry_own_live(const struct entry *entry, uint64_t lists_off, uint32_t now_s)
{
	uint64_t lists = entry->own_lists;

	if (entry->table == SZ_TABLE_DENY)
		lists &= ~lists_off;
	for (uint32_t bit = 0; bit <= SZ_LIST_FEED; bit++) {
		uint64_t mask = bit < SZ_LIST_FEED ? 1ULL << bit : ~0ULL << SZ_LIST_FEED;

		if (lists & mask && over(entry, bit, now_s))
			lists &= ~mask;
	}
	return lists;
}

uint32_t entry_until(const struct entry *entry, uint64_t lists, uint32_t now_s)
{
	uint32_t last = now_s;

	for (uint32_t bit = 0; bit < SZ_LISTS; bit++) {
		uint32_t until_s = entry->own_until_s[origin_of(entry->table, bit)];

		if (!(lists >> bit & 1))
			continue;
		if (!until_s)
			return 0;
		last = MAX(last, until_s);
	}
	return last;
}

static void set(json_t *row, const char *key, json_t *value)
{
	(void)!json_object_set_new(row, key, value);
}

static void set_note(struct gate *gate, const struct entry *entry, json_t *row)
{
	struct sz_note note;

	if (act_note(gate, entry->table, &entry->prefix, &note))
		return;
	note.text[SZ_NOTE_LEN - 1] = '\0';
	if (note.text[0])
		set(row, "note", json_string(note.text));
	set(row, "made", json_integer((json_int_t)note.made_s));
}

json_t *row_entry(struct gate *gate, const struct list_names *names, const struct entry *entry,
		  uint64_t lists, uint32_t now_s)
{
	char text[PREFIX_TEXT_LEN];
	uint32_t until_s = entry_until(entry, lists, now_s);
	json_t *row = json_object();

	if (!row)
		return NULL;
	set(row, "table", json_string(table_names[entry->table]));
	set(row, "prefix", json_string(prefix_format(&entry->prefix, text)));
	set(row, "lists", names_json(names, entry->table, lists));
	set(row, "hits", json_integer((json_int_t)entry->rule.hits));
	if (until_s) {
		set(row, "left_s", json_integer((json_int_t)clock_left(until_s)));
		set(row, "until", json_integer((json_int_t)clock_wall_of(until_s)));
	} else {
		set(row, "left_s", json_null());
		set(row, "until", json_null());
	}
	if (entry->rule.since_s)
		set(row, "since", json_integer((json_int_t)clock_wall_of(entry->rule.since_s)));
	set_note(gate, entry, row);
	return row;
}

/* ---- events ---- */

static void set_address(json_t *row, const char *key, uint8_t family, const uint8_t *addr)
{
	char text[INET6_ADDRSTRLEN] = "";

	if (family && inet_ntop(family == 4 ? AF_INET : AF_INET6, addr, text, sizeof(text)))
		set(row, key, json_string(text));
}

static void set_protocol(json_t *row, const struct sz_event *event)
{
	static const struct {
		uint8_t proto;
		const char *name;
	} known[] = {{1, "icmp"}, {6, "tcp"},	  {17, "udp"},	{47, "gre"},
		     {50, "esp"}, {58, "icmpv6"}, {132, "sctp"}};

	if (!event->family)
		return;
	set(row, "proto", json_integer(event->proto));
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (known[i].proto == event->proto)
			set(row, "proto_name", json_string(known[i].name));
	if (event->flags & SZ_EVENT_PORTS) {
		set(row, "sport", json_integer(ntohs(event->sport)));
		set(row, "dport", json_integer(ntohs(event->dport)));
	}
	if (event->proto == 6 && event->flags & SZ_EVENT_PORTS)
		set(row, "tcp_flags", json_integer(event->tcp_flags));
	if (event->flags & SZ_EVENT_FRAGMENT)
		set(row, "fragment", json_true());
}

/* The class whose limit was passed, and the service it was for, by its number as it is now. */
static void set_rate(json_t *row, const struct gate *gate, const struct sz_event *event)
{
	const struct sz_service *service = &gate->services[event->service % SZ_SERVICES];
	char text[PORT_TEXT_LEN];

	if (event->rate_class && event->rate_class <= SZ_RATE_CLASSES)
		set(row, "class", json_string(rate_class_names[event->rate_class - 1]));
	if (event->service && service->flags & SZ_SERVICE_USED)
		set(row, "service", json_string(port_format(service->proto, service->port, text)));
}

static double event_wall(const struct sz_event *event)
{
	int64_t ago = (int64_t)(clock_boot_ns() - event->at_ns);
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (double)now.tv_sec + ((double)now.tv_nsec - (double)ago) / 1e9;
}

json_t *row_event(const struct gate *gate, const struct list_names *names,
		  const struct sz_event *event)
{
	json_t *row = json_object();
	char ifname[IF_NAMESIZE];

	if (!row)
		return NULL;
	set(row, "at", json_real(event_wall(event)));
	set(row, "reason",
	    event->reason < SZ_REASON_COUNT ? json_string(reason_names[event->reason])
					    : json_sprintf("reason %u", event->reason));
	set(row, "observed", json_boolean(event->flags & SZ_EVENT_OBSERVED));
	set_address(row, "source", event->family, event->saddr);
	set_address(row, "target", event->family, event->daddr);
	set_protocol(row, event);
	set(row, "len", json_integer(event->frame_len));
	set(row, "ifindex", json_integer(event->ifindex));
	if (if_indextoname(event->ifindex, ifname))
		set(row, "interface", json_string(ifname));
	if (event->vlan)
		set(row, "vlan", json_integer(event->vlan));
	if (event->lists)
		set(row, "lists", names_json(names, SZ_TABLE_DENY, event->lists));
	set_rate(row, gate, event);
	return row;
}

/* ---- times ---- */

void wall_text(uint64_t wall_s, char *text, size_t size)
{
	time_t now = time(NULL), then = (time_t)wall_s;
	struct tm today, day;
	size_t len;

	localtime_r(&now, &today);
	localtime_r(&then, &day);
	if (today.tm_year == day.tm_year && today.tm_yday == day.tm_yday)
		len = strftime(text, size, "%T", &day);
	else if (llabs((long long)(then - now)) < HALF_YEAR_S)
		len = strftime(text, size, "%b %e %R", &day);
	else
		len = strftime(text, size, "%F", &day);
	if (!len)
		text[0] = '\0';
}

void until_text(uint32_t until_s, char *text, size_t size)
{
	char left[DURATION_TEXT_LEN], wall[32];

	if (!until_s) {
		(void)snprintf(text, size, "for good");
		return;
	}
	wall_text(clock_wall_of(until_s), wall, sizeof(wall));
	(void)snprintf(text, size, "for %s (until %s)", duration_format(clock_left(until_s), left),
		       wall);
}
