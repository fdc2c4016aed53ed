/* forget.c - forgetting a user: nothing of it is left to be read, here, in the store or in a backup.
 *
 *   asked -> [intent on the audit record] -> ending its requests -> [key destroyed] -> memory dropped ->
 * answered
 *
 * While it lasts, new requests of the user are refused. Requests that run are cancelled and come to their end
 * first: what they still write is written under the key that is then destroyed. */
#include "actors/session/session.h"

#include <stdlib.h>
#include "runtime/audit_line.h"

static bool is_of(const struct forgetting *f, struct pl_str tenant, struct pl_str user)
{
    return pl_str_eq(tenant, f->asked->env.tenant) &&
           pl_str_eq(user, ((struct pl_sessions_forget *)f->asked->body)->user);
}

static bool touches(const struct forgetting *f, const struct request *r)
{
    const struct pl_rec_request *record = r->record->body;
    const struct pl_rec_session *head = r->dialogue ? r->dialogue->head->body : NULL;
    return is_of(f, r->tenant, record->user) || (head && is_of(f, r->tenant, head->user));
}

bool pl__forget_blocks(const struct session *s, const struct request *r)
{
    for (const struct forgetting *f = s->forgetting; f; f = f->next)
        if (f->ending && touches(f, r)) return true;
    return false;
}

/* --- the end --- */

static void forget_free(struct session *s, struct forgetting *f)
{
    struct forgetting **at = &s->forgetting;
    while (*at && *at != f) at = &(*at)->next;
    if (*at) *at = f->next;
    pl_msg_unref(&f->asked);
    free(f);
}

void pl__forget_stop(struct session *s)
{
    while (s->forgetting) forget_free(s, s->forgetting);
}

struct drop {
    const struct forgetting *f;
    struct dialogue *found;
};

static void find_dialogue(const void *key, uint32_t len, void *value, void *arg)
{
    struct drop *drop = arg;
    struct dialogue *d = value;
    const struct pl_rec_session *head = d->head->body;
    bool of_user = is_of(drop->f, d->tenant, head->user);
    for (uint32_t i = 0; i < d->n_turns && !of_user; i++)
        of_user = is_of(drop->f, d->tenant, ((struct pl_rec_turn *)d->turns[i]->body)->user);
    if (of_user && d->users == 0) drop->found = d;
}

/* Dialogues of the user, and those in which it spoke: they are read anew without it. */
static void drop_dialogues(struct session *s, const struct forgetting *f)
{
    struct drop drop = {.f = f};
    do {
        drop.found = NULL;
        pl_map_each(&s->dialogues, find_dialogue, &drop);
        if (drop.found) pl__dialogue_free(s, drop.found);
    } while (drop.found);
}

static int flush_pages(struct pl_actor *self)
{
    PL_NEW(m, flush, gen_flush);
    (void)flush;
    if (!m) return -PL_E_NO_MEMORY;
    pl_send_system(self, "batcher", &m);
    return 0;
}

static int answer(struct pl_actor *self, struct session *s, struct forgetting *f)
{
    PL_NEW(m, b, sessions_forgotten);
    if (!m) return -PL_E_NO_MEMORY;
    b->found = f->found;
    b->cancelled = f->cancelled;
    pl_reply(self, f->asked, &m);
    forget_free(s, f);
    return 0;
}

static int give_up(struct pl_actor *self, struct session *s, struct forgetting *f, int code)
{
    int rc = pl__session_refuse(self, f->asked, code, "user", NULL);
    forget_free(s, f);
    return rc;
}

/* --- the steps; each is the answer of the store to the one before --- */

static struct forgetting *find(struct session *s, uint64_t number)
{
    struct forgetting *f = s->forgetting;
    while (f && f->number != number) f = f->next;
    return f;
}

static int audit(struct pl_actor *self, struct session *s, const struct forgetting *f, const char *outcome,
                 store_done done)
{
    struct pl_msg *m = pl_audit_line(f->asked, 0, "sessions.forget", outcome, (struct pl_str){0});
    if (!m) return -PL_E_NO_MEMORY;
    struct pl_audit_add *a = m->body;
    a->has_subject = true;
    a->subject = pl_key_hide(s->opts->row_key, m, f->asked->env.tenant,
                             ((struct pl_sessions_forget *)f->asked->body)->user);
    return pl__session_store(self, s, &m, &(struct store_op){.done = done, .number = f->number});
}

