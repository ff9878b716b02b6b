/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Digits only: strtoul(3) alone would take spaces and signs as well. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <tests/tools/kit/number.h>

unsigned int number_parse(const char *option, const char *text, unsigned int most)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*end || *text < '0' || *text > '9' || value < 1 || value > most) {
		fprintf(stderr, "%s: %s '%s': not a number from 1 to %u\n",
			program_invocation_short_name, option, text, most);
		exit(2);
	}
	return (unsigned int)value;
}
