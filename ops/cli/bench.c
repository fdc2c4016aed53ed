/* bench.c - `parlance bench`: how fast a model runs here. */
#include "kernels/bench.h"

#include <stdio.h>
#include "ops/cli/cli.h"

static void show_json(const struct pl_bench_result *r)
{
    json_t *decode = json_object(), *first = json_object();
    for (uint32_t i = 0; i < r->n_batches; i++) {
        const char *key = cli_format("%u", r->sequences[i]);
        json_object_set_new(decode, key, json_real(r->decode_tokens_per_s[i]));
        json_object_set_new(first, key, json_real(r->time_to_first_token_s[i]));
    }
    cli_print_json(json_pack("{s:f, s:o, s:o, s:I, s:I, s:i}", "prefill_tok_s", r->prefill_tokens_per_s,
                             "decode_tok_s", decode, "prompts_s", first, "peak_rss_bytes",
                             (json_int_t)r->peak_rss_bytes, "kv_bytes", (json_int_t)r->kv_bytes, "threads",
                             (int)r->threads));
}

static void show_table(const struct pl_bench_result *r)
{
    struct cli_table t = {.columns = 2};
    cli_table_row(&t, "MEASURE", "TOKENS/S");
    cli_table_row(&t, cli_format("prefill of %d", PL_BENCH_PREFILL),
                  cli_format("%.1f", r->prefill_tokens_per_s));
    for (uint32_t i = 0; i < r->n_batches; i++)
        cli_table_row(&t, cli_format("decode, %u together", r->sequences[i]),
                      cli_format("%.1f", r->decode_tokens_per_s[i]));
    cli_table_print(&t);
    printf("%u threads, at most %.0f MiB of memory\n", r->threads, (double)r->peak_rss_bytes / 1048576);
}

static int run(const struct cli *c)
{
    struct cli_model m;
    struct pl_err err = {0};
    struct pl_bench_result r;
    struct pl_bench_opts o = {.threads = (uint32_t)pl_config_u64(c->options, "threads"),
                              .repeats = (uint32_t)pl_config_u64(c->options, "repeats"),
                              .most_sequences = (uint32_t)pl_config_u64(c->options, "most"),
                              .seed = 1};
    int code = cli_model_open(c, CLI_WITH_WEIGHTS, &m);
    if (code) return code;
    if (pl_bench_run(m.model, &o, &r, &err))
        code = cli_fail(&err);
    else if (pl_config_bool(c->options, "json"))
        show_json(&r);
    else
        show_table(&r);
    cli_model_close(&m);
    return code;
}

static const struct pl_option options[] = {
    CLI_COMMON,
    CLI_ENGINE,
    {.name = "repeats",
     .kind = PL_OPT_U64,
     .fallback = "3",
     .min = 1,
     .max = 32,
     .doc = "runs of each measure; the median counts"},
    {.name = "most",
     .kind = PL_OPT_U64,
     .fallback = "32",
     .min = 1,
     .max = 32,
     .unit = "sequences",
     .doc = "largest batch"},
    CLI_END,
};
const struct cli_command cli_bench = {"bench", "",  "Measure prefill and decode without a daemon.",
                                      options, run, NULL};
