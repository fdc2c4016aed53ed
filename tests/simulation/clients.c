#include "tests/simulation/clients.h"

#include <stdio.h>
#include <stdlib.h>
#include "schemas/gen/chat.h"
#include "schemas/gen/types.h"

enum { TICK_MS = 60, PATIENCE_MS = 1500, IN_FLIGHT = 3, TEXT_LIMIT = 255, BUDGET_MAX_MS = 8000 };

static bool is_open(const struct asked *a)
{
    return !a->done || (a->rated && !a->rate_acknowledged && !a->refused);
}

void clients_complain_of_open(struct clients *c)
{
    for (uint32_t i = 0; i < c->n_asked; i++) {
        const struct asked *a = &c->asked[i];
        if (is_open(a))
            rules_broken(c->rules, "quiet", a->done, 1,
                         "%s of %s never came to rest: accepted %d, deltas %u, rated %d", a->id, a->session,
                         a->accepted, a->next_seq, a->rated);
    }
}

static uint32_t chance(struct clients *c, uint32_t one_in)
{
    return pl_sim_random(c->sim) % one_in == 0;
}

static void send(struct client *cl, struct pl_msg *m)
{
    pl_buf_clear(&cl->scratch);
    if (pl_msg_encode(m, pl_sim_now_ms(cl->all->sim), &cl->scratch)) abort();
    pl_sim_peer_send(cl->peer, cl->scratch.data, cl->scratch.len);
    cl->all->sent++;
    pl_msg_unref(&m);
}

static struct pl_msg *message(const struct pl_type *type, const char *id)
{
    struct pl_msg *m = pl_msg_create(type);
    m->env.v = 1;
    m->env.has_id = true;
    m->env.id = pl_msg_str(m, pl_str_of(id));
    return m;
}

static void ask(struct client *cl, struct asked *a)
{
    static struct pl_str tools[] = {PL_STR("calculator")};
    struct pl_msg *m = message(&pl_chat_request_type, a->id);
    struct pl_chat_request *q = m->body;
    char text[64];
    snprintf(text, sizeof text, "say %s", a->id);
    m->env.has_session = true;
    m->env.session = pl_msg_str(m, pl_str_of(a->session));
    q->has_text = true;
    q->text = pl_msg_str(m, pl_str_of(text));
    q->temperature = 0;
    q->max_tokens = 128;
    q->has_tools = a->tools;
    q->tools = a->tools ? tools : NULL;
    q->tools_count = a->tools;
    q->resume_from = a->next_seq;
    a->sent_ms = pl_sim_now_ms(cl->all->sim);
    if (!a->first_ms) a->first_ms = a->sent_ms;
    if (a->budget_ms) m->deadline_ms = a->sent_ms + a->budget_ms;
    send(cl, m);
}

static void rate(struct client *cl, struct asked *a)
{
    char id[48];
    snprintf(id, sizeof id, "rate-%s", a->id);
    struct pl_msg *m = message(&pl_feedback_add_type, id);
    struct pl_feedback_add *f = m->body;
    f->turn = pl_msg_str(m, pl_str_of(a->turn));
    f->stars = a->stars;
    a->rated = true;
    a->sent_ms = pl_sim_now_ms(cl->all->sim);
    send(cl, m);
}

static void plain(struct client *cl, const struct pl_type *type, const struct asked *a)
{
    struct pl_msg *m = message(type, a->id);
    if (type == &pl_chat_resume_type) ((struct pl_chat_resume *)m->body)->resume_from = a->next_seq;
    send(cl, m);
}

static void rubbish(struct client *cl)
{
    uint8_t bytes[48];
    size_t n = 1 + pl_sim_random(cl->all->sim) % sizeof bytes;
    for (size_t i = 0; i < n; i++) bytes[i] = (uint8_t)pl_sim_random(cl->all->sim);
    pl_sim_peer_send(cl->peer, bytes, n);
}

