/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * One writer (strazhd), each field by one store. The time is stored last, and shares of a moment
 * may mix with those of the one before, which is 250 ms old.
 */
#include <user/gate/pace.h>

#include <time.h>

#define PACE_MOST 255U

static uint64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* NaN and what is above 1 change nothing. */
static uint8_t divisor(float share)
{
	float by;

	if (!(share > 0 && share < 1))
		return SZ_PACE_ONE;
	by = (float)SZ_PACE_ONE / share + 0.5F;
	return by >= (float)PACE_MOST ? (uint8_t)PACE_MOST : (uint8_t)by;
}

void pace_put(struct gate *gate, const struct gate_pace *pace)
{
	for (unsigned i = 0; i < SZ_TIERS; i++)
		__atomic_store_n(&gate->settings->pace[i], divisor(pace->tiers[i]),
				 __ATOMIC_RELAXED);
	__atomic_store_n(&gate->settings->pace_flags, pace->flags, __ATOMIC_RELAXED);
	__atomic_store_n(&gate->settings->pace_until_ns, now_ns() + PACE_HOLD_MS * 1000000ULL,
			 __ATOMIC_RELEASE);
}

void pace_drop(struct gate *gate)
{
	__atomic_store_n(&gate->settings->pace_until_ns, 0, __ATOMIC_SEQ_CST);
}

bool pace_get(const struct gate *gate, struct gate_pace *ret_pace)
{
	const volatile struct sz_settings *settings = gate->settings;
	bool holds = __atomic_load_n(&settings->pace_until_ns, __ATOMIC_ACQUIRE) > now_ns();
	bool any;

	*ret_pace = (struct gate_pace){.flags = holds ? settings->pace_flags : 0};
	any = ret_pace->flags & SZ_PACE_COOKIES;
	for (unsigned i = 0; i < SZ_TIERS; i++) {
		uint8_t by = holds ? settings->pace[i] : 0;

		ret_pace->tiers[i] = by ? (float)SZ_PACE_ONE / (float)by : 1;
		any |= by > SZ_PACE_ONE;
	}
	return any;
}
