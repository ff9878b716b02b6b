/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Does the time that a record takes tell something of a secret? The method of dudect (O. Reparaz,
 * J. Balasch, I. Verbauwhede: Dude, is my code constant time?, DATE 2017): two classes of input,
 * chosen by lot for each measurement, and Welch's t-test on the two sets of times; once on all of
 * them and once on those below each of many percentiles, since what interrupts us only makes times
 * longer. The largest |t| counts: above 4.5 the classes are told apart, above 10 beyond doubt. A
 * test of this kind finds leaks; that it finds none is no proof that there is none.
 *
 * Both classes have tables of one size and are copied into one place, so that the cache does not
 * tell them apart. Beside the engines runs a control: behind what the engine does the signature is
 * compared once more, by a loop that ends at the first difference.
 * If that one is not found the machine is too noisy, and the figures say nothing.
 */
#include <tests/bench/wire/bench.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef __x86_64__
#include <x86intrin.h>
#endif

#include <strazh/wire/phantom.h>
#include <user/crypto/engine.h>

#define CROPS 100
#define CALIBRATION 20000U
#define MEASUREMENTS 2000000U
#define WARM 1000U
#define SUSPECT 4.5
#define CERTAIN 10.0
#define PLAIN 64U
#define SIZE (PH_RECORD_HEAD + PLAIN + PH_RECORD_TAIL)
#define SHAPES 64U
#define RUNS 3

/* ---- Welch's t-test, one pass (B. P. Welford 1962) ---- */

struct welch {
	double n[2], mean[2], m2[2];
};

static void welch_add(struct welch *w, unsigned class, double x)
{
	double delta = x - w->mean[class];

	w->n[class]++;
	w->mean[class] += delta / w->n[class];
	w->m2[class] += delta * (x - w->mean[class]);
}

static double welch_t(const struct welch *w)
{
	double spread;

	if (w->n[0] < 2 || w->n[1] < 2)
		return 0;
	spread = w->m2[0] / (w->n[0] - 1) / w->n[0] + w->m2[1] / (w->n[1] - 1) / w->n[1];
	return spread > 0 ? fabs(w->mean[0] - w->mean[1]) / sqrt(spread) : 0;
}

/* ---- one question ---- */

struct contest {
	const char *name;
	void (*make)(unsigned class, unsigned i); /* number i of SHAPES of a class */
	void (*run)(struct engine *engine);
	bool control;
	struct engine *engine;
};

static struct record_key keys[SHAPES];
static uint8_t genuine[SHAPES][SIZE];
static struct record_key class_keys[2][SHAPES];
static uint8_t class_records[2][SHAPES][SIZE];
/* What is measured is done to these. */
static struct record_key key;
static uint8_t record[SIZE];
static struct record_op op = {.key = &key, .record = record, .len = PLAIN};

static uint64_t ticks(void)
{
#ifdef __x86_64__
	unsigned cpu;
	uint64_t now;

	_mm_lfence();
	now = __rdtscp(&cpu);
	_mm_lfence();
	return now;
#else
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
#endif
}

/* Lots: xorshift64* (S. Vigna 2016). They must not be guessed by a branch predictor, only. */
static uint64_t lot(void)
{
	static uint64_t state = 0x9e3779b97f4a7c15;

	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1d >> 32;
}

