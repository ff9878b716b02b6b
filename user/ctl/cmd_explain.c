/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * explain: a capture, frame by frame, through a second load of the gate. strazhctl does all of it;
 * strazhd is not asked, so that a large capture holds nobody up.
 */
#include <user/ctl/cmd.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <pcap/pcap.h>

#include <user/ctl/client.h>
#include <user/ctl/frametext.h>
#include <user/ctl/request.h>
#include <user/ctl/view.h>
#include <user/ctl/watching.h>
#include <user/gate/dry.h>
#include <user/gate/stats.h>

struct explain {
	struct client *client;
	struct dry *dry;
	bool summary;
	uint64_t frames, not_run;
	uint64_t done[SZ_REASON_COUNT], observed[SZ_REASON_COUNT];
};

static const char *verdict_word(const struct dry_verdict *verdict)
{
	if (verdict->observed)
		return "observed";
	switch (reason_classes[verdict->reason]) {
	case SZ_CLASS_PASS:
		return "pass";
	case SZ_CLASS_ANSWER:
		return "answer";
	case SZ_CLASS_LIST:
	case SZ_CLASS_MALFORMED:
	case SZ_CLASS_RATE:
	case SZ_CLASS_POLICY:
		break;
	}
	return "drop";
}

static void show(struct explain *explain, const uint8_t *bytes, size_t len, const char *verdict,
		 const char *reason, const char *why)
{
	struct frame_text text = {.source = ""};

	if (explain->summary)
		return;
	frame_text(bytes, len, &text);
	render_row(explain->client->render,
		   json_pack("{s:I, s:s, s:s, s:s, s:s, s:s, s:I, s:s}", "frame",
			     (json_int_t)explain->frames, "verdict", verdict, "reason", reason,
			     "source", text.source, "target", text.target, "proto", text.proto,
			     "len", (json_int_t)len, "text", why));
}

static void not_run(struct explain *explain, const uint8_t *bytes, size_t len, const char *why)
{
	explain->not_run++;
	show(explain, bytes, len, "not run", "", why);
}

static int judge(struct explain *explain, const struct pcap_pkthdr *head, const uint8_t *bytes)
{
	struct dry_verdict verdict;
	char why[120];
	int r;

	explain->frames++;
	if (head->caplen < head->len) {
		(void)snprintf(why, sizeof(why), "cut short by the capture: %u bytes of %u",
			       head->caplen, head->len);
		not_run(explain, bytes, head->caplen, why);
		return 0;
	}
	r = dry_ask(explain->dry, bytes, head->caplen, &verdict);
	if (r == DRY_SHORT || r == DRY_LONG) {
		(void)snprintf(why, sizeof(why), "%s: %u bytes",
			       r == DRY_SHORT ? "shorter than an Ethernet header"
					      : "longer than a packet can be",
			       head->caplen);
		not_run(explain, bytes, head->caplen, why);
		return 0;
	}
	if (r == -EINVAL) {
		not_run(explain, bytes, head->caplen, gate_error());
		return 0;
	}
	if (r)
		return r;
	if (verdict.observed)
		explain->observed[verdict.reason]++;
	else
		explain->done[verdict.reason]++;
	show(explain, bytes, head->caplen, verdict_word(&verdict), reason_names[verdict.reason],
	     reason_texts[verdict.reason]);
	return 0;
}

static void show_sums(const struct explain *explain)
{
	for (uint32_t i = 0; i < SZ_REASON_COUNT; i++) {
		for (int observed = 0; observed < 2; observed++) {
			const struct dry_verdict verdict = {i, observed};
			uint64_t frames = observed ? explain->observed[i] : explain->done[i];

			if (frames)
				render_row(explain->client->render,
					   json_pack("{s:I, s:s, s:s, s:s}", "frames",
						     (json_int_t)frames, "verdict",
						     verdict_word(&verdict), "reason",
						     reason_names[i], "text", reason_texts[i]));
		}
	}
	if (explain->not_run)
		render_row(explain->client->render,
			   json_pack("{s:I, s:s, s:s, s:s}", "frames", (json_int_t)explain->not_run,
				     "verdict", "not run", "reason", "", "text", "not judged"));
}

