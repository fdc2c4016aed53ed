/* session.c - the session actor: hands each message to the file that knows it, keeps track of store
 * operations, and at its start takes up again what was accepted and not answered. See session.h for states
 * and invariants. */
#include "actors/session/session.h"

#include <stdio.h>
#include <stdlib.h>

enum { RECOVERY_PAGE = 256 };

/* --- store operations --- */

int pl__session_store(struct pl_actor *self, struct session *s, struct pl_msg **m, const struct store_op *op)
{
    uint64_t token = s->next_token++;
    struct store_op *kept = malloc(sizeof *kept);
    if (!*m || !kept || pl_map_put(&s->ops, &token, sizeof token, kept)) {
        free(kept);
        pl_msg_unref(m);
        return -PL_E_NO_MEMORY;
    }
    *kept = *op;
    if (kept->asked) pl_msg_ref(kept->asked);
    struct pl_store_write *w = PL_BODY(*m, store_write);
    struct pl_store_get *g = PL_BODY(*m, store_get);
    struct pl_store_scan *c = PL_BODY(*m, store_scan);
    if (w) w->token = token;
    if (g) g->token = token;
    struct pl_audit_add *a = PL_BODY(*m, audit_add);
    if (c) c->token = token;
    struct pl_store_forget *f = PL_BODY(*m, store_forget);
    if (f) f->token = token;
    if (a) a->token = token;
    pl_send_to(self, "store", m);
    return 0;
}

static int store_reply(struct pl_actor *self, struct session *s, uint64_t token, const struct pl_msg *reply,
                       int code)
{
    struct store_op *op = pl_map_remove(&s->ops, &token, sizeof token);
    if (!op) return 0;
    int rc = op->done(self, s, op, reply, code);
    pl_msg_unref(&op->asked);
    free(op);
    return rc;
}

/* The store began anew: what it had taken and not answered is lost, or done, and nobody will say which. */
struct tokens {
    uint64_t *all;
    uint32_t n;
};

static void collect_token(const void *key, uint32_t len, void *value, void *arg)
{
    struct tokens *t = arg;
    memcpy(&t->all[t->n++], key, sizeof *t->all);
}

static int store_down(struct pl_actor *self, struct session *s)
{
    struct tokens t = {.all = calloc(pl_map_count(&s->ops) + 1, sizeof *t.all)};
    if (!t.all) return -PL_E_NO_MEMORY;
    pl_map_each(&s->ops, collect_token, &t);
    int rc = 0;
    for (uint32_t i = 0; i < t.n && rc == 0; i++) rc = store_reply(self, s, t.all[i], NULL, PL_E_UNAVAILABLE);
    free(t.all);
    return rc;
}

static void free_op(const void *key, uint32_t len, void *value, void *arg)
{
    struct store_op *op = value;
    pl_msg_unref(&op->asked);
    free(op);
}

/* --- replies --- */

uint32_t pl__session_credit(const struct session *s, const struct pl_account *a)
{
    uint32_t most = s->opts->max_seqs + s->opts->queue;
    uint32_t all = s->unfinished < most ? most - s->unfinished : 0;
    uint32_t own = a ? pl__account_places(&s->accounts, a) : UINT32_MAX;
    return own < all ? own : all;
}

int pl__session_refuse(struct pl_actor *self, const struct pl_msg *asked, int code, const char *field,
                       const char *text)
{
    struct pl_err err = {0};
    pl_fail(&err, code, field, "%s", text ? text : pl_error_text(code));
    return pl__session_refuse_err(self, asked, &err);
}

int pl__session_refuse_err(struct pl_actor *self, const struct pl_msg *asked, const struct pl_err *err)
{
    return pl__session_refuse_until(self, asked, err, 0);
}

int pl__session_refuse_until(struct pl_actor *self, const struct pl_msg *asked, const struct pl_err *err,
                             uint64_t wait_ms)
{
    PL_NEW(m, e, chat_error);
    if (!m) return -PL_E_NO_MEMORY;
    e->code = pl_str_of(pl_error_name(err->code));
    e->message = pl_msg_str(m, pl_str_of(err->text));
    e->has_field = err->field[0] != 0;
    if (e->has_field) e->field = pl_msg_str(m, pl_str_of(err->field));
    e->has_retry_after_ms = wait_ms || err->code == PL_E_OVERLOADED || err->code == PL_E_UNAVAILABLE ||
                            err->code == PL_E_STORAGE || err->code == PL_E_STORAGE_FULL;
    e->retry_after_ms = wait_ms ? wait_ms : PL_SESSION_RETRY_MS;
    pl_reply(self, asked, &m);
    return 0;
}

