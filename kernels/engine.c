/* engine.c - slots, the check of a step, and sampling.
 *
 * Owns the slots (the ids of each sequence), the logits of the rows that sample, and the state of the model's
 * kind (workers, KV, scratch). One thread calls it. A step is checked as a whole before anything is touched:
 *   1. each slot is open and stands once in a step; count >= 1; from + count <= ids known; rows <= max_rows
 *   2. a sequence that samples runs its last known id, because the sampled id is appended after it
 *   3. its pages cover the positions up to from + count, and all lie inside the cache
 *   4. a page that is written in this step is written by one sequence, at one place of its table
 * Sampling is done here, row by row in the order of the step; nothing in it depends on workers or on other
 * rows. */
#include "kernels/cpu/threads.h"
#include "kernels/model.h"

#include <stdlib.h>
#include <string.h>

struct slot {
    bool open;
    const struct pl_adapter *adapter;
    uint32_t *ids;
    uint32_t n_ids, capacity, n_prompt;
    struct pl_sampling sampling;
};

struct pl_engine {
    const struct pl_model *m;
    const struct pl_model_kind *kind;
    struct pl_run *run;
    struct pl_engine_opts opts;
    struct slot *slots;
    float *logits; /* [n_logits, V] of the last step */
    uint64_t n_logits;
    float *spare; /* [V] the row that the penalties change, when the logits are kept as they were */
    bool keep, keep_all;
    uint32_t n_rows_kept; /* rows of the last step with logits in keep_all mode */
    void *sample_scratch;
    struct pl__lora_table *lora; /* NULL until an adapter is set */

    /* The batch of the step, built anew each time. */
    uint32_t *ids, *pos, *row, *out_rows;
    const uint32_t **pages, **history;

    /* Marks of the step that is checked: an entry counts when it equals the step's stamp. */
    uint64_t stamp, *slot_stamp, *page_stamp;
};

static int check_opts(const struct pl_engine_opts *o, struct pl_err *err)
{
    if (o->threads > 1024) return pl_fail(err, PL_E_INVALID, "threads", "more than 1024 threads");
    if (o->n_slots < 1 || o->n_slots > 65536)
        return pl_fail(err, PL_E_INVALID, "n_slots", "slots are 1 to 65536");
    if (o->n_pages < 1 || o->n_pages > 1u << 26)
        return pl_fail(err, PL_E_INVALID, "n_pages", "pages are 1 to 2^26");
    if (o->max_rows < 1 || o->max_rows > 1u << 16)
        return pl_fail(err, PL_E_INVALID, "max_rows", "rows of a step are 1 to 65536");
    return 0;
}

static bool create_arrays(struct pl_engine *e)
{
    const struct pl_engine_opts *o = &e->opts;
    e->slots = calloc(o->n_slots, sizeof *e->slots);
    e->ids = calloc(o->max_rows, sizeof *e->ids);
    e->pos = calloc(o->max_rows, sizeof *e->pos);
    e->out_rows = calloc(o->max_rows, sizeof *e->out_rows);
    e->row = calloc(o->n_slots + 1, sizeof *e->row);
    e->pages = calloc(o->n_slots, sizeof *e->pages);
    e->history = calloc(o->n_slots, sizeof *e->history);
    e->slot_stamp = calloc(o->n_slots, sizeof *e->slot_stamp);
    e->page_stamp = calloc(o->n_pages, sizeof *e->page_stamp);
    e->sample_scratch = malloc(pl_sample_scratch_bytes(e->m->info.n_vocab));
    return e->slots && e->ids && e->pos && e->out_rows && e->row && e->pages && e->history && e->slot_stamp &&
           e->page_stamp && e->sample_scratch;
}

/* Room for ROWS rows of logits; it grows only when every row is kept, or at the first steps. */
static int want_logits(struct pl_engine *e, uint64_t rows, struct pl_err *err)
{
    if (rows <= e->n_logits) return 0;
    float *bigger = e->kind->alloc(e->run, rows * e->m->info.n_vocab);
    if (!bigger) return pl_fail(err, PL_E_NO_MEMORY, "logits", "no memory for the logits of a step");
    if (e->logits) e->kind->release(e->run, e->logits);
    e->logits = bigger;
    e->n_logits = rows;
    return 0;
}

