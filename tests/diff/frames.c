// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Mutation, the dumb and the informed kind. A mutant starts as a frame of the corpus; each change
 * reads the frame again (with the model's parser, whose mistakes here only make a mutant less
 * interesting) and edits what it finds. A change that does not apply does nothing.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "frames.h"

static void frame_append(struct corpus *corpus, FILE *file, unsigned int len, const char *path)
{
	struct frame *frame;

	if (len < FRAME_MIN || len > FRAME_MAX)
		errx(2, "%s: frame %zu has %u bytes; %u to %u would be right", path, corpus->count,
		     len, FRAME_MIN, FRAME_MAX);
	corpus->frames = realloc(corpus->frames, (corpus->count + 1) * sizeof(*corpus->frames));
	if (!corpus->frames)
		err(2, "no memory");
	frame = &corpus->frames[corpus->count++];
	frame->len = (uint16_t)len;
	if (fread(frame->bytes, 1, len, file) != len)
		errx(2, "%s: ends inside frame %zu", path, corpus->count - 1);
}

void corpus_read(struct corpus *corpus, const char *path)
{
	FILE *file = fopen(path, "rbe");
	uint8_t len[2];

	*corpus = (struct corpus){0};
	if (!file)
		err(2, "%s", path);
	while (fread(len, 1, 2, file) == 2)
		frame_append(corpus, file, len[0] * 256U + len[1], path);
	fclose(file);
	if (corpus->count == 0)
		errx(2, "%s: no frames", path);
}

void corpus_free(struct corpus *corpus)
{
	free(corpus->frames);
	*corpus = (struct corpus){0};
}

static struct model_facts facts_of(const struct frame *frame)
{
	static const struct model_world nothing;

	return model_judge(&nothing, frame->bytes, frame->len).facts;
}

static uint8_t *l3(struct frame *frame, const struct model_facts *f)
{
	return frame->bytes + f->src_at - (f->family == 4 ? 12 : 8);
}

void frame_set_source(struct frame *frame, const uint8_t *addr)
{
	struct model_facts f = facts_of(frame);

	if (f.family)
		memcpy(frame->bytes + f.src_at, addr, f.addr_len);
}

static bool frame_insert(struct frame *frame, size_t at, const uint8_t *bytes, size_t len)
{
	if (at > frame->len || frame->len + len > FRAME_MAX)
		return false;
	memmove(frame->bytes + at + len, frame->bytes + at, frame->len - at);
	memcpy(frame->bytes + at, bytes, len);
	frame->len = (uint16_t)(frame->len + len);
	return true;
}

/* ---- changes --------------------------------------------------------------------------- */

typedef void change_fn(struct frame *frame, const struct world *world, struct rng *rng);

static void change_bits(struct frame *frame, const struct world *world, struct rng *rng)
{
	(void)world;
	for (unsigned int i = 0, n = 1 + rng_below(rng, 4); i < n; i++)
		frame->bytes[12 + rng_below(rng, frame->len - 12U)] ^= (uint8_t)(1 << rng_below(rng,
												8));
}

/* The first 80 bytes hold every header; flips there are seldom wasted. */
static void change_byte(struct frame *frame, const struct world *world, struct rng *rng)
{
	static const uint8_t values[] = {0,  1,	 4,  6,	 7,    8,    17,  43,
					 44, 51, 58, 60, 0x7f, 0x80, 0xff};
	uint32_t reach = frame->len < 80 ? frame->len : 80;

	(void)world;
	frame->bytes[12 + rng_below(rng, reach - 12)] = values[rng_below(rng, sizeof(values))];
}

static void change_length(struct frame *frame, const struct world *world, struct rng *rng)
{
	(void)world;
	if (rng_percent(rng, 60)) {
		frame->len = (uint16_t)(FRAME_MIN + rng_below(rng, frame->len - FRAME_MIN + 1U));
	} else {
		uint8_t more[60];
		uint32_t len = 1 + rng_below(rng, sizeof(more));

		rng_bytes(rng, more, len);
		(void)frame_insert(frame, frame->len, more, len);
	}
}