/* No branch depends on the class before the time is taken. */
static double measure(const struct contest *c, unsigned class)
{
	unsigned i = (unsigned)(lot() % SHAPES);
	uint64_t begin;

	memcpy(&key, &class_keys[class][i], sizeof(key));
	memcpy(record, class_records[class][i], SIZE);
	begin = ticks();
	c->run(c->engine);
	return (double)(ticks() - begin);
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Close together where most of the times are: 1 - 0.5^(10 i / CROPS) of them lie below, as in the
 * tool. */
static void find_crops(const struct contest *c, double crops[CROPS])
{
	double *times = calloc(CALIBRATION, sizeof(*times));

	if (!times)
		die("no memory");
	for (unsigned i = 0; i < CALIBRATION; i++)
		times[i] = measure(c, lot() & 1);
	qsort(times, CALIBRATION, sizeof(*times), compare);
	for (unsigned i = 0; i < CROPS; i++)
		crops[i] = times[(size_t)((1 - pow(0.5, 10.0 * (i + 1) / CROPS)) * CALIBRATION)];
	free(times);
}

/* The largest |t| of all crops that hold enough to say something. */
static double worst(const struct welch *w)
{
	double t = 0;

	for (unsigned i = 0; i <= CROPS; i++)
		if (w[i].n[0] + w[i].n[1] >= 10000)
			t = fmax(t, welch_t(&w[i]));
	return t;
}

static double ask(const struct contest *c)
{
	struct welch w[CROPS + 1] = {0};
	double crops[CROPS];

	for (unsigned i = 0; i < 2 * SHAPES; i++)
		c->make(i & 1, i / 2);
	for (unsigned i = 0; i < WARM; i++)
		(void)measure(c, lot() & 1);
	find_crops(c, crops);
	for (unsigned i = 0; i < MEASUREMENTS; i++) {
		unsigned class = lot() & 1;
		double time = measure(c, class);

		welch_add(&w[CROPS], class, time);
		for (unsigned k = CROPS; k-- > 0 && time < crops[k];)
			welch_add(&w[k], class, time);
	}
	return worst(w);
}

/* ---- the questions ---- */

static void take(unsigned class, unsigned i, unsigned from)
{
	class_keys[class][i] = keys[from];
	memcpy(class_records[class][i], genuine[from], SIZE);
}

static void sign_again(uint8_t *bytes, const struct record_key *with)
{
	static const uint8_t label[] = {'P', 'H', 'S', '1', ' ', 'm', 'a', 'c'};
	uint8_t info[17], mac[32], text[PH_RECORD_HEAD + PH_TAG_LEN];
	struct hmac_key k;

	memcpy(info, label, sizeof(label));
	info[8] = bytes[0];
	memcpy(info + 9, bytes + 8, 8);
	kdf_expand1(&with->seed, info, sizeof(info), mac);
	hmac_key_set(&k, mac, sizeof(mac));
	memcpy(text, bytes, PH_RECORD_HEAD);
	memcpy(text + PH_RECORD_HEAD, bytes + PH_RECORD_HEAD + PLAIN, PH_TAG_LEN);
	hmac(&k, text, sizeof(text), bytes + SIZE - PH_SIG_LEN);
}

/* The signature's first byte is wrong, or its last. */
static void bad_signature(unsigned class, unsigned i)
{
	take(class, i, i);
	class_records[class][i][SIZE - PH_SIG_LEN + class * (PH_SIG_LEN - 1)] ^= 1;
}

/* The same of the tag, and the signature fits. */
static void bad_tag(unsigned class, unsigned i)
{
	uint8_t *bytes = class_records[class][i];

	take(class, i, i);
	bytes[PH_RECORD_HEAD + PLAIN + class * (PH_TAG_LEN - 1)] ^= 1;
	sign_again(bytes, &keys[i]);
}

/* Genuine: one key and one record, always; or any. */
static void fixed_or_any(unsigned class, unsigned i)
{
	take(class, i, i * class);
}

static void run_open(struct engine *engine)
{
	if (engine_open(engine, &op, 1))
		die("the engine failed");
}

/* The control's: of one record, so that it is known what would be right. */
static void bad_signature_of_one(unsigned class, unsigned i)
{
	take(class, i, 0);
	class_records[class][i][SIZE - PH_SIG_LEN + class * (PH_SIG_LEN - 1)] ^= 1;
}

static volatile unsigned same;
static void run_early(struct engine *engine)
{
	const uint8_t *at = record + SIZE - PH_SIG_LEN, *right = genuine[0] + SIZE - PH_SIG_LEN;
	unsigned i = 0;

	run_open(engine);
	while (i < PH_SIG_LEN && at[i] == right[i])
		i++;
	same = i;
}

/* ---- all of them ---- */

static void make_records(struct engine *engine)
{
	for (unsigned i = 0; i < SHAPES; i++) {
		struct record_op seal = {.key = &keys[i], .record = genuine[i], .len = PLAIN};
		uint8_t secret[32];

		if (crypto_random(secret, sizeof(secret)) ||
		    crypto_random(keys[i].iv, sizeof(keys[i].iv)) ||
		    crypto_random(genuine[i] + PH_RECORD_HEAD, PLAIN))
			die("no random bytes");
		hmac_key_set(&keys[i].seed, secret, sizeof(secret));
		genuine[i][0] = PH_DATA;
		if (engine_seal(engine, &seal, 1))
			die("the engine failed");
	}
}

static void judge(const struct contest *c, const char *name, double t)
{
	const char *text = "";

	if (c->control)
		text = t > CERTAIN ? "" : ": not found, so all the others are worth nothing";
	else if (t > SUSPECT)
		text = t > CERTAIN ? ": a leak" : ": perhaps a leak, or noise: measure again";
	say("%s: |t| = %.2f after %u measurements%s", name, t, MEASUREMENTS, text);
}

static void tell(const struct contest *c)
{
	static struct samples t;
	char name[64], peer[64];
	double median;

	t.count = 0;
	snprintf(name, sizeof(name), "wire.dudect_%s.%s", c->name, engine_name(c->engine));
	for (unsigned i = 0; i < RUNS; i++) {
		samples_add(&t, ask(c));
		judge(c, name, t.value[i]);
	}
	median = samples_at(&t, 50);
	snprintf(peer, sizeof(peer), "%s %g", c->control ? "a leak: above" : "no leak: below",
		 c->control ? CERTAIN : SUSPECT);
	report(name, median, "|t|", peer, c->control ? median / CERTAIN : SUSPECT / median, &t);
}

void bench_dudect(void)
{
	static const struct contest all[] = {
		{.name = "control",
		 .make = bad_signature_of_one,
		 .run = run_early,
		 .control = true},
		{.name = "signature", .make = bad_signature, .run = run_open},
		{.name = "tag", .make = bad_tag, .run = run_open},
		{.name = "genuine", .make = fixed_or_any, .run = run_open},
	};
	const char *const *names = engine_names();

	pin(0);
	for (size_t e = 0; names[e]; e++) {
		struct engine *engine;

		if (engine_new(names[e], &engine))
			die("no engine '%s'", names[e]);
		make_records(engine);
		for (size_t i = 0; i < ARRAY_LEN(all); i++) {
			struct contest c = all[i];

			c.engine = engine;
			tell(&c);
		}
		engine_free(engine);
	}
}
