/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/guard/observation.h>

#include <netinet/in.h>
#include <stddef.h>

#include <strazh/abi/rate.h>
#include <strazh/abi/reason.h>
#include <strazh/base/compiler.h>

const struct guard_input_info guard_inputs[GUARD_INPUT_COUNT] = {
#define X(code, name, evidence, text) [GUARD_IN_##code] = {name, text, GUARD_##evidence},
	GUARD_INPUTS(X)
#undef X
};

/*
 * What the gate's reasons prove. A row with a class of packets comes before the one for all (-1).
 * What is not here says nothing about a source: lists (it is known already), the limit of a service
 * (that of all its sources), passes and answers.
 */
static const struct {
	uint16_t reason;
	int8_t rate_class;
	uint8_t input;
	const char *why;
} proof[] = {
	{SZ_REASON_RATE_HOST, SZ_RATE_CONN, GUARD_IN_COOKIE_OVER,
	 "proven: a valid SYN cookie comes back only from who received it"},
	{SZ_REASON_RATE_HOST, SZ_RATE_SYN, GUARD_IN_SYNS, "spoofable: a SYN is a lone packet"},
	{SZ_REASON_RATE_HOST, -1, GUARD_IN_PACKETS,
	 "spoofable: nobody has answered us from that address"},
	{SZ_REASON_RATE_FLOW, -1, GUARD_IN_FLOW_OVER,
	 "spoofable: address, port and service of a live session, which whoever guesses the port "
	 "can write as well"},
	{SZ_REASON_RATE_NET, -1, GUARD_INPUT_COUNT,
	 "nothing: the prefix is over its limit, this host may be the honest one in it"},
	{SZ_REASON_SIZE, -1, GUARD_IN_ODD_SIZE, "spoofable: a lone packet"},
	{SZ_REASON_PROBE, -1, GUARD_IN_PROBED, "spoofable: a lone SYN"},
	{SZ_REASON_LAND, -1, GUARD_INPUT_COUNT, "nothing: its source is our own address"},
	{SZ_REASON_BOGON, -1, GUARD_INPUT_COUNT, "nothing: its source is nobody's address"},
	{SZ_REASON_FRAG_LEN, -1, GUARD_IN_MALFORMED, "spoofable: a lone fragment"},
	{SZ_REASON_FRAG_TINY, -1, GUARD_IN_MALFORMED, "spoofable: a lone fragment"},
	{SZ_REASON_IP4_LEN, -1, GUARD_IN_MALFORMED, "spoofable: a lone packet"},
	{SZ_REASON_IP6_LEN, -1, GUARD_IN_MALFORMED, "spoofable: a lone packet"},
	{SZ_REASON_EXT_SHORT, -1, GUARD_IN_MALFORMED, "spoofable: a lone packet"},
	{SZ_REASON_EXT_DEEP, -1, GUARD_IN_MALFORMED, "spoofable: a lone packet"},
	{SZ_REASON_L4_SHORT, -1, GUARD_IN_MALFORMED, "spoofable: a lone packet"},
	{SZ_REASON_TCP_DOFF, -1, GUARD_IN_MALFORMED, "spoofable: a lone packet"},
	{SZ_REASON_TCP_NULL, -1, GUARD_IN_MALFORMED, "spoofable: a lone packet"},
	{SZ_REASON_TCP_XMAS, -1, GUARD_IN_MALFORMED, "spoofable: a lone packet"},
	{SZ_REASON_TCP_SYN_FIN, -1, GUARD_IN_MALFORMED, "spoofable: a lone packet"},
	{SZ_REASON_TCP_SYN_RST, -1, GUARD_IN_MALFORMED, "spoofable: a lone packet"},
	{SZ_REASON_PORT_ZERO, -1, GUARD_IN_MALFORMED, "spoofable: a lone packet"},
	{SZ_REASON_UDP_LEN, -1, GUARD_IN_MALFORMED, "spoofable: a lone packet"},
};

enum guard_input observation_of_event(const struct sz_event *event, const char **ret_why)
{
	*ret_why = "nothing: it says nothing about one source";
	if (event->family != 4 && event->family != 6)
		return GUARD_INPUT_COUNT;
	/* Nor is there a session of ours: counted as what comes from there without a socket. */
	if (event->reason == SZ_REASON_RATE_FLOW && event->proto == IPPROTO_UDP) {
		*ret_why = "spoofable: anybody can write the address of a datagram socket's peer";
		return GUARD_IN_PACKETS;
	}
	for (size_t i = 0; i < ARRAY_LEN(proof); i++) {
		if (proof[i].reason != event->reason)
			continue;
		if (proof[i].rate_class >= 0 && proof[i].rate_class + 1 != event->rate_class)
			continue;
		*ret_why = proof[i].why;
		return (enum guard_input)proof[i].input;
	}
	return GUARD_INPUT_COUNT;
}
