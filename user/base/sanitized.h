/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * SANITIZED: the compiler was told to watch, with memory and code of its own in the process. Such a
 * build is for tests; what it relaxes says so.
 */
#ifndef STRAZH_USER_BASE_SANITIZED_H
#define STRAZH_USER_BASE_SANITIZED_H

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/*
 * This process is about to be confined: no leaks are looked for at its end, since that is done by a
 * process which is made then and traces this one. Nothing in other builds.
 */
void sanitized_confine(void);

#endif
