/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * From four sources one configuration: all defaults first, and each source sets on top of those
 * before it. What is wrong is noted and the value left as it was; whether anything was wrong is
 * asked once, at the end.
 */
#include <user/daemon/config/config.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <strazh/base/own.h>
#include <user/ctl/nearest.h>
#include <user/daemon/config/config_feed.h>
#include <user/daemon/config/config_guard.h>
#include <user/daemon/config/config_parts.h>

#define VARIABLE "STRAZH_"

const struct config_about config_about[CFG_KEYS] = {
#define X(id, section, name, kind, standard, least, most, words, when, help)                       \
	[CFG_##id] = {section, name, KIND_##kind, standard, least, most, words, WHEN_##when, help},
	CONFIG_KEYS(X)
#undef X
};

static const char *const sections[] = {
	"daemon", "gate",	  "guard",	   "crowdsec",	     "store",
	"server", "service.echo", "service.relay", "service.tunnel",
};

void config_fault_add(struct config_faults *faults, const char *where, const char *key,
		      const char *why, ...)
{
	struct config_fault *fault;
	va_list args;

	if (faults->total++ >= CONFIG_FAULTS_MAX)
		return;
	fault = &faults->list[faults->total - 1];
	snprintf(fault->where, sizeof(fault->where), "%s", where);
	snprintf(fault->key, sizeof(fault->key), "%s", key);
	va_start(args, why);
	vsnprintf(fault->why, sizeof(fault->why), why, args);
	va_end(args);
}

/* ---- names ---- */

int config_section_index(const char *section)
{
	for (size_t i = 0; i < ARRAY_LEN(sections); i++)
		if (strcmp(sections[i], section) == 0)
			return (int)i;
	return -1;
}

bool config_section_known(const char *section)
{
	return config_section_index(section) >= 0;
}

enum config_key config_find(const char *section, const char *name)
{
	for (size_t i = 0; i < CFG_KEYS; i++)
		if (strcmp(config_about[i].section, section) == 0 &&
		    strcmp(config_about[i].name, name) == 0)
			return (enum config_key)i;
	return CFG_KEYS;
}

const char *config_nearest_name(const char *section, const char *name)
{
	const char *nearest = NULL;
	size_t least = SIZE_MAX;

	for (size_t i = 0; i < CFG_KEYS; i++) {
		size_t far = word_distance(name, config_about[i].name);

		if ((section && strcmp(config_about[i].section, section) != 0) || far >= least ||
		    !word_near(name, config_about[i].name))
			continue;
		least = far;
		nearest = config_about[i].name;
	}
	return nearest;
}

const char *config_nearest_section(const char *section)
{
	const char *nearest = NULL;
	size_t least = SIZE_MAX;

	for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
		size_t far = word_distance(section, sections[i]);

		/* [relay] is meant to be [service.relay]. */
		const char *dot = strchr(sections[i], '.');

		if (dot && strcmp(dot + 1, section) == 0)
			return sections[i];
		if (far < least && word_near(section, sections[i])) {
			least = far;
			nearest = sections[i];
		}
	}
	return nearest;
}

const char *config_variable(enum config_key key, char ret_name[CONFIG_VARIABLE_LEN])
{
	const struct config_about *about = &config_about[key];

	snprintf(ret_name, CONFIG_VARIABLE_LEN, VARIABLE "%s_%s", about->section, about->name);
	for (char *c = ret_name; *c; c++)
		*c = *c == '.' ? '_' : (char)toupper((unsigned char)*c);
	return ret_name;
}

/* ---- one value ---- */

int config_set_value(struct config *config, enum config_key key, const char *text,
		     enum config_from from, const char *where, struct config_faults *faults)
{
	const struct config_about *about = &config_about[key];
	struct config_value *value = &config->values[key];
	char why[CONFIG_WHY_LEN], name[64], *normal;
	uint64_t number;
	int r = config_value_parse(about, text, &normal, &number, why);