/* --- recovery: what is in `pending` was promised --- */

struct pl_bin pl__session_counter_key(struct pl_msg *m)
{
    return pl_msg_bin(m, "accepted_seq", strlen("accepted_seq"));
}

static int stash(struct pl_actor *self, struct session *s, const struct pl_msg *m)
{
    if (s->n_stash >= PL_STASH_MAX)
        return pl__session_refuse(self, m, PL_E_UNAVAILABLE, NULL,
                                  "the service is taking up unfinished requests; try again");
    if (s->n_stash == s->stash_capacity) {
        uint32_t capacity = s->stash_capacity ? s->stash_capacity * 2 : 64;
        struct pl_msg **grown = realloc(s->stash, capacity * sizeof *grown);
        if (!grown) return -PL_E_NO_MEMORY;
        s->stash = grown;
        s->stash_capacity = capacity;
    }
    s->stash[s->n_stash++] = pl_msg_ref((struct pl_msg *)m);
    return 0;
}

static int ask(struct pl_actor *self, struct session *s, const struct pl_msg *m);
static int recovery_scan(struct pl_actor *self, struct session *s, struct pl_bin from);

static int recovery_done(struct pl_actor *self, struct session *s)
{
    s->recovered = true;
    struct pl_msg **kept = s->stash;
    uint32_t n = s->n_stash;
    s->stash = NULL;
    s->n_stash = s->stash_capacity = 0;
    int rc = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (!rc) rc = ask(self, s, kept[i]);
        pl_msg_unref(&kept[i]);
    }
    free(kept);
    return rc;
}

static int recovery_records(struct pl_actor *self, struct session *s, struct store_op *op,
                            const struct pl_msg *reply, int code)
{
    const struct pl_store_values *v = reply ? PL_BODY(reply, store_values) : NULL;
    if (!v) {
        pl_timer_start(self, PL_SESSION_RETRY_MS, PL_SESSION_TIMER_RECOVER, 0);
        return 0;
    }
    for (uint32_t i = 0; i < v->rows_count; i++) {
        if (!v->rows[i].found) continue;
        struct pl_arena arena = {0};
        struct pl_rec_request record;
        pl_rec_request_type.init(&record);
        struct pl_cursor c = {v->rows[i].value.ptr, v->rows[i].value.ptr + v->rows[i].value.len};
        struct pl_err err = {0};
        int rc = pl_rec_request_type.decode(&c, &arena, &record, &err);
        if (rc == 0 && record.state == PL_REC_REQUEST_STATE_ACCEPTED)
            rc = pl__request_recover(self, s, &record, NULL);
        if (rc == -PL_E_INVALID) {
            pl_log(self, PL_LOG_ERROR, "damaged_request", "field=%s text=%s", err.field, err.text);
            rc = 0;
        }
        pl_arena_finish(&arena);
        if (rc) return rc;
    }
    if (!op->count) return recovery_done(self, s);
    uint8_t next[8];
    for (int i = 0; i < 8; i++) next[i] = (uint8_t)(op->number >> (56 - 8 * i));
    return recovery_scan(self, s, (struct pl_bin){next, 8});
}

static int recovery_rows(struct pl_actor *self, struct session *s, struct store_op *op,
                         const struct pl_msg *reply, int code)
{
    const struct pl_store_rows *rows = reply ? PL_BODY(reply, store_rows) : NULL;
    if (!rows) {
        pl_log(self, PL_LOG_ERROR, "recovery_waits", "code=%s", pl_error_name(code));
        pl_timer_start(self, PL_SESSION_RETRY_MS, PL_SESSION_TIMER_RECOVER, 0);
        return 0;
    }
    if (rows->rows_count == 0) return recovery_done(self, s);
    PL_NEW(m, g, store_get);
    if (!m) return -PL_E_NO_MEMORY;
    g->keys = pl_msg_alloc(m, rows->rows_count * sizeof *g->keys);
    if (!g->keys) {
        pl_msg_unref(&m);
        return -PL_E_NO_MEMORY;
    }
    g->keys_count = rows->rows_count;
    for (uint32_t i = 0; i < rows->rows_count; i++) {
        g->keys[i].family = PL_STR(PL_FAMILY_REQUESTS);
        g->keys[i].key = pl_msg_bin(m, rows->rows[i].value.ptr, rows->rows[i].value.len);
    }
    uint64_t last = pl_key_number(rows->rows[rows->rows_count - 1].key, 8);
    if (last >= s->next_accepted) s->next_accepted = last + 1;
    struct store_op next = {.done = recovery_records, .number = last + 1, .count = rows->more};
    return pl__session_store(self, s, &m, &next);
}

