/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The kernel's own attachment, by netlink. XDP_FLAGS_UPDATE_IF_NOEXIST and XDP_FLAGS_REPLACE make
 * each change conditional on what was seen before, under the lock of the interface: nobody's
 * program is ever overwritten, and the exchange is one pointer store.
 */
#include <user/gate/single.h>

#include <errno.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>

#include <strazh/base/own.h>

static uint32_t mode_flags(enum attach_mode mode)
{
	return mode == ATTACH_GENERIC ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
}

static int load_fresh(struct gate *gate, enum load_entry entry, struct bpf_object **ret_object,
		      int *ret_fd)
{
	own_object struct bpf_object *object = NULL;
	int fd, r = load_open(gate, entry, &object);

	if (r)
		return r;
	r = bpf_object__load(object);
	if (r)
		return r;
	fd = bpf_program__fd(load_program(object, entry));
	r = load_bind(gate, fd);
	if (r)
		return r;
	*ret_object = take_ptr(object);
	*ret_fd = fd;
	return 0;
}

int single_attach(struct gate *gate, unsigned int ifindex, enum attach_mode mode,
		  enum load_entry entry)
{
	own_object struct bpf_object *object = NULL;
	int fd, r = load_fresh(gate, entry, &object, &fd);

	if (r)
		return r;
	return bpf_xdp_attach((int)ifindex, fd, mode_flags(mode) | XDP_FLAGS_UPDATE_IF_NOEXIST,
			      NULL);
}

int single_exchange(struct gate *gate, const struct attachment *old, enum load_entry entry)
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, opts);
	own_object struct bpf_object *object = NULL;
	own_fd int old_fd = bpf_prog_get_fd_by_id(old->prog_id);
	int fd, r;

	if (old_fd < 0)
		return errno == ENOENT ? -EEXIST : -errno;
	r = load_fresh(gate, entry, &object, &fd);
	if (r)
		return r;
	opts.old_prog_fd = old_fd;
	return bpf_xdp_attach((int)old->ifindex, fd, mode_flags(old->mode) | XDP_FLAGS_REPLACE,
			      &opts);
}

int single_detach(const struct attachment *old)
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, opts);
	own_fd int old_fd = bpf_prog_get_fd_by_id(old->prog_id);

	if (old_fd < 0)
		return errno == ENOENT ? -EEXIST : -errno;
	opts.old_prog_fd = old_fd;
	return bpf_xdp_detach((int)old->ifindex, mode_flags(old->mode) | XDP_FLAGS_REPLACE, &opts);
}
