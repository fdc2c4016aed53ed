/* batcher_schedule.c - which generations run in the next step, with how many rows.
 *
 * A step has, in this order: one row of every generation that decodes; prompt rows of those that have begun,
 * oldest first; then, while a slot, pages for all its ids and rows are left, the oldest that waits begins. A
 * prompt looks into the prefix cache only when its first rows are due, so of many equal prompts that came
 * together the later ones find what the first has filed by then. When a decoding generation needs a page and
 * there is none, the youngest that runs gives up its own and waits again at the front: the oldest always gets
 * on, because alone it fits (its ids are bounded by the pages of the executor). Pure: no message is sent
 * here. */
#include "actors/batcher.h"

#include <string.h>

static uint32_t free_slot(const struct pl_schedule *s)
{
    uint32_t i = 0;
    while (i < s->n_slots && s->slots[i]) i++;
    return i;
}

void pl__schedule_release(struct pl_schedule *s, struct pl_gen *g, bool keep)
{
    if (keep)
        pl_pages_close(s->pages, &g->table, g->ids, g->n_ran);
    else
        pl_pages_drop(s->pages, &g->table);
    pl__gens_remove(&s->running, g);
    s->slots[g->slot] = NULL;
    s->closing[g->slot] = g->opened;
    g->opened = g->decoding = g->draws = false;
    g->n_ran = g->rows = 0;
}

static void preempt(struct pl_schedule *s, struct pl_gen *g)
{
    pl__schedule_release(s, g, true);
    pl__gens_unshift(&s->waiting, g);
    s->preempted++;
}

static void put_in_step(struct pl_schedule *s, struct pl_gen *g, uint32_t rows)
{
    g->rows = rows;
    g->draws = g->n_ran + rows == g->n_ids;
    s->n_seqs++;
}

static void plan_decode(struct pl_schedule *s)
{
    for (struct pl_gen *g = s->running.first, *next; g; g = next) {
        bool fits = true;
        if (g->decoding) {
            while (!(fits = pl_pages_grow(s->pages, &g->table, g->n_ids) == 0) && s->running.last != g)
                preempt(s, s->running.last);
        }
        next = g->next;
        if (!fits) {
            preempt(s, g);
        } else if (g->decoding) {
            put_in_step(s, g, 1);
            s->decode_rows++;
        }
    }
}

/* Rows of the prompt from what is LEFT of the budget; returns what is left after it. */
static uint32_t plan_prompt(struct pl_schedule *s, struct pl_gen *g, uint32_t left)
{
    uint32_t rows = g->n_ids - g->n_ran;
    if (rows > left) rows = left;
    put_in_step(s, g, rows);
    s->prefill_rows += rows;
    return left - rows;
}

static bool admit(struct pl_schedule *s, struct pl_gen *g, uint32_t slot)
{
    struct pl_page_find found;
    if (pl_pages_open(s->pages, &g->table, g->ids, g->n_ids, &found)) return false;
    if (found.has_copy) s->copies[s->n_copies++] = found.copy;
    pl__gens_remove(&s->waiting, g);
    pl__gens_push(&s->running, g);
    g->slot = slot;
    s->slots[slot] = g;
    g->n_ran = found.n_cached;
    if (g->admitted) return true;
    g->admitted = true;
    g->cached_tokens = found.n_cached;
    s->prompt_tokens += g->n_prompt;
    s->cached_tokens += found.n_cached;
    return true;
}

uint32_t pl__schedule_plan(struct pl_schedule *s)
{
    s->n_copies = s->n_seqs = s->decode_rows = s->prefill_rows = 0;
    plan_decode(s);
    uint32_t left = s->max_rows - s->decode_rows, slot;
    if (left > s->prefill_chunk) left = s->prefill_chunk;
    for (struct pl_gen *g = s->running.first; g && left > 0; g = g->next)
        if (!g->decoding) left = plan_prompt(s, g, left);
    while (left > 0 && s->waiting.first && (slot = free_slot(s)) < s->n_slots) {
        struct pl_gen *g = s->waiting.first;
        if (!admit(s, g, slot)) break;
        left = plan_prompt(s, g, left);
    }
    return s->n_seqs;
}