	if (r == CONFIG_WRONG) {
		snprintf(name, sizeof(name), "%s.%s", about->section, about->name);
		config_fault_add(faults, where, name, "%s", why);
	}
	if (r)
		return r;
	free(value->text);
	value->text = normal;
	value->number = number;
	value->from = from;
	return 0;
}

int config_add_upstream(struct config *config, const char *name, const char *target, unsigned line)
{
	struct config_upstream *list = reallocarray(config->upstreams, config->upstreams_len + 1,
						    sizeof(*list));
	struct config_upstream *added;

	if (!list)
		return -ENOMEM;
	config->upstreams = list;
	added = &list[config->upstreams_len];
	*added = (struct config_upstream){strdup(name), strdup(target), line};
	config->upstreams_len++; /* config_free() knows what to do with half a one */
	return added->name && added->target ? 0 : -ENOMEM;
}

int config_put(struct config *config, const struct config_set *set, struct config_faults *faults)
{
	int r = config_set_value(config, set->key, set->text, FROM_COMMAND, set->option, faults);

	return r < 0 ? r : 0;
}

/* ---- sources ---- */

struct config *config_new(void)
{
	struct config *config = calloc(1, sizeof(*config));
	struct config_faults *faults = calloc(1, sizeof(*faults));
	bool right = config && faults;

	for (size_t i = 0; right && i < CFG_KEYS; i++)
		right = config_set_value(config, (enum config_key)i, config_about[i].standard,
					 FROM_DEFAULT, "default", faults) == 0;
	free(faults);
	if (right)
		return config;
	config_free(config);
	return NULL;
}

void config_free(struct config *config)
{
	if (!config)
		return;
	for (size_t i = 0; i < CFG_KEYS; i++)
		free(config->values[i].text);
	for (size_t i = 0; i < config->upstreams_len; i++) {
		free(config->upstreams[i].name);
		free(config->upstreams[i].target);
	}
	free(config->upstreams);
	config_feeds_free(config->feeds, config->feeds_len);
	free(config->path);
	free(config);
}

/* A variable of ours that no key has: in the name of a section, or it is none of ours. */
static void judge_variable(const char *name, size_t len, struct config_faults *faults)
{
	char known[CONFIG_VARIABLE_LEN], given[CONFIG_VARIABLE_LEN];
	size_t least = SIZE_MAX, nearest = CFG_KEYS;
	bool ours = false;

	snprintf(given, sizeof(given), "%.*s", (int)MIN(len, sizeof(given) - 1), name);
	for (size_t i = 0; i < CFG_KEYS; i++) {
		const char *key = config_variable((enum config_key)i, known);
		size_t section = strlen(key) - strlen(config_about[i].name), far;

		if (strncmp(given, key, section) != 0)
			continue;
		ours = true;
		far = word_distance(given + section, key + section);
		if (far < least && word_near(given + section, key + section)) {
			least = far;
			nearest = i;
		}
	}
	if (nearest != CFG_KEYS)
		config_fault_add(faults, given, "", "no key has this variable; did you mean %s?",
				 config_variable((enum config_key)nearest, known));
	else if (ours)
		config_fault_add(faults, given, "", "no key has this variable: see strazh.conf(5)");
}

