/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What a worker that was taken over can write to the keeper, and what the keeper hands it: the
 * first byte says which. A message of the split, either way, an answer, a message with descriptors,
 * or a configuration in a memfd.
 */
#include "must.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <user/daemon/config/config_pass.h>
#include <user/daemon/worker/control.h>
#include <user/daemon/worker/split.h>

#define LEN_MAX 65536
#define FILES 3U

static void try_split(const uint8_t *data, size_t len, bool keeper)
{
	struct split_message m;
	int fds[2], r;

	MUST(!split_pair(fds));
	MUST(send(fds[0], data, len, 0) == (ssize_t)len);
	r = keeper ? split_receive(fds[1], &m) : split_hear(fds[1], &m);
	MUST(r == 0 || r == -EBADMSG || (!len && r == -EPIPE));
	MUST(r || len == sizeof(m));
	if (!r && keeper)
		MUST(m.type == SPLIT_FIGURES || (m.type >= SPLIT_PROVEN && m.type < SPLIT_FIGURES &&
						 (m.family == 4 || m.family == 6)));
	if (!r && !keeper)
		MUST(m.type == SPLIT_PACE && m.withheld <= 1000);
	close(fds[0]);
	close(fds[1]);
}

static void must_show(const char *text, size_t size)
{
	MUST(memchr(text, '\0', size));
	for (; *text; text++)
		MUST((unsigned char)*text >= ' ' && *text != 0x7f);
}

static void try_answer(const uint8_t *data, size_t len)
{
	static struct control_answer answer;
	uint8_t *whole = calloc(1, sizeof(answer) + 1);
	int fds[2], r;

	MUST(whole && !control_pair(fds));
	/* A short input is the beginning of a message of the right size; one byte makes it wrong.
	 */
	memcpy(whole, data, len < sizeof(answer) ? len : sizeof(answer));
	len = sizeof(answer) + (len % 7 == 6);
	MUST(send(fds[0], whole, len, 0) == (ssize_t)len);
	r = control_hear(fds[1], &answer);
	MUST(r == (len == sizeof(answer) ? 0 : -EBADMSG));
	if (!r) {
		MUST(answer.faults.total <= CONFIG_FAULTS_MAX);
		MUST(answer.r == CONFIG_WRONG ? answer.faults.total > 0
					      : answer.r <= 0 && answer.r >= -4095);
		must_show(answer.text, sizeof(answer.text));
		for (size_t i = 0; i < CONFIG_FAULTS_MAX; i++)
			must_show(answer.faults.list[i].why, sizeof(answer.faults.list[i].why));
	}
	free(whole);
	close(fds[0]);
	close(fds[1]);
}

static void try_message(const uint8_t *data, size_t len)
{
	struct control_message m;
	int fds[2], got[CONTROL_FDS_MAX], r;
	size_t got_len = 0;

	MUST(!control_pair(fds));
	MUST(send(fds[0], data, len, 0) == (ssize_t)len);
	r = control_receive(fds[1], &m, got, &got_len);
	MUST(!got_len && (r == 0 ? len == sizeof(m) : r == -EBADMSG || (!len && r == -EPIPE)));
	close(fds[0]);
	close(fds[1]);
}

/* Every descriptor is either with the files, or closed. */
static void try_config(const uint8_t *data, size_t len)
{
	struct config *config = NULL;
	struct identity_files files = {0};
	int fd = memfd_create("fuzz", MFD_CLOEXEC), fds[FILES], numbers[FILES], r;

	MUST(fd >= 0 && write(fd, data, len) == (ssize_t)len);
	for (unsigned i = 0; i < FILES; i++) {
		fds[i] = numbers[i] = dup(fd);
		MUST(fds[i] >= 0);
	}
	r = config_receive(fd, fds, FILES, &config, &files);
	MUST(r <= 0 && r != -ENOMEM);
	if (!r) {
		MUST(files.count <= IDENTITY_FILES_MAX);
		identity_files_close(&files);
		config_free(config);
	}
	for (unsigned i = 0; i < FILES; i++)
		MUST(fcntl(numbers[i], F_GETFD) < 0);
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size || size > LEN_MAX)
		return 0;
	switch (data[0] % 5) {
	case 0:
	case 1:
		try_split(data + 1, size - 1, data[0] % 5);
		break;
	case 2:
		try_answer(data + 1, size - 1);
		break;
	case 3:
		try_message(data + 1, size - 1);
		break;
	default:
		try_config(data + 1, size - 1);
		break;
	}
	return 0;
}
