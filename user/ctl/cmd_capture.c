/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* capture: samples of packets into a pcapng file, with what the gate did as a comment. */
#include <user/ctl/cmd.h>

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <strazh/base/own.h>
#include <user/base/clock.h>
#include <user/ctl/client.h>
#include <user/ctl/names.h>
#include <user/ctl/pcapng.h>
#include <user/ctl/request.h>
#include <user/ctl/watching.h>
#include <user/gate/stats.h>

#define SNAP_DEFAULT 256UL
#define PER_TICK 200U /* 20,000 packets/s: what a disk and a person can take */
#define POLL_MS 200
#define COMMENT_LEN 240

struct capture {
	struct client *client;
	struct list_names names;
	struct pcapng file;
	FILE *out;
	uint64_t reasons;
	unsigned long snap, one_in, most, seconds;
	uint64_t written;
	int failed; /* -errno of the file */
};

/* ---- what is wanted ---- */

static uint64_t all_of(bool passed)
{
	uint64_t mask = 0;

	for (uint32_t i = 0; i < SZ_REASON_COUNT; i++)
		if ((reason_classes[i] == SZ_CLASS_PASS) == passed)
			mask |= 1ULL << i;
	return mask;
}

static int take_reasons(struct capture *capture, const char *text, uint64_t *mask)
{
	while (*text) {
		size_t len = strcspn(text, ",");
		uint32_t i = 0;

		while (i < SZ_REASON_COUNT &&
		       (strlen(reason_names[i]) != len || strncmp(reason_names[i], text, len) != 0))
			i++;
		if (i == SZ_REASON_COUNT)
			return client_fail(capture->client, CTL_USAGE,
					   "capture: there is no reason '%.*s'; `strazhctl stats "
					   "--all` shows them",
					   (int)(len < 40 ? len : 40), text);
		*mask |= 1ULL << i;
		text += len + (text[len] == ',');
	}
	return CTL_DONE;
}

static int take_which(struct capture *capture, const json_t *args)
{
	const bool dropped = json_is_true(json_object_get(args, "dropped"));
	const bool passed = json_is_true(json_object_get(args, "passed"));
	const char *reasons = json_string_value(json_object_get(args, "reason"));
	uint64_t named = 0;
	int r = reasons ? take_reasons(capture, reasons, &named) : CTL_DONE;

	if (r)
		return r;
	if (!dropped && !passed && !named)
		return client_fail(capture->client, CTL_USAGE,
				   "capture: want --dropped, --passed, both, or --reason NAME");
	capture->reasons = (dropped ? all_of(false) : 0) | (passed ? all_of(true) : 0);
	if (named)
		capture->reasons = capture->reasons ? capture->reasons & named : named;
	if (!capture->reasons)
		return client_fail(capture->client, CTL_USAGE,
				   "capture: nothing is both: '%s' are none of those", reasons);
	return CTL_DONE;
}

static int take_number(struct capture *capture, const json_t *args, const char *key,
		       unsigned long least, unsigned long most, unsigned long *value)
{
	const char *text = json_string_value(json_object_get(args, key));
	char *end = NULL;

	if (!text)
		return CTL_DONE;
	errno = 0;
	*value = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || errno || *value < least || *value > most)
		return client_fail(capture->client, CTL_USAGE,
				   "capture: '%.40s' is no value for --%s: a number, %lu to %lu",
				   text, key, least, most);
	return CTL_DONE;
}

static void take_seconds(struct capture *capture, const json_t *args)
{
	const char *text = json_string_value(json_object_get(args, "for")), *why;
	uint64_t seconds = 0;

	/* args_check() has been there. */
	if (text && !duration_parse(text, &seconds, &why))
		capture->seconds = seconds;
}

