/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A static key taken out of its shield, and let go: what each batch of handshakes pays once. And a
 * new prekey, every 500 ms: its budget is a thousandth of a CPU.
 */
#include <tests/bench/wire/bench.h>

#include <user/crypto/shield.h>

#define ROUNDS 25
#define TIMES 40
#define OPEN_BUDGET_NS 25000
#define RENEW_BUDGET_NS (SHIELD_RENEW_MS * 1000.0)

static void one_round(struct shield *shield, struct samples *open, struct samples *renew)
{
	double begin = cpu_ns();

	for (int i = 0; i < TIMES; i++) {
		struct secret32 secret;

		if (shield_open(shield, &secret))
			die("the shield does not open");
		shield_close(&secret);
	}
	samples_add(open, (cpu_ns() - begin) / TIMES);
	begin = cpu_ns();
	for (int i = 0; i < TIMES; i++)
		if (shield_renew(shield))
			die("no new prekey");
	samples_add(renew, (cpu_ns() - begin) / TIMES);
}

void bench_shield(void)
{
	static struct samples open, renew;
	struct secret32 secret = {"any"};
	struct shield *shield;

	pin(0);
	if (shield_new(&secret, &shield))
		die("no shield");
	say("in %s", shield_memory_text(shield_memory(shield)));
	for (int i = 0; i < ROUNDS; i++)
		one_round(shield, &open, &renew);
	report_budget("wire.shield_open_ns", samples_at(&open, 50), "ns", OPEN_BUDGET_NS, &open);
	report_budget("wire.shield_renew_ns", samples_at(&renew, 50), "ns", RENEW_BUDGET_NS,
		      &renew);
	shield_free(shield);
}
