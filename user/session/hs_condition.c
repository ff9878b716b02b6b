/* SPDX-License-Identifier: Apache-2.0 */
/* Tables made from the one list, in its order. */
#include <stddef.h>

#include <strazh/base/compiler.h>
#include <user/session/hs_condition.h>

static const char *const LABELS[] = {
#define HS_CONDITION(name, label, text) [name] = label,
	HS_CONDITIONS(HS_CONDITION)
#undef HS_CONDITION
};

static const char *const TEXTS[] = {
#define HS_CONDITION(name, label, text) [name] = text,
	HS_CONDITIONS(HS_CONDITION)
#undef HS_CONDITION
};

const char *hs_label(int condition)
{
	return condition > 0 && condition < HS_CONDITION_COUNT ? LABELS[condition] : NULL;
}

const char *hs_text(int condition)
{
	return condition > 0 && condition < HS_CONDITION_COUNT ? TEXTS[condition] : NULL;
}