int pl_engine_create(struct pl_model *m, const struct pl_engine_opts *o, struct pl_engine **out,
                     struct pl_err *err)
{
    int rc = check_opts(o, err);
    if (rc) return rc;
    struct pl_engine *e = calloc(1, sizeof *e);
    if (!e) return pl_fail(err, PL_E_NO_MEMORY, "engine", "no memory for an engine");
    e->m = m;
    e->kind = m->kind;
    e->opts = *o;
    if (e->opts.threads == 0) e->opts.threads = pl__usable_cpus();
    if (!create_arrays(e)) rc = pl_fail(err, PL_E_NO_MEMORY, "engine", "no memory for an engine");
    if (!rc) rc = e->kind->create(m, &e->opts, &e->run, err);
    if (!rc) rc = want_logits(e, o->n_slots < o->max_rows ? o->n_slots : o->max_rows, err);
    if (rc)
        pl_engine_destroy(&e);
    else
        *out = e;
    return rc;
}

void pl_engine_destroy(struct pl_engine **engine)
{
    struct pl_engine *e = *engine;
    if (!e) return;
    for (uint32_t i = 0; e->slots && i < e->opts.n_slots; i++) free(e->slots[i].ids);
    if (e->logits) e->kind->release(e->run, e->logits);
    if (e->run) e->kind->destroy(&e->run);
    free(e->slots);
    free(e->ids);
    free(e->pos);
    free(e->out_rows);
    free(e->row);
    free(e->pages);
    free(e->history);
    free(e->slot_stamp);
    free(e->page_stamp);
    free(e->sample_scratch);
    free(e->spare);
    pl__lora_table_destroy(&e->lora);
    free(e);
    *engine = NULL;
}

/* Room for COUNT ids, and a quarter more, so that appending one by one seldom allocates. */
static int want_ids(struct slot *s, uint64_t count)
{
    if (count <= s->capacity) return 0;
    uint64_t room = count + count / 4 + 256;
    if (room > UINT32_MAX) return -PL_E_TOO_LARGE;
    uint32_t *ids = realloc(s->ids, room * sizeof *ids);
    if (!ids) return -PL_E_NO_MEMORY;
    s->ids = ids;
    s->capacity = (uint32_t)room;
    return 0;
}

int pl_engine_open(struct pl_engine *e, uint32_t slot, const uint32_t *ids, uint32_t n_ids, uint32_t n_prompt,
                   const struct pl_sampling *sampling, struct pl_err *err)
{
    if (slot >= e->opts.n_slots) return pl_fail(err, PL_E_INVALID, "slot", "there is no slot %u", slot);
    if (n_ids < 1 || n_prompt > n_ids)
        return pl_fail(err, PL_E_INVALID, "ids",
                       "a sequence has at least one id, and its prompt no more than all");
    for (uint32_t i = 0; i < n_ids; i++)
        if (ids[i] >= e->m->info.n_vocab)
            return pl_fail(err, PL_E_INVALID, "ids", "id %u at %u is not in the vocabulary of %u", ids[i], i,
                           e->m->info.n_vocab);
    struct slot *s = &e->slots[slot];
    int rc = want_ids(s, n_ids);
    if (rc) return pl_fail(err, -rc, "ids", "no room for %u ids", n_ids);
    memcpy(s->ids, ids, n_ids * sizeof *ids);
    s->n_ids = n_ids;
    s->n_prompt = n_prompt;
    s->sampling = *sampling;
    s->open = true;
    return 0;
}

/* The ids' memory stays for the next sequence in this slot. */
void pl_engine_close(struct pl_engine *e, uint32_t slot)
{
    if (slot < e->opts.n_slots) e->slots[slot].open = false;
}

int pl_engine_adapter(struct pl_engine *e, uint32_t slot, const struct pl_adapter *a, struct pl_err *err)
{
    if (slot >= e->opts.n_slots) return pl_fail(err, PL_E_INVALID, "slot", "there is no slot %u", slot);
    if (a && e->kind != &pl__kind_graph)
        return pl_fail(err, PL_E_UNSUPPORTED, "adapter", "a model without weights takes no adapter");
    if (a && !e->lora) {
        int rc = pl__lora_table_create(e->m->info.n_layers, e->opts.max_rows, &e->lora);
        if (rc) return pl_fail(err, -rc, "adapter", "no memory for adapters");
    }
    e->slots[slot].adapter = a;
    return 0;
}

/* The adapters of the rows of STEP; NULL when none has one. */
static const struct pl_lora_rows *find_adapters(struct pl_engine *e, const struct pl_step *step)
{
    bool any = false;
    for (uint32_t i = 0; i < step->n_seqs; i++) any = any || e->slots[step->seqs[i].slot].adapter;
    if (!any) return NULL;
    for (uint32_t i = 0; i < step->n_seqs; i++)
        pl__lora_table_fill(e->lora, e->slots[step->seqs[i].slot].adapter, e->row[i], e->row[i + 1]);
    return pl__lora_table_rows(e->lora);
}