static int recovery_scan(struct pl_actor *self, struct session *s, struct pl_bin from)
{
    PL_NEW(m, c, store_scan);
    if (!m) return -PL_E_NO_MEMORY;
    c->family = PL_STR(PL_FAMILY_PENDING);
    c->limit = RECOVERY_PAGE;
    if (from.len) {
        c->has_from = true;
        c->from = pl_msg_bin(m, from.ptr, from.len);
    }
    return pl__session_store(self, s, &m, &(struct store_op){.done = recovery_rows});
}

static int counter_read(struct pl_actor *self, struct session *s, struct store_op *op,
                        const struct pl_msg *reply, int code)
{
    const struct pl_store_values *v = reply ? PL_BODY(reply, store_values) : NULL;
    struct pl_rec_counter counter = {0};
    if (!v || v->rows_count != 1) {
        pl_timer_start(self, PL_SESSION_RETRY_MS, PL_SESSION_TIMER_RECOVER, 0);
        return 0;
    }
    struct pl_arena arena = {0};
    struct pl_bin value = v->rows[0].value;
    struct pl_cursor c = {value.ptr, value.ptr + value.len};
    int rc = v->rows[0].found ? pl_rec_counter_type.decode(&c, &arena, &counter, NULL) : 0;
    pl_arena_finish(&arena);
    if (rc) return rc;
    if (counter.value >= s->next_accepted) s->next_accepted = counter.value + 1;
    return recovery_scan(self, s, (struct pl_bin){NULL, 0});
}

/* The counter of acceptances first, so that it never goes back; then the promises. */
static int recover(struct pl_actor *self, struct session *s)
{
    PL_NEW(m, g, store_get);
    if (!m) return -PL_E_NO_MEMORY;
    g->keys = pl_msg_alloc(m, sizeof *g->keys);
    if (!g->keys) {
        pl_msg_unref(&m);
        return -PL_E_NO_MEMORY;
    }
    g->keys_count = 1;
    g->keys[0] = (struct pl_store_key){.family = PL_STR(PL_FAMILY_META), .key = pl__session_counter_key(m)};
    return pl__session_store(self, s, &m, &(struct store_op){.done = counter_read});
}

/* --- the batcher began anew: it knows nothing of our rounds --- */

struct walk {
    struct pl_actor *self;
    struct session *s;
    int rc;
};

static void resubmit_one(const void *key, uint32_t len, void *value, void *arg)
{
    struct walk *a = arg;
    struct request *r = value;
    if (r->state == REQ_GENERATING && a->rc == 0) a->rc = pl__answer_resubmit(a->self, a->s, r);
}

static int batcher_up(struct pl_actor *self, struct session *s)
{
    struct walk a = {self, s, 0};
    bool again = s->batcher_seen;
    s->batcher_seen = true;
    if (again) pl_map_each(&s->requests, resubmit_one, &a);
    return a.rc;
}

static void forget_subscribers(const void *key, uint32_t len, void *value, void *arg)
{
    pl__request_forget_subscribers(value);
}

static int went_down(struct pl_actor *self, struct session *s, struct pl_str actor)
{
    if (pl_str_is(actor, "frontdoor")) pl_map_each(&s->requests, forget_subscribers, NULL);
    return pl_str_is(actor, "store") ? store_down(self, s) : 0;
}

static void next_one(const void *key, uint32_t len, void *value, void *arg)
{
    struct walk *a = arg;
    if (a->rc == 0) a->rc = pl__dialogue_next(a->self, a->s, value);
}

static int tools_described(struct pl_actor *self, struct session *s, const struct pl_msg *m)
{
    struct walk a = {self, s, 0};
    pl_msg_unref(&s->tools);
    s->tools = pl_msg_ref((struct pl_msg *)m);
    pl_map_each(&s->dialogues, next_one, &a);
    return a.rc;
}

/* --- the actor --- */

static void make_metrics(struct pl_actor *self, struct session *s)
{
    struct pl_metrics *m = pl_actor_metrics(self);
    s->accepted_total = pl_metrics_counter(m, "parlance_requests_accepted_total",
                                           "Requests that were promised an answer.", NULL);
    s->replayed_total = pl_metrics_counter(m, "parlance_requests_replayed_total",
                                           "Answers that were sent from the store.", NULL);
    s->unfinished_gauge =
        pl_metrics_gauge(m, "parlance_requests_unfinished", "Accepted requests without an answer.", NULL);
    s->sessions_cached = pl_metrics_gauge(m, "parlance_sessions_cached", "Sessions in memory.", NULL);
    for (int i = 0; i <= PL_CHAT_DONE_FINISH_REASON_ERROR; i++) {
        char labels[64];
        snprintf(labels, sizeof labels, "reason=\"%s\"",
                 pl_chat_done_finish_reason_name((enum pl_chat_done_finish_reason)i));
        s->finished_total[i] =
            pl_metrics_counter(m, "parlance_requests_finished_total", "Answers by finish_reason.", labels);
    }
}

