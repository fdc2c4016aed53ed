#include "tests/simulation/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include "schemas/gen/chat.h"
#include "schemas/gen/runtime.h"
#include "schemas/gen/types.h"

void wire_init(struct wire *w, struct clients *c)
{
    *w = (struct wire){.c = c, .capacity = 1024};
    w->answered = calloc(w->capacity, sizeof *w->answered);
    PL_MUST(w->answered);
}

void wire_finish(struct wire *w)
{
    free(w->answered);
}

/* ---- the set of answered tickets ---- */

static uint64_t hash_of(struct pl_str s)
{
    uint64_t h = 14695981039346656037u;
    for (uint32_t i = 0; i < s.len; i++) h = (h ^ (unsigned char)s.ptr[i]) * 1099511628211u;
    return h | 1;
}

static uint64_t *place_of(const struct wire *w, uint64_t hash)
{
    uint32_t at = (uint32_t)(hash >> 20) & (w->capacity - 1);
    while (w->answered[at] && w->answered[at] != hash) at = (at + 1) & (w->capacity - 1);
    return &w->answered[at];
}

static void grow(struct wire *w)
{
    struct wire old = *w;
    w->capacity *= 2;
    w->answered = calloc(w->capacity, sizeof *w->answered);
    PL_MUST(w->answered);
    for (uint32_t i = 0; i < old.capacity; i++)
        if (old.answered[i]) *place_of(w, old.answered[i]) = old.answered[i];
    free(old.answered);
}

static void on_answer(struct wire *w, const struct pl_msg *m)
{
    uint64_t hash = hash_of(m->env.correlation), *place = place_of(w, hash);
    bool streams = PL_BODY(m, chat_accepted) || PL_BODY(m, chat_delta) || PL_BODY(m, chat_done);
    if (*place && streams)
        rules_broken(w->c->rules, "after answer", 1, 0, "%s after chat.done of %.*s", m->type->name,
                     PL_STR_FMT(m->env.correlation));
    if (*place || !PL_BODY(m, chat_done)) return;
    *place = hash;
    if (++w->count * 2 > w->capacity) grow(w);
}

/* ---- what is open ---- */

static bool opens(const struct pl_msg *m)
{
    return PL_BODY(m, chat_request) || PL_BODY(m, chat_resume) || PL_BODY(m, chat_cancel);
}

/* A cancel beside an open request of its peer gets no answer of its own. OPEN is the most that may be open:
 * it may be too large, never too small; so a cancel counts when answers may still wait for a slow peer. */
static void on_frame(struct wire *w, const struct pl_net_frame *f)
{
    struct pl_sim_peer *peer = pl_sim_peer_of(w->c->sim, f->peer);
    struct pl_msg *m = NULL;
    bool rating;
    if (!peer || pl_msg_decode(f->bytes.ptr, f->bytes.len, 0, 1 << 24, &m, NULL, NULL)) return;
    struct asked *a = opens(m) ? clients_find(w->c, m->env.id, &rating) : NULL;
    if (a && a->open_life != pl_sim_peer_life(peer)) a->open = 0;
    if (a) a->open_life = pl_sim_peer_life(peer);
    bool beside = a && a->open && PL_BODY(m, chat_cancel) && !pl_sim_peer_slow(peer);
    if (a && !beside) a->open++;
    pl_msg_unref(&m);
}

void wire_message(struct wire *w, const char *actor, const struct pl_msg *m, bool fresh)
{
    if (strcmp(actor, "frontdoor") != 0) return;
    for (uint32_t i = 0; fresh && i < w->c->n_asked; i++) w->c->asked[i].open = 0;
    if (PL_BODY(m, net_frame))
        on_frame(w, m->body);
    else if (m->type->edge == PL_EDGE_OUT && m->env.correlation.len)
        on_answer(w, m);
}

/* ---- what leaves ---- */

static void on_chat(struct wire *w, struct asked *a, const struct pl_msg *m, uint64_t life)
{
    const struct pl_chat_done *d = PL_BODY(m, chat_done);
    bool final = d || PL_BODY(m, chat_error);
    if (!final && !PL_BODY(m, chat_accepted) && !PL_BODY(m, chat_delta)) return;
    if (a->open == 0 || a->open_life != life)
        rules_broken(w->c->rules, "after answer", 1, 0, "%s for %s, which is not open", m->type->name, a->id);
    else if (final)
        a->open--;
    if (PL_BODY(m, chat_accepted) && !a->told_accepted) a->told_accepted = ++w->accepted;
    if (!d || a->told_done) return;
    a->told_done = true;
    snprintf(a->told_turn, sizeof a->told_turn, "%.*s", PL_STR_FMT(d->turn));
}

void wire_frame(struct wire *w, struct pl_sim_peer *peer, const void *bytes, size_t len)
{
    struct pl_msg *m = NULL;
    bool rating;
    if (pl_msg_decode(bytes, len, 0, 1 << 24, &m, NULL, NULL)) {
        rules_broken(w->c->rules, "one answer", 0, len, "undecodable frame to a peer");
        return;
    }
    struct asked *a = clients_find(w->c, m->env.correlation, &rating);
    if (a && rating && PL_BODY(m, feedback_stored)) a->told_rated = true;
    if (a && !rating) on_chat(w, a, m, pl_sim_peer_life(peer));
    pl_msg_unref(&m);
}
