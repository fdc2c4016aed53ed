/* generate.c - prompt in steps of a chunk, then one id a step; and the score of a text. */
#include "kernels/generate.h"

#include <stdlib.h>
#include <string.h>
#include "kernels/cpu/math.h"

/* A sequence in slot 0 on pages 0, 1, 2, ... */
struct single {
    struct pl_engine *e;
    uint32_t *pages, n_pages, n_ids;
};

static int single_init(struct single *s, struct pl_engine *e, uint32_t n_pages, struct pl_err *err)
{
    *s = (struct single){.e = e, .n_pages = n_pages};
    s->pages = calloc(n_pages ? n_pages : 1, sizeof *s->pages);
    if (!s->pages) return pl_fail(err, PL_E_NO_MEMORY, "pages", "no memory for %u pages", n_pages);
    for (uint32_t i = 0; i < n_pages; i++) s->pages[i] = i;
    return 0;
}

static void single_finish(struct single *s)
{
    pl_engine_close(s->e, 0);
    free(s->pages);
}

static int single_step(struct single *s, struct pl_step_seq q, struct pl_sampled *out, struct pl_err *err)
{
    uint32_t n;
    q.pages = s->pages;
    q.n_pages = s->n_pages;
    struct pl_step step = {.seqs = &q, .n_seqs = 1};
    int rc = pl_engine_step(s->e, &step, out, &n, err);
    if (!rc && q.sample && out->status)
        rc = pl_fail(err, -out->status, "logits", "%s at position %u", pl_error_text(-out->status),
                     q.from + q.count);
    return rc;
}

/* Runs all but the last chunk of the prompt; returns where that begins in *FROM. */
static int run_prompt(struct single *s, uint32_t n_prompt, uint32_t chunk, uint32_t *from, struct pl_err *err)
{
    int rc = 0;
    uint32_t at = 0;
    for (; !rc && chunk > 0 && n_prompt - at > chunk; at += chunk)
        rc = single_step(s, (struct pl_step_seq){.from = at, .count = chunk}, NULL, err);
    *from = at;
    return rc;
}

static int append_text(struct pl_generate_result *r, const char *piece, size_t len)
{
    char *longer = realloc(r->text, r->text_len + len + 1);
    if (!longer) return -PL_E_NO_MEMORY;
    if (len > 0) memcpy(longer + r->text_len, piece, len);
    r->text = longer;
    r->text_len += len;
    r->text[r->text_len] = 0;
    return 0;
}

static int take_id(const struct pl_vocab *v, struct pl_generate_result *r, struct pl_generated *g)
{
    if (v) {
        g->end = pl_vocab_is_end(v, g->fed);
        g->piece = pl_vocab_piece(v, g->fed, false, &g->piece_len);
    }
    int rc = pl_ids_push(&r->ids, g->fed);
    return rc ? rc : append_text(r, g->piece, g->piece_len);
}

/* Runs the known ids from FROM and takes id number I of the answer. 1 in *DONE when something stops it. */
static int run_one(struct single *s, const struct pl_generate_opts *o, struct pl_step_seq q, uint32_t i,
                   struct pl_generate_result *r, bool *done, struct pl_err *err)
{
    struct pl_sampled out;
    bool forced = o->n_forced > 0;
    q.sample = true;
    q.forced_id = forced ? o->forced[i] : PL_NO_FORCE;
    int rc = single_step(s, q, &out, err);
    if (rc) return rc;
    struct pl_generated g = {.index = i, .id = out.id, .fed = forced ? q.forced_id : out.id};
    g.logits_hash = out.logits_hash;
    g.logits = out.logits;
    if (take_id(o->vocab, r, &g)) return pl_fail(err, PL_E_NO_MEMORY, "text", "no memory for the answer");
    bool cancelled = o->fn && o->fn(&g, o->arg);
    *done = cancelled || (g.end && !forced);
    if (*done) r->stop = cancelled ? PL_STOP_CANCELLED : PL_STOP_END;
    return 0;
}

/* One step after another until something stops the answer; FROM is the first position that has not been run.
 */
static int run_answer(struct single *s, uint32_t n_prompt, uint32_t from, const struct pl_generate_opts *o,
                      struct pl_generate_result *r, struct pl_err *err)
{
    uint32_t most = o->n_forced > 0 ? o->n_forced : o->most;
    bool done = false;
    int rc = 0;
    for (uint32_t i = 0; i < most && !rc && !done; i++) {
        uint32_t known = n_prompt + i;
        if (known > (uint64_t)o->n_pages * PL_PAGE_TOKENS) {
            r->stop = PL_STOP_CONTEXT;
            return 0;
        }
        rc = run_one(s, o, (struct pl_step_seq){.from = from, .count = known - from}, i, r, &done, err);
        from = known;
    }
    return rc;
}

