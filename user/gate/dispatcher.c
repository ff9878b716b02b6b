/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * libxdp puts one dispatcher program on the interface and hangs up to ten others below it with
 * freplace. Adding or taking away builds a new dispatcher with the new set and exchanges the two
 * atomically, so each step leaves a complete set in force. It has no step that exchanges one
 * program for another: that is two steps, with both programs in force in between.
 *
 * Ours runs early (priority 10, others have 50 unless they say otherwise): what the gate drops is
 * work that the others need not do.
 */
#include <user/gate/dispatcher.h>

#include <errno.h>
#include <string.h>

#include <xdp/libxdp.h>

#define RUN_PRIO 10
/* libxdp retries itself when somebody exchanged the dispatcher meanwhile; we ask twice more. */
#define TRIES 3

static void program_closep(struct xdp_program **program)
{
	xdp_program__close(*program);
}

static void multiprog_closep(struct xdp_multiprog **multi)
{
	xdp_multiprog__close(*multi);
}

bool dispatcher_is(const char *prog_name)
{
	return strcmp(prog_name, "xdp_dispatcher") == 0;
}

static enum xdp_attach_mode mode_of(enum attach_mode mode)
{
	switch (mode) {
	case ATTACH_NATIVE:
		return XDP_MODE_NATIVE;
	case ATTACH_GENERIC:
		return XDP_MODE_SKB;
	case ATTACH_AUTO:
		break;
	}
	return XDP_MODE_UNSPEC;
}

static int attach_once(struct gate *gate, unsigned int ifindex, enum attach_mode mode,
		       enum load_entry entry, uint32_t *ret_id)
{
	own_object struct bpf_object *object = NULL;
	cleanup_with(program_closep) struct xdp_program *program = NULL;
	int r = load_open(gate, entry, &object);

	if (r)
		return r;
	program = xdp_program__from_bpf_obj(object, load_sections[entry]);
	r = (int)libxdp_get_error(program);
	if (r) {
		program = NULL;
		return r;
	}
	r = xdp_program__set_run_prio(program, RUN_PRIO);
	if (r)
		return r;
	r = xdp_program__attach(program, (int)ifindex, mode_of(mode), 0);
	if (r)
		return r;
	*ret_id = xdp_program__id(program);
	return load_bind(gate, xdp_program__fd(program));
}

int dispatcher_attach(struct gate *gate, unsigned int ifindex, enum attach_mode mode,
		      enum load_entry entry, uint32_t *ret_id)
{
	int r = -EAGAIN;

	for (int i = 0; i < TRIES && r == -EAGAIN; i++)
		r = attach_once(gate, ifindex, mode, entry, ret_id);
	return r;
}

static int multiprog_get(unsigned int ifindex, struct xdp_multiprog **ret_multi)
{
	struct xdp_multiprog *multi = xdp_multiprog__get_from_ifindex((int)ifindex);
	int r = (int)libxdp_get_error(multi);

	if (r)
		return r;
	if (!multi)
		return -ENOENT;
	*ret_multi = multi;
	return 0;
}

static int detach_once(unsigned int ifindex, uint32_t prog_id)
{
	cleanup_with(multiprog_closep) struct xdp_multiprog *multi = NULL;
	struct xdp_program *program = NULL;
	int r = multiprog_get(ifindex, &multi);

	if (r)
		return r;
	do {
		program = xdp_multiprog__next_prog(program, multi);
	} while (program && xdp_program__id(program) != prog_id);
	if (!program)
		return -ENOENT;
	return xdp_program__detach(program, (int)ifindex, xdp_multiprog__attach_mode(multi), 0);
}

int dispatcher_detach(unsigned int ifindex, uint32_t prog_id)
{
	int r = -EAGAIN;

	for (int i = 0; i < TRIES && r == -EAGAIN; i++)
		r = detach_once(ifindex, prog_id);
	return r;
}

int dispatcher_walk(unsigned int ifindex, dispatcher_visit visit, void *context)
{
	cleanup_with(multiprog_closep) struct xdp_multiprog *multi = NULL;
	struct xdp_program *program = NULL;
	int r = multiprog_get(ifindex, &multi);

	while (!r && (program = xdp_multiprog__next_prog(program, multi)))
		r = visit(context, xdp_program__fd(program));
	return r;
}
