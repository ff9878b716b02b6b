/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Blocks are in the byte order of this machine, as the byte-order magic tells the reader. */
#include <user/ctl/pcapng.h>

#include <errno.h>
#include <string.h>

#define SECTION 0x0a0d0d0aU
#define INTERFACE 1U
#define PACKET 6U
#define MAGIC 0x1a2b3c4dU
#define ETHERNET 1U
#define OPT_END 0U
#define OPT_COMMENT 1U
#define OPT_IF_NAME 2U
#define OPT_IF_TSRESOL 9U
#define NANOSECONDS 9U
#define OVERHEAD 12U /* type and both lengths */

static uint32_t padded(size_t len)
{
	return (uint32_t)(len + 3) & ~3U;
}

static uint32_t option_len(const char *text)
{
	return 4 + padded(strlen(text));
}

static void put32(FILE *out, uint32_t value)
{
	(void)!fwrite(&value, sizeof(value), 1, out);
}

static void put16(FILE *out, uint16_t value)
{
	(void)!fwrite(&value, sizeof(value), 1, out);
}

static void put_bytes(FILE *out, const void *bytes, size_t len)
{
	static const char zero[4];

	(void)!fwrite(bytes, 1, len, out);
	(void)!fwrite(zero, 1, padded(len) - len, out);
}

static void put_option(FILE *out, uint16_t code, const void *bytes, size_t len)
{
	put16(out, code);
	put16(out, (uint16_t)len);
	put_bytes(out, bytes, len);
}

static int failed(FILE *out)
{
	if (!ferror(out))
		return 0;
	return errno ? -errno : -EIO;
}

int pcapng_begin(struct pcapng *file, FILE *out, uint32_t snap)
{
	const uint32_t len = OVERHEAD + 16;

	*file = (struct pcapng){.out = out, .snap = snap};
	errno = 0;
	put32(out, SECTION);
	put32(out, len);
	put32(out, MAGIC);
	put16(out, 1);
	put16(out, 0);
	put32(out, UINT32_MAX); /* the section's length: not said */
	put32(out, UINT32_MAX);
	put32(out, len);
	return failed(out);
}

static void put_interface(struct pcapng *file, const char *name)
{
	const uint8_t resolution = NANOSECONDS;
	const uint32_t len = OVERHEAD + 8 + option_len(name) + 8 + 4;

	put32(file->out, INTERFACE);
	put32(file->out, len);
	put16(file->out, ETHERNET);
	put16(file->out, 0);
	put32(file->out, file->snap);
	put_option(file->out, OPT_IF_NAME, name, strlen(name));
	put_option(file->out, OPT_IF_TSRESOL, &resolution, sizeof(resolution));
	put32(file->out, OPT_END);
	put32(file->out, len);
}

static uint32_t interface_of(struct pcapng *file, const struct pcapng_packet *packet)
{
	for (uint32_t i = 0; i < file->interfaces; i++)
		if (file->ifindex[i] == packet->ifindex)
			return i;
	if (file->interfaces == PCAPNG_INTERFACES)
		return PCAPNG_INTERFACES - 1;
	put_interface(file, packet->ifname);
	file->ifindex[file->interfaces] = packet->ifindex;
	return file->interfaces++;
}

int pcapng_write(struct pcapng *file, const struct pcapng_packet *packet)
{
	FILE *out = file->out;
	uint32_t interface, len;

	errno = 0;
	interface = interface_of(file, packet);
	len = OVERHEAD + 20 + padded(packet->caplen) + option_len(packet->comment) + 4;
	put32(out, PACKET);
	put32(out, len);
	put32(out, interface);
	put32(out, (uint32_t)(packet->wall_ns >> 32));
	put32(out, (uint32_t)packet->wall_ns);
	put32(out, packet->caplen);
	put32(out, packet->len);
	put_bytes(out, packet->bytes, packet->caplen);
	put_option(out, OPT_COMMENT, packet->comment, strlen(packet->comment));
	put32(out, OPT_END);
	put32(out, len);
	return failed(out);
}

int pcapng_end(struct pcapng *file)
{
	errno = 0;
	if (!file->interfaces)
		put_interface(file, "none");
	if (fflush(file->out))
		return errno ? -errno : -EIO;
	return failed(file->out);
}