static int take_all(struct capture *capture, const json_t *args)
{
	int r = take_which(capture, args);

	capture->snap = SNAP_DEFAULT;
	capture->one_in = 1;
	if (!r)
		r = take_number(capture, args, "snap", 14, SZ_SNAP_MAX, &capture->snap);
	if (!r)
		r = take_number(capture, args, "one-in", 1, 1000000, &capture->one_in);
	if (!r)
		r = take_number(capture, args, "count", 1, 1000000000, &capture->most);
	take_seconds(capture, args);
	return r;
}

/* ---- the file ---- */

/* A file that is there is not written over: who captures in haste has one chance. */
static int open_file(struct capture *capture, const char *path)
{
	int fd;

	if (strcmp(path, "-") == 0) {
		capture->out = stdout;
		if (isatty(STDOUT_FILENO))
			return client_fail(capture->client, CTL_USAGE,
					   "capture: a capture is not for a terminal: -w FILE");
		return CTL_DONE;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0)
		capture->out = fdopen(fd, "w");
	if (capture->out)
		return CTL_DONE;
	if (errno == EEXIST)
		return client_fail(capture->client, CTL_FAILED,
				   "capture: '%s' is there already and is not written over: name a "
				   "new file, or - for standard output",
				   path);
	return client_fail(capture->client, CTL_FAILED, "capture: '%s': %s", path, strerror(errno));
}

static void comment_of(const struct capture *capture, const struct sz_sample *sample,
		       char comment[COMMENT_LEN])
{
	const uint32_t reason = sample->event.reason;
	const char *done = sample->event.flags & SZ_EVENT_OBSERVED   ? "only observed"
			   : reason_classes[reason] == SZ_CLASS_PASS ? "passed"
			   : reason_classes[reason] == SZ_CLASS_ANSWER
				   ? "answered; this is the answer"
				   : "dropped";
	char lists[120];
	size_t at = (size_t)snprintf(comment, COMMENT_LEN, "%s: %s (%s)", reason_names[reason],
				     reason_texts[reason], done);

	if (sample->event.lists && at < COMMENT_LEN) {
		names_text(&capture->names, SZ_TABLE_DENY, sample->event.lists, lists,
			   sizeof(lists));
		(void)snprintf(comment + at, COMMENT_LEN - at, "; on %s", lists);
	}
}

/* Of an event's boot time, by both clocks as they are now. */
static uint64_t wall_ns_of(uint64_t boot_ns)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec -
	       (clock_boot_ns() - boot_ns);
}

static int on_sample(void *context, const struct sz_sample *sample, const uint8_t *frame)
{
	struct capture *capture = context;
	char comment[COMMENT_LEN], ifname[IF_NAMESIZE] = "";
	struct pcapng_packet packet;

	if (sample->event.reason >= SZ_REASON_COUNT ||
	    (capture->most && capture->written == capture->most))
		return 0;
	comment_of(capture, sample, comment);
	if (!if_indextoname(sample->event.ifindex, ifname))
		(void)snprintf(ifname, sizeof(ifname), "if%u", sample->event.ifindex);
	packet = (struct pcapng_packet){
		.wall_ns = wall_ns_of(sample->event.at_ns),
		.ifindex = sample->event.ifindex,
		.ifname = ifname,
		.bytes = frame,
		.caplen = sample->caplen,
		.len = sample->event.frame_len,
		.comment = comment,
	};
	capture->failed = pcapng_write(&capture->file, &packet);
	capture->written += !capture->failed;
	return capture->failed;
}

/* ---- the command ---- */

static void watch(struct capture *capture, struct tap *tap)
{
	const uint64_t end_ns = clock_boot_ns() + capture->seconds * NS_PER_S;

	while (!watching_over() && !capture->failed &&
	       (!capture->most || capture->written < capture->most) &&
	       (!capture->seconds || clock_boot_ns() < end_ns)) {
		int r = tap_read(tap, POLL_MS);

		if (r < 0 && r != -EINTR && !capture->failed)
			capture->failed = r;
	}
	if (!capture->failed)
		capture->failed = pcapng_end(&capture->file);
}

