/* post.c - where a message goes: a mailbox here, a link, or the dead letters.
 *
 * 1. Every message is counted as sent once and ends exactly once: handled, refused or dead.
 * 2. A dead letter's sender gets sys.undelivered by the system lane, wherever it lives; a notice that cannot
 * be delivered itself makes no further notice, so notices do not multiply. */
#include "runtime/node_inside.h"

static void count(struct pl_node *n, uint64_t *number, int which)
{
    (*number)++;
    pl_counter_add(n->messages[which], 1);
}

void pl__count_handled(struct pl_node *n)
{
    count(n, &n->counts.handled, 1);
}

static void count_dead(struct pl_node *n, int code)
{
    if (code == PL_E_OVERLOADED)
        count(n, &n->counts.refused, 2);
    else
        count(n, &n->counts.dead, 3);
    if (code < 0 || code > PL_E_INTERNAL) code = PL_E_INTERNAL;
    if (!n->causes[code]) {
        char labels[64] = "cause=\"";
        strcat(strncat(labels, pl_error_name(code), sizeof labels - 16), "\"");
        n->causes[code] = pl_metrics_counter(n->metrics, "parlance_dead_letters_total",
                                             "Messages that were not handled, by cause.", labels);
    }
    pl_counter_add(n->causes[code], 1);
}

/* The number by which a sender knows its request, found on the wire form so that no type need be known here.
 */
static int body_token(const struct pl_msg *m, uint64_t *token)
{
    static const char *const keys[] = {"token", "call", "gen", "step"};
    uint64_t found[4] = {0};
    struct pl_buf b = {0};
    uint32_t pairs = 0;
    int rc = m->type->encode(m->body, &b);
    if (rc == 0) {
        struct pl_cursor c = {b.data, b.data + b.len};
        if (pl_cursor_map(&c, &pairs) != 0) pairs = 0;
        while (pairs-- > 0) {
            struct pl_str key;
            uint64_t value;
            if (pl_cursor_str(&c, &key) != 0) break;
            if (pl_cursor_u64(&c, &value) != 0) {
                if (pl_cursor_skip(&c) != 0) break;
                continue;
            }
            for (int i = 0; i < 4; i++)
                if (pl_str_is(key, keys[i])) found[i] = value;
        }
    }
    pl_buf_finish(&b);
    for (int i = 4; i-- > 0;)
        if (found[i]) *token = found[i];
    return rc;
}

static struct pl_msg *notice_of(const struct pl_msg *m, int code)
{
    PL_NEW(notice, u, sys_undelivered);
    if (!notice) return NULL;
    notice->env.to = pl_msg_str(notice, m->env.from);
    notice->env.tenant = pl_msg_str(notice, m->env.tenant);
    notice->env.session = pl_msg_str(notice, m->env.session);
    notice->env.correlation = pl_msg_str(notice, m->env.correlation.len ? m->env.correlation : m->env.id);
    notice->env.trace = pl_msg_str(notice, m->env.trace);
    u->to = pl_msg_str(notice, m->env.to);
    u->type = pl_str_of(m->type->name);
    u->correlation = pl_msg_str(notice, m->env.correlation);
    u->has_correlation = u->correlation.len > 0;
    u->code = (uint32_t)code;
    /* Without its number a sender would take the notice for another's and wait for ever. */
    notice->lacking |= body_token(m, &u->token) == -PL_E_NO_MEMORY;
    return notice;
}

/* Of the runtime itself: timers, comings and goings, refusals. */
static bool is_notice(const struct pl_msg *m)
{
    return strncmp(m->type->name, "sys.", 4) == 0 || strncmp(m->type->name, "node.", 5) == 0;
}

/* There is no memory to tell SENDER that its message is dead: it fails, since it would wait for ever. */
static void begin_anew(struct pl_node *n, struct pl_str sender)
{
    const struct pl__route *r = pl__route_find(&n->routes, sender);
    if (r && r->local) {
        r->local->broken = -PL_E_NO_MEMORY;
        pl__actor_schedule(r->local);
    } else if (r && r->peer) {
        r->peer->lost = true;
    }
}

