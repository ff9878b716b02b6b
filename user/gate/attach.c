/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Model. An interface carries nothing, one program, or libxdp's dispatcher with several below it.
 * Whose a program is, its maps tell (progs.c). This file decides; dispatcher.c speaks to libxdp,
 * single.c to the kernel.
 *
 * No packet unfiltered, and the number of an instance. A gate passes everything while its constant
 * sz_instance differs from sz_meta.instance, so that user space can put a program on standby. All
 * interfaces share one sz_meta: to give a new program a new number, and then to store that number,
 * would put the programs of all other interfaces on standby (in this network namespace, and in
 * others where we cannot see them), and a single program would pass packets between its exchange
 * and the store. So the invariant is: every program we attach carries the number that sz_meta holds
 * at that time, and nobody changes sz_meta.instance while a program with that number is attached.
 * Then every attached program filters at every moment, in whatever order steps are taken or cut
 * short:
 *
 *   single program   one exchange under the condition that the old one is still there
 *                    (XDP_FLAGS_REPLACE): a packet meets the old one or the new one.
 *   dispatcher       {old} -> {old, new} -> {new}, each step one exchange of dispatchers; between
 *                    them a packet meets both, which decide by the same lists. The price: for
 *                    these milliseconds passed packets are counted twice and charged twice to
 *                    their source's rate, far below the burst that a source has.
 *   foreign program  its lists are imported, then it is exchanged in the same way, then what
 *                    changed in its lists meanwhile is imported (adopt.c).
 *
 * A program found with another number than sz_meta's (a hand changed one of them) is on standby:
 * it is reported as not `current`, and attach_replace() heals it.
 */
#include <user/gate/attach.h>

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <strazh/base/own.h>
#include <user/gate/adopt.h>
#include <user/gate/dispatcher.h>
#include <user/gate/explain.h>
#include <user/gate/load.h>
#include <user/gate/progs.h>
#include <user/gate/single.h>

/* ---- what is there ---- */

static void fill_facts(struct gate *gate, const struct prog_facts *facts, struct attachment *one)
{
	one->owner = !facts->gate		 ? ATTACH_OTHER
		     : prog_is_ours(gate, facts) ? ATTACH_OURS
						 : ATTACH_FOREIGN;
	one->prog_id = facts->id;
	one->instance = facts->instance;
	memcpy(one->prog_name, facts->name, sizeof(one->prog_name));
}

struct below {
	struct gate *gate;
	struct attachment *one;
	struct prog_facts facts; /* of the program in `one` */
};

/* Ours before a foreign gate before anybody else's. */
static int look_below(void *context, int prog_fd)
{
	struct below *below = context;
	struct attachment seen = *below->one;
	struct prog_facts facts;
	int r = prog_facts_of(prog_fd, &facts);

	if (r)
		return r;
	fill_facts(below->gate, &facts, &seen);
	if (below->one->owner == ATTACH_NONE || seen.owner < below->one->owner) {
		*below->one = seen;
		below->facts = facts;
	}
	return 0;
}

static int is_current(struct gate *gate, const struct prog_facts *facts, bool *ret_current)
{
	unsigned char tags[LOAD_ENTRIES][LOAD_TAG_LEN];
	bool same;
	int r = load_tags(gate, tags);

	if (r)
		return r;
	same = memcmp(facts->tag, tags[LOAD_FRAGS], LOAD_TAG_LEN) == 0 ||
	       memcmp(facts->tag, tags[LOAD_PLAIN], LOAD_TAG_LEN) == 0;
	*ret_current = same && facts->instance == gate->meta->instance;
	return 0;
}

static int look(struct gate *gate, uint32_t prog_id, struct attachment *one)
{
	struct below below = {.gate = gate, .one = one};
	int r = prog_facts_by_id(prog_id, &below.facts, NULL);

	if (r) {
		gate_explain("program %u on '%s' cannot be looked at: %s", prog_id, one->ifname,
			     strerror(-r));
		return r;
	}
	if (dispatcher_is(below.facts.name)) {
		one->dispatcher = true;
		r = dispatcher_walk(one->ifindex, look_below, &below);
		if (r)
			return r;
	} else {
		fill_facts(gate, &below.facts, one);
	}
	return one->owner == ATTACH_OURS ? is_current(gate, &below.facts, &one->current) : 0;
}