int config_read_environment(struct config *config, char **environment, struct config_faults *faults)
{
	static const struct {
		const char *name;
		enum config_key key;
	} older[] = {
		{"STRAZH_RUN_DIR", CFG_RUN_DIR},
		{"STRAZH_STATE_DIR", CFG_STATE_DIR},
		{"STRAZH_PIN_DIR", CFG_PIN_DIR},
	};

	for (; *environment; environment++) {
		const char *variable = *environment, *equals = strchr(variable, '=');
		size_t len = equals ? (size_t)(equals - variable) : 0;
		enum config_key key = CFG_KEYS;
		char name[CONFIG_VARIABLE_LEN];

		if (!equals || strncmp(variable, VARIABLE, strlen(VARIABLE)) != 0)
			continue;
		for (size_t i = 0; i < CFG_KEYS; i++)
			if (strlen(config_variable((enum config_key)i, name)) == len &&
			    memcmp(name, variable, len) == 0)
				key = (enum config_key)i;
		for (size_t i = 0; i < ARRAY_LEN(older); i++)
			if (strlen(older[i].name) == len &&
			    memcmp(older[i].name, variable, len) == 0 && equals[1])
				key = older[i].key;
		if (key == CFG_KEYS) {
			judge_variable(variable, len, faults);
			continue;
		}
		snprintf(name, sizeof(name), "%.*s", (int)MIN(len, sizeof(name) - 1), variable);
		if (config_set_value(config, key, equals + 1, FROM_ENVIRONMENT, name, faults) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* One byte more than is allowed is enough to know. -errno: it cannot be read. */
static int read_file(const char *path, char **ret_text, size_t *ret_len)
{
	own_free char *text = malloc(CONFIG_FILE_MAX + 1);
	own_file FILE *file = NULL;
	size_t len;

	if (!text)
		return -ENOMEM;
	file = fopen(path, "re");
	if (!file)
		return -errno;
	len = fread(text, 1, CONFIG_FILE_MAX + 1, file);
	if (ferror(file))
		return errno ? -errno : -EIO;
	*ret_text = take_ptr(text);
	*ret_len = len;
	return 0;
}

static int take_file(struct config *config, const struct config_sources *sources,
		     struct config_faults *faults)
{
	const char *path = sources->path ? sources->path : CONFIG_FILE;
	own_free char *text = NULL;
	size_t len = 0;
	int r = read_file(path, &text, &len);

	if (r == -ENOENT && !sources->path)
		return 0;
	if (r == -ENOMEM)
		return r;
	if (r) {
		config_fault_add(faults, path, "", "cannot be read: %s", strerror(-r));
		return 0;
	}
	config->path = strdup(path);
	if (!config->path)
		return -ENOMEM;
	return config_read(config, path, text, len, faults);
}

void config_check(const struct config *config, struct config_faults *faults)
{
	const uint64_t certified = 4 | 8; /* nx and xx among "nk1 xk1 nx xx" */
	const struct config_value *values = config->values;

	if (values[CFG_SERVER_SUITES].number & certified && !values[CFG_SERVER_CERTIFICATE].number)
		config_fault_add(faults, "configuration", "server.certificate",
				 "server.suites names nx or xx, which need a certificate");
	if (values[CFG_SERVER_MAX_HALF_OPEN].number > values[CFG_SERVER_MAX_CONNECTIONS].number)
		config_fault_add(faults, "configuration", "server.max_half_open",
				 "more than server.max_connections, %s",
				 values[CFG_SERVER_MAX_CONNECTIONS].text);
	if (values[CFG_TUNNEL_ENABLE].number && !config->upstreams_len)
		config_fault_add(faults, "configuration", "service.tunnel.enable",
				 "on, but [service.tunnel] names no upstream: NAME = host:port");
	config_guard_check(config, faults);
	config_feed_check(config, faults);
}

int config_load(const struct config_sources *sources, struct config **ret_config,
		struct config_faults *ret_faults)
{
	struct config *config = config_new();
	int r = config ? 0 : -ENOMEM;

	memset(ret_faults, 0, sizeof(*ret_faults));
	if (!r)
		r = take_file(config, sources, ret_faults);
	if (!r && sources->environment)
		r = config_read_environment(config, sources->environment, ret_faults);
	for (size_t i = 0; !r && i < sources->sets_len; i++)
		r = config_put(config, &sources->sets[i], ret_faults);
	if (!r && !ret_faults->total)
		config_check(config, ret_faults);
	if (!r && ret_faults->total)
		r = CONFIG_WRONG;
	if (r)
		config_free(config);
	else
		*ret_config = config;
	return r;
}
