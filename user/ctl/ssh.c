/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/ctl/ssh.h>

#include <user/gate/never.h>

int ssh_prepare(struct client *client, json_t *args, bool *ret_stop)
{
	char text[PREFIX_TEXT_LEN];
	struct prefix peer;

	(void)client;
	(void)ret_stop;
	if (never_find_ssh(&peer) == 0)
		(void)!json_object_set_new(args, "ssh", json_string(prefix_format(&peer, text)));
	return CTL_DONE;
}

void ssh_protect(struct request *request)
{
	struct prefix peer;

	if (request_prefix(request, "ssh", &peer))
		return;
	if (never_ssh_peer(request->gate, &peer))
		request_warn(request, "the peer of your SSH session could not be protected: %s",
			     gate_error());
}
