/* sample.c - from logits to one token id.
 *
 * Owns nothing; pure functions. The same bits on every machine, for these reasons:
 *   - candidates are ordered by (logit falling, id rising), a total order; both zeros and subnormal logits
 * count as 0, so that the flush-to-zero mode of the calling thread does not matter;
 *   - a candidate's probability is an integer weight, floor(2^30 * exp((logit - best) / temperature)), from
 * plain IEEE float32 operations. Sums of integers are exact, so their order cannot matter either;
 *   - the draw is an integer of 24 bits from a counter of (seed, position).
 * The exponential is its own (not the fused one of the CPU ops) because the compiler turns these plain
 * operations into vector code on the baseline instruction set, where fmaf is a call; a whole vocabulary
 * passes here at every token.
 *
 * The vocabulary is never sorted as a whole: candidates are gathered in tiers of falling logits (8
 * temperatures each) into a heap and popped until the answer is known. Usually that is a few hundred
 * candidates of a hundred thousand. */
#include "kernels/sample.h"

#include <stdbool.h>
#include <string.h>

enum { WEIGHT_ONE = 1 << 30, BLOCK = 64, TIERS = 3 };

/* Temperatures below this are greedy: the reciprocal would overflow near the end of the range. */
static const float coldest = 1e-6f;

struct candidates {
    const float *logits;
    uint32_t n_vocab;
    float best, inv_temperature;
    int32_t floor_weight; /* candidates below it do not exist (min_p) */
    int32_t upper,
        lower;     /* logits whose order is in [lower, upper) are in the heap now; above: popped before */
    uint32_t tier; /* tiers gathered so far */
    uint64_t *heap;
    uint32_t n_heap;
    uint64_t *sorted; /* popped so far, best first */
    uint32_t n_sorted;
};

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
}

static uint32_t draw24(uint64_t seed, uint64_t position)
{
    return (uint32_t)(mix(seed + 0x9E3779B97F4A7C15ull * mix(position + 0x632BE59BD9B4E019ull)) >> 40);
}

float pl_sample_uniform(uint64_t seed, uint64_t position)
{
    return (float)draw24(seed, position) * 0x1p-24f;
}