static uint32_t *copy_ids(struct pl_msg *m, const uint32_t *ids, uint32_t n)
{
    uint32_t *out = pl_msg_alloc(m, n * sizeof *out);
    return out ? memcpy(out, ids, n * sizeof *out) : NULL;
}

static bool write_open(struct pl_msg *m, struct pl_gen *g, struct pl_exec_open *o)
{
    *o = g->sampling;
    o->slot = g->slot;
    o->ids = copy_ids(m, g->ids, g->n_ids);
    o->ids_count = g->n_ids;
    g->opened = true;
    return o->ids != NULL;
}

static bool write_seq(struct pl_msg *m, const struct pl_gen *g, struct pl_exec_seq *q)
{
    uint32_t n_pages = pl_pages_for(g->n_ran + g->rows);
    *q = (struct pl_exec_seq){.slot = g->slot, .from = g->n_ran, .count = g->rows, .sample = g->draws};
    q->pages = copy_ids(m, g->table.pages, n_pages);
    q->pages_count = n_pages;
    return q->pages != NULL;
}

/* Closes come before opens in a step, but a slot that is opened again need not be closed. */
static bool write_closes(struct pl_schedule *s, struct pl_msg *m, struct pl_exec_step *step)
{
    uint32_t *closes = pl_msg_alloc(m, s->n_slots * sizeof *closes);
    for (uint32_t i = 0; i < s->n_slots && closes; i++) {
        if (s->closing[i] && !s->slots[i]) closes[step->closes_count++] = i;
        s->closing[i] = false;
    }
    step->closes = closes;
    step->has_closes = step->closes_count > 0;
    return closes != NULL;
}

static bool write_copies(const struct pl_schedule *s, struct pl_msg *m, struct pl_exec_step *step)
{
    step->copies = pl_msg_alloc(m, (s->n_copies + 1) * sizeof *step->copies);
    for (uint32_t i = 0; i < s->n_copies && step->copies; i++) {
        step->copies[i] = (struct pl_exec_copy){.src = s->copies[i].src, .dst = s->copies[i].dst};
        step->copies_count++;
    }
    step->has_copies = step->copies_count > 0;
    return step->copies != NULL;
}

int pl__schedule_write(struct pl_schedule *s, struct pl_msg *m, struct pl_exec_step *step)
{
    step->seqs = pl_msg_alloc(m, s->n_seqs * sizeof *step->seqs);
    step->opens = pl_msg_alloc(m, s->n_seqs * sizeof *step->opens);
    bool ok = step->seqs && step->opens && write_closes(s, m, step) && write_copies(s, m, step);
    for (struct pl_gen *g = s->running.first; g && ok; g = g->next) {
        if (!g->rows) continue;
        if (!g->opened) ok = write_open(m, g, &step->opens[step->opens_count++]);
        if (ok) ok = write_seq(m, g, &step->seqs[step->seqs_count++]);
    }
    step->has_opens = step->opens_count > 0;
    return ok ? 0 : -PL_E_NO_MEMORY;
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

int pl__schedule_ready(struct pl_schedule *s, const struct pl_exec_ready *ready, uint32_t max_seqs)
{
    PL_MUST(s->running.count == 0);
    pl_pages_destroy(&s->pages);
    memset(s->closing, 0, sizeof s->closing);
    s->max_rows = ready->max_rows;
    /* Every decoding generation has its row in every step, and a prompt gets on by at least one. */
    s->n_slots = least(least(max_seqs, PL_STEP_SEQS_MAX), least(ready->slots, ready->max_rows));
    return pl_pages_create(ready->pages, ready->model_digest.ptr, ready->model_digest.len, &s->pages);
}

void pl__schedule_lost(struct pl_schedule *s)
{
    while (s->running.last) {
        struct pl_gen *g = s->running.last;
        pl__schedule_release(s, g, false);
        pl__gens_unshift(&s->waiting, g);
    }
    pl_pages_destroy(&s->pages);
}
