/* generate.c - `parlance generate`: one prompt and its answer, without a daemon.
 *
 * The text goes out byte for byte as it is made; with --json everything comes at the end. With --force-ids
 * the model is fed what the file says and `ids` is what it would have chosen at each step. */
#include "kernels/generate.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>
#include "ops/cli/cli.h"

struct generation {
    const struct cli *c;
    struct cli_model m;
    struct pl_ids prompt, forced, chosen;
    bool json;
    uint64_t seed;
    char last; /* byte that was printed */
};

static int template_prompt(struct generation *g, const char *text, size_t len, struct pl_err *err)
{
    struct pl_chat_message user = {"user", text, len};
    struct pl_prompt p = {.messages = &user, .n_messages = 1, .add_generation_prompt = true};
    return pl_template_ids(g->m.dialogue, &p, &g->prompt, err);
}

static int raw_prompt(struct generation *g, const char *text, size_t len, struct pl_err *err)
{
    uint32_t bos = pl_vocab_bos(g->m.vocab);
    int rc = 0;
    if (pl_config_bool(g->c->options, "bos")) {
        if (bos == PL_NO_TOKEN) return pl_fail(err, PL_E_INVALID, "bos", "this vocabulary has no BOS token");
        rc = pl_ids_push(&g->prompt, bos);
    }
    if (!rc) rc = pl_vocab_encode(g->m.vocab, text, len, true, &g->prompt);
    return rc ? pl_fail(err, -rc, "prompt", "%s", pl_error_text(-rc)) : 0;
}

static int make_prompt(struct generation *g)
{
    const struct pl_config *o = g->c->options;
    const char *given = pl_config_str(o, "prompt"), *path = pl_config_str(o, "prompt-file");
    struct pl_err err = {0};
    size_t len = given ? strlen(given) : 0;
    char *text = path ? cli_read(path, &len) : strdup(given);
    if (!text) return CLI_FAILED;
    int rc = pl_config_bool(o, "raw") ? raw_prompt(g, text, len, &err) : template_prompt(g, text, len, &err);
    free(text);
    if (!rc && g->prompt.count == 0) return cli_usage("the prompt has no tokens");
    return rc ? cli_fail(&err) : CLI_OK;
}

static int read_forced(struct generation *g)
{
    const char *path = pl_config_str(g->c->options, "force-ids");
    json_error_t where;
    json_t *list = path ? json_load_file(path, 0, &where) : NULL;
    if (!path) return CLI_OK;
    if (!list) return cli_usage("%s:%d: %s", path, where.line, where.text);
    int rc = json_is_array(list) && json_array_size(list) > 0 ? CLI_OK : CLI_USAGE;
    for (size_t i = 0; !rc && i < json_array_size(list); i++) {
        json_t *v = json_array_get(list, i);
        json_int_t id = json_integer_value(v);
        if (!json_is_integer(v) || id < 0 || id >= pl_vocab_size(g->m.vocab))
            rc = CLI_USAGE;
        else if (pl_ids_push(&g->forced, (uint32_t)id))
            rc = CLI_FAILED;
    }
    json_decref(list);
    if (rc == CLI_USAGE) return cli_usage("%s: a JSON list of token ids of this vocabulary is needed", path);
    return rc;
}

static int on_id(const struct pl_generated *s, void *arg)
{
    struct generation *g = arg;
    if (pl_ids_push(&g->chosen, s->id)) return 1;
    if (g->json || s->piece_len == 0) return 0;
    fwrite(s->piece, 1, s->piece_len, stdout);
    fflush(stdout);
    g->last = s->piece[s->piece_len - 1];
    return ferror(stdout);
}

static struct pl_sampling sampling_of(const struct generation *g)
{
    const struct pl_config *o = g->c->options;
    bool greedy = pl_config_bool(o, "greedy") || g->forced.count > 0;
    return (struct pl_sampling){
        .temperature = greedy ? 0 : (float)pl_config_f64(o, "temperature"),
        .top_p = (float)pl_config_f64(o, "top-p"),
        .min_p = (float)pl_config_f64(o, "min-p"),
        .repetition_penalty = (float)pl_config_f64(o, "repetition-penalty"),
        .presence_penalty = (float)pl_config_f64(o, "presence-penalty"),
        .frequency_penalty = (float)pl_config_f64(o, "frequency-penalty"),
        .top_k = (uint32_t)pl_config_u64(o, "top-k"),
        .seed = g->seed,
    };
}

static json_t *json_ids(const struct pl_ids *l)
{
    json_t *list = json_array();
    for (size_t i = 0; i < l->count; i++) json_array_append_new(list, json_integer(l->ids[i]));
    return list;
}

