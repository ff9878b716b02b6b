/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The file, read by libinih. It asks for line after line (next_line) and calls back for each
 * "key = value" (on_pair); of what it cannot read it tells only the first line, and of section
 * headings nothing. So next_line() looks at each line before it hands it out: it counts lines,
 * judges headings, refuses what is too long or is no text, and sees by `paired` whether the line
 * before was understood. Indented lines are lines like all others: leading space is taken off.
 */
#include <user/daemon/config/config.h>

#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <strazh/base/own.h>
#include <user/daemon/config/config_feed.h>
#include <user/daemon/config/config_parts.h>
#include <user/wire/text.h>

struct reading {
	struct config *config;
	struct config_faults *faults;
	const char *name; /* of the file */
	const char *at, *end;
	unsigned line;
	bool pending;	       /* a line was handed out that has to be a pair */
	char shown[48];	       /* of it, for the fault */
	bool lost;	       /* below a heading that is wrong: one fault is enough */
	unsigned sections[32]; /* line of each heading, as config_section_index() counts */
	int error;
};

static const char *where(const struct reading *r, char text[128])
{
	snprintf(text, 128, "%.110s:%u", r->name, r->line);
	return text;
}

printf_like(3, 4) static void fault(struct reading *r, const char *key, const char *format, ...)
{
	char why[CONFIG_WHY_LEN], text[128];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	config_fault_add(r->faults, where(r, text), key, "%s", why);
}

static void begin_feed(struct reading *r, const char *section, const char *name)
{
	char why[CONFIG_WHY_LEN];
	int n = config_feed_add(r->config, name, r->line, why);

	if (n == CONFIG_WRONG)
		fault(r, "", "[%s]: %s", section, why);
	else if (n)
		r->error = n;
	r->lost = n != 0;
}

static void judge_heading(struct reading *r, const char *line, size_t len)
{
	const char *end = memchr(line, ']', len), *near;
	char section[51]; /* libinih keeps 50 bytes */
	int index;

	r->lost = true;
	if (!end) {
		fault(r, "", "'%.40s': the heading of a section ends with ']'", r->shown);
		return;
	}
	snprintf(section, sizeof(section), "%.*s", (int)MIN(end - line - 1, 50), line + 1);
	if (config_feed_section(section)) {
		begin_feed(r, section, config_feed_section(section));
		return;
	}
	index = config_section_index(section);
	if (index < 0) {
		near = config_nearest_section(section);
		if (near)
			fault(r, "", "[%s]: there is no such section; did you mean [%s]?", section,
			      near);
		else
			fault(r, "", "[%s]: there is no such section", section);
		return;
	}
	if (r->sections[index])
		fault(r, "", "[%s]: this section began in line %u already", section,
		      r->sections[index]);
	else
		r->sections[index] = r->line;
	r->lost = false;
}

/* The line before, when libinih made nothing of it. */
static void settle(struct reading *r)
{
	if (r->pending)
		fault(r, "", "'%s': neither '[section]' nor 'key = value'", r->shown);
	r->pending = false;
}

/* False: the line is at fault, and an empty one takes its place. */
static bool judge(struct reading *r, const char *line, size_t len)
{
	snprintf(r->shown, sizeof(r->shown), "%.*s", (int)MIN(len, sizeof(r->shown) - 1), line);
	if (len + 2 > CONFIG_LINE_MAX) {
		fault(r, "", "a line of %zu bytes; at most %d would be right", len,
		      CONFIG_LINE_MAX - 2);
		return false;
	}
	for (size_t i = 0; i < len; i++)
		if (line[i] != '\t' && (unsigned char)line[i] < ' ') {
			fault(r, "", "a control character, 0x%02x, is no text",
			      (unsigned char)line[i]);
			return false;
		}
	if (!len || line[0] == '#' || line[0] == ';')
		return true;
	if (line[0] == '[')
		judge_heading(r, line, len);
	else
		r->pending = true;
	return true;
}

static char *next_line(char *to, int room, void *stream)
{
	struct reading *r = stream;
	const char *line = r->at, *end;
	size_t len;

	settle(r);
	if (r->error || line == r->end)
		return NULL;
	end = memchr(line, '\n', (size_t)(r->end - line));
	r->at = end ? end + 1 : r->end;
	len = (size_t)((end ? end : r->end) - line);
	r->line++;
	if (len && line[len - 1] == '\r')
		len--;
	while (len && (*line == ' ' || *line == '\t')) {
		line++;
		len--;
	}
	if (!judge(r, line, len) || len + 2 > (size_t)room)
		len = 0;
	memcpy(to, line, len);
	memcpy(to + len, "\n", 2);
	return to;
}

