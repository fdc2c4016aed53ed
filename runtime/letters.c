#include "runtime/letters.h"

#include <stdio.h>
#include <stdlib.h>

void pl__letters_init(struct pl__letters *l, uint32_t limit, size_t bytes_limit)
{
    *l = (struct pl__letters){.limit = limit, .bytes_limit = bytes_limit, .oldest_kept = 1};
}

uint64_t pl__letters_first(const struct pl__letters *l)
{
    if (!l->newest || !l->ring) return 0;
    return l->newest > l->limit ? l->newest - l->limit + 1 : 1;
}

struct pl__letter *pl__letters_find(struct pl__letters *l, uint64_t number)
{
    uint64_t first = pl__letters_first(l);
    if (!first || number < first || number > l->newest) return NULL;
    struct pl__letter *found = &l->ring[number % l->limit];
    return found->number == number ? found : NULL;
}

static void let_go(struct pl__letters *l, struct pl__letter *letter)
{
    if (letter->m) l->bytes -= letter->bytes;
    pl_msg_unref(&letter->m);
}

void pl__letters_finish(struct pl__letters *l)
{
    for (uint32_t i = 0; l->ring && i < l->limit; i++) pl_msg_unref(&l->ring[i].m);
    free(l->ring);
    *l = (struct pl__letters){0};
}

/* What is kept alive by a reference to M. */
static size_t cost(const struct pl_msg *m)
{
    return sizeof *m + m->arena.used_bytes + (m->origin ? m->origin->arena.used_bytes : 0);
}

static void keep(struct pl__letters *l, struct pl__letter *letter, struct pl_msg *m)
{
    if (letter->bytes > l->bytes_limit / 4) return;
    for (; l->bytes + letter->bytes > l->bytes_limit && l->oldest_kept < letter->number; l->oldest_kept++) {
        struct pl__letter *old = pl__letters_find(l, l->oldest_kept);
        if (old) let_go(l, old);
    }
    letter->m = pl_msg_ref(m);
    l->bytes += letter->bytes;
}

void pl__letters_add(struct pl__letters *l, struct pl_msg *m, int cause, uint64_t wall_ms)
{
    if (!l->limit) return;
    if (!l->ring) l->ring = calloc(l->limit, sizeof *l->ring);
    l->newest++;
    if (!l->ring) return;
    struct pl__letter *letter = &l->ring[l->newest % l->limit];
    let_go(l, letter);
    *letter = (struct pl__letter){
        .number = l->newest, .at_ms = wall_ms, .cause = cause, .type = m->type->name, .bytes = cost(m)};
    snprintf(letter->from, sizeof letter->from, "%.*s", PL_STR_FMT(m->env.from));
    snprintf(letter->to, sizeof letter->to, "%.*s", PL_STR_FMT(m->env.to));
    snprintf(letter->trace, sizeof letter->trace, "%.*s", PL_STR_FMT(m->env.trace));
    keep(l, letter, m);
}

int pl__letters_check(struct pl__letters *l, uint64_t number, struct pl_err *err)
{
    const struct pl__letter *letter = pl__letters_find(l, number);
    if (!letter) return pl_fail(err, PL_E_NOT_FOUND, "letter", "there is no such dead letter, or no longer");
    if (letter->replayed) return pl_fail(err, PL_E_CONFLICT, "letter", "it was sent again before");
    if (!letter->m)
        return pl_fail(err, PL_E_GONE, "letter", "its message was too large or too old to be kept");
    return 0;
}

int pl__letters_replay(struct pl__letters *l, uint64_t number, struct pl_msg **out, struct pl_err *err)
{
    int rc = pl__letters_check(l, number, err);
    if (rc) return rc;
    struct pl__letter *letter = pl__letters_find(l, number);
    *out = pl_msg_copy(letter->m);
    if (!*out) return pl_fail(err, PL_E_NO_MEMORY, "letter", "no memory for the message");
    (*out)->deadline_ms = PL_NO_DEADLINE;
    (*out)->env.has_attempt = true;
    (*out)->env.attempt++;
    letter->replayed = true;
    return 0;
}
