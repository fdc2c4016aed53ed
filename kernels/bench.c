/* bench.c - prefill of one prompt and decode of 1 to 32 sequences, median of a few runs. */
#include "kernels/bench.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum {
    MOST = 32,
    PAGES_EACH = (PL_BENCH_PROMPT + PL_BENCH_GENERATED + PL_PAGE_TOKENS - 1) / PL_PAGE_TOKENS,
    PREFILL_PAGES = PL_BENCH_PREFILL / PL_PAGE_TOKENS,
    MOST_REPEATS = 32,
};

struct bench {
    struct pl_engine *e;
    uint32_t n_vocab;
    uint64_t state; /* of the id generator */
    uint32_t pages[MOST * PAGES_EACH];
};

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static uint32_t random_id(struct bench *b)
{
    uint64_t z = (b->state += 0x9E3779B97F4A7C15ull);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return (uint32_t)((z ^ (z >> 31)) % b->n_vocab);
}

static int open_random(struct bench *b, uint32_t slot, uint32_t count, struct pl_err *err)
{
    uint32_t ids[PL_BENCH_PREFILL];
    struct pl_sampling sampling = PL_SAMPLING_DEFAULT;
    sampling.seed = b->state;
    for (uint32_t i = 0; i < count; i++) ids[i] = random_id(b);
    return pl_engine_open(b->e, slot, ids, count, count, &sampling, err);
}

static int time_step(struct bench *b, const struct pl_step_seq *seqs, uint32_t n, double *spent,
                     struct pl_err *err)
{
    struct pl_sampled out[MOST];
    struct pl_step step = {.seqs = seqs, .n_seqs = n};
    uint32_t n_out;
    double before = seconds();
    int rc = pl_engine_step(b->e, &step, out, &n_out, err);
    *spent += seconds() - before;
    return rc;
}

static int time_prefill(struct bench *b, double *spent, struct pl_err *err)
{
    int rc = open_random(b, 0, PL_BENCH_PREFILL, err);
    struct pl_step_seq q = {.count = PL_BENCH_PREFILL, .sample = true, .forced_id = PL_NO_FORCE};
    q.pages = b->pages;
    q.n_pages = PREFILL_PAGES;
    return rc ? rc : time_step(b, &q, 1, spent, err);
}

static struct pl_step_seq part(struct bench *b, uint32_t slot, uint32_t from, uint32_t count)
{
    return (struct pl_step_seq){.slot = slot,
                                .from = from,
                                .count = count,
                                .sample = true,
                                .forced_id = PL_NO_FORCE,
                                .pages = b->pages + slot * PAGES_EACH,
                                .n_pages = PAGES_EACH};
}

/* The prompts go in one after another; then all decode together. The first id of each comes from its prompt
 * step, so that the decode steps make GENERATED - 1 each. */
static int time_decode(struct bench *b, uint32_t n, double *first, double *spent, struct pl_err *err)
{
    struct pl_step_seq seqs[MOST];
    int rc = 0;
    for (uint32_t i = 0; i < n && !rc; i++) {
        rc = open_random(b, i, PL_BENCH_PROMPT, err);
        seqs[i] = part(b, i, 0, PL_BENCH_PROMPT);
        if (!rc) rc = time_step(b, &seqs[i], 1, first, err);
    }
    for (uint32_t k = 0; k < PL_BENCH_GENERATED - 1 && !rc; k++) {
        for (uint32_t i = 0; i < n; i++) seqs[i] = part(b, i, PL_BENCH_PROMPT + k, 1);
        rc = time_step(b, seqs, n, spent, err);
    }
    return rc;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v, uint32_t n)
{
    qsort(v, n, sizeof *v, by_value);
    return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static int measure_prefill(struct bench *b, uint32_t repeats, double *rate, struct pl_err *err)
{
    double spent[MOST_REPEATS] = {0}, warm = 0;
    int rc = time_prefill(b, &warm, err);
    for (uint32_t i = 0; i < repeats && !rc; i++) rc = time_prefill(b, &spent[i], err);
    if (!rc) *rate = PL_BENCH_PREFILL / median(spent, repeats);
    return rc;
}

static int measure_decode(struct bench *b, uint32_t n, uint32_t repeats, double *rate, double *first,
                          struct pl_err *err)
{
    double spent[MOST_REPEATS] = {0}, prompts[MOST_REPEATS] = {0};
    int rc = 0;
    for (uint32_t i = 0; i < repeats && !rc; i++) rc = time_decode(b, n, &prompts[i], &spent[i], err);
    if (rc) return rc;
    *rate = (double)n * (PL_BENCH_GENERATED - 1) / median(spent, repeats);
    *first = median(prompts, repeats);
    return 0;
}

int pl_bench_run(struct pl_model *m, const struct pl_bench_opts *o, struct pl_bench_result *out,
                 struct pl_err *err)
{
    struct bench b = {.n_vocab = pl_model_info(m)->n_vocab, .state = o->seed};
    uint32_t most = o->most_sequences > 0 && o->most_sequences < MOST ? o->most_sequences : MOST;
    uint32_t repeats = o->repeats == 0 ? 3 : o->repeats < MOST_REPEATS ? o->repeats : MOST_REPEATS;
    struct pl_engine_opts eo = {.threads = o->threads, .n_slots = MOST, .max_rows = PL_BENCH_PREFILL};
    eo.n_pages = MOST * PAGES_EACH;
    int rc = pl_engine_create(m, &eo, &b.e, err);
    if (rc) return rc;
    *out = (struct pl_bench_result){.threads = pl_engine_threads(b.e), .kv_bytes = pl_engine_kv_bytes(b.e)};
    for (uint32_t i = 0; i < MOST * PAGES_EACH; i++) b.pages[i] = i;
    rc = measure_prefill(&b, repeats, &out->prefill_tokens_per_s, err);
    for (uint32_t n = 1; n <= most && !rc; n *= 2) {
        uint32_t i = out->n_batches++;
        out->sequences[i] = n;
        rc =
            measure_decode(&b, n, repeats, &out->decode_tokens_per_s[i], &out->time_to_first_token_s[i], err);
    }
    struct rusage usage;
    if (!rc && getrusage(RUSAGE_SELF, &usage) == 0) out->peak_rss_bytes = (uint64_t)usage.ru_maxrss * 1024;
    pl_engine_destroy(&b.e);
    return rc;
}
