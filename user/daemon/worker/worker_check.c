/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What the configuration of the secured server names, read: files with keys, settings of services.
 * The start, a reload and --check all read it here, so that what one of them takes the others take.
 * A fault belongs to the key that leads to it, and is where that key has its value from.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <strazh/base/own.h>
#include <user/daemon/config/config_service.h>
#include <user/daemon/config/config_show.h>
#include <user/daemon/worker/worker_parts.h>

static const struct service_ops *const known[] = {&service_echo, &service_relay, &service_tunnel};

int worker_fault(struct config_faults *faults, const struct config *config, enum config_key key,
		 const char *why, ...)
{
	char where[CONFIG_ORIGIN_LEN], name[64], text[CONFIG_WHY_LEN];
	va_list args;

	va_start(args, why);
	vsnprintf(text, sizeof(text), why, args);
	va_end(args);
	snprintf(name, sizeof(name), "%s.%s", config_about[key].section, config_about[key].name);
	config_fault_add(faults, config_origin(config, key, where), name, "%s", text);
	return CONFIG_WRONG;
}

/* ---- keys ---- */

int worker_read_identity(const struct config *config, const struct identity_files *files,
			 struct identity **ret_identity, struct config_faults *faults)
{
	static const enum config_key keys[IDENTITY_PARTS] = {
		[IDENTITY_KEY] = CFG_SERVER_KEY,
		[IDENTITY_PASSPHRASE] = CFG_SERVER_PASSPHRASE,
		[IDENTITY_CERTIFICATE] = CFG_SERVER_CERTIFICATE,
		[IDENTITY_CLIENTS] = CFG_SERVER_CLIENTS,
		[IDENTITY_SUITES] = CFG_SERVER_SUITES,
		[IDENTITY_HYBRID] = CFG_SERVER_HYBRID,
	};
	own_free struct identity_faults *said = calloc(1, sizeof(*said));
	struct identity_config wanted;
	int r;

	if (!said)
		return -ENOMEM;
	worker_plan_identity(config, &wanted);
	wanted.files = files;
	r = identity_load(&wanted, ret_identity, said);
	if (!r || r == -ENOMEM)
		return r;
	for (size_t i = 0; i < IDENTITY_PARTS; i++)
		if (said->why[i][0])
			(void)worker_fault(faults, config, keys[i], "%s", said->why[i]);
	if (!*identity_why(said))
		(void)worker_fault(faults, config, CFG_SERVER_KEY, "%s", strerror(-r));
	return CONFIG_WRONG;
}

/* ---- services ---- */

/* What a service says begins with the setting that it is about. */
static int service_fault(struct config_faults *faults, const struct config *config,
			 const char *service, const char *said)
{
	const char *space = strchr(said, ' ');
	char section[32], name[CONFIG_ITEM_LEN], upstream[64], where[CONFIG_ORIGIN_LEN];
	enum config_key key;

	snprintf(section, sizeof(section), "service.%.16s", service);
	snprintf(name, sizeof(name), "%.*s", space ? (int)MIN(space - said, 70) : 0, said);
	key = config_find(section, name);
	if (key != CFG_KEYS)
		return worker_fault(faults, config, key, "%s", said);
	(void)config_upstream_origin(config, name, where);
	snprintf(upstream, sizeof(upstream), "%.24s.%.32s", section, name);
	config_fault_add(faults, where, *name ? upstream : section, "%s", said);
	return CONFIG_WRONG;
}

static int open_service(const struct config *config, const struct service_ops *ops,
			struct service_setting *room, void **ret_shared,
			struct config_faults *faults)
{
	struct service_config given = {.settings = room};
	char said[SERVICE_WHY_LEN] = "";
	int r;

	given.count = config_service_settings(config, ops->name, room);
	r = ops->open(&given, ret_shared, said);
	if (!r || r == -ENOMEM)
		return r;
	return service_fault(faults, config, ops->name, *said ? said : strerror(-r));
}

int worker_open_services(const struct config *config, struct server_service services[PH_SERVICES],
			 struct config_faults *faults)
{
	own_free struct service_setting *settings = calloc(CONFIG_SETTINGS_MAX, sizeof(*settings));
	int worst = settings ? 0 : -ENOMEM;

	for (size_t i = 0; worst >= 0 && i < ARRAY_LEN(known); i++) {
		struct server_service *service = &services[known[i]->id];
		int r;

		if (!config_service_enabled(config, known[i]->name))
			continue;
		r = open_service(config, known[i], settings, &service->shared, faults);
		if (r)
			worst = r;
		else
			service->ops = known[i];
	}
	return worst;
}

void worker_close_services(struct server_service services[PH_SERVICES])
{
	for (unsigned i = 0; i < PH_SERVICES; i++)
		if (services[i].ops)
			services[i].ops->close(services[i].shared);
}

/* ---- all of it ---- */

int worker_check(const struct config *config, struct config_faults *faults)
{
	struct server_service services[PH_SERVICES] = {0};
	struct identity *identity = NULL;
	int first = worker_read_identity(config, NULL, &identity, faults), r;

	identity_put(identity);
	if (first < 0)
		return first;
	r = worker_open_services(config, services, faults);
	worker_close_services(services);
	return r ? r : first;
}
