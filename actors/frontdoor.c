/* frontdoor: bytes of outside sockets become checked messages, and answers become bytes again.
 *
 * It owns the tickets and peers (frontdoor_peers.h). It refuses what is malformed, too large, of an unknown
 * type, not allowed on that socket, without the id that it needs, or beyond its bounds; each refusal is a
 * chat.error that names the field, but an error is never answered with one.
 *
 *   ticket: opened by a request -> any number of chat.accepted and chat.delta -> closed by any other answer,
 *           by sys.undelivered, by the end of the actor that worked on it, or with its peer
 *
 * 1. An answer goes to the peer that asked, with the id that it used, or nowhere.
 * 2. Each request gets one final answer, unless its peer is cut: then it asks again, for what was accepted
 *    is stored.
 * 3. The sender's word for from, to, reply_to counts nowhere; for the tenant only as frontdoor_access.h says.
 */
#include "actors/actors.h"

#include <stdio.h>
#include <stdlib.h>
#include "actors/frontdoor_access.h"
#include "actors/frontdoor_peers.h"
#include "actors/tenant_limits.h"
#include "schemas/gen/types.h"

#define COUNT_ONE(...) +1
enum {
    RETRY_AFTER_MS = 1000,
    DEFAULT_MESSAGE_BYTES = 262144,
    N_ERRORS = 1 PL_ERRORS(COUNT_ONE),
    N_NEEDED = 3
};

struct frontdoor {
    struct pl_frontdoor_opts opts;
    struct pl_peers peers;
    struct pl_rates rates;
    uint64_t wait_ms;      /* of the refusal that is being made, when its rate says how long */
    struct pl_buf scratch; /* the answer that is being encoded */
    uint32_t credit;       /* as the session last announced it */
    uint32_t up;           /* bits of needed[] */
    bool stopping;
    bool no_memory; /* an answer could not be made, and its peer would wait for ever: the handler fails */
    struct pl_counter *messages[PL_T_END], *messages_unknown, *errors[N_ERRORS], *late;
    struct pl_histogram *seconds;
};

/* What a request needs: the service is ready when all of them are up. */
static const char *const needed[] = {"executor", "store", "session"};

#define SET(env, field, value) ((env)->has_##field = true, (env)->field = (value))
#define CLEAR(env, field) ((env)->has_##field = false, (env)->field = (struct pl_str){NULL, 0})

/* ---- answers ---- */

static void deliver(struct pl_actor *self, struct frontdoor *st, const struct pl_origin *to,
                    const struct pl_msg *m)
{
    pl_buf_clear(&st->scratch);
    int rc = pl_msg_encode(m, pl_now_ms(self), &st->scratch);
    if (rc == 0)
        pl__peers_send(self, &st->peers, to, &st->scratch);
    else if (rc == -PL_E_NO_MEMORY)
        st->no_memory = true;
    else
        pl_log(self, PL_LOG_ERROR, "not_encoded", "type=%s code=%s", m->type->name, pl_error_name(-rc));
}

static struct pl_counter *error_counter(struct frontdoor *st, int code)
{
    return st->errors[code > 0 && code < N_ERRORS ? code : PL_E_INTERNAL];
}

static void send_error(struct pl_actor *self, struct frontdoor *st, const struct pl_origin *to,
                       const char *id, const struct pl_err *err)
{
    PL_NEW(m, b, chat_error);
    st->no_memory |= !m;
    if (!m) return;
    pl_counter_add(error_counter(st, err->code), 1);
    b->code = pl_str_of(pl_error_name(err->code));
    b->message = pl_str_of(err->text[0] ? err->text : pl_error_text(err->code));
    b->has_field = err->field[0] != 0;
    b->field = pl_str_of(err->field);
    b->has_retry_after_ms = err->code == PL_E_OVERLOADED || err->code == PL_E_UNAVAILABLE;
    b->retry_after_ms = !b->has_retry_after_ms ? 0 : st->wait_ms ? st->wait_ms : RETRY_AFTER_MS;
    st->wait_ms = 0;
    if (id[0]) SET(&m->env, correlation, pl_str_of(id));
    deliver(self, st, to, m);
    pl_msg_unref(&m);
}

static void end_span(struct pl_actor *self, struct pl_ticket *t, int code)
{
    const struct pl_attribute of[] = {{.key = "type", .text = t->type},
                                      {.key = "bytes", .number = t->request_bytes}};
    pl_span_end(self, &t->span, code, of, 2);
}