static void change_source(struct frame *frame, const struct world *world, struct rng *rng)
{
	struct model_facts f = facts_of(frame);

	if (!f.family)
		return;
	frame_set_source(frame, world_pick(world, f.family, rng)->addr);
	if (rng_percent(rng, 5))
		memcpy(frame->bytes + f.dst_at, frame->bytes + f.src_at, f.addr_len);
}

/* Length, header length and fragment fields that lie, by little or by much. */
static void change_ip(struct frame *frame, const struct world *world, struct rng *rng)
{
	struct model_facts f = facts_of(frame);
	uint32_t at = f.family == 4 ? 2 : 4;
	uint8_t *ip;

	(void)world;
	if (!f.family)
		return;
	ip = l3(frame, &f);
	if (f.family == 4 && rng_percent(rng, 20)) {
		ip[0] = (uint8_t)(0x40 | rng_below(rng, 16));
	} else if (f.family == 4 && rng_percent(rng, 40)) {
		ip[6] = (uint8_t)rng_below(rng, 256);
		ip[7] = (uint8_t)(rng_percent(rng, 50) ? rng_below(rng, 3) : rng_below(rng, 256));
	} else if (rng_percent(rng, 30)) {
		rng_bytes(rng, ip + at, 2);
	} else {
		ip[at + 1] = (uint8_t)(ip[at + 1] + rng_below(rng, 17) - 8);
	}
}

static void change_tags(struct frame *frame, const struct world *world, struct rng *rng)
{
	static const uint8_t types[][2] = {{0x81, 0}, {0x81, 0}, {0x88, 0xa8}, {0x91, 0}};
	struct model_facts f = facts_of(frame);
	const uint8_t *type = types[rng_below(rng, 4)];
	uint8_t tag[4] = {type[0], type[1], (uint8_t)rng_below(rng, 256),
			  (uint8_t)rng_below(rng, 256)};

	(void)world;
	if (f.tags > 0 && rng_percent(rng, 50)) {
		memmove(frame->bytes + 12, frame->bytes + 16, frame->len - 16U);
		frame->len = (uint16_t)(frame->len - 4);
		if (frame->len < FRAME_MIN)
			frame->len = FRAME_MIN;
	} else {
		(void)frame_insert(frame, 12, tag, sizeof(tag));
	}
}

/* One more extension header in front of the others, lengths kept true most of the time. */
static void change_extension(struct frame *frame, const struct world *world, struct rng *rng)
{
	static const uint8_t kinds[] = {0, 43, 44, 51, 60, 135, 139, 140};
	struct model_facts f = facts_of(frame);
	uint8_t header[8] = {0}, *ip;
	unsigned int payload;

	(void)world;
	if (f.family != 6)
		return;
	ip = l3(frame, &f);
	header[0] = ip[6];
	if (!frame_insert(frame, f.src_at + 32, header, sizeof(header)))
		return;
	ip[6] = kinds[rng_below(rng, sizeof(kinds))];
	if (ip[6] == 44) {
		ip[42] = (uint8_t)(rng_percent(rng, 80) ? 0 : rng_below(rng, 256));
		ip[43] = (uint8_t)(rng_percent(rng, 60) ? 0 : rng_below(rng, 256));
	} else {
		ip[41] = (uint8_t)(rng_percent(rng, 90) ? 0 : rng_below(rng, 256));
	}
	payload = ip[4] * 256U + ip[5] + 8;
	ip[4] = (uint8_t)(payload >> 8);
	ip[5] = (uint8_t)payload;
}

/* Another transport protocol over the same bytes. */
static void change_protocol(struct frame *frame, const struct world *world, struct rng *rng)
{
	static const uint8_t known[] = {1, 6, 6, 17, 17, 47, 50, 58, 59, 132};
	struct model_facts f = facts_of(frame);

	(void)world;
	if (f.family == 4)
		l3(frame, &f)[9] = known[rng_below(rng, sizeof(known))];
	else if (f.family == 6 && f.extensions == 0)
		l3(frame, &f)[6] = known[rng_below(rng, sizeof(known))];
}