static int read_capture(struct explain *explain, pcap_t *pcap, const char *path)
{
	struct pcap_pkthdr *head;
	const uint8_t *bytes;
	int more, r = 0;

	while (!r && !explain->client->render->broken &&
	       (more = pcap_next_ex(pcap, &head, &bytes)) == 1)
		r = judge(explain, head, bytes);
	if (r)
		return client_fail(explain->client, CTL_FAILED, "explain: frame %llu: %s",
				   (unsigned long long)explain->frames, gate_error());
	if (!explain->client->render->broken && more == PCAP_ERROR)
		return client_fail(explain->client, CTL_FAILED,
				   "explain: '%s', after frame %llu: %s", path,
				   (unsigned long long)explain->frames, pcap_geterr(pcap));
	return CTL_DONE;
}

/* `tcpdump -i any`, a tunnel, a PPP link: the gate sees Ethernet frames. */
static int other_link(const struct explain *explain, pcap_t *pcap, const char *path)
{
	const char *name = pcap_datalink_val_to_name(pcap_datalink(pcap));

	return client_fail(
		explain->client, CTL_FAILED,
		"explain: '%s' holds no Ethernet frames but link type %s; capture on the "
		"interface that carries the gate, as `tcpdump -i eth0`",
		path, name ? name : "unknown");
}

static int explain_file(struct explain *explain, const char *path)
{
	char why[PCAP_ERRBUF_SIZE] = "";
	pcap_t *pcap = pcap_open_offline(path, why);
	json_t *result;
	char text[120];
	int at, code;

	if (!pcap)
		return client_fail(explain->client, CTL_FAILED,
				   "explain: '%s' is no capture that can be read: %s", path, why);
	code = pcap_datalink(pcap) == DLT_EN10MB ? read_capture(explain, pcap, path)
						 : other_link(explain, pcap, path);
	pcap_close(pcap);
	if (code)
		return code;
	show_sums(explain);
	at = snprintf(text, sizeof(text), "%llu frame%s", (unsigned long long)explain->frames,
		      explain->frames == 1 ? "" : "s");
	if (explain->not_run)
		(void)snprintf(text + at, sizeof(text) - (size_t)at, ", %llu of them not run",
			       (unsigned long long)explain->not_run);
	result = result_make("explain", CTL_DONE, text);
	(void)!json_object_set_new(result, "frames", json_integer((json_int_t)explain->frames));
	(void)!json_object_set_new(result, "not_run", json_integer((json_int_t)explain->not_run));
	return client_finish(explain->client, result);
}

static int prepare(struct client *client, json_t *args, bool *ret_stop)
{
	const struct gate_place place = {.pin_dir = client->pin_dir, .run_dir = client->run_dir};
	const char *path = json_string_value(json_object_get(args, "pcap"));
	struct explain explain = {
		.client = client,
		.summary = json_is_true(json_object_get(args, "summary")),
	};
	own_gate struct gate *gate = NULL;
	own_dry struct dry *dry = NULL;
	char why[WHY_LEN];
	int r;

	*ret_stop = true;
	if (args_check(client->command, args, why))
		return client_fail(client, CTL_USAGE, "%s", why);
	r = gate_open(&place, 0, NULL, &gate);
	if (r == GATE_ABSENT)
		return client_fail(client, CTL_NO_GATE,
				   "explain: the gate is not loaded (nothing in '%s'); `strazhctl "
				   "attach IFACE` loads it",
				   client->pin_dir);
	if (!r)
		r = dry_new(gate, &dry);
	if (r)
		return client_fail(client, CTL_FAILED, "explain: %s",
				   r == -EPERM || r == -EACCES ? "not permitted; try sudo"
							       : gate_error());
	explain.dry = dry;
	return explain_file(&explain, path);
}

static const struct arg explain_args[] = {
	{"pcap", ARG_TEXT, ARG_REQUIRED, "FILE", "pcap or pcapng; - for standard input"},
	{"summary", ARG_FLAG, 0, NULL, "only how many frames met what"},
	{0},
};

const struct command cmd_explain = {
	.name = "explain",
	.flags = CMD_READ,
	.args = explain_args,
	.summary = "say what the gate would do with a capture",
	.help = "Each frame goes through a second load of the gate, which shares lists, limits, "
		"services and settings with the first and changes nothing of it: no counter, no "
		"rate, no hit. Rates are judged as if the frames came now, one after the other, on "
		"top of what their sources have sent. Frames that are cut short or shorter than "
		"a header are named and not run.",
	.prepare = prepare,
	.run = watching_run,
	.view = &view_explain,
};
