/* tokenize.c - `parlance tokenize` and `parlance perplexity`: text from the standard input, byte for byte. */
#include <stdio.h>
#include <stdlib.h>
#include "kernels/generate.h"
#include "ops/cli/cli.h"

/* The ids of the standard input. */
static int encode_input(const struct cli *c, const struct pl_vocab *v, bool special, struct pl_ids *out)
{
    size_t len = 0;
    uint32_t bos = pl_vocab_bos(v);
    int rc = 0;
    if (pl_config_bool(c->options, "bos")) {
        if (bos == PL_NO_TOKEN) return cli_usage("this vocabulary has no BOS token");
        rc = pl_ids_push(out, bos);
    }
    char *text = cli_read("-", &len);
    if (!text) return CLI_FAILED;
    if (!rc) rc = pl_vocab_encode(v, text, len, special, out);
    free(text);
    struct pl_err err = {.code = -rc};
    snprintf(err.text, sizeof err.text, "%s", pl_error_text(-rc));
    return rc ? cli_fail(&err) : CLI_OK;
}

static void print_ids(const struct cli *c, const struct pl_ids *ids)
{
    const char *comma = pl_config_bool(c->options, "json") ? "," : " ";
    if (*comma == ',') putchar('[');
    for (size_t i = 0; i < ids->count; i++) printf("%s%u", i ? comma : "", ids->ids[i]);
    puts(*comma == ',' ? "]" : "");
}

static int run_tokenize(const struct cli *c)
{
    struct cli_model m;
    struct pl_ids ids = {0};
    int code = cli_model_open(c, CLI_WITH_VOCAB, &m);
    if (code) return code;
    code = encode_input(c, m.vocab, pl_config_bool(c->options, "special"), &ids);
    if (!code) print_ids(c, &ids);
    pl_ids_finish(&ids);
    cli_model_close(&m);
    return code;
}

#define BOS                                                                                                  \
    {                                                                                                        \
        .name = "bos", .kind = PL_OPT_BOOL, .fallback = "false", .doc = "begin with the BOS token"           \
    }

static const struct pl_option tokenize_options[] = {
    CLI_COMMON,
    PL_OPTION_MODEL,
    BOS,
    {.name = "special",
     .kind = PL_OPT_BOOL,
     .fallback = "true",
     .doc = "special tokens written in the text count as such; --no-special: as text"},
    CLI_END,
};
const struct cli_command cli_tokenize = {
    "tokenize",       "",           "Print the token ids of the standard input on one line.",
    tokenize_options, run_tokenize, NULL,
};

/* --- perplexity --- */

enum { CHUNK = 64 };

static int score(const struct cli *c, struct cli_model *m, const struct pl_ids *ids)
{
    struct pl_err err = {0};
    struct pl_perplexity p;
    struct pl_perplexity_opts o = {.n_vocab = pl_model_info(m->model)->n_vocab, .chunk = CHUNK};
    o.n_ctx = cli_model_context(c, m);
    int code = cli_model_engine(c, m, o.n_ctx, CHUNK);
    if (code) return code;
    if (pl_perplexity(m->engine, ids->ids, ids->count, &o, &p, &err)) return cli_fail(&err);
    if (pl_config_bool(c->options, "json"))
        cli_print_json(json_pack("{s:I, s:f, s:f}", "tokens", (json_int_t)p.n_scored, "mean_nll", p.mean_nll,
                                 "perplexity", p.perplexity));
    else
        printf("%llu tokens, mean NLL %.6f nats, perplexity %.4f\n", (unsigned long long)p.n_scored,
               p.mean_nll, p.perplexity);
    return CLI_OK;
}

static int run_perplexity(const struct cli *c)
{
    struct cli_model m;
    struct pl_ids ids = {0};
    int code = cli_model_open(c, CLI_WITH_VOCAB | CLI_WITH_WEIGHTS, &m);
    if (code) return code;
    code = encode_input(c, m.vocab, false, &ids);
    if (!code) code = score(c, &m, &ids);
    pl_ids_finish(&ids);
    cli_model_close(&m);
    return code;
}

static const struct pl_option perplexity_options[] = {
    CLI_COMMON,
    CLI_ENGINE,
    CLI_ADAPTER,
    BOS,
    PL_OPTION_CTX_SIZE,
    CLI_END,
};
const struct cli_command cli_perplexity = {
    "perplexity", "", "Score the text of the standard input.", perplexity_options, run_perplexity, NULL,
};
