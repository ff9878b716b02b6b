/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Everything is written from the table of keys, so that nothing here can be behind it. */
#include <user/daemon/config/config_mask.h>
#include <user/daemon/config/config_show.h>

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include <strazh/base/own.h>
#include <user/daemon/config/config_feed.h>

static const char *const from_names[] = {"default", "file", "environment", "command line"};

const char *config_origin(const struct config *config, enum config_key key,
			  char text[CONFIG_ORIGIN_LEN])
{
	const struct config_value *value = &config->values[key];
	char variable[CONFIG_VARIABLE_LEN];

	if (value->from == FROM_FILE)
		snprintf(text, CONFIG_ORIGIN_LEN, "%.230s:%u", config->path ? config->path : "file",
			 value->line);
	else if (value->from == FROM_ENVIRONMENT)
		snprintf(text, CONFIG_ORIGIN_LEN, "%s", config_variable(key, variable));
	else
		snprintf(text, CONFIG_ORIGIN_LEN, "%s", from_names[value->from]);
	return text;
}

const char *config_upstream_origin(const struct config *config, const char *name,
				   char text[CONFIG_ORIGIN_LEN])
{
	const char *path = config->path ? config->path : "configuration";

	for (size_t i = 0; i < config->upstreams_len; i++) {
		if (strcmp(config->upstreams[i].name, name) != 0)
			continue;
		snprintf(text, CONFIG_ORIGIN_LEN, "%.230s:%u", path, config->upstreams[i].line);
		return text;
	}
	snprintf(text, CONFIG_ORIGIN_LEN, "%.230s", path);
	return text;
}

void config_show_faults(const struct config_faults *faults, FILE *to)
{
	size_t kept = MIN(faults->total, (size_t)CONFIG_FAULTS_MAX);

	for (size_t i = 0; i < kept; i++) {
		const struct config_fault *fault = &faults->list[i];

		fprintf(to, "%s: %s%s%s\n", fault->where, fault->key, fault->key[0] ? ": " : "",
			fault->why);
	}
	if (faults->total > kept)
		fprintf(to, "and %zu more\n", faults->total - kept);
}

static void show_feed(const struct config *config, const struct config_feed *feed, FILE *to)
{
	for (size_t i = 0; i < CFG_FEED_KEYS; i++) {
		const struct config_value *value = &feed->values[i];
		int n = fprintf(to, "feed.%s.%s = %s", feed->name, config_feed_about[i].name,
				value->text);

		fprintf(to, "%*s  # ", n < 52 ? 52 - n : 0, "");
		if (value->line)
			fprintf(to, "%s:%u\n", config->path ? config->path : "file", value->line);
		else
			fputs("default\n", to);
	}
}

void config_show_values(const struct config *config, FILE *to)
{
	char text[CONFIG_ORIGIN_LEN], shown[CONFIG_LINE_MAX];

	for (size_t i = 0; i < CFG_KEYS; i++) {
		const struct config_about *about = &config_about[i];
		int n = fprintf(to, "%s.%s = %s", about->section, about->name,
				config_mask((enum config_key)i, config->values[i].text, shown));

		config_origin(config, (enum config_key)i, text);
		fprintf(to, "%*s  # %s\n", n < 52 ? 52 - n : 0, "", text);
	}
	for (size_t i = 0; i < config->upstreams_len; i++) {
		const struct config_upstream *upstream = &config->upstreams[i];
		int n = fprintf(to, "service.tunnel.%s = %s", upstream->name, upstream->target);

		fprintf(to, "%*s  # %s:%u\n", n < 52 ? 52 - n : 0, "",
			config->path ? config->path : "file", upstream->line);
	}
	for (size_t i = 0; i < config->feeds_len; i++)
		show_feed(config, &config->feeds[i], to);
}

/* ---- JSON ---- */

/* Takes `item`, which may be NULL: no memory. */
static int append(json_t *array, json_t *item)
{
	return item && !json_array_append_new(array, item) ? 0 : -ENOMEM;
}