static uint32_t bits_of(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

/* A signed integer that rises with the float; zeros and subnormals are one value. */
static int32_t order_of(float x)
{
    uint32_t u = bits_of(x), magnitude = u & 0x7FFFFFFFu;
    int32_t m = magnitude < 0x00800000u ? 0 : (int32_t)magnitude;
    return u >> 31 ? -m : m;
}

static uint64_t key_of(float logit, uint32_t id)
{
    return (uint64_t)((uint32_t)order_of(logit) ^ 0x80000000u) << 32 | (uint32_t)~id;
}

static uint32_t id_of(uint64_t key)
{
    return ~(uint32_t)key;
}

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* floor(2^30 * exp(x)) for x <= 0: exp(x) = 2^n * exp(r) with |r| <= ln2/2, a Taylor sum of degree 7 for
 * exp(r). Everything below -30 is -30, already less than 2^-30; the clamp is on the bits because compilers do
 * not turn a choice between floats into vector code. */
static int32_t weight_of(float x)
{
    int32_t magnitude = (int32_t)(bits_of(x) & 0x7FFFFFFFu), most = 0x41F00000;
    x = -float_of((uint32_t)(magnitude > most ? most : magnitude));
    float n = x * 1.44269504f + 12582912.0f - 12582912.0f; /* to an integer, halves to even */
    float r = x - n * 0.693359375f;
    r = r - n * -2.12194440e-4f;
    float p = 1.0f / 5040.0f;
    p = p * r + 1.0f / 720.0f;
    p = p * r + 1.0f / 120.0f;
    p = p * r + 1.0f / 24.0f;
    p = p * r + 1.0f / 6.0f;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    return (int32_t)(p * float_of((uint32_t)((int32_t)n + 127 + 30) << 23));
}

static int32_t candidate_weight(const struct candidates *c, float logit)
{
    return weight_of((logit - c->best) * c->inv_temperature);
}

static bool penalties_wanted(const struct pl_sampling *s)
{
    return s->repetition_penalty != 1.0f || s->presence_penalty != 0.0f || s->frequency_penalty != 0.0f;
}

/* COUNT holds garbage on entry: only the entries of ids in the history are used, after being set here. */
static void penalise(float *logits, uint32_t n_vocab, const struct pl_sampling *s, const uint32_t *ids,
                     size_t n_ids, size_t n_prompt, uint32_t *count)
{
    const uint32_t done = UINT32_MAX;
    for (size_t i = 0; i < n_ids; i++)
        if (ids[i] < n_vocab) count[ids[i]] = 0;
    for (size_t i = n_prompt; i < n_ids; i++)
        if (ids[i] < n_vocab) count[ids[i]]++;
    for (size_t i = 0; i < n_ids; i++) {
        uint32_t id = ids[i];
        if (id >= n_vocab || count[id] == done) continue;
        float l = logits[id];
        if (s->repetition_penalty != 1.0f)
            l = l > 0.0f ? l / s->repetition_penalty : l * s->repetition_penalty;
        if (count[id] > 0) {
            l = l - s->presence_penalty;
            l = l - (float)count[id] * s->frequency_penalty;
        }
        logits[id] = l;
        count[id] = done;
    }
}

static bool all_finite(const float *logits, uint32_t n_vocab)
{
    uint32_t bad = 0;
    for (uint32_t i = 0; i < n_vocab; i++) bad |= (bits_of(logits[i]) & 0x7F800000u) == 0x7F800000u;
    return !bad;
}

static inline int32_t best_order(const float *logits, uint32_t count)
{
    int32_t best = INT32_MIN;
    for (uint32_t i = 0; i < count; i++) {
        int32_t o = order_of(logits[i]);
        best = o > best ? o : best;
    }
    return best;
}

/* The best candidate: highest logit, then lowest id. */
static uint32_t best_id(const float *logits, uint32_t n_vocab)
{
    int32_t best = best_order(logits, n_vocab);
    uint32_t id = 0;
    while (order_of(logits[id]) != best) id++;
    return id;
}

static void sift_down(uint64_t *heap, uint32_t n, uint32_t at)
{
    uint64_t moving = heap[at];
    for (uint32_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && heap[child + 1] > heap[child]) child++;
        if (heap[child] <= moving) break;
        heap[at] = heap[child];
    }
    heap[at] = moving;
}

static void gather_one(struct candidates *c, uint32_t id)
{
    int32_t order = order_of(c->logits[id]);
    if (order < c->lower || order >= c->upper) return;
    int32_t w = candidate_weight(c, c->logits[id]);
    if (w > 0 && w >= c->floor_weight) c->heap[c->n_heap++] = key_of(c->logits[id], id);
}

/* Fills the empty heap with the next tier. False when there is none. Weights are 0 below 20.8 temperatures,
 * so the third tier holds all the rest. */
static bool next_tier(struct candidates *c)
{
    if (c->tier == TIERS) return false;
    c->upper = c->tier == 0 ? INT32_MAX : c->lower;
    c->tier++;
    c->lower = c->tier == TIERS ? INT32_MIN : order_of(c->best - (float)(8 * c->tier) / c->inv_temperature);
    uint32_t i = 0;
    for (; i + BLOCK <= c->n_vocab; i += BLOCK) {
        if (best_order(c->logits + i, BLOCK) < c->lower) continue; /* most blocks hold no candidate */
        for (uint32_t j = 0; j < BLOCK; j++) gather_one(c, i + j);
    }
    for (; i < c->n_vocab; i++) gather_one(c, i);
    for (uint32_t at = c->n_heap / 2; at-- > 0;) sift_down(c->heap, c->n_heap, at);
    return true;
}

/* The I-th best candidate's id, in order of I; false when there are no more. */
static bool candidate_at(struct candidates *c, uint32_t i, uint32_t *id)
{
    while (i >= c->n_sorted) {
        while (c->n_heap == 0)
            if (!next_tier(c)) return false;
        c->sorted[c->n_sorted++] = c->heap[0];
        c->heap[0] = c->heap[--c->n_heap];
        if (c->n_heap > 0) sift_down(c->heap, c->n_heap, 0);
    }
    *id = id_of(c->sorted[i]);
    return true;
}