static void show(struct generation *g, const struct pl_generate_result *r)
{
    const char *reason = r->stop == PL_STOP_END         ? "stop"
                         : r->stop == PL_STOP_CANCELLED ? "cancelled"
                                                        : "length";
    if (!g->json) {
        if (isatty(STDOUT_FILENO) && g->last != '\n') putchar('\n');
        return;
    }
    json_t *v = json_object();
    json_object_set_new(v, "prompt_ids", json_ids(&g->prompt));
    json_object_set_new(v, "ids", json_ids(&g->chosen));
    json_object_set_new(v, "text", cli_json_text(r->text ? r->text : "", r->text_len));
    json_object_set_new(v, "finish_reason", json_string(reason));
    if (g->seed <= INT64_MAX) json_object_set_new(v, "seed", json_integer((json_int_t)g->seed));
    cli_print_json(v);
}

/* Pages for the prompt and what may follow it, within the context. */
static uint32_t tokens_needed(const struct generation *g, uint32_t most)
{
    uint64_t after = g->forced.count > 0 ? g->forced.count : most, need = g->prompt.count + after;
    uint32_t context = cli_model_context(g->c, &g->m);
    return need < context ? (uint32_t)need : context;
}

static int generate(struct generation *g)
{
    const struct pl_config *o = g->c->options;
    struct pl_err err = {0};
    struct pl_generate_result r = {0};
    struct pl_generate_opts go = {.sampling = sampling_of(g), .vocab = g->m.vocab, .fn = on_id, .arg = g};
    go.most = (uint32_t)pl_config_u64(o, "max-tokens");
    go.chunk = (uint32_t)pl_config_u64(o, "prefill-chunk");
    go.forced = g->forced.ids;
    go.n_forced = (uint32_t)g->forced.count;
    uint32_t n = tokens_needed(g, go.most);
    int code = cli_model_engine(g->c, &g->m, n, go.chunk);
    if (code) return code;
    go.n_pages = (n + PL_PAGE_TOKENS - 1) / PL_PAGE_TOKENS;
    int rc = pl_generate(g->m.engine, g->prompt.ids, (uint32_t)g->prompt.count, &go, &r, &err);
    if (rc)
        code = cli_fail(&err);
    else
        show(g, &r);
    pl_generate_result_finish(&r);
    return code;
}

static int draw_seed(struct generation *g)
{
    g->seed = pl_config_u64(g->c->options, "seed");
    if (pl_config_is_set(g->c->options, "seed")) return CLI_OK;
    if (getrandom(&g->seed, sizeof g->seed, 0) != (ssize_t)sizeof g->seed)
        return cli_usage("no random seed: give --seed");
    g->seed &= INT64_MAX;
    return CLI_OK;
}

static int run(const struct cli *c)
{
    struct generation g = {.c = c, .json = pl_config_bool(c->options, "json")};
    bool raw = pl_config_bool(c->options, "raw");
    if (!pl_config_str(c->options, "prompt") == !pl_config_str(c->options, "prompt-file"))
        return cli_usage("one of --prompt TEXT and --prompt-file FILE is needed");
    if (!raw && pl_config_bool(c->options, "bos"))
        return cli_usage("--bos goes with --raw: the template has its own marks");
    int code = draw_seed(&g);
    if (!code)
        code = cli_model_open(c, CLI_WITH_VOCAB | CLI_WITH_WEIGHTS | (raw ? 0 : CLI_WITH_TEMPLATE), &g.m);
    if (!code) code = read_forced(&g);
    if (!code) code = make_prompt(&g);
    if (!code) code = generate(&g);
    pl_ids_finish(&g.prompt);
    pl_ids_finish(&g.forced);
    pl_ids_finish(&g.chosen);
    cli_model_close(&g.m);
    return code;
}

static const struct pl_option options[] = {
    CLI_COMMON,
    CLI_ENGINE,
    CLI_ADAPTER,
    CLI_SAMPLING,
    PL_OPTION_CTX_SIZE,
    PL_OPTION_PREFILL_CHUNK,
    {.name = "prompt", .kind = PL_OPT_STRING, .doc = "what to answer"},
    {.name = "prompt-file",
     .kind = PL_OPT_STRING,
     .doc = "the same, read byte for byte from a file; -: stdin"},
    {.name = "raw",
     .kind = PL_OPT_BOOL,
     .fallback = "false",
     .doc = "no chat template; special tokens in the text count as such"},
    {.name = "bos", .kind = PL_OPT_BOOL, .fallback = "false", .doc = "with --raw: begin with the BOS token"},
    {.name = "force-ids",
     .kind = PL_OPT_STRING,
     .doc = "file with a JSON list of ids: feed these whatever the model would choose"},
    CLI_END,
};
const struct cli_command cli_generate = {
    "generate", "", "Answer one prompt without a daemon.", options, run, "nmax-tokens",
};