/* A client owns the requests whose number is its own modulo the number of clients. */
static void work(struct client *cl)
{
    struct clients *c = cl->all;
    uint64_t now = pl_sim_now_ms(c->sim);
    uint32_t busy = 0;
    for (uint32_t i = cl->number; i < c->n_asked && busy < IN_FLIGHT * 2; i += c->n_peers) {
        struct asked *a = &c->asked[i];
        bool rating_open = a->rated && !a->rate_acknowledged && !a->refused;
        if (a->done && !rating_open) continue;
        busy++;
        bool fresh = a->sent_ms == 0;
        if (!fresh && now - a->sent_ms < PATIENCE_MS) continue;
        if (a->done)
            rate(cl, a);
        else if (!fresh && a->accepted && chance(c, 3))
            plain(cl, &pl_chat_resume_type, a), a->sent_ms = now;
        else
            ask(cl, a);
        if (!c->quiet && chance(c, 12)) ask(cl, a);
        if (!c->quiet && chance(c, 25)) plain(cl, &pl_chat_cancel_type, a), a->cancelled = true;
    }
    if (!c->quiet && chance(c, 20)) rubbish(cl);
    if (!c->quiet && chance(c, 20)) plain(cl, &pl_ping_type, &c->asked[cl->number]);
}

static void tick(struct pl_sim_peer *p, void *arg)
{
    struct client *cl = arg;
    work(cl);
    if (clients_open(cl->all)) pl_sim_peer_timer(p, TICK_MS);
}

struct asked *clients_find(struct clients *c, struct pl_str id, bool *rating)
{
    uint32_t n = 0;
    *rating = id.len > 5 && memcmp(id.ptr, "rate-", 5) == 0;
    if (*rating) id = (struct pl_str){id.ptr + 5, id.len - 5};
    for (uint32_t i = 1; i < id.len; i++) n = n * 10 + (uint32_t)(id.ptr[i] - '0');
    return id.len > 1 && id.ptr[0] == 'q' && n < c->n_asked ? &c->asked[n] : NULL;
}

static void on_delta(struct clients *c, struct asked *a, const struct pl_chat_delta *d)
{
    uint32_t h = 1 + d->kind;
    for (uint32_t i = 0; i < d->text.len; i++) h = h * 31 + (unsigned char)d->text.ptr[i];
    uint16_t mark = (uint16_t)(h | 1);
    if (d->seq >= CLIENT_DELTAS_MAX) return;
    if (a->deltas[d->seq] && a->deltas[d->seq] != mark)
        rules_broken(c->rules, "one answer", mark, a->deltas[d->seq], "%s: delta %u changed", a->id, d->seq);
    a->deltas[d->seq] = mark;
    while (a->next_seq < CLIENT_DELTAS_MAX && a->deltas[a->next_seq]) a->next_seq++;
}

/* After a crash the budget is counted by the wall clock: when that jumped, nobody can say when it ends. */
static bool budget_is_known(const struct clients *c)
{
    return pl_sim_fault_count(c->sim, PL_FAULT_CLOCK_JUMP) == 0;
}

static void check_finish(struct clients *c, const struct asked *a, const struct pl_chat_done *d)
{
    uint64_t waited_ms = pl_sim_now_ms(c->sim) - a->first_ms;
    if (d->finish_reason == PL_CHAT_DONE_FINISH_REASON_CANCELLED && !a->cancelled)
        rules_broken(c->rules, "one answer", 1, 0, "%s: cancelled by nobody", a->id);
    if (d->finish_reason == PL_CHAT_DONE_FINISH_REASON_ERROR)
        rules_broken(c->rules, "one answer", 1, 0, "%s: failed: %.*s", a->id, PL_STR_FMT(d->error));
    if (d->finish_reason != PL_CHAT_DONE_FINISH_REASON_DEADLINE) return;
    if (!a->budget_ms || (waited_ms < a->budget_ms && budget_is_known(c)))
        rules_broken(c->rules, "deadline", waited_ms, a->budget_ms, "%s: ended before its time", a->id);
}

static void on_done(struct client *cl, struct asked *a, const struct pl_chat_done *d)
{
    struct clients *c = cl->all;
    char text[TEXT_LIMIT + 1], turn[72];
    snprintf(text, sizeof text, "%.*s", (int)(d->text.len > TEXT_LIMIT ? TEXT_LIMIT : d->text.len),
             d->text.ptr ? d->text.ptr : "");
    snprintf(turn, sizeof turn, "%.*s", PL_STR_FMT(d->turn));
    if (a->done && (strcmp(a->text, text) != 0 || strcmp(a->turn, turn) != 0))
        rules_broken(c->rules, "one answer", 2, 1, "%s: '%s', then '%s'", a->id, a->text, text);
    if (a->done) return;
    a->done = true;
    strcpy(a->text, text);
    strcpy(a->turn, turn);
    snprintf(a->finish, sizeof a->finish, "%s", pl_chat_done_finish_reason_name(d->finish_reason));
    check_finish(c, a, d);
    if (!c->quiet && chance(c, 4)) {
        a->stars = 1 + (uint32_t)(pl_sim_random(c->sim) % 5);
        rate(cl, a);
    }
}