static int check_sequence(struct pl_engine *e, const struct pl_step_seq *q, struct pl_err *err)
{
    if (q->slot >= e->opts.n_slots || !e->slots[q->slot].open)
        return pl_fail(err, PL_E_INVALID, "slot", "slot %u is not open", q->slot);
    if (e->slot_stamp[q->slot] == e->stamp)
        return pl_fail(err, PL_E_INVALID, "slot", "slot %u stands twice in the step", q->slot);
    e->slot_stamp[q->slot] = e->stamp;
    const struct slot *s = &e->slots[q->slot];
    uint64_t end = (uint64_t)q->from + q->count;
    if (q->count < 1 || end > s->n_ids)
        return pl_fail(err, PL_E_INVALID, "count", "slot %u knows %u ids, not %u from %u", q->slot, s->n_ids,
                       q->count, q->from);
    if (q->sample && end != s->n_ids)
        return pl_fail(err, PL_E_INVALID, "sample", "slot %u samples before its last known id", q->slot);
    if (q->sample && q->forced_id != PL_NO_FORCE && q->forced_id >= e->m->info.n_vocab)
        return pl_fail(err, PL_E_INVALID, "forced_id", "id %u is not in the vocabulary", q->forced_id);
    return 0;
}

static int check_pages(struct pl_engine *e, const struct pl_step_seq *q, struct pl_err *err)
{
    uint64_t end = (uint64_t)q->from + q->count;
    if ((uint64_t)q->n_pages * PL_PAGE_TOKENS < end)
        return pl_fail(err, PL_E_INVALID, "pages", "slot %u: %u pages do not hold %llu positions", q->slot,
                       q->n_pages, (unsigned long long)end);
    for (uint32_t i = 0; i < q->n_pages; i++)
        if (q->pages[i] >= e->opts.n_pages)
            return pl_fail(err, PL_E_INVALID, "pages", "slot %u: there is no page %u", q->slot, q->pages[i]);
    for (uint64_t i = q->from / PL_PAGE_TOKENS; i * PL_PAGE_TOKENS < end; i++) {
        uint64_t *stamp = &e->page_stamp[q->pages[i]];
        if (*stamp == e->stamp)
            return pl_fail(err, PL_E_INVALID, "pages", "page %u would be written twice", q->pages[i]);
        *stamp = e->stamp;
    }
    return 0;
}

static int check_step(struct pl_engine *e, const struct pl_step *step, struct pl_err *err)
{
    uint64_t rows = 0;
    e->stamp++;
    for (uint32_t i = 0; i < step->n_copies; i++) {
        struct pl_page_copy c = step->copies[i];
        if (c.src >= e->opts.n_pages || c.dst >= e->opts.n_pages || c.src == c.dst)
            return pl_fail(err, PL_E_INVALID, "copies", "page %u cannot be copied to %u", c.src, c.dst);
    }
    if (step->n_seqs > e->opts.n_slots)
        return pl_fail(err, PL_E_INVALID, "seqs", "more sequences than slots");
    for (uint32_t i = 0; i < step->n_seqs; i++) {
        int rc = check_sequence(e, &step->seqs[i], err);
        if (!rc) rc = check_pages(e, &step->seqs[i], err);
        if (rc) return rc;
        rows += step->seqs[i].count;
    }
    if (rows > e->opts.max_rows)
        return pl_fail(err, PL_E_INVALID, "rows", "%llu rows in a step of at most %u",
                       (unsigned long long)rows, e->opts.max_rows);
    return 0;
}

static uint32_t count_logits(const struct pl_engine *e, const struct pl_step *step)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < step->n_seqs; i++) n += e->keep_all ? step->seqs[i].count : step->seqs[i].sample;
    return n;
}

/* Lays the rows of the step side by side. */
static void build_batch(struct pl_engine *e, const struct pl_step *step, struct pl_batch *b)
{
    uint32_t t = 0, n_out = 0;
    for (uint32_t i = 0; i < step->n_seqs; i++) {
        const struct pl_step_seq *q = &step->seqs[i];
        const struct slot *s = &e->slots[q->slot];
        e->row[i] = t;
        e->pages[i] = q->pages;
        e->history[i] = s->ids;
        for (uint32_t k = 0; k < q->count; k++, t++) {
            e->pos[t] = q->from + k;
            e->ids[t] = s->ids[q->from + k];
            if (e->keep_all || (q->sample && k + 1 == q->count)) e->out_rows[n_out++] = t;
        }
    }
    e->row[step->n_seqs] = t;
    *b = (struct pl_batch){t, step->n_seqs, e->pos, e->row, e->pages};
}

