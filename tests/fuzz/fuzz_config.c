/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * strazh.conf, and with 'e' in front the environment, variables separated by newlines. Whatever
 * comes, there are values for all keys, and each is in its normal form: parsed again it stays the
 * same. What was wrong says where and why.
 */
#include "must.h"

#include <user/daemon/config/config.h>
#include <user/wire/text.h>

static struct config_faults faults;

static void check_values(const struct config *config)
{
	for (size_t i = 0; i < CFG_KEYS; i++) {
		const struct config_value *value = &config->values[i];
		char why[CONFIG_WHY_LEN], *again;
		uint64_t number;

		if (value->from == FROM_DEFAULT)
			continue; /* the unit test looks at those */
		MUST(value->text && text_clean(value->text, strlen(value->text)));
		MUST(!config_value_parse(&config_about[i], value->text, &again, &number, why));
		MUST(strcmp(again, value->text) == 0 && number == value->number);
		free(again);
	}
	MUST(config->upstreams_len <= CONFIG_UPSTREAMS_MAX);
	for (size_t i = 0; i < config->upstreams_len; i++) {
		MUST(config_upstream_name_right(config->upstreams[i].name));
		MUST(config_target_right(config->upstreams[i].target));
	}
}

static int read_environment(struct config *config, const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *rest = text, *word, *list[33] = {0};
	size_t n = 0;
	int r;

	MUST(text);
	memcpy(text, data, size);
	text[size] = '\0';
	while (n < 32 && (word = strsep(&rest, "\n")))
		list[n++] = word;
	r = config_read_environment(config, list, &faults);
	free(text);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config *config = config_new();
	size_t kept;

	MUST(config);
	memset(&faults, 0, sizeof(faults));
	if (size && data[0] == 'e')
		MUST(!read_environment(config, data + 1, size - 1));
	else
		MUST(!config_read(config, "file", (const char *)data, size, &faults));
	check_values(config);
	kept = faults.total < CONFIG_FAULTS_MAX ? faults.total : CONFIG_FAULTS_MAX;
	for (size_t i = 0; i < kept; i++)
		MUST(faults.list[i].where[0] && faults.list[i].why[0]);
	if (!faults.total)
		config_check(config, &faults);
	config_free(config);
	return 0;
}
