/* models.c - `parlance models inspect`: what is in a GGUF file, and whether it can be served. */
#include <stdio.h>
#include "ops/cli/cli.h"

enum { VALUE_BYTES = 4096, DTYPES = 64 };

struct inspection {
    const struct pl_gguf *g;
    struct pl_vocab *vocab;
    struct pl_template *dialogue;
    struct pl_err vocab_err, dialogue_err, model_err; /* model_err.code 0: the weights can be served */
    uint64_t n_bytes, n_params;
    struct {
        uint64_t tensors, bytes;
    } types[DTYPES];
};

static void look(struct inspection *s, const char *path)
{
    struct pl_model *m = NULL;
    if (!pl_model_open(path, PL_ISA_AUTO, &m, &s->model_err)) s->model_err.code = 0;
    pl_model_close(&m);
    for (uint64_t i = 0; i < pl_gguf_n_tensors(s->g); i++) {
        const struct pl_tensor *t = pl_gguf_tensor_at(s->g, i);
        s->n_bytes += t->size_bytes;
        s->n_params += t->ne[0] * t->ne[1] * t->ne[2] * t->ne[3];
        if (t->dtype < 0 || t->dtype >= DTYPES) continue;
        s->types[t->dtype].tensors++;
        s->types[t->dtype].bytes += t->size_bytes;
    }
    if (pl_vocab_create(s->g, &s->vocab, &s->vocab_err)) return;
    pl_template_create(s->g, s->vocab, &s->dialogue, &s->dialogue_err);
}

/* Why the file cannot be served; NULL when it can. */
static const char *refusal(const struct inspection *s)
{
    if (s->model_err.code) return s->model_err.text;
    if (!s->vocab) return s->vocab_err.text;
    return s->dialogue ? NULL : s->dialogue_err.text;
}

static const char *shape_of(const struct pl_tensor *t)
{
    const char *text = cli_format("%llu", (unsigned long long)t->ne[0]);
    for (uint32_t i = 1; i < t->n_dims; i++)
        text = cli_format("%.400s x %llu", text, (unsigned long long)t->ne[i]);
    return text;
}

/* --- JSON --- */

static json_t *json_tensor(const struct pl_tensor *t)
{
    json_t *shape = json_array();
    for (uint32_t i = 0; i < t->n_dims; i++) json_array_append_new(shape, json_integer((json_int_t)t->ne[i]));
    json_t *v = json_pack("{s:s, s:o, s:I}", "type", pl_dtype_name(t->dtype), "shape", shape, "bytes",
                          (json_int_t)t->size_bytes);
    json_object_set_new(v, "name", cli_json_text(t->name, strlen(t->name)));
    return v;
}

static json_t *json_types(const struct inspection *s)
{
    json_t *v = json_object();
    for (int i = 0; i < DTYPES; i++)
        if (s->types[i].tensors)
            json_object_set_new(v, pl_dtype_name(i),
                                json_pack("{s:I, s:I}", "tensors", (json_int_t)s->types[i].tensors, "bytes",
                                          (json_int_t)s->types[i].bytes));
    return v;
}

static json_t *json_vocab(const struct inspection *s)
{
    if (!s->vocab) return json_pack("{s:b, s:s}", "known", 0, "reason", s->vocab_err.text);
    json_t *v = json_pack("{s:b, s:I}", "known", 1, "tokens", (json_int_t)pl_vocab_size(s->vocab));
    if (pl_vocab_bos(s->vocab) != PL_NO_TOKEN)
        json_object_set_new(v, "bos", json_integer(pl_vocab_bos(s->vocab)));
    if (pl_vocab_eos(s->vocab) != PL_NO_TOKEN)
        json_object_set_new(v, "eos", json_integer(pl_vocab_eos(s->vocab)));
    return v;
}

static json_t *json_dialogue(const struct inspection *s)
{
    if (!s->dialogue)
        return json_pack("{s:b, s:s}", "known", 0, "reason",
                         s->vocab ? s->dialogue_err.text : "no tokenizer");
    return json_pack("{s:b, s:s, s:b}", "known", 1, "digest", pl_template_digest(s->dialogue), "tools",
                     (int)pl_template_has_tools(s->dialogue));
}

