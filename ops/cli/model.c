/* model.c - opening a model file without a daemon. */
#include "kernels/adapter.h"
#include "ops/cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static int open_parts(const char *path, enum pl_isa isa, int what, struct cli_model *m, struct pl_err *err)
{
    bool hash = strcmp(path, "hash") == 0;
    int rc = hash ? 0 : pl_gguf_open(path, &m->file, err);
    if (!rc && what & CLI_WITH_VOCAB)
        rc = hash ? pl_vocab_create_bytes(&m->vocab, err) : pl_vocab_create(m->file, &m->vocab, err);
    if (!rc && what & CLI_WITH_TEMPLATE)
        rc = hash ? pl_template_create_chatml(m->vocab, &m->dialogue, err)
                  : pl_template_create(m->file, m->vocab, &m->dialogue, err);
    if (!rc && what & CLI_WITH_WEIGHTS)
        rc = hash ? pl_model_open_hash(&m->model, err) : pl_model_open(path, isa, &m->model, err);
    return rc;
}

int cli_model_open(const struct cli *c, int what, struct cli_model *out)
{
    struct pl_err err = {0};
    const char *path = pl_config_str(c->options, "model");
    *out = (struct cli_model){0};
    if (!path) return cli_usage("--model FILE is needed");
    int isa = what & CLI_WITH_WEIGHTS ? pl_isa_parse(pl_config_str(c->options, "isa")) : PL_ISA_AUTO;
    if (isa != PL_ISA_AUTO && !pl_isa_available((enum pl_isa)isa))
        return cli_usage("this machine has no %s", pl_isa_name((enum pl_isa)isa));
    if (open_parts(path, (enum pl_isa)isa, what, out, &err) == 0) return CLI_OK;
    cli_model_close(out);
    return cli_fail(&err);
}

uint32_t cli_model_context(const struct cli *c, const struct cli_model *m)
{
    uint32_t trained = pl_model_info(m->model)->n_ctx_train,
             asked = (uint32_t)pl_config_u64(c->options, "ctx-size");
    return asked ? asked : trained < 8192 ? trained : 8192;
}

int cli_model_engine(const struct cli *c, struct cli_model *m, uint32_t n_tokens, uint32_t max_rows)
{
    struct pl_err err = {0};
    struct pl_engine_opts o = {.n_slots = 1, .max_rows = max_rows};
    o.threads = (uint32_t)pl_config_u64(c->options, "threads");
    o.n_pages = (n_tokens + PL_PAGE_TOKENS - 1) / PL_PAGE_TOKENS;
    const char *adapter = pl_config_str(c->options, "adapter");
    int rc = pl_engine_create(m->model, &o, &m->engine, &err);
    if (!rc && adapter) rc = pl_adapter_open(adapter, pl_model_info(m->model), &m->adapter, &err);
    if (!rc && adapter) rc = pl_engine_adapter(m->engine, 0, m->adapter, &err);
    return rc ? cli_fail(&err) : CLI_OK;
}

void cli_model_close(struct cli_model *m)
{
    pl_engine_destroy(&m->engine);
    pl_adapter_close(&m->adapter);
    pl_model_close(&m->model);
    pl_template_destroy(&m->dialogue);
    pl_vocab_destroy(&m->vocab);
    pl_gguf_close(&m->file);
}

static char *read_all(FILE *f, size_t *len)
{
    char *text = NULL;
    size_t n = 0, room = 0;
    for (;;) {
        if (n + 1 >= room) {
            char *more = realloc(text, room = 2 * room + 65536);
            if (!more) break;
            text = more;
        }
        size_t got = fread(text + n, 1, room - n - 1, f);
        n += got;
        if (got > 0) continue;
        if (ferror(f)) break;
        text[n] = 0;
        *len = n;
        return text;
    }
    free(text);
    return NULL;
}

char *cli_read(const char *path, size_t *len)
{
    bool standard = strcmp(path, "-") == 0;
    errno = 0;
    FILE *f = standard ? stdin : fopen(path, "rbe");
    char *text = f ? read_all(f, len) : NULL;
    if (!text)
        cli_usage("cannot read %s: %s", standard ? "the standard input" : path,
                  strerror(errno ? errno : ENOMEM));
    if (f && !standard) fclose(f);
    return text;
}
