/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Numbers on the command line of a test tool. */
#ifndef STRAZH_TESTS_TOOLS_KIT_NUMBER_H
#define STRAZH_TESTS_TOOLS_KIT_NUMBER_H

/* A number from 1 to most; else says what is wrong with `option` and exits with status 2. */
unsigned int number_parse(const char *option, const char *text, unsigned int most);

#endif
