/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What strazhd does for protected services: follows the kernel's settings of TCP, mends ports, ends
 * learning, watches sizes for drift. Where it stands with that is in the maps, see gate/profile.h.
 */
#include <user/daemon/keeper.h>

#include <stdio.h>
#include <string.h>

#include <user/base/clock.h>
#include <user/base/log.h>
#include <user/ctl/ports.h>
#include <user/gate/kerneltcp.h>
#include <user/gate/profile.h>
#include <user/gate/services.h>

static bool has_cookies(const struct gate *gate)
{
	bool any = false;

	for (uint32_t i = 1; i < SZ_SERVICES && !any; i++)
		any = service_used(gate, i) && gate->services[i].cookies != SZ_COOKIES_OFF;
	return any;
}

void servicewatch_check(struct keeper *keeper)
{
	unsigned int mended = services_mend(keeper->gate);
	struct kernel_tcp tcp;
	bool refused;

	if (mended)
		log_warning("protected services: %u ports did not say what their services are: "
			    "mended",
			    mended);
	if (kernel_tcp_refresh(keeper->gate, &tcp))
		log_info("SYN cookies go by net.ipv4.tcp_timestamps %u, window scale %u",
			 tcp.timestamps, tcp.wscale);
	refused = !tcp.syncookies && has_cookies(keeper->gate);
	if (refused && !keeper->cookies_refused)
		log_warning("net.ipv4.tcp_syncookies is 0: the kernel accepts no SYN cookie, so "
			    "none is sent");
	keeper->cookies_refused = refused;
}

static void usual_text(uint32_t usual, char *text, size_t size)
{
	size_t at = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < SZ_SIZE_BINS && at < size; i++) {
		uint32_t last = i;

		if (!(usual >> i & 1))
			continue;
		while (usual >> (last + 1) & 1)
			last++;
		at += (size_t)snprintf(text + at, size - at, "%s%u-%u", at ? ", " : "",
				       i ? 1U << i : 0, (2U << last) - 1);
		i = last;
	}
}

static void tell(const struct sz_service *at, enum profile_news news)
{
	char name[PORT_TEXT_LEN], usual[160], left[DURATION_TEXT_LEN];

	port_format(at->proto, at->port, name);
	usual_text(at->size_usual, usual, sizeof(usual));
	switch (news) {
	case PROFILE_LEARNED:
		log_info("%s: profile learned: %s bytes are usual", name, usual);
		break;
	case PROFILE_EXTENDED:
		log_info("%s: too few packets to learn sizes from: learning goes on for %s", name,
			 duration_format(clock_left(at->learn_until_s), left));
		break;
	case PROFILE_DISCARDED:
		log_warning("%s: odd sizes above the limits of their sources: the profile is not "
			    "widened by an attack; learning begins again",
			    name);
		break;
	case PROFILE_DRIFT:
		log_warning("%s: alarm: its sizes have changed, many sources send odd ones; %s",
			    name,
			    at->learn_until_s ? "the profile is being widened"
					      : "its profile was set by hand and stays");
		break;
	case PROFILE_ATTACK:
		log_warning("%s: odd sizes far above the limits of their sources: an attack, not "
			    "a change of the service; its profile stays",
			    name);
		break;
	case PROFILE_NOTHING:
		break;
	}
}

void servicewatch_tick(struct keeper *keeper)
{
	for (uint32_t i = 1; i < SZ_SERVICES; i++) {
		enum profile_news news = PROFILE_NOTHING;

		if (!service_used(keeper->gate, i))
			continue;
		if (profile_tick(keeper->gate, i, keeper->options->size_window_s, &news)) {
			log_debug("sizes of service %u: %s", i, gate_error());
			continue;
		}
		tell(&keeper->gate->services[i], news);
	}
}