/* Closes the ticket and tells its peer why there is no answer. */
static void fail_ticket(struct pl_actor *self, struct frontdoor *st, struct pl_ticket *t,
                        const struct pl_err *err)
{
    struct pl_ticket was = *t;
    end_span(self, &was, err->code);
    pl__ticket_close(&st->peers, t); /* first: sending may cut the peer with all its tickets */
    send_error(self, st, &was.origin, was.id, err);
}

static bool is_final(const struct pl_msg *m)
{
    return m->type->id != PL_T_CHAT_ACCEPTED && m->type->id != PL_T_CHAT_DELTA;
}

static void close_answered(struct pl_actor *self, struct frontdoor *st, struct pl_ticket *t,
                           const struct pl_msg *m)
{
    const struct pl_chat_error *e = PL_BODY(m, chat_error);
    if (e) pl_counter_add(error_counter(st, pl_error_code(e->code.ptr, e->code.len)), 1);
    pl_histogram_observe(st->seconds, (double)(pl_now_ms(self) - t->opened_ms) / 1e3);
    end_span(self, t, e ? pl_error_code(e->code.ptr, e->code.len) : 0);
    pl__ticket_close(&st->peers, t);
}

/* An answer from inside: its correlation is the ticket. */
static void on_answer(struct pl_actor *self, struct frontdoor *st, const struct pl_msg *m)
{
    const struct pl_chat_accepted *accepted = PL_BODY(m, chat_accepted);
    struct pl_ticket *t = pl__ticket_find(&st->peers, m->env.correlation), was;
    struct pl_msg out = *m; /* the record is shared and only read; the envelope is ours */
    if (accepted) st->credit = accepted->credit;
    if (!t) {
        pl_counter_add(st->late, 1); /* its peer was cut, or it was answered already */
        return;
    }
    was = *t;
    pl__ticket_answered(&st->peers, t);
    CLEAR(&out.env, from);
    CLEAR(&out.env, to);
    CLEAR(&out.env, reply_to);
    CLEAR(&out.env, tenant);
    CLEAR(&out.env, key);
    CLEAR(&out.env, correlation);
    CLEAR(&out.env, trace);
    if (was.trace[0]) SET(&out.env, trace, pl_str_of(was.trace));
    if (was.id[0]) SET(&out.env, correlation, pl_str_of(was.id));
    if (is_final(m)) close_answered(self, st, t, m);
    if (!was.origin.delimiter || is_final(m))
        deliver(self, st, &was.origin, &out); /* a REQ takes one answer */
}

/* ---- requests ---- */

static const char *route_of(const struct pl_type *type)
{
    static const struct {
        const char *begins, *actor;
    } routes[] = {{"feedback.", "feedback"}, {"retrain.", "feedback"}, {"node.", "watch"},
                  {"letters.", "watch"},     {"backup.", "store"},     {"keys.", "store"}};
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        if (strncmp(type->name, routes[i].begins, strlen(routes[i].begins)) == 0) return routes[i].actor;
    return "session";
}

static bool needs_id(const struct pl_type *type)
{
    return type->id == PL_T_CHAT_REQUEST || type->id == PL_T_CHAT_CANCEL || type->id == PL_T_CHAT_RESUME ||
           type->id == PL_T_FEEDBACK_ADD;
}

/* Puts into M the tenant that it is for, and whose key it came under. */
static int settle_tenant(const struct pl_caller *c, struct pl_msg *m, struct pl_err *err)
{
    struct pl_str tenant;
    int rc = pl__access_tenant(c, &m->env, &tenant, err);
    if (rc) return rc;
    SET(&m->env, tenant, pl_msg_str(m, tenant));
    m->env.has_key = c->key.len > 0;
    m->env.key = pl_msg_str(m, c->key);
    return m->env.tenant.len && m->env.key.len == c->key.len
               ? 0
               : pl_fail(err, PL_E_NO_MEMORY, NULL, "no memory for the message");
}

/* What a standby answers. */
static bool only_reads(const struct pl_type *type)
{
    return type->id == PL_T_PING || type->id == PL_T_SESSIONS_LIST || type->id == PL_T_SESSIONS_SHOW ||
           type->id == PL_T_FEEDBACK_LIST || type->id == PL_T_FEEDBACK_STATS ||
           type->id == PL_T_RETRAIN_STATUS;
}

