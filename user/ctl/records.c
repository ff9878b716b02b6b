/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/ctl/records.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <strazh/base/own.h>
#include <user/base/cidrlist.h>

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

_Static_assert(sizeof(struct prefix) == 18, "records are bytes, without padding");

static int write_all(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

int records_send(const struct prefix *entries, size_t count, int *ret_fd)
{
	own_fd int fd = memfd_create("strazh-records", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r;

	if (fd < 0)
		return -errno;
	r = write_all(fd, (const char *)entries, count * sizeof(*entries));
	if (r)
		return r;
	if (fcntl(fd, F_ADD_SEALS, SEALS))
		return -errno;
	*ret_fd = take_fd(&fd);
	return 0;
}

static bool canonical(const struct prefix *p)
{
	struct prefix again;

	if (!prefix_ok(p))
		return false;
	again = prefix_from(p->family, p->addr, p->len);
	return memcmp(&again, p, sizeof(again)) == 0;
}

int records_check(const struct prefix *entries, size_t count, char why[RECORDS_WHY_LEN])
{
	for (size_t i = 0; i < count; i++) {
		if (!canonical(&entries[i])) {
			(void)snprintf(why, RECORDS_WHY_LEN, "record %zu is no prefix", i);
			return -EBADMSG;
		}
		if (i && prefix_compare(&entries[i - 1], &entries[i]) >= 0) {
			(void)snprintf(why, RECORDS_WHY_LEN, "record %zu is out of order", i);
			return -EBADMSG;
		}
	}
	return 0;
}

static int look(int fd, size_t *ret_len, char why[RECORDS_WHY_LEN])
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0 || (seals & SEALS) != SEALS) {
		(void)snprintf(why, RECORDS_WHY_LEN, "the descriptor is no sealed memfd");
		return -EBADMSG;
	}
	if (fstat(fd, &st))
		return -errno;
	if (st.st_size % (off_t)sizeof(struct prefix) ||
	    (uint64_t)st.st_size > (uint64_t)CIDRLIST_MAX * sizeof(struct prefix)) {
		(void)snprintf(why, RECORDS_WHY_LEN, "%lld bytes are no list of at most %u records",
			       (long long)st.st_size, CIDRLIST_MAX);
		return -EBADMSG;
	}
	*ret_len = (size_t)st.st_size;
	return 0;
}

int records_receive(int fd, struct records *ret_records, char why[RECORDS_WHY_LEN])
{
	struct records records = {0};
	int r = look(fd, &records.mapping_len, why);

	if (r)
		return r;
	if (records.mapping_len) {
		records.mapping = mmap(NULL, records.mapping_len, PROT_READ, MAP_PRIVATE, fd, 0);
		if (records.mapping == MAP_FAILED)
			return -errno;
		records.entries = records.mapping;
		records.count = records.mapping_len / sizeof(struct prefix);
	}
	r = records_check(records.entries, records.count, why);
	if (r)
		records_deinit(&records);
	else
		*ret_records = records;
	return r;
}

void records_deinit(struct records *records)
{
	if (records->mapping)
		munmap(records->mapping, records->mapping_len);
	*records = (struct records){0};
}