static void unknown_key(struct reading *r, const char *section, const char *name, const char *key)
{
	const char *near = config_nearest_name(section, name);

	if (near)
		fault(r, key, "there is no such key; did you mean '%s'?", near);
	else
		fault(r, key, "there is no such key in [%s]", section);
}

static void take_upstream(struct reading *r, const char *name, const char *target, const char *key)
{
	const struct config *config = r->config;

	for (size_t i = 0; i < config->upstreams_len; i++)
		if (strcmp(config->upstreams[i].name, name) == 0) {
			fault(r, key, "set in line %u already", config->upstreams[i].line);
			return;
		}
	if (!config_target_right(target)) {
		const char *near = config_nearest_name("service.tunnel", name);

		if (near)
			fault(r, key, "no such key, did you mean '%s'? An upstream has host:port",
			      near);
		else
			fault(r, key,
			      "'%.60s': an upstream is host:port, like 127.0.0.1:80 or [::1]:80",
			      target);
	} else if (!config_upstream_name_right(name)) {
		fault(r, key, "the name of an upstream is letters, digits and - _ . , at most %u",
		      CONFIG_UPSTREAM_NAME_MAX);
	} else if (config->upstreams_len == CONFIG_UPSTREAMS_MAX) {
		fault(r, key, "%u upstreams are the most", CONFIG_UPSTREAMS_MAX);
	} else {
		r->error = config_add_upstream(r->config, name, target, r->line);
	}
}

static void take_key(struct reading *r, enum config_key id, const char *text, const char *key)
{
	struct config_value *value = &r->config->values[id];
	char at[128];
	int n;

	if (value->line) {
		fault(r, key, "set in line %u already", value->line);
		return;
	}
	n = config_set_value(r->config, id, text, FROM_FILE, where(r, at), r->faults);
	if (n < 0)
		r->error = n;
	value->line = r->line; /* a wrong one is there as well: the next would come twice */
}

static void take_feed(struct reading *r, const char *feed, const char *name, const char *text,
		      const char *key)
{
	struct config_feed *to = config_feed_find(r->config, feed);
	char why[CONFIG_WHY_LEN];
	int n = to ? config_feed_put(to, name, text, r->line, why) : 0;

	if (n == CONFIG_WRONG)
		fault(r, key, "%s", why);
	else if (n)
		r->error = n;
}

static int on_pair(void *user, const char *section, const char *name, const char *text)
{
	struct reading *r = user;
	enum config_key id;
	char key[128];

	r->pending = false;
	if (r->lost || r->error)
		return 1;
	snprintf(key, sizeof(key), "%.50s.%.70s", section, name);
	if (!section[0]) {
		fault(r, "", "'%.40s' stands above the first [section]", name);
		r->lost = true;
		return 1;
	}
	id = config_find(section, name);
	if (!text_clean(text, strlen(text)))
		fault(r, key, "the value is no clean UTF-8");
	else if (config_feed_section(section))
		take_feed(r, config_feed_section(section), name, text, key);
	else if (id != CFG_KEYS)
		take_key(r, id, text, key);
	else if (strcmp(section, "service.tunnel") == 0)
		take_upstream(r, name, text, key);
	else
		unknown_key(r, section, name, key);
	return 1;
}

int config_read(struct config *config, const char *name, const char *text, size_t len,
		struct config_faults *faults)
{
	struct reading r = {
		.config = config, .faults = faults, .name = name, .at = text, .end = text + len};
	int n;

	/* On the heap, and lines as long as next_line() lets through. */
	ini_use_stack = false;
	ini_max_line = CONFIG_LINE_MAX;
	ini_initial_alloc = CONFIG_LINE_MAX;
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		r.at += 3; /* what some editors put before UTF-8 */
	if (len > CONFIG_FILE_MAX) {
		config_fault_add(faults, name, "", "more than %u KiB are no configuration",
				 CONFIG_FILE_MAX >> 10);
		return 0;
	}
	n = ini_parse_stream(next_line, &r, on_pair, &r);
	if (n == -2)
		return -ENOMEM;
	settle(&r);
	return r.error;
}