static int check(const struct frontdoor *st, const struct pl_caller *c, struct pl_msg *m, struct pl_err *err)
{
    int rc = pl__access_type(c, m->type, err);
    if (!rc) rc = settle_tenant(c, m, err);
    if (rc) return rc;
    if (needs_id(m->type) && !m->env.id.len)
        return pl_fail(err, PL_E_INVALID, "id", "%s needs an id of 1 to 64 bytes", m->type->name);
    if (m->env.trace.len && !pl_trace_check(m->env.trace))
        return pl_fail(err, PL_E_INVALID, "trace", "the trace is no traceparent of W3C's trace context");
    if (st->stopping && m->type->id != PL_T_PING)
        return pl_fail(err, PL_E_UNAVAILABLE, NULL, "the service is stopping");
    if (st->opts.standby && !only_reads(m->type))
        return pl_fail(err, PL_E_UNAVAILABLE, "type",
                       "this is the standby: until it takes over it only reads");
    return 0;
}

/* The bit of ACTOR in `up`; 0 when it is not needed. */
static uint32_t need_of(struct pl_str actor)
{
    for (uint32_t i = 0; i < N_NEEDED; i++)
        if (pl_str_is(actor, needed[i])) return 1u << i;
    return 0;
}

/* Counts M for its tenant's rate. A ping costs nothing, and a cancellation gives something back. */
static int pace(struct pl_actor *self, struct frontdoor *st, const struct pl_msg *m, struct pl_err *err)
{
    if (m->type->id == PL_T_PING || m->type->id == PL_T_CHAT_CANCEL) return 0;
    uint64_t wait_ms = pl_rates_take(&st->rates, m->env.tenant, pl_now_ms(self));
    if (!wait_ms) return 0;
    st->wait_ms = wait_ms;
    return pl_fail(err, PL_E_OVERLOADED, NULL, "the tenant `%.*s` sends more than its rate of %g a second",
                   PL_STR_FMT(m->env.tenant), pl_tenant_rule(st->opts.tenants, m->env.tenant)->rate);
}

static void answer_ping(struct pl_actor *self, struct frontdoor *st, const struct pl_origin *o,
                        struct pl_str id)
{
    const struct pl_model_text *model = st->opts.model;
    PL_NEW(m, b, pong);
    st->no_memory |= !m;
    if (!m) return;
    b->version = pl_str_of(st->opts.version);
    b->model = pl_str_of(model ? model->name : "");
    b->model_digest = pl_str_of(model ? model->model_digest : "");
    uint32_t wanted = ((1u << N_NEEDED) - 1) & ~(st->opts.standby ? need_of(PL_STR("executor")) : 0);
    b->ready = (st->up & wanted) == wanted && !st->stopping;
    b->has_role = st->opts.standby;
    b->role = PL_STR("standby");
    b->credit = st->credit;
    if (id.len) SET(&m->env, correlation, id);
    deliver(self, st, o, m);
    pl_msg_unref(&m);
}

/* With a file of spans, a request without a trace begins one. What goes inside belongs to the request's span.
 */
static void begin_span(struct pl_actor *self, struct pl_ticket *t, struct pl_msg *m)
{
    t->type = m->type->name;
    t->request_bytes = t->frame_bytes;
    snprintf(t->trace, sizeof t->trace, "%.*s", PL_STR_FMT(m->env.trace));
    pl_span_begin(self, &t->span, "frontdoor.request", m->env.trace, true);
    m->env.trace = pl_msg_str(m, pl_span_context(&t->span));
}

/* Passes a good message on; takes it. */
static int admit(struct pl_actor *self, struct frontdoor *st, const struct pl_origin *o, uint32_t frame_bytes,
                 struct pl_msg **m, struct pl_err *err)
{
    struct pl_envelope *env = &(*m)->env;
    const char *route = route_of((*m)->type);
    struct pl_ticket *t = pl__ticket_open(self, &st->peers, o, env->id, route, frame_bytes);
    if (!t) return pl_fail(err, PL_E_OVERLOADED, NULL, "too many requests are open");
    struct pl_str name = pl_msg_str(*m, pl_str_of(t->name));
    if (!name.len) {
        pl__ticket_close(&st->peers, t);
        return pl_fail(err, PL_E_NO_MEMORY, NULL, "no memory for the message");
    }
    SET(env, from, PL_STR("frontdoor"));
    SET(env, reply_to, PL_STR("frontdoor"));
    SET(env, correlation, name);
    begin_span(self, t, *m);
    /* Who cancels its own open request gets one chat.done, by the request's ticket. */
    if ((*m)->type->id == PL_T_CHAT_CANCEL && pl__ticket_is_second(t)) pl__ticket_close(&st->peers, t);
    pl_send_to(self, route, m);
    return 0;
}