/* Sum of the weights of all candidates, without ordering them: a block of weights at a time. */
static uint64_t total_weight(const struct candidates *c)
{
    const float *logits = c->logits;
    const float best = c->best, inv = c->inv_temperature;
    const int32_t least = c->floor_weight;
    uint64_t sum = 0;
    uint32_t i = 0;
    for (; i + BLOCK <= c->n_vocab; i += BLOCK) {
        int32_t w[BLOCK];
        for (uint32_t j = 0; j < BLOCK; j++) w[j] = weight_of((logits[i + j] - best) * inv);
        for (uint32_t j = 0; j < BLOCK; j++) sum += (uint32_t)(w[j] >= least ? w[j] : 0);
    }
    for (; i < c->n_vocab; i++) {
        int32_t w = weight_of((logits[i] - best) * inv);
        sum += (uint32_t)(w >= least ? w : 0);
    }
    return sum;
}

static uint64_t first_weights(struct candidates *c, uint32_t limit)
{
    uint64_t sum = 0;
    uint32_t id;
    for (uint32_t i = 0; i < limit && candidate_at(c, i, &id); i++)
        sum += (uint32_t)candidate_weight(c, c->logits[id]);
    return sum;
}

/* Sum up to and with the candidate that crosses TOP_P of TOTAL: that is where the tail is cut. */
static uint64_t nucleus_weight(struct candidates *c, uint64_t total, float top_p)
{
    double wanted = (double)total * (double)top_p;
    uint64_t sum = 0;
    uint32_t id;
    for (uint32_t i = 0; sum < total && candidate_at(c, i, &id); i++) {
        sum += (uint32_t)candidate_weight(c, c->logits[id]);
        if ((double)sum >= wanted) break;
    }
    return sum;
}

/* The candidate whose span of the cumulated weights holds TARGET; TARGET is below the sum of all. */
static uint32_t candidate_over(struct candidates *c, uint64_t target)
{
    uint64_t sum = 0;
    uint32_t id = 0;
    for (uint32_t i = 0; candidate_at(c, i, &id); i++) {
        sum += (uint32_t)candidate_weight(c, c->logits[id]);
        if (sum > target) break;
    }
    return id;
}

static void begin(struct candidates *c, const float *logits, uint32_t n_vocab, uint32_t best,
                  const struct pl_sampling *s, void *scratch)
{
    *c = (struct candidates){.logits = logits, .n_vocab = n_vocab, .best = logits[best]};
    c->inv_temperature = 1.0f / s->temperature;
    if (s->min_p > 0.0f)
        c->floor_weight = s->min_p < 1.0f ? (int32_t)(s->min_p * (float)WEIGHT_ONE) : WEIGHT_ONE;
    c->heap = scratch;
    c->sorted = c->heap + n_vocab;
}

size_t pl_sample_scratch_bytes(uint32_t n_vocab)
{
    return 2 * sizeof(uint64_t) * (size_t)n_vocab + sizeof(uint64_t);
}

int64_t pl_sample(float *logits, uint32_t n_vocab, const struct pl_sampling *s, const uint32_t *ids,
                  size_t n_ids, size_t n_prompt, uint64_t position, void *scratch)
{
    uint64_t aligned = ((uintptr_t)scratch + sizeof(uint64_t) - 1) & ~(uint64_t)(sizeof(uint64_t) - 1);
    scratch = (void *)(uintptr_t)aligned;
    if (penalties_wanted(s)) penalise(logits, n_vocab, s, ids, n_ids, n_prompt, scratch);
    if (!all_finite(logits, n_vocab)) return -1;
    uint32_t best = best_id(logits, n_vocab);
    if (!(s->temperature >= coldest) || s->top_k == 1) return best;

    struct candidates c;
    begin(&c, logits, n_vocab, best, s, scratch);
    uint64_t weight = s->top_k > 0 && s->top_k < n_vocab ? first_weights(&c, s->top_k) : total_weight(&c);
    if (s->top_p < 1.0f) weight = nucleus_weight(&c, weight, s->top_p);
    unsigned __int128 scaled = (unsigned __int128)weight * draw24(s->seed, position);
    return candidate_over(&c, (uint64_t)(scaled >> 24));
}