static int put_feed(json_t *array, const struct config *config, const struct config_feed *feed)
{
	int r = 0;

	for (size_t i = 0; !r && i < CFG_FEED_KEYS; i++) {
		const struct config_value *value = &feed->values[i];
		char key[80], text[CONFIG_ORIGIN_LEN] = "default";

		snprintf(key, sizeof(key), "feed.%.24s.%.24s", feed->name,
			 config_feed_about[i].name);
		if (value->line)
			snprintf(text, sizeof(text), "%.230s:%u",
				 config->path ? config->path : "file", value->line);
		r = append(array,
			   json_pack("{s:s, s:s, s:s, s:s, s:b}", "key", key, "value", value->text,
				     "from", from_names[value->from], "where", text, "restart", 0));
	}
	return r;
}

static int put_values(json_t *array, const struct config *config)
{
	int r = 0;

	for (size_t i = 0; !r && i < CFG_KEYS; i++) {
		const struct config_about *about = &config_about[i];
		const struct config_value *value = &config->values[i];
		char key[80], text[CONFIG_ORIGIN_LEN], shown[CONFIG_LINE_MAX];

		snprintf(key, sizeof(key), "%s.%s", about->section, about->name);
		config_origin(config, (enum config_key)i, text);
		r = append(array, json_pack("{s:s, s:s, s:s, s:s, s:b}", "key", key, "value",
					    config_mask((enum config_key)i, value->text, shown),
					    "from", from_names[value->from], "where", text,
					    "restart", about->when == WHEN_RESTART));
	}
	for (size_t i = 0; !r && i < config->upstreams_len; i++) {
		const struct config_upstream *upstream = &config->upstreams[i];
		char key[80], text[CONFIG_ORIGIN_LEN];

		snprintf(key, sizeof(key), "service.tunnel.%.64s", upstream->name);
		snprintf(text, sizeof(text), "%.230s:%u", config->path ? config->path : "file",
			 upstream->line);
		r = append(array, json_pack("{s:s, s:s, s:s, s:s, s:b}", "key", key, "value",
					    upstream->target, "from", "file", "where", text,
					    "restart", 1));
	}
	for (size_t i = 0; !r && i < config->feeds_len; i++)
		r = put_feed(array, config, &config->feeds[i]);
	return r;
}

static int put_faults(json_t *array, const struct config_faults *faults)
{
	size_t kept = MIN(faults->total, (size_t)CONFIG_FAULTS_MAX);
	int r = 0;

	for (size_t i = 0; !r && i < kept; i++) {
		const struct config_fault *fault = &faults->list[i];

		r = append(array, json_pack("{s:s, s:s, s:s}", "where", fault->where, "key",
					    fault->key, "why", fault->why));
	}
	return r;
}

int config_show_json(const struct config *config, const struct config_faults *faults, FILE *to)
{
	json_t *values = json_array(), *wrong = json_array(), *all = NULL;
	own_free char *text = NULL;
	int r = values && wrong ? 0 : -ENOMEM;

	if (!r && config)
		r = put_values(values, config);
	if (!r)
		r = put_faults(wrong, faults);
	if (!r) {
		all = json_pack("{s:b, s:s?, s:O, s:I, s:O}", "right", config != NULL, "file",
				config ? config->path : NULL, "values", values, "faults_total",
				(json_int_t)faults->total, "faults", wrong);
		text = all ? json_dumps(all, JSON_INDENT(1)) : NULL;
		r = text ? 0 : -ENOMEM;
	}
	if (!r)
		fprintf(to, "%s\n", text);
	json_decref(all);
	json_decref(values);
	json_decref(wrong);
	return r;
}

/* ---- the example and the manual ---- */