static int decode(struct pl_actor *self, const struct frontdoor *st, const struct pl_net_frame *f,
                  const struct pl_caller *c, struct pl_msg **m, struct pl_msg_head *head, struct pl_err *err)
{
    /* Small values make many small structs: the decoded form may be some times larger than the frame. */
    size_t limit = (size_t)st->opts.max_message_bytes * 8 + 65536;
    if (f->malformed) return pl_fail(err, PL_E_INVALID, "message", "a message is one frame");
    int rc = pl_msg_decode(f->bytes.ptr, f->bytes.len, pl_now_ms(self), limit, m, head, err);
    if (rc == 0) {
        snprintf(head->id, sizeof head->id, "%.*s", PL_STR_FMT((*m)->env.id));
        snprintf(head->type, sizeof head->type, "%s", (*m)->type->name);
    } else {
        /* A type that may not come in is refused as such, whatever else is wrong with the message. */
        const struct pl_type *type = pl_type_find(head->type, strlen(head->type));
        if (type && pl__access_type(c, type, err)) rc = -err->code;
    }
    if (f->bytes.len >
        st->opts.max_message_bytes) /* decoded all the same, so that the answer can name the request */
        return pl_fail(err, PL_E_TOO_LARGE, "message", "a message is at most %u bytes",
                       st->opts.max_message_bytes);
    return rc;
}

static void on_frame(struct pl_actor *self, struct frontdoor *st, const struct pl_net_frame *f)
{
    struct pl_origin o = {.listener = f->listener, .delimiter = f->delimiter, .peer_len = f->peer.len};
    struct pl_msg_head head = {0};
    struct pl_err err = {0}, why = {0};
    struct pl_caller caller;
    struct pl_msg *m = NULL;
    if (f->peer.len > PL_PEER_ID) return; /* no socket gives such a routing id */
    if (f->peer.len) memcpy(o.peer, f->peer.ptr, f->peer.len);
    int known = pl__access_caller(f, &caller, &why);
    int rc = decode(self, st, f, &caller, &m, &head, &err);
    if (known) {
        rc = known;
        err = why;
    }
    pl_counter_add(m ? st->messages[m->type->id] : st->messages_unknown, 1);
    if (rc == 0) rc = check(st, &caller, m, &err);
    if (rc == 0) rc = pace(self, st, m, &err);
    if (rc == 0 && m->type->id == PL_T_PING)
        answer_ping(self, st, &o, m->env.id);
    else if (rc == 0)
        rc = admit(self, st, &o, f->bytes.len, &m, &err);
    pl_msg_unref(&m);
    if (rc == 0 || strcmp(head.type, "chat.error") == 0) return;
    pl_log(self, PL_LOG_DEBUG, "refused", "code=%s why=%s", pl_error_name(err.code), err.text);
    send_error(self, st, &o, head.id, &err);
}

/* ---- what the system tells ---- */

static void on_undelivered(struct pl_actor *self, struct frontdoor *st, const struct pl_sys_undelivered *u)
{
    struct pl_ticket *t = pl__ticket_find(&st->peers, u->correlation);
    struct pl_err err = {0};
    /* An actor that is not there is a part of the service that is not up, whatever the producer asked for. */
    bool absent = u->code == PL_E_NOT_FOUND || u->code == PL_E_GONE;
    int code = absent ? PL_E_UNAVAILABLE : (int)u->code;
    if (!t) return;
    pl_fail(&err, code, NULL, "%s", pl_error_text(code));
    fail_ticket(self, st, t, &err);
}

/* An actor that went down has forgotten whom it answers. What it had accepted is stored: producers ask again.
 */
