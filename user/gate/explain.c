/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The words behind an error number. Libraries of ours do not log; what the kernel's verifier or
 * libbpf had to say would be lost, so the last such line is kept per thread and put behind ours.
 */
#include <user/gate/explain.h>

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <bpf/libbpf.h>
#include <xdp/libxdp.h>

#include <user/gate/gate.h>

#define TEXT_MAX 640
#define WARNING_MAX 256

static _Thread_local char said[TEXT_MAX];
static _Thread_local char warning[WARNING_MAX];

const char *gate_error(void)
{
	return said[0] ? said : "no error";
}

void gate_explain(const char *format, ...)
{
	char text[TEXT_MAX]; /* an argument may be the previous text */
	va_list args;

	va_start(args, format);
	if (vsnprintf(text, sizeof(text), format, args) < 0)
		text[0] = '\0';
	va_end(args);
	snprintf(said, sizeof(said), "%s", text);
}

const char *explain_warning(void)
{
	return warning;
}

void explain_forget(void)
{
	warning[0] = '\0';
}

static void printf_like(1, 0) keep(const char *format, va_list args)
{
	char line[WARNING_MAX];
	size_t len;

	if (vsnprintf(line, sizeof(line), format, args) < 0)
		return;
	len = strcspn(line, "\r\n");
	if (!len)
		return;
	line[len] = '\0';
	memcpy(warning, line, len + 1);
}

static int printf_like(2, 0)
	on_libbpf(enum libbpf_print_level level, const char *format, va_list args)
{
	if (level == LIBBPF_WARN)
		keep(format, args);
	return 0;
}

static int printf_like(2, 0)
	on_libxdp(enum libxdp_print_level level, const char *format, va_list args)
{
	if (level == LIBXDP_WARN)
		keep(format, args);
	return 0;
}

static void hush_once(void)
{
	libbpf_set_print(on_libbpf);
	libxdp_set_print(on_libxdp);
}

void explain_hush(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, hush_once);
}