static const char *const section_texts[][2] = {
	{"daemon", "The daemon itself."},
	{"gate", "The gate in the network path."},
	{"guard", "Who is hostile, and what is done about it: see strazhctl why."},
	{"store", "What outlives strazhd: bans, what is known of sources, and the audit."},
	{"crowdsec", "CrowdSec as a source of bans; its entries are the list feed.crowdsec."},
	{"server", "The secured server."},
	{CONFIG_FEED_SECTION, "A block list, fetched on a schedule; as many as there are names. In "
			      "the gate it is the list "
			      "feed.NAME. These keys are not read from the environment."},
	{"service.echo", "For measuring and for trying."},
	{"service.relay", "Rooms and messages."},
	{"service.tunnel",
	 "TCP streams to upstreams. Each further line here is one: NAME = host:port."},
};

static const char *section_text(const char *section)
{
	for (size_t i = 0; i < ARRAY_LEN(section_texts); i++)
		if (strcmp(section_texts[i][0], section) == 0)
			return section_texts[i][1];
	return "";
}

/* "# " and words, in lines of 90 columns. */
static void wrap(FILE *to, const char *text)
{
	size_t column = 0;

	while (*text) {
		size_t len = strcspn(text, " ");

		if (column && column + 1 + len > 88) {
			fputc('\n', to);
			column = 0;
		}
		fprintf(to, "%s%.*s", column ? " " : "# ", (int)len, text);
		column += len + (column ? 1 : 2);
		text += len;
		text += strspn(text, " ");
	}
	fputc('\n', to);
}

/* Keys of the sections that there are, then those of a feed. */
#define KEYS_TOLD ((size_t)CFG_KEYS + CFG_FEED_KEYS)

static const struct config_about *about_at(size_t i)
{
	return i < CFG_KEYS ? &config_about[i] : &config_feed_about[i - CFG_KEYS];
}

void config_show_example(FILE *to)
{
	const char *section = "";
	char right[CONFIG_WHY_LEN];

	fputs("# Configuration of strazhd: see strazh.conf(5). What is a comment is the default.\n",
	      to);
	for (size_t i = 0; i < KEYS_TOLD; i++) {
		const struct config_about *about = about_at(i);
		/* Its name has to be chosen, so nothing of it stands as it is. */
		const char *mark = i < CFG_KEYS ? "" : "#\t";

		if (strcmp(section, about->section) != 0) {
			section = about->section;
			fputc('\n', to);
			wrap(to, section_text(section));
			fprintf(to, "%s[%s]\n", mark, section);
		}
		config_value_right(about, right);
		fputc('\n', to);
		wrap(to, about->help);
		fprintf(to, "# %s\n%s%s =%s%s\n", right, mark[0] ? mark : "#", about->name,
			about->standard[0] ? " " : "", about->standard);
	}
}

/* In mdoc(7) a dot or a quote at the beginning of a line is a request, a backslash an escape. */
static void man_text(FILE *to, const char *text)
{
	if (*text == '.' || *text == '\'')
		fputs("\\&", to);
	for (; *text; text++) {
		if (*text == '\\')
			fputs("\\e", to);
		/* A sentence ends its line, as mandoc(1) wants it. */
		else if (text[0] == '.' && text[1] == ' ' && text[2])
			text++, fputs(".\n", to);
		else
			fputc(*text, to);
	}
	fputc('\n', to);
}

void config_show_man(FILE *to)
{
	const char *section = "";
	char right[CONFIG_WHY_LEN];

	for (size_t i = 0; i < KEYS_TOLD; i++) {
		const struct config_about *about = about_at(i);

		if (strcmp(section, about->section) != 0) {
			if (section[0])
				fputs(".El\n", to);
			section = about->section;
			fprintf(to, ".Ss [%s]\n", section);
			man_text(to, section_text(section));
			fputs(".Bl -tag -width Ds\n", to);
		}
		config_value_right(about, right);
		fprintf(to, ".It Ic %s No = Ar %s\n", about->name,
			about->standard[0] ? about->standard : "\\&");
		man_text(to, about->help);
		fprintf(to, "Value: %s.\n", right);
		if (about->when == WHEN_RESTART)
			fputs("Changes need a restart.\n", to);
	}
	fputs(".El\n", to);
}