void pl__dead(struct pl_node *n, struct pl_msg *m, int code)
{
    count_dead(n, code);
    if (code != PL_E_OVERLOADED && !is_notice(m))
        pl__letters_add(&n->letters, m, code, n->opts.world.wall_ms(n->opts.world.self));
    bool bug = code == PL_E_INVALID || code == PL_E_NOT_FOUND || code == PL_E_UNKNOWN_TYPE;
    enum pl_log_level level = bug ? PL_LOG_WARN : PL_LOG_DEBUG;
    pl_log_write(n->opts.log, level, "", "dead letter", "type=%s from=%.*s to=%.*s cause=%s", m->type->name,
                 PL_STR_FMT(m->env.from), PL_STR_FMT(m->env.to), pl_error_name(code));
    if (m->env.from.len && m->type != &pl_sys_undelivered_type) {
        struct pl_msg *notice = notice_of(m, code);
        if (notice && notice->lacking) pl_msg_unref(&notice);
        if (notice)
            pl__post(n, notice, PL__LANE_SYSTEM);
        else
            begin_anew(n, m->env.from);
    }
    pl_msg_unref(&m);
}

/* Replaces *M by what a receiver on another node would get; without memory for that it stays what it is,
 * since this is a check of the codec and no part of the way. */
static int recode(struct pl_node *n, struct pl_msg **m)
{
    struct pl_err err = {0};
    struct pl_msg *copy = NULL;
    pl_buf_clear(&n->scratch);
    int rc = pl_msg_encode(*m, n->now_ms, &n->scratch);
    if (rc == 0) rc = pl_msg_decode(n->scratch.data, n->scratch.len, n->now_ms, 0, &copy, NULL, &err);
    if (rc == -PL_E_NO_MEMORY) return 0;
    if (rc != 0) {
        pl_log_write(n->opts.log, PL_LOG_ERROR, "", "invalid message", "type=%s field=%s text=%s",
                     (*m)->type->name, err.field, err.text);
        return rc;
    }
    pl_msg_unref(m);
    *m = copy;
    return 0;
}

static void to_mailbox(struct pl_actor *a, struct pl_msg *m, enum pl__lane lane)
{
    struct pl_node *n = a->node;
    int rc = 0;
    if (a->life == PL__ACTOR_DOWN || a->life == PL__ACTOR_STOPPED)
        rc = -PL_E_UNAVAILABLE;
    else if (pl__mailbox_full(&a->mailbox, lane))
        rc = -PL_E_OVERLOADED;
    else if (n->opts.codec_always)
        rc = recode(n, &m);
    if (rc != 0) {
        pl__dead(n, m, -rc);
        return;
    }
    m->queued_us = n->now_us;
    pl__mailbox_push(&a->mailbox, lane, m);
    pl__actor_schedule(a);
}

void pl__route_message(struct pl_node *n, struct pl_msg *m, enum pl__lane lane)
{
    const struct pl__route *r = m->route;
    if (!r || m->env.to.ptr != r->name) r = pl__route_find(&n->routes, m->env.to);
    if (m->deadline_ms <= n->now_ms)
        pl__dead(n, m, PL_E_DEADLINE_EXCEEDED);
    else if (r && r->local)
        to_mailbox(r->local, m, lane);
    else if (r && r->peer)
        pl__peer_send(r->peer, m, lane);
    else if (n->hub && m->env.to.len)
        pl__peer_send(n->hub, m, lane);
    else
        pl__dead(n, m, PL_E_NOT_FOUND);
}

void pl__post(struct pl_node *n, struct pl_msg *m, enum pl__lane lane)
{
    count(n, &n->counts.sent, 0);
    pl__route_message(n, m, lane);
}

void pl__notify(struct pl_actor *a, struct pl_msg *m)
{
    struct pl_node *n = a->node;
    if (!m) {
        a->broken = -PL_E_NO_MEMORY;
        pl__actor_schedule(a); /* no mail may ever come that would show it */
        return;
    }
    count(n, &n->counts.sent, 0);
    m->env.to = (struct pl_str){a->route->name, a->route->len};
    if (a->life == PL__ACTOR_DOWN || a->life == PL__ACTOR_STOPPED) {
        pl__dead(n, m, PL_E_UNAVAILABLE);
        return;
    }
    m->queued_us = n->now_us;
    pl__mailbox_push(&a->mailbox, PL__LANE_SYSTEM, m);
    pl__actor_schedule(a);
}