int pl_generate(struct pl_engine *e, const uint32_t *prompt, uint32_t n_prompt,
                const struct pl_generate_opts *o, struct pl_generate_result *result, struct pl_err *err)
{
    struct single s;
    uint32_t from = 0;
    *result = (struct pl_generate_result){.stop = PL_STOP_LENGTH};
    if (n_prompt > (uint64_t)o->n_pages * PL_PAGE_TOKENS)
        return pl_fail(err, PL_E_CONTEXT_LENGTH_EXCEEDED, "prompt",
                       "a prompt of %u tokens does not fit %u pages", n_prompt, o->n_pages);
    int rc = single_init(&s, e, o->n_pages, err);
    if (rc) return rc;
    if (append_text(result, NULL, 0)) rc = pl_fail(err, PL_E_NO_MEMORY, "text", "no memory for the answer");
    if (!rc) rc = pl_engine_open(e, 0, prompt, n_prompt, n_prompt, &o->sampling, err);
    if (!rc) rc = run_prompt(&s, n_prompt, o->chunk, &from, err);
    if (!rc) rc = run_answer(&s, n_prompt, from, o, result, err);
    single_finish(&s);
    return rc;
}

void pl_generate_result_finish(struct pl_generate_result *r)
{
    pl_ids_finish(&r->ids);
    free(r->text);
    *r = (struct pl_generate_result){0};
}

/* -log softmax(logits)[id]. */
static double nll_of(const float *logits, uint32_t n_vocab, uint32_t id)
{
    float best = logits[0];
    for (uint32_t i = 1; i < n_vocab; i++) best = logits[i] > best ? logits[i] : best;
    double sum = 0;
    for (uint32_t i = 0; i < n_vocab; i++) sum += pl__exp64((double)logits[i] - (double)best);
    return pl__log64(sum) + (double)best - (double)logits[id];
}

/* Runs the window of N ids in chunks and adds up the scores of its ids from FIRST on. Rows that score nothing
 * do not go through the output projection. */
static int score_window(struct single *s, const struct pl_perplexity_opts *o, const uint32_t *ids, uint32_t n,
                        uint32_t first, double *sum, struct pl_err *err)
{
    struct pl_sampling greedy = {.repetition_penalty = 1.0f, .top_p = 1.0f};
    int rc = pl_engine_open(s->e, 0, ids, n, n, &greedy, err);
    for (uint32_t from = 0, count; !rc && from + 1 < n;
         from += count) { /* the last id is scored but not run */
        uint32_t end = from + 1 < first ? first - 1 : n - 1;
        count = end - from < o->chunk ? end - from : o->chunk;
        pl_engine_keep_all_rows(s->e, from + 1 >= first);
        rc = single_step(s, (struct pl_step_seq){.from = from, .count = count}, NULL, err);
        for (uint32_t r = 0; r < count && !rc && from + 1 >= first; r++)
            *sum += nll_of(pl_engine_row_logits(s->e, r), o->n_vocab, ids[from + r + 1]);
    }
    pl_engine_keep_all_rows(s->e, false);
    return rc;
}

int pl_perplexity(struct pl_engine *e, const uint32_t *ids, size_t n_ids, const struct pl_perplexity_opts *o,
                  struct pl_perplexity *out, struct pl_err *err)
{
    struct single s;
    if (n_ids < 2 || o->n_ctx < 2 || o->chunk < 1)
        return pl_fail(err, PL_E_INVALID, "ids",
                       "a score needs two tokens, a window of two and a chunk of one");
    int rc = single_init(&s, e, (o->n_ctx + PL_PAGE_TOKENS - 1) / PL_PAGE_TOKENS, err);
    if (rc) return rc;
    double sum = 0;
    size_t scored = 1; /* ids before this one are done; the first is never scored */
    for (size_t start = 0; !rc && scored < n_ids; start += o->n_ctx / 2) {
        size_t n = n_ids - start < o->n_ctx ? n_ids - start : o->n_ctx;
        rc = score_window(&s, o, ids + start, (uint32_t)n, (uint32_t)(scored - start), &sum, err);
        scored = start + n;
    }
    single_finish(&s);
    if (rc) return rc;
    *out = (struct pl_perplexity){.n_scored = n_ids - 1, .mean_nll = sum / (double)(n_ids - 1)};
    out->perplexity = pl__exp64(out->mean_nll);
    if (!(out->mean_nll < 700)) return pl_fail(err, PL_E_NUMERIC_ERROR, "logits", "the score is not finite");
    return 0;
}
