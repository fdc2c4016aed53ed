/* bench.h - how fast a model runs here. The only part of kernels/ that reads the clock. */
#ifndef PL_KERNELS_BENCH_H
#define PL_KERNELS_BENCH_H

#include "kernels/engine.h"

enum { PL_BENCH_BATCHES = 6, PL_BENCH_PREFILL = 512, PL_BENCH_PROMPT = 128, PL_BENCH_GENERATED = 64 };

struct pl_bench_opts {
    uint32_t threads;        /* 0: the CPUs that this process may use */
    uint32_t repeats;        /* runs of each measure, of which the median counts; 0: 3 */
    uint32_t most_sequences; /* largest batch to measure, up to 32; 0: 32 */
    uint64_t seed;           /* of the prompts' ids */
};
struct pl_bench_result {
    uint32_t threads;
    double prefill_tokens_per_s;                  /* a prompt of 512 ids in one step */
    uint32_t n_batches;                           /* entries of the next two */
    uint32_t sequences[PL_BENCH_BATCHES];         /* 1, 2, 4, 8, 16, 32 */
    double decode_tokens_per_s[PL_BENCH_BATCHES]; /* ids of all sequences over the time of the decode steps */
    double time_to_first_token_s[PL_BENCH_BATCHES]; /* of the prompts of all sequences together */
    uint64_t peak_rss_bytes, kv_bytes;
};

/* Each sequence has its own prompt of 128 random ids and generates 64 with the default sampling, on its own
 * pages, all through pl_engine_step. Blocks for a minute or so. The errors of pl_engine_create and
 * pl_engine_step. */
int pl_bench_run(struct pl_model *m, const struct pl_bench_opts *o, struct pl_bench_result *out,
                 struct pl_err *err);

#endif