/* Why a request that was accepted may be answered by an error all the same: for now, not for good. */
static bool may_be_refused(const struct asked *a, struct pl_str code)
{
    static const char *const passing[] = {"unavailable", "overloaded", "storage", "storage_full",
                                          "not_found"};
    for (size_t i = 0; i < sizeof passing / sizeof *passing; i++)
        if (pl_str_is(code, passing[i])) return true;
    return a->budget_ms && pl_str_is(code, "deadline_exceeded");
}

static void receive(struct pl_sim_peer *p, const void *bytes, size_t len, void *arg)
{
    struct client *cl = arg;
    struct clients *c = cl->all;
    struct pl_msg *m = NULL;
    struct pl_err err = {0};
    c->received++;
    if (pl_msg_decode(bytes, len, 0, 1 << 24, &m, NULL, &err)) {
        rules_broken(c->rules, "one answer", 0, len, "undecodable: %s: %s", err.field, err.text);
        return;
    }
    bool rating;
    struct asked *a = clients_find(c, m->env.correlation, &rating);
    if (a && !rating) {
        if (PL_BODY(m, chat_accepted)) a->accepted = true;
        if (PL_BODY(m, chat_delta)) on_delta(c, a, m->body);
        if (PL_BODY(m, chat_done)) on_done(cl, a, m->body);
    }
    if (a && PL_BODY(m, feedback_stored)) a->rate_acknowledged = true;
    if (PL_BODY(m, chat_error)) {
        const struct pl_chat_error *e = m->body;
        c->errors++;
        if (a && rating && pl_str_is(e->code, "not_found"))
            a->refused = true; /* the turn of a request cancelled early */
        if (a && !rating && a->accepted && !may_be_refused(a, e->code))
            rules_broken(c->rules, "one answer", 1, 0, "%s: accepted, then refused: %.*s", a->id,
                         PL_STR_FMT(e->code));
    }
    pl_msg_unref(&m);
}

static void make_asked(struct clients *c, struct asked *a, uint32_t number, const struct profile *p)
{
    snprintf(a->id, sizeof a->id, "q%u", number);
    snprintf(a->session, sizeof a->session, "dialogue-%u", (unsigned)(number % c->n_sessions));
    a->tools = pl_sim_random(c->sim) % 8 == 0;
    if (p->budget_one_in && pl_sim_random(c->sim) % p->budget_one_in == 0)
        a->budget_ms = 100 + (uint32_t)(pl_sim_random(c->sim) % BUDGET_MAX_MS);
}

int clients_create(struct clients *c, struct pl_sim *sim, struct rules *rules, const struct profile *p)
{
    *c = (struct clients){
        .sim = sim, .rules = rules, .n_asked = p->requests, .n_peers = p->peers, .n_sessions = p->sessions};
    c->asked = calloc(c->n_asked, sizeof *c->asked);
    c->client = calloc(c->n_peers, sizeof *c->client);
    if (!c->asked || !c->client) return -PL_E_NO_MEMORY;
    for (uint32_t i = 0; i < c->n_asked; i++) make_asked(c, &c->asked[i], i, p);
    for (uint32_t i = 0; i < c->n_peers; i++) {
        struct client *cl = &c->client[i];
        cl->all = c;
        cl->number = i;
        cl->peer = pl_sim_peer(sim, PL_LISTENER_CLIENTS, receive, tick, cl);
        pl_sim_peer_timer(cl->peer, 1 + i);
    }
    return 0;
}

void clients_destroy(struct clients *c)
{
    for (uint32_t i = 0; c->client && i < c->n_peers; i++) pl_buf_finish(&c->client[i].scratch);
    free(c->client);
    free(c->asked);
}

uint32_t clients_open(const struct clients *c)
{
    uint32_t open = 0;
    for (uint32_t i = 0; i < c->n_asked; i++) open += is_open(&c->asked[i]);
    return open;
}
