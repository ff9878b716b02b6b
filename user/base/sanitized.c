/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/base/sanitized.h>

#if SANITIZED
#include <sanitizer/lsan_interface.h>
#include <stdbool.h>

static bool confined;

/* Asked by the leak check, where there is one. */
int __lsan_is_turned_off(void)
{
	return confined;
}
#endif

void sanitized_confine(void)
{
#if SANITIZED
	confined = true;
#endif
}
