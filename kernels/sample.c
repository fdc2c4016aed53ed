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
 * The vocabulary is never sorted as a whole. top_k, top_p and the draw each ask for the first place in the
 * order where a count or a sum of weights is reached. Candidates are counted and summed in buckets of 1/64
 * temperature, which follow the order; only the one bucket that holds the place is gathered into a heap and
 * popped in order. */
#include "kernels/sample.h"

#include <stdbool.h>
#include <string.h>

/* Weights are 0 from 20.8 temperatures below the best on: 21 temperatures of buckets hold all candidates. */
enum { WEIGHT_ONE = 1 << 30, BLOCK = 64, PER_TEMPERATURE = 64, BUCKETS = 21 * PER_TEMPERATURE };

/* Temperatures below this are greedy: the reciprocal would overflow near the end of the range. */
static const float coldest = 1e-6f;

struct candidates {
    const float *logits;
    uint32_t n_vocab;
    float best, inv_temperature;
    int32_t floor_weight;   /* candidates below it do not exist: 1, or more with min_p */
    uint64_t sums[BUCKETS]; /* of weights */
    uint32_t counts[BUCKETS];
    uint32_t n_heap;
    uint64_t heap[]; /* [n_vocab] keys, best first */
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

/* X <= 0, but not below -20.99; on the bits, because compilers do not turn a choice between floats into
 * vector code. */
static float clamped(float x)
{
    int32_t magnitude = (int32_t)(bits_of(x) & 0x7FFFFFFFu), most = 0x41A7EB85;
    return -float_of((uint32_t)(magnitude > most ? most : magnitude));
}

/* floor(2^30 * exp(x)) for x <= 0: exp(x) = 2^n * exp(r) with |r| <= ln2/2, a Taylor sum of degree 7 for
 * exp(r). 0 from -20.8 on. */
static int32_t weight_of(float x)
{
    x = clamped(x);
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

/* Weights and buckets of a block of logits; vector code. */
static void weigh(const struct candidates *c, const float *logits, uint32_t n, int32_t *weight,
                  int32_t *bucket)
{
    const float best = c->best, inv = c->inv_temperature;
    for (uint32_t i = 0; i < n; i++) {
        float x = (logits[i] - best) * inv;
        weight[i] = weight_of(x);
        bucket[i] = (int32_t)(clamped(x) * -(float)PER_TEMPERATURE);
    }
}

static uint32_t block_at(const struct candidates *c, uint32_t at)
{
    return c->n_vocab - at < BLOCK ? c->n_vocab - at : BLOCK;
}

/* True when a block may hold candidates of bucket LAST or before; one bucket more makes up for rounding. */
static bool worth_a_look(const struct candidates *c, const float *logits, uint32_t n, uint32_t last)
{
    float depth = (float)(last + 2) / (PER_TEMPERATURE * c->inv_temperature);
    return best_order(logits, n) >= order_of(c->best - depth);
}

/* Counts and sums the candidates of buckets 0..DEPTH-1; returns how many there are. */
static uint64_t fill_buckets(struct candidates *c, uint32_t depth)
{
    int32_t weight[BLOCK], bucket[BLOCK];
    memset(c->sums, 0, sizeof c->sums);
    memset(c->counts, 0, sizeof c->counts);
    uint64_t found = 0;
    for (uint32_t at = 0, n; at < c->n_vocab; at += n) {
        n = block_at(c, at);
        if (!worth_a_look(c, c->logits + at, n, depth)) continue;
        weigh(c, c->logits + at, n, weight, bucket);
        for (uint32_t i = 0; i < n; i++) {
            if (weight[i] < c->floor_weight || bucket[i] >= (int32_t)depth) continue;
            c->sums[bucket[i]] += (uint32_t)weight[i];
            c->counts[bucket[i]]++;
            found++;
        }
    }
    return found;
}

/* Makes a heap of the candidates of one bucket. */
static void gather(struct candidates *c, uint32_t wanted)
{
    int32_t weight[BLOCK], bucket[BLOCK];
    c->n_heap = 0;
    for (uint32_t at = 0, n; at < c->n_vocab; at += n) {
        n = block_at(c, at);
        if (!worth_a_look(c, c->logits + at, n, wanted)) continue;
        weigh(c, c->logits + at, n, weight, bucket);
        for (uint32_t i = 0; i < n; i++)
            if (bucket[i] == (int32_t)wanted && weight[i] >= c->floor_weight)
                c->heap[c->n_heap++] = key_of(c->logits[at + i], at + i);
    }
    for (uint32_t i = c->n_heap / 2; i-- > 0;) sift_down(c->heap, c->n_heap, i);
}

static uint32_t pop(struct candidates *c)
{
    uint64_t key = c->heap[0];
    c->heap[0] = c->heap[--c->n_heap];
    if (c->n_heap > 0) sift_down(c->heap, c->n_heap, 0);
    return id_of(key);
}

/* Goes through the candidates in order up to the first with which there are COUNT of them or their weights
 * reach SUM. Returns the sum there and its id; the sum of all when they are too few. */
static uint64_t walk(struct candidates *c, uint64_t count, uint64_t sum, uint32_t *id)
{
    uint64_t n = 0, have = 0;
    uint32_t b = 0;
    for (; b < BUCKETS && n + c->counts[b] < count && have + c->sums[b] < sum; b++) {
        n += c->counts[b];
        have += c->sums[b];
    }
    if (b == BUCKETS) return have;
    gather(c, b);
    while (c->n_heap > 0 && n < count && have < sum) {
        *id = pop(c);
        have += (uint32_t)weight_of((c->logits[*id] - c->best) * c->inv_temperature);
        n++;
    }
    return have;
}

/* The least sum that is TOP_P of TOTAL, at least 1. */
static uint64_t share_of(uint64_t total, float top_p)
{
    double wanted = (double)total * (double)top_p;
    uint64_t sum = (uint64_t)wanted;
    return (double)sum < wanted || sum == 0 ? sum + 1 : sum;
}

static void begin(struct candidates *c, const float *logits, uint32_t n_vocab, uint32_t best,
                  const struct pl_sampling *s)
{
    c->logits = logits;
    c->n_vocab = n_vocab;
    c->best = logits[best];
    c->inv_temperature = 1.0f / s->temperature;
    c->floor_weight = s->min_p < 1.0f ? (int32_t)(s->min_p * (float)WEIGHT_ONE) : WEIGHT_ONE;
    if (!(c->floor_weight >= 1)) c->floor_weight = 1;
    /* The few best are seldom far below the very best; what lies deeper is then not looked at. */
    bool shallow = s->top_k > 0 && fill_buckets(c, 4 * PER_TEMPERATURE) >= s->top_k;
    if (!shallow) fill_buckets(c, BUCKETS);
}

size_t pl_sample_scratch_bytes(uint32_t n_vocab)
{
    return sizeof(struct candidates) + sizeof(uint64_t) * ((size_t)n_vocab + 1);
}

int64_t pl_sample(float *logits, uint32_t n_vocab, const struct pl_sampling *s, const uint32_t *ids,
                  size_t n_ids, size_t n_prompt, uint64_t position, void *scratch)
{
    if (penalties_wanted(s)) penalise(logits, n_vocab, s, ids, n_ids, n_prompt, scratch);
    if (!all_finite(logits, n_vocab)) return -1;
    uint32_t best = best_id(logits, n_vocab), id = best;
    if (!(s->temperature >= coldest)) return best;

    const uintptr_t align = sizeof(uint64_t);
    struct candidates *c = (void *)(((uintptr_t)scratch + align - 1) & ~(align - 1));
    begin(c, logits, n_vocab, best, s);
    uint64_t weight = walk(c, s->top_k > 0 ? s->top_k : UINT64_MAX, UINT64_MAX, &id);
    if (s->top_p < 1.0f) weight = walk(c, UINT64_MAX, share_of(weight, s->top_p), &id);
    unsigned __int128 scaled = (unsigned __int128)weight * draw24(s->seed, position);
    walk(c, UINT64_MAX, (uint64_t)(scaled >> 24) + 1, &id);
    return id;
}