static int start(struct pl_actor *self, void *state, const void *arg)
{
    struct session *s = state;
    s->opts = arg;
    s->requests.seed = s->dialogues.seed = pl_random_u64(self);
    /* Numbers of an earlier life must not match those of this one: messages of it may still be under way. */
    s->next_gen = pl_random_u64(self) >> 1;
    s->next_call = pl_random_u64(self) >> 1;
    s->next_token = pl_random_u64(self) >> 1;
    make_metrics(self, s);
    s->accounts.rules = s->opts->tenants;
    s->accounts.max_seqs = s->opts->max_seqs;
    s->accounts.metrics = pl_actor_metrics(self);
    s->accounts.all.seed = pl_random_u64(self);
    pl_monitor(self, "store");
    pl_monitor(self, "batcher");
    pl_monitor(self, "tools");
    pl_monitor(self, "frontdoor");
    if (s->opts->standby) return recovery_done(self, s);
    return recover(self, s);
}

static void free_request(const void *key, uint32_t len, void *value, void *arg)
{
    pl__request_free(NULL, arg, value);
}

static void free_dialogue(const void *key, uint32_t len, void *value, void *arg)
{
    pl__dialogue_free(arg, value);
}

static void stop(struct pl_actor *self, void *state)
{
    struct session *s = state;
    pl__forget_stop(s);
    pl_map_each(&s->ops, free_op, NULL);
    pl_map_finish(&s->ops);
    pl_map_finish(&s->gens);
    pl_map_finish(&s->numbers);
    pl_map_finish(&s->calls);
    pl_map_each(&s->requests, free_request, s);
    pl_map_finish(&s->requests);
    pl_map_each(&s->dialogues, free_dialogue, s);
    pl_map_finish(&s->dialogues);
    pl__accounts_finish(&s->accounts);
    for (uint32_t i = 0; i < s->n_stash; i++) pl_msg_unref(&s->stash[i]);
    free(s->stash);
    pl_msg_unref(&s->tools);
}

static int ask(struct pl_actor *self, struct session *s, const struct pl_msg *m)
{
    switch (m->type->id) {
    case PL_T_CHAT_REQUEST:
        return pl__request_ask(self, s, m);
    case PL_T_CHAT_RESUME:
        return pl__request_attach(self, s, m, ((struct pl_chat_resume *)m->body)->resume_from);
    case PL_T_CHAT_CANCEL:
        return pl__request_cancel(self, s, m);
    case PL_T_SESSIONS_LIST:
        return pl__listing_list(self, s, m);
    case PL_T_SESSIONS_SHOW:
        return pl__listing_show(self, s, m);
    case PL_T_SESSIONS_DELETE:
        return pl__listing_delete(self, s, m);
    case PL_T_SESSIONS_FORGET:
        return pl__forget_ask(self, s, m);
    default:
        return pl__session_refuse(self, m, PL_E_UNKNOWN_TYPE, "type",
                                  "the session does not know this message");
    }
}

/* A piece of an answer, or its end, was lost on the way out: its stream must not go on with a gap. The
 * request is closed, by the lane that has room, and asked again it gets all of it. */
static int answer_lost(struct pl_actor *self, const struct pl_sys_undelivered *u)
{
    PL_NEW(m, e, chat_error);
    if (!m) return -PL_E_NO_MEMORY;
    e->code = pl_str_of(pl_error_name(PL_E_OVERLOADED));
    e->message = PL_STR("the answer could not be passed on; ask again with the same id");
    e->has_retry_after_ms = true;
    e->retry_after_ms = PL_SESSION_RETRY_MS;
    m->env.has_correlation = true;
    m->env.correlation = pl_msg_str(m, u->correlation);
    pl_send_system(self, "frontdoor", &m);
    return 0;
}