static void on_down(struct pl_actor *self, struct frontdoor *st, struct pl_str actor)
{
    struct pl_err err = {0};
    char(*names)[PL_TICKET_NAME];
    uint32_t count = pl__tickets_routed(&st->peers, actor, &names);
    st->up &= ~need_of(actor);
    st->no_memory |= !names;
    pl_fail(&err, PL_E_UNAVAILABLE, NULL, "a part of the service was restarted; ask again with the same id");
    /* By name, because sending may cut a peer and close more tickets than this one. */
    for (uint32_t i = 0; i < count; i++) {
        struct pl_ticket *t = pl__ticket_find(&st->peers, pl_str_of(names[i]));
        if (t) fail_ticket(self, st, t, &err);
    }
    free(names);
}

static void messages_start(struct pl_metrics *m, struct frontdoor *st)
{
    char labels[96];
    for (uint32_t id = 0; id < PL_T_END; id++) {
        const struct pl_type *type = pl_type_at(id);
        bool edge = type && (type->edge == PL_EDGE_IN || type->edge == PL_EDGE_ADMIN);
        snprintf(labels, sizeof labels, "type=\"%s\"", edge ? type->name : "unknown");
        st->messages[id] =
            pl_metrics_counter(m, "parlance_frontdoor_messages_total", "Messages from outside.", labels);
        if (!edge) st->messages_unknown = st->messages[id];
    }
}

static void metrics_start(struct pl_metrics *m, struct frontdoor *st)
{
    static const double bounds[] = {0.005, 0.02, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 300};
    char labels[96];
    messages_start(m, st);
    for (int code = 1; code < N_ERRORS; code++) {
        snprintf(labels, sizeof labels, "code=\"%s\"", pl_error_name(code));
        st->errors[code] =
            pl_metrics_counter(m, "parlance_frontdoor_errors_total", "Errors sent to producers.", labels);
    }
    st->late = pl_metrics_counter(m, "parlance_frontdoor_late_answers_total",
                                  "Answers that nobody waits for.", NULL);
    st->seconds =
        pl_metrics_histogram(m, "parlance_frontdoor_request_seconds", "From a request to its final answer.",
                             NULL, bounds, sizeof bounds / sizeof *bounds);
}

static int frontdoor_start(struct pl_actor *self, void *state, const void *arg)
{
    struct frontdoor *st = state;
    if (arg) st->opts = *(const struct pl_frontdoor_opts *)arg;
    if (!st->opts.max_message_bytes) st->opts.max_message_bytes = DEFAULT_MESSAGE_BYTES;
    st->credit = 1; /* until the session announces it */
    metrics_start(pl_actor_metrics(self), st);
    pl__peers_start(self, &st->peers, &st->opts);
    st->rates.rules = st->opts.tenants;
    st->rates.metrics = pl_actor_metrics(self);
    st->rates.tenants.seed = pl_random_u64(self);
    for (uint32_t i = 0; i < N_NEEDED; i++) pl_monitor(self, needed[i]);
    pl_monitor(self, "feedback");
    return 0;
}

static int frontdoor_receive(struct pl_actor *self, void *state, const struct pl_msg *m)
{
    struct frontdoor *st = state;
    switch (m->type->id) {
    case PL_T_NET_FRAME:
        on_frame(self, st, m->body);
        break;
    case PL_T_SYS_TIMER:
        pl__peers_retry(self, &st->peers);
        break;
    case PL_T_SYS_UNDELIVERED:
        on_undelivered(self, st, m->body);
        break;
    case PL_T_SYS_UP:
        st->up |= need_of(((const struct pl_sys_up *)m->body)->actor);
        break;
    case PL_T_SYS_DOWN:
        on_down(self, st, ((const struct pl_sys_down *)m->body)->actor);
        break;
    case PL_T_SYS_STOP:
        st->stopping = true;
        break;
    default:
        if (m->type->edge == PL_EDGE_OUT)
            on_answer(self, st, m);
        else
            return PL_UNHANDLED;
    }
    return st->no_memory ? -PL_E_NO_MEMORY : 0;
}

static void frontdoor_stop(struct pl_actor *self, void *state)
{
    struct frontdoor *st = state;
    pl__peers_finish(&st->peers);
    pl_rates_finish(&st->rates);
    pl_buf_finish(&st->scratch);
}

const struct pl_actor_class pl_frontdoor_class = {
    .name = "frontdoor",
    .state_bytes = sizeof(struct frontdoor),
    .start = frontdoor_start,
    .receive = frontdoor_receive,
    .stop = frontdoor_stop,
    .mailbox_limit = 16384, /* the deltas of all answers come through here */
    .restart = PL_RESTART_DEFAULT,
};