static int no_such_if(unsigned int ifindex)
{
	gate_explain("there is no interface with index %u", ifindex);
	return ATTACH_NO_SUCH_IF;
}

int attach_query(struct gate *gate, unsigned int ifindex, struct attachment *ret_one)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, opts);
	struct attachment one = {.ifindex = ifindex};
	int r;

	explain_hush();
	if (!ifindex || !if_indextoname(ifindex, one.ifname))
		return no_such_if(ifindex);
	r = bpf_xdp_query((int)ifindex, 0, &opts);
	if (r == -ENODEV || r == -ENXIO)
		return no_such_if(ifindex);
	if (r) {
		gate_explain("'%s' does not tell its XDP program: %s", one.ifname, strerror(-r));
		return r;
	}
	if (opts.prog_id || opts.drv_prog_id || opts.skb_prog_id) {
		one.mode = opts.skb_prog_id && !opts.drv_prog_id ? ATTACH_GENERIC : ATTACH_NATIVE;
		r = look(gate,
			 opts.drv_prog_id   ? opts.drv_prog_id
			 : opts.skb_prog_id ? opts.skb_prog_id
					    : opts.prog_id,
			 &one);
	}
	if (!r)
		*ret_one = one;
	return r;
}

static void names_closep(struct if_nameindex **names)
{
	if (*names)
		if_freenameindex(*names);
}

int attach_list(struct gate *gate, struct attachment **ret_all, size_t *ret_count)
{
	cleanup_with(names_closep) struct if_nameindex *names = if_nameindex();
	own_free struct attachment *all = NULL;
	size_t count = 0, total = 0;

	if (!names)
		return -errno;
	while (names[total].if_index)
		total++;
	all = calloc(total + 1, sizeof(*all));
	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < total; i++) {
		int r = attach_query(gate, names[i].if_index, &all[count]);

		if (r == ATTACH_NO_SUCH_IF) /* gone since */
			continue;
		if (r)
			return r;
		count++;
	}
	*ret_all = take_ptr(all);
	*ret_count = count;
	return 0;
}

/* ---- attach ---- */

static int occupied(const struct attachment *one)
{
	gate_explain("'%s' carries the XDP program '%s' (id %u), which is not ours and leaves no "
		     "room beside it",
		     one->ifname, one->prog_name, one->prog_id);
	return ATTACH_OCCUPIED;
}

static int refuse_loopback(const struct attachment *one)
{
	struct ifreq request = {0};
	own_fd int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	memcpy(request.ifr_name, one->ifname, sizeof(request.ifr_name));
	if (ioctl(fd, SIOCGIFFLAGS, &request))
		return -errno;
	if (!(request.ifr_flags & IFF_LOOPBACK))
		return 0;
	gate_explain("'%s' is a loopback interface: it carries only this machine's own packets",
		     one->ifname);
	return ATTACH_LOOPBACK;
}

static int attach_in(struct gate *gate, unsigned int ifindex, enum attach_mode mode, bool alone)
{
	uint32_t id;
	int r = 0;

	explain_forget();
	for (enum load_entry entry = 0; entry < LOAD_ENTRIES; entry++) {
		r = dispatcher_attach(gate, ifindex, mode, entry, &id);
		if (r && alone)
			r = single_attach(gate, ifindex, mode, entry);
		if (r == 0 || r == -EBUSY || r == -EEXIST || r == -ENODEV || r == -EPERM)
			break;
	}
	return r;
}

static int attach_fail(const struct attachment *one, enum attach_mode mode, int r)
{
	const char *why = explain_warning();

	if (r == -EBUSY || r == -EEXIST) {
		gate_explain("'%s' got another XDP program while ours was being attached",
			     one->ifname);
		return ATTACH_OCCUPIED;
	}
	if (r == -EOPNOTSUPP && mode == ATTACH_NATIVE) {
		gate_explain("the driver of '%s' has no native XDP", one->ifname);
		return ATTACH_NO_NATIVE;
	}
	gate_explain("'%s': %s XDP cannot be attached: %s%s%s", one->ifname,
		     mode == ATTACH_GENERIC ? "generic" : "native", strerror(-r),
		     why[0] ? ": " : "", why);
	return r;
}

