/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What carries TCP to a port of 127.0.0.1, in one process or, with one at each end, in two: strazh
 * and its peers, and a relay without any cryptography, which is the floor of all of them.
 */
#ifndef TESTS_BENCH_WIRE_CARRIER_H
#define TESTS_BENCH_WIRE_CARRIER_H

#include <tests/bench/wire/rig.h>
#include <tests/bench/wire/tls.h>

/* TLS 1.3 or nothing in front, plain TCP to the port behind. */
struct rig rig_stunnel(const struct tls_folder *folder, uint16_t upstream);
struct rig rig_haproxy(const struct tls_folder *folder, uint16_t upstream);
struct rig rig_relay(uint16_t upstream);

/* The near end, plain TCP in front: `strazh tunnel` and the like. It counts the far one's time, so
 * that one has to stay where it is. */
struct rig rig_strazh_near(const struct rig *far);
struct rig rig_stunnel_near(const struct tls_folder *folder, const struct rig *far);
struct rig rig_haproxy_near(const struct tls_folder *folder, const struct rig *far);
struct rig rig_relay_near(const struct rig *far);

/* As tls_echo(), without TLS. */
double plain_stream_echo(const struct rig *rig, const struct tls_stream *stream, double seconds,
			 double *ret_wall, double *ret_load);

#endif