static int outcome_written(struct pl_actor *self, struct session *s, struct store_op *op,
                           const struct pl_msg *reply, int code)
{
    struct forgetting *f = find(s, op->number);
    if (!reply)
        pl_log(self, PL_LOG_ERROR, "audit_lacks_outcome", "act=sessions.forget code=%s", pl_error_name(code));
    return f ? answer(self, s, f) : 0;
}

static int forgotten(struct pl_actor *self, struct session *s, struct store_op *op,
                     const struct pl_msg *reply, int code)
{
    struct forgetting *f = find(s, op->number);
    const struct pl_store_forgotten *done = reply ? PL_BODY(reply, store_forgotten) : NULL;
    if (!f) return 0;
    if (!done) return give_up(self, s, f, code);
    f->found = done->found;
    drop_dialogues(s, f);
    int rc = flush_pages(self);
    return rc ? rc : audit(self, s, f, "done", outcome_written);
}

static int destroy_key(struct pl_actor *self, struct session *s, struct forgetting *f)
{
    PL_NEW(m, q, store_forget);
    if (!m) return -PL_E_NO_MEMORY;
    f->destroying = true;
    q->tenant = pl_msg_str(m, f->asked->env.tenant);
    q->user = pl_msg_str(m, ((struct pl_sessions_forget *)f->asked->body)->user);
    return pl__session_store(self, s, &m, &(struct store_op){.done = forgotten, .number = f->number});
}

struct ending {
    struct pl_actor *self;
    struct session *s;
    struct forgetting *f;
    struct request *first; /* one that was not told yet */
    uint32_t left;
};

static void look_at(const void *key, uint32_t len, void *value, void *arg)
{
    struct ending *e = arg;
    struct request *r = value;
    if (!touches(e->f, r)) return;
    e->left++;
    if (!r->cancelled && r->state != REQ_COMMITTING && !e->first) e->first = r;
}

/* Tells the requests one by one, since each may be gone at once; the last one's end comes back here. */
static int go_on(struct pl_actor *self, struct session *s, struct forgetting *f)
{
    struct ending e = {.self = self, .s = s, .f = f};
    int rc = 0;
    do {
        e.first = NULL;
        e.left = 0;
        pl_map_each(&s->requests, look_at, &e);
        if (e.first) f->cancelled++;
        if (e.first) rc = pl__request_end(self, s, e.first, PL_CHAT_DONE_FINISH_REASON_CANCELLED);
    } while (e.first && !rc);
    return rc || e.left || f->destroying ? rc : destroy_key(self, s, f);
}

int pl__forget_go_on(struct pl_actor *self, struct session *s)
{
    int rc = 0;
    for (struct forgetting *f = s->forgetting, *next; f && !rc; f = next) {
        next = f->next;
        if (f->ending && !f->destroying) rc = go_on(self, s, f);
    }
    return rc;
}

static int intent_written(struct pl_actor *self, struct session *s, struct store_op *op,
                          const struct pl_msg *reply, int code)
{
    struct forgetting *f = find(s, op->number);
    if (!f) return 0;
    if (!reply && code != PL_E_UNSUPPORTED) return give_up(self, s, f, code);
    f->ending = true;
    return go_on(self, s, f);
}

int pl__forget_ask(struct pl_actor *self, struct session *s, const struct pl_msg *m)
{
    const struct pl_sessions_forget *q = m->body;
    if (!q->user.len) return pl__session_refuse(self, m, PL_E_INVALID, "user", "name the user");
    struct forgetting *f = calloc(1, sizeof *f);
    if (!f) return -PL_E_NO_MEMORY;
    f->asked = pl_msg_ref((struct pl_msg *)m);
    f->number = ++s->next_number;
    f->next = s->forgetting;
    s->forgetting = f;
    return audit(self, s, f, "intent", intent_written);
}