static int finish(struct capture *capture, const struct tap *tap, const char *path)
{
	uint64_t lost, held;
	char text[200];
	json_t *result;

	tap_missed(tap, &lost, &held);
	if (capture->failed == -EPIPE && capture->out == stdout)
		capture->failed = 0; /* whoever read it has enough */
	if (capture->failed)
		return client_fail(
			capture->client, CTL_FAILED, "capture: '%s', after %llu packets: %s", path,
			(unsigned long long)capture->written, strerror(-capture->failed));
	(void)snprintf(text, sizeof(text), "%llu packet%s written to '%.100s'%s",
		       (unsigned long long)capture->written, capture->written == 1 ? "" : "s", path,
		       lost || held ? "; there were more: samples only" : "");
	result = result_make("capture", CTL_DONE, text);
	(void)!json_object_set_new(result, "packets", json_integer((json_int_t)capture->written));
	(void)!json_object_set_new(result, "lost", json_integer((json_int_t)lost));
	(void)!json_object_set_new(result, "held", json_integer((json_int_t)held));
	/* The capture itself is on stdout: the result must not follow it there. */
	if (capture->out == stdout) {
		json_decref(result);
		fprintf(stderr, "%s\n", text);
		return CTL_DONE;
	}
	return client_finish(capture->client, result);
}

static int run_capture(struct capture *capture, struct gate *gate, const char *path)
{
	const struct tap_want want = {
		.reasons = capture->reasons,
		.one_in = (uint32_t)capture->one_in,
		.snap = (uint32_t)capture->snap,
		.per_tick = PER_TICK,
	};
	own_tap struct tap *tap = NULL;
	int r = names_read(gate, &capture->names);

	if (!r)
		r = tap_open(gate, &want, on_sample, capture, &tap);
	if (r)
		return watching_fail(capture->client, r);
	r = open_file(capture, path);
	if (r)
		return r;
	capture->failed = pcapng_begin(&capture->file, capture->out, (uint32_t)capture->snap);
	watching_signals();
	if (!capture->failed)
		watch(capture, tap);
	return finish(capture, tap, path);
}

static int prepare(struct client *client, json_t *args, bool *ret_stop)
{
	const char *path = json_string_value(json_object_get(args, "write"));
	struct capture capture = {.client = client};
	own_gate struct gate *gate = NULL;
	char why[WHY_LEN];
	int r;

	*ret_stop = true;
	if (args_check(client->command, args, why))
		return client_fail(client, CTL_USAGE, "%s", why);
	r = take_all(&capture, args);
	if (!r)
		r = watching_gate(client, &gate);
	if (!r)
		r = run_capture(&capture, gate, path);
	if (capture.out && capture.out != stdout)
		(void)fclose(capture.out);
	return r;
}

static const struct arg capture_args[] = {
	{"dropped", ARG_FLAG, 0, NULL, "what is dropped, answered, or only observed"},
	{"passed", ARG_FLAG, 0, NULL, "what passes"},
	{"reason", ARG_TEXT, 0, "NAME,...", "only for these reasons"},
	{"write", ARG_TEXT, ARG_REQUIRED, "FILE", "pcapng; must not be there yet; - for stdout"},
	{"count", ARG_TEXT, 0, "N", "end after so many packets"},
	{"for", ARG_DURATION, 0, "DURATION", "end after so long"},
	{"snap", ARG_TEXT, 0, "BYTES", "of each frame, 256; at most 512"},
	{"one-in", ARG_TEXT, 0, "N", "take each packet with probability 1/N"},
	{0},
};

const struct command cmd_capture = {
	.name = "capture",
	.flags = CMD_READ,
	.args = capture_args,
	.summary = "write samples of packets to a file for Wireshark",
	.help = "Each packet carries a comment: the reason, and what the gate did. At most some "
		"20,000 packets/s are taken, so a flood is sampled; the result says whether there "
		"were more. A SYN that was answered with a cookie shows as the answer. Until "
		"Ctrl-C, --count or --for.",
	.prepare = prepare,
	.run = watching_run,
};