static int undelivered(struct pl_actor *self, struct session *s, const struct pl_msg *m,
                       const struct pl_sys_undelivered *u)
{
    uint64_t number = 0;
    if (pl_str_is(u->to, "frontdoor")) return u->code == PL_E_OVERLOADED ? answer_lost(self, u) : 0;
    for (uint32_t i = 0; i < u->correlation.len; i++)
        number = number * 10 + (uint64_t)(u->correlation.ptr[i] - '0');
    if (pl_str_is(u->to, "store")) return store_reply(self, s, u->token, NULL, (int)u->code);
    if (pl_str_is(u->type, "gen.submit")) {
        struct pl_gen_done d;
        pl_gen_done_type.init(&d);
        d.gen = number;
        d.reason = u->code == PL_E_DEADLINE_EXCEEDED ? PL_GEN_DONE_REASON_DEADLINE : PL_GEN_DONE_REASON_ERROR;
        d.code = u->code;
        return pl__answer_round_done(self, s, &d);
    }
    if (pl_str_is(u->type, "tool.call"))
        return pl__answer_tool_result(self, s, number, (int)u->code, PL_STR("The tool cannot be reached."));
    return 0;
}

static int timer(struct pl_actor *self, struct session *s, const struct pl_sys_timer *t)
{
    if (t->kind == PL_SESSION_TIMER_RECOVER) return recover(self, s);
    struct request *r = pl_map_get(&s->numbers, &t->arg, sizeof t->arg);
    if (!r) return 0;
    if (t->kind == PL_SESSION_TIMER_RESUBMIT)
        return r->state == REQ_GENERATING ? pl__answer_resubmit(self, s, r) : 0;
    if (t->kind == PL_SESSION_TIMER_TOOLS) {
        r->tools_waived = true;
        return pl__dialogue_next(self, s, r->dialogue);
    }
    if (t->kind == PL_SESSION_TIMER_JOURNAL) return pl__answer_journal(self, s, r);
    if (t->kind == PL_SESSION_TIMER_PROMISE) return pl__request_promise(self, s, r);
    if (t->kind == PL_SESSION_TIMER_LOAD) return pl__dialogue_next(self, s, r->dialogue);
    if (t->kind == PL_SESSION_TIMER_COMMIT) return pl__answer_commit(self, s, r, r->as_turn);
    return pl__request_deadline(self, s, r);
}

static int handle(struct pl_actor *self, struct session *s, const struct pl_msg *m)
{
    switch (m->type->id) {
    case PL_T_GEN_TOKENS:
        return pl__answer_tokens(self, s, m->body);
    case PL_T_GEN_DONE:
        return pl__answer_round_done(self, s, m->body);
    case PL_T_STORE_WRITTEN:
        return store_reply(self, s, ((struct pl_store_written *)m->body)->token, m, 0);
    case PL_T_STORE_VALUES:
        return store_reply(self, s, ((struct pl_store_values *)m->body)->token, m, 0);
    case PL_T_STORE_ROWS:
        return store_reply(self, s, ((struct pl_store_rows *)m->body)->token, m, 0);
    case PL_T_STORE_FORGOTTEN:
        return store_reply(self, s, ((struct pl_store_forgotten *)m->body)->token, m, 0);
    case PL_T_AUDIT_ADDED:
        return store_reply(self, s, ((struct pl_audit_added *)m->body)->token, m, 0);
    case PL_T_STORE_FAILED: {
        const struct pl_store_failed *f = m->body;
        return store_reply(self, s, f->token, NULL, (int)f->code);
    }
    case PL_T_TOOL_RESULT: {
        const struct pl_tool_result *t = m->body;
        return pl__answer_tool_result(self, s, t->call, (int)t->code, t->content);
    }
    case PL_T_TOOL_DESCRIBED:
        return tools_described(self, s, m);
    case PL_T_SYS_TIMER:
        return timer(self, s, m->body);
    case PL_T_SYS_UP:
        return pl_str_is(((struct pl_sys_up *)m->body)->actor, "batcher") ? batcher_up(self, s) : 0;
    case PL_T_SYS_DOWN:
        return went_down(self, s, ((struct pl_sys_down *)m->body)->actor);
    case PL_T_SYS_STOP:
        return 0;
    case PL_T_SYS_UNDELIVERED:
        return undelivered(self, s, m, m->body);
    default:
        return s->recovered ? ask(self, s, m) : stash(self, s, m);
    }
}

static int receive(struct pl_actor *self, void *state, const struct pl_msg *m)
{
    struct session *s = state;
    int rc = handle(self, s, m);
    return rc || !s->forgetting ? rc : pl__forget_go_on(self, s);
}

const struct pl_actor_class pl_session_class = {
    .name = "session",
    .state_bytes = sizeof(struct session),
    .start = start,
    .receive = receive,
    .stop = stop,
    .mailbox_limit = 4096,
    .restart = PL_RESTART_DEFAULT,
};