/* Ports, flags, offsets and lengths of the transport header. */
static void change_transport(struct frame *frame, const struct world *world, struct rng *rng)
{
	static const uint8_t at_tcp[] = {0, 1, 2, 3, 12, 13, 13, 13, 13},
			     at_udp[] = {2, 3, 4, 5, 5};
	struct model_facts f = facts_of(frame);
	uint32_t at = f.proto == 6 ? at_tcp[rng_below(rng, sizeof(at_tcp))]
				   : at_udp[rng_below(rng, sizeof(at_udp))];

	(void)world;
	if (!f.family || f.l4_at + at >= frame->len)
		return;
	frame->bytes[f.l4_at + at] = (uint8_t)(rng_percent(rng, 30) ? 0 : rng_below(rng, 256));
	if (at < 4 && rng_percent(rng, 50))
		frame->bytes[f.l4_at + at] = frame->bytes[(f.l4_at + at) ^ 1] = 0;
}

/* The length field says what is there: the mutant gets past the first checks. */
static void repair_length(struct frame *frame)
{
	static const struct model_world nothing;
	struct model_answer answer = model_judge(&nothing, frame->bytes, frame->len);
	size_t at = 14 + 4 * (size_t)answer.facts.tags, len = frame->len - at;

	if (answer.reason == SZ_REASON_IP4_LEN) {
		frame->bytes[at + 2] = (uint8_t)(len >> 8);
		frame->bytes[at + 3] = (uint8_t)len;
	} else if (answer.reason == SZ_REASON_IP6_LEN && len > 40) {
		frame->bytes[at + 4] = (uint8_t)((len - 40) >> 8);
		frame->bytes[at + 5] = (uint8_t)(len - 40);
	}
}

static change_fn *const changes[] = {
	change_bits, change_byte, change_length,    change_source,   change_source,
	change_ip,   change_tags, change_extension, change_protocol, change_transport,
};

/* Bytes from nowhere behind an ethertype that promises something. */
static void frame_random(struct rng *rng, struct frame *frame)
{
	static const uint8_t heads[][3] = {{0x08, 0x00, 0x45}, {0x08, 0x00, 0x46},
					   {0x86, 0xdd, 0x60}, {0x86, 0xdd, 0x6f},
					   {0x81, 0x00, 0x00}, {0x88, 0xa8, 0x0f}};

	frame->len = (uint16_t)(FRAME_MIN + rng_below(rng, 120));
	rng_bytes(rng, frame->bytes, frame->len);
	if (frame->len > FRAME_MIN)
		memcpy(frame->bytes + 12, heads[rng_below(rng, 6)], 3);
}

void frame_mutate(const struct corpus *corpus, const struct world *world, struct rng *rng,
		  struct frame *ret_frame)
{
	if (rng_percent(rng, 3)) {
		frame_random(rng, ret_frame);
		return;
	}
	*ret_frame = corpus->frames[rng_below(rng, (uint32_t)corpus->count)];
	for (unsigned int i = 0, n = 1 + rng_below(rng, 4); i < n; i++)
		changes[rng_below(rng, sizeof(changes) / sizeof(changes[0]))](ret_frame, world,
									      rng);
	if (rng_percent(rng, 70))
		repair_length(ret_frame);
}

void frame_print(const struct frame *frame, const struct model_facts *f, FILE *to)
{
	char src[INET6_ADDRSTRLEN], dst[INET6_ADDRSTRLEN];
	int family = f->family == 6 ? AF_INET6 : AF_INET;

	fprintf(to, "#   frame of %u bytes, %u tags", frame->len, f->tags);
	if (f->family)
		fprintf(to, ", IPv%u %s > %s, protocol %u at %zu of %zu, %u extensions%s%s",
			f->family, inet_ntop(family, frame->bytes + f->src_at, src, sizeof(src)),
			inet_ntop(family, frame->bytes + f->dst_at, dst, sizeof(dst)), f->proto,
			f->l4_at, f->end_at, f->extensions, f->frag_first ? ", first fragment" : "",
			f->frag_later ? ", later fragment" : "");
	fprintf(to, "\n#   ");
	for (unsigned int i = 0; i < frame->len; i++)
		fprintf(to, "%02x", frame->bytes[i]);
	fprintf(to, "\n");
}
