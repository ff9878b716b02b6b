/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* SANITIZED: the compiler was told to watch, with memory and code of its own in the process. */
#ifndef TESTS_UNIT_CRYPTO_SANITIZED_H
#define TESTS_UNIT_CRYPTO_SANITIZED_H

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

#endif
