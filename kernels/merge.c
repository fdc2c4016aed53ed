/* merge.c - see merge.h.
 *
 * Invariants: a candidate is for the symbol in the low half of its key and that symbol's next one; it still
 * holds exactly when both live and together cover as many bytes as when it was made, because a symbol only
 * ever grows. The heap never holds more than twice the word: it begins with at most n - 1, and each of at
 * most n - 1 merges takes one and adds two. */
#include "kernels/merge.h"

#include <stdlib.h>
#include "schemas/err.h"

int pl__merger_begin(struct pl__merger *m, size_t count)
{
    m->n_symbols = m->n_heap = 0;
    if (count <= m->capacity) return 0;
    size_t capacity = count < 64 ? 64 : count + count / 2;
    struct pl__symbol *symbols = realloc(m->symbols, capacity * sizeof *symbols);
    if (!symbols) return -PL_E_NO_MEMORY;
    m->symbols = symbols;
    struct pl__candidate *heap = realloc(m->heap, 2 * capacity * sizeof *heap);
    if (!heap) return -PL_E_NO_MEMORY;
    m->heap = heap;
    m->capacity = capacity;
    return 0;
}

void pl__merger_finish(struct pl__merger *m)
{
    free(m->symbols);
    free(m->heap);
    *m = (struct pl__merger){0};
}

void pl__merger_add(struct pl__merger *m, uint32_t start, uint32_t len, uint32_t id)
{
    uint32_t at = (uint32_t)m->n_symbols++;
    m->symbols[at] = (struct pl__symbol){start, len, id, at ? at - 1 : PL__NO_SYMBOL, PL__NO_SYMBOL};
    if (at) m->symbols[at - 1].next = at;
}

static void push(struct pl__merger *m, struct pl__candidate c)
{
    size_t at = m->n_heap++;
    while (at > 0 && m->heap[(at - 1) / 2].key > c.key) {
        m->heap[at] = m->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    m->heap[at] = c;
}

static struct pl__candidate pop(struct pl__merger *m)
{
    struct pl__candidate best = m->heap[0], last = m->heap[--m->n_heap];
    size_t at = 0, child;
    while ((child = 2 * at + 1) < m->n_heap) {
        if (child + 1 < m->n_heap && m->heap[child + 1].key < m->heap[child].key) child++;
        if (m->heap[child].key >= last.key) break;
        m->heap[at] = m->heap[child];
        at = child;
    }
    m->heap[at] = last;
    return best;
}

static void consider(struct pl__merger *m, uint32_t at, pl__merge_rule rule, const void *ctx)
{
    const struct pl__symbol *a = &m->symbols[at];
    if (a->next == PL__NO_SYMBOL) return;
    const struct pl__symbol *b = &m->symbols[a->next];
    uint32_t rank, id;
    if (rule(ctx, a, b, &rank, &id))
        push(m, (struct pl__candidate){(uint64_t)rank << 32 | at, a->len + b->len, id});
}

/* Makes the symbol at AT and its next one a single symbol. */
static void join(struct pl__merger *m, uint32_t at, uint32_t id)
{
    struct pl__symbol *a = &m->symbols[at], *b = &m->symbols[a->next];
    a->len += b->len;
    a->id = id;
    b->len = 0;
    a->next = b->next;
    if (b->next != PL__NO_SYMBOL) m->symbols[b->next].prev = at;
}

void pl__merger_run(struct pl__merger *m, pl__merge_rule rule, const void *ctx)
{
    for (size_t i = 0; i + 1 < m->n_symbols; i++) consider(m, (uint32_t)i, rule, ctx);
    while (m->n_heap) {
        struct pl__candidate c = pop(m);
        uint32_t at = (uint32_t)c.key;
        const struct pl__symbol *a = &m->symbols[at];
        if (a->len == 0 || a->next == PL__NO_SYMBOL || a->len + m->symbols[a->next].len != c.len) continue;
        join(m, at, c.id);
        if (a->prev != PL__NO_SYMBOL) consider(m, a->prev, rule, ctx);
        consider(m, at, rule, ctx);
    }
}