/* FNV-1a over 32-bit words in 8 interleaved lanes, which are then folded in order: a plain chain over the
 * bytes would cost more than drawing the token. */
static uint64_t hash_logits(const float *logits, uint32_t count)
{
    const uint64_t prime = 0x100000001B3ull;
    uint64_t lane[8], h = 0xCBF29CE484222325ull;
    for (int i = 0; i < 8; i++) lane[i] = h + (uint64_t)i;
    for (uint32_t k = 0; k < count; k++) {
        uint32_t word;
        memcpy(&word, &logits[k], sizeof word);
        uint64_t x = (lane[k % 8] ^ word) * prime;
        lane[k % 8] = x ^ (x >> 32);
    }
    for (int i = 0; i < 8; i++) h = (h ^ lane[i]) * prime, h ^= h >> 29;
    return h;
}

static void sample_one(struct pl_engine *e, const struct pl_step_seq *q, float *row, struct pl_sampled *out)
{
    struct slot *s = &e->slots[q->slot];
    const uint32_t v = e->m->info.n_vocab;
    *out = (struct pl_sampled){.slot = q->slot, .logits = e->keep ? row : NULL};
    if (e->opts.logits_hash) out->logits_hash = hash_logits(row, v);
    if (e->keep || e->keep_all) row = memcpy(e->spare, row, v * sizeof *row);
    int64_t id = pl_sample(row, v, &s->sampling, s->ids, s->n_ids, s->n_prompt, s->n_ids, e->sample_scratch);
    if (id < 0) {
        out->status = -PL_E_NUMERIC_ERROR;
        return;
    }
    out->id = (uint32_t)id;
    s->ids[s->n_ids++] = q->forced_id == PL_NO_FORCE ? (uint32_t)id : q->forced_id;
}

/* All that a step can fail for lack of, before it changes anything. */
static int reserve(struct pl_engine *e, const struct pl_step *step, uint32_t n_logits, struct pl_err *err)
{
    int rc = want_logits(e, n_logits, err);
    for (uint32_t i = 0; i < step->n_seqs && !rc; i++) {
        struct slot *s = &e->slots[step->seqs[i].slot];
        if (step->seqs[i].sample && want_ids(s, (uint64_t)s->n_ids + 1))
            rc = pl_fail(err, PL_E_NO_MEMORY, "ids", "no room for another id");
    }
    if (!rc && (e->keep || e->keep_all) && !e->spare) {
        e->spare = malloc(e->m->info.n_vocab * sizeof *e->spare);
        if (!e->spare) rc = pl_fail(err, PL_E_NO_MEMORY, "logits", "no memory to keep logits");
    }
    return rc;
}

int pl_engine_step(struct pl_engine *e, const struct pl_step *step, struct pl_sampled *out, uint32_t *n_out,
                   struct pl_err *err)
{
    struct pl_batch batch;
    uint32_t n = 0;
    int rc = check_step(e, step, err);
    struct pl_forward f = {.batch = &batch, .n_out = rc ? 0 : count_logits(e, step)};
    if (!rc) rc = reserve(e, step, f.n_out, err);
    if (rc) return rc;

    build_batch(e, step, &batch);
    f.ids = e->ids;
    f.history = e->history;
    f.out_rows = e->out_rows;
    f.logits = e->logits;
    f.lora = find_adapters(e, step);
    for (uint32_t i = 0; i < step->n_copies; i++)
        e->kind->copy_page(e->run, step->copies[i].src, step->copies[i].dst);
    if (batch.n_rows > 0) e->kind->forward(e->run, &f);
    for (uint32_t i = 0; i < step->n_seqs; i++) {
        if (!step->seqs[i].sample) continue;
        uint64_t at = e->keep_all ? e->row[i + 1] - 1 : n;
        sample_one(e, &step->seqs[i], e->logits + at * e->m->info.n_vocab, &out[n++]);
    }
    e->n_rows_kept = e->keep_all ? batch.n_rows : 0;
    *n_out = n;
    return 0;
}

void pl_engine_keep_logits(struct pl_engine *e, bool keep)
{
    e->keep = keep;
}

void pl_engine_keep_all_rows(struct pl_engine *e, bool keep)
{
    e->keep_all = keep;
    e->n_rows_kept = 0;
}

const float *pl_engine_row_logits(const struct pl_engine *e, uint32_t row)
{
    return row < e->n_rows_kept ? e->logits + (size_t)row * e->m->info.n_vocab : NULL;
}

uint32_t pl_engine_threads(const struct pl_engine *e)
{
    return e->kind->threads(e->run);
}
uint64_t pl_engine_kv_bytes(const struct pl_engine *e)
{
    return e->kind->kv_bytes(e->run);
}