int attach_add(struct gate *gate, unsigned int ifindex, enum attach_mode mode)
{
	const bool any = mode == ATTACH_AUTO;
	struct attachment one;
	struct adoption adoption;
	bool alone;
	int r = attach_query(gate, ifindex, &one);

	if (r)
		return r;
	if (one.owner == ATTACH_OURS) {
		gate_explain("'%s' carries the gate already", one.ifname);
		return ATTACH_ALREADY;
	}
	if (one.owner == ATTACH_FOREIGN)
		return attach_adopt(gate, ifindex, &adoption);
	if (one.owner == ATTACH_OTHER && !one.dispatcher)
		return occupied(&one);
	r = refuse_loopback(&one);
	if (r)
		return r;
	alone = one.owner == ATTACH_NONE;
	if (any && !alone) /* a dispatcher has one mode for all below it */
		mode = one.mode;
	r = attach_in(gate, ifindex, mode == ATTACH_GENERIC ? mode : ATTACH_NATIVE, alone);
	if (!r)
		return 0;
	if (any && alone && r != -EBUSY && r != -EEXIST && r != -EPERM) {
		mode = ATTACH_GENERIC;
		r = attach_in(gate, ifindex, mode, alone);
		if (!r)
			return 0;
	}
	return attach_fail(&one, mode == ATTACH_GENERIC ? mode : ATTACH_NATIVE, r);
}

/* ---- detach, replace ---- */

struct others {
	struct gate *gate;
	bool foreign; /* foreign gates count as well */
	uint32_t keep;
	uint32_t ids[16];
	size_t count;
};

static int collect(void *context, int prog_fd)
{
	struct others *others = context;
	struct prog_facts facts;
	int r = prog_facts_of(prog_fd, &facts);

	if (r)
		return r;
	if (!facts.gate || facts.id == others->keep || others->count == ARRAY_LEN(others->ids))
		return 0;
	if (others->foreign || prog_is_ours(others->gate, &facts))
		others->ids[others->count++] = facts.id;
	return 0;
}

/* Take every gate below the dispatcher away but the one with id `keep`. */
static int clear_below(struct gate *gate, unsigned int ifindex, uint32_t keep, bool foreign)
{
	struct others others = {.gate = gate, .foreign = foreign, .keep = keep};
	int r = dispatcher_walk(ifindex, collect, &others);

	for (size_t i = 0; i < others.count && !r; i++)
		r = dispatcher_detach(ifindex, others.ids[i]);
	return r;
}

static int not_there(const struct attachment *one, const char *what)
{
	gate_explain("'%s' carries no %s", one->ifname, what);
	return ATTACH_NOT_THERE;
}

static int change_fail(const struct attachment *one, const char *verb, int r)
{
	if (r == -EEXIST || r == -EBUSY) {
		gate_explain("'%s' got another XDP program while ours was being %s", one->ifname,
			     verb);
		return ATTACH_OCCUPIED;
	}
	gate_explain("the gate on '%s' cannot be %s: %s%s%s", one->ifname, verb, strerror(-r),
		     explain_warning()[0] ? ": " : "", explain_warning());
	return r;
}

int attach_remove(struct gate *gate, unsigned int ifindex)
{
	struct attachment one;
	int r = attach_query(gate, ifindex, &one);

	if (r)
		return r;
	if (one.owner != ATTACH_OURS)
		return not_there(&one, "gate of ours");
	explain_forget();
	if (one.dispatcher)
		r = clear_below(gate, ifindex, 0, false);
	else
		r = single_detach(&one);
	return r ? change_fail(&one, "detached", r) : 0;
}

int attach_exchange(struct gate *gate, const struct attachment *old)
{
	uint32_t id = 0;
	int r = -EINVAL;

	explain_forget();
	for (enum load_entry entry = 0; entry < LOAD_ENTRIES && r && r != -EEXIST; entry++)
		r = old->dispatcher ? dispatcher_attach(gate, old->ifindex, old->mode, entry, &id)
				    : single_exchange(gate, old, entry);
	if (!r && old->dispatcher)
		r = clear_below(gate, old->ifindex, id, old->owner == ATTACH_FOREIGN);
	return r ? change_fail(old, "replaced", r) : 0;
}

int attach_replace(struct gate *gate, unsigned int ifindex)
{
	struct attachment one;
	int r = attach_query(gate, ifindex, &one);

	if (r)
		return r;
	if (one.owner != ATTACH_OURS)
		return not_there(&one, "gate of ours");
	return attach_exchange(gate, &one);
}