static void show_json(const struct inspection *s, const char *digest)
{
    char value[VALUE_BYTES];
    json_t *metadata = json_object(), *tensors = json_array();
    for (uint64_t i = 0; i < pl_gguf_n_keys(s->g); i++) {
        pl_gguf_print_value(s->g, i, value, sizeof value);
        json_object_set_new(metadata, pl_gguf_key_at(s->g, i), cli_json_text(value, strlen(value)));
    }
    for (uint64_t i = 0; i < pl_gguf_n_tensors(s->g); i++)
        json_array_append_new(tensors, json_tensor(pl_gguf_tensor_at(s->g, i)));
    const char *why = refusal(s);
    cli_print_json(json_pack("{s:b, s:s?, s:s, s:I, s:I, s:o, s:o, s:o, s:o, s:o}", "served", why == NULL,
                             "why", why, "digest", digest, "parameters", (json_int_t)s->n_params,
                             "tensor_bytes", (json_int_t)s->n_bytes, "types", json_types(s), "tokenizer",
                             json_vocab(s), "template", json_dialogue(s), "metadata", metadata, "tensors",
                             tensors));
}

/* --- tables --- */

static void show_parts(const struct inspection *s, const char *digest)
{
    printf("sha256      %s\nparameters  %.1f million in %llu tensors, %.1f MB\n", digest,
           (double)s->n_params / 1e6, (unsigned long long)pl_gguf_n_tensors(s->g), (double)s->n_bytes / 1e6);
    for (int i = 0; i < DTYPES; i++)
        if (s->types[i].tensors)
            printf("  %-8s  %llu tensors, %.1f MB\n", pl_dtype_name(i),
                   (unsigned long long)s->types[i].tensors, (double)s->types[i].bytes / 1e6);
    if (s->vocab)
        printf("tokenizer   known, %u tokens\n", pl_vocab_size(s->vocab));
    else
        printf("tokenizer   not known: %s\n", s->vocab_err.text);
    if (s->dialogue)
        printf("template    known, tools %s\n", pl_template_has_tools(s->dialogue) ? "yes" : "no");
    else
        printf("template    not known: %s\n", s->vocab ? s->dialogue_err.text : "there is no tokenizer");
}

static void show_tables(const struct inspection *s, const char *digest)
{
    char value[200];
    struct cli_table keys = {.columns = 2}, tensors = {.columns = 4};
    for (uint64_t i = 0; i < pl_gguf_n_keys(s->g); i++) {
        pl_gguf_print_value(s->g, i, value, sizeof value);
        cli_table_row(&keys, pl_gguf_key_at(s->g, i), value);
    }
    cli_table_row(&tensors, "TENSOR", "TYPE", "SHAPE", "BYTES");
    for (uint64_t i = 0; i < pl_gguf_n_tensors(s->g); i++) {
        const struct pl_tensor *t = pl_gguf_tensor_at(s->g, i);
        cli_table_row(&tensors, t->name, pl_dtype_name(t->dtype), shape_of(t),
                      cli_format("%llu", (unsigned long long)t->size_bytes));
    }
    cli_table_print(&keys);
    putchar('\n');
    show_parts(s, digest);
    putchar('\n');
    cli_table_print(&tensors);
    const char *why = refusal(s);
    printf("\nserved: %s%s\n", why ? "no: " : "yes", why ? why : "");
}

static int run(const struct cli *c)
{
    struct pl_gguf *g = NULL;
    struct pl_err err = {0};
    char digest[65];
    if (pl_gguf_open(c->words[0], &g, &err)) return cli_fail(&err);
    struct inspection s = {.g = g};
    int code = pl_gguf_digest(g, digest, &err) ? cli_fail(&err) : CLI_OK;
    if (!code) look(&s, c->words[0]);
    if (!code && pl_config_bool(c->options, "json"))
        show_json(&s, digest);
    else if (!code)
        show_tables(&s, digest);
    pl_template_destroy(&s.dialogue);
    pl_vocab_destroy(&s.vocab);
    pl_gguf_close(&g);
    return code;
}

static const struct pl_option options[] = {CLI_COMMON, CLI_END};
const struct cli_command cli_models_inspect = {
    "models inspect", "FILE", "Show what is in a model file, and whether it can be served.",
    options,          run,    NULL};
