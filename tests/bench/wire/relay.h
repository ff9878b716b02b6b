/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The floor of whatever carries TCP: two sockets and one buffer between them, no cryptography. */
#ifndef TESTS_BENCH_WIRE_RELAY_H
#define TESTS_BENCH_WIRE_RELAY_H

#include <tests/bench/wire/rig.h>
#include <tests/bench/wire/tls.h>

/* Carries TCP to a port of 127.0.0.1. */
struct rig rig_relay(uint16_t upstream);
/* As tls_echo(), without TLS. */
double relay_echo(const struct rig *rig, const struct tls_stream *stream, double seconds,
		  double *ret_wall, double *ret_load);

#endif
