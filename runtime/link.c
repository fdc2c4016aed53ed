/* link.c - peers: frames, hellos, heartbeats, children, and outboxes for links that are full.
 *
 * Frame: one msgpack integer, the lane (0 system, 1 user), then the message as one map. Messages between the
 * nodes themselves have no `to`: node.hello, node.bye, sys.ping, sys.pong, sys.up and sys.down.
 *
 *   STARTING --hello--> UP --lost, exited, silent--> DOWN --hello--> UP       never started again: FINAL
 *
 * 1. Only a hello of the incarnation that was started last makes a child UP; frames of others are not
 * handled.
 * 2. A peer's outbox is bounded by messages and bytes and empties in order, system lane first.
 * 3. A child whose link is lost but which still runs is killed: it is restarted only after its exit was told.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/node_inside.h"
#include "runtime/wrap.h"

struct pl__peer *pl__peer_find(const struct pl_node *n, const char *name)
{
    for (uint32_t i = 0; i < n->peers_count; i++)
        if (strcmp(n->peers[i]->name, name) == 0) return n->peers[i];
    return NULL;
}

static void peer_metrics(struct pl__peer *p)
{
    char labels[96];
    snprintf(labels, sizeof labels, "peer=\"%s\"", p->name);
    struct pl_metrics *m = p->node->metrics;
    p->waiting = pl_metrics_gauge(m, "parlance_outbox_messages", "Messages that wait for a link.", labels);
    p->up = pl_metrics_gauge(m, "parlance_peer_up", "1 while the peer node is up.", labels);
    p->restarts = pl_metrics_counter(m, "parlance_child_restarts_total", "Restarts of a child node.", labels);
}

int pl__peer_make(struct pl_node *n, const char *name, struct pl__peer **out, struct pl_err *err)
{
    struct pl__peer *p = *out = pl__peer_find(n, name);
    size_t len = strlen(name);
    if (p) return 0;
    if (len == 0 || len > PL__NAME_MAX)
        return pl_fail(err, PL_E_INVALID, "peer", "a node's name has 1 to %d bytes", PL__NAME_MAX);
    struct pl__peer **grown = realloc(n->peers, (n->peers_count + 1) * sizeof(struct pl__peer *));
    if (grown) n->peers = grown;
    p = grown ? calloc(1, sizeof *p) : NULL;
    if (!p) return pl_fail(err, PL_E_NO_MEMORY, "peer", "no memory for a peer");
    memcpy(p->name, name, len);
    p->node = n;
    pl__mailbox_init(&p->outbox, PL__OUTBOX_MESSAGES);
    peer_metrics(p);
    n->peers[n->peers_count++] = *out = p;
    return 0;
}

static void set_life(struct pl__peer *p, enum pl__peer_state life)
{
    p->life = life;
    pl_gauge_set(p->up, life == PL__PEER_UP);
}

/* ---- outbox ---- */

static size_t cost(const struct pl_msg *m)
{
    return sizeof *m + m->arena.used_bytes + (m->origin ? m->origin->arena.used_bytes : 0);
}

static struct pl_msg *outbox_pop(struct pl__peer *p)
{
    enum pl__lane lane;
    struct pl_msg *m = pl__mailbox_pop(&p->outbox, &lane);
    if (m) p->outbox_bytes -= cost(m);
    return m;
}

static void outbox_drop(struct pl__peer *p, int code)
{
    /* A notice may be put into this very outbox, so the state must be such that it is refused. */
    struct pl_msg *m;
    while ((m = outbox_pop(p))) pl__dead(p->node, m, code);
    pl_gauge_set(p->waiting, 0);
}

void pl__peers_cut(struct pl_node *n)
{
    for (uint32_t i = 0; i < n->peers_count; i++) {
        set_life(n->peers[i], PL__PEER_FINAL);
        outbox_drop(n->peers[i], PL_E_GONE);
    }
}

void pl__peer_destroy(struct pl__peer *p)
{
    pl__supervisor_finish(&p->supervisor);
    pl_buf_finish(&p->page);
    free(p);
}

static int encode(struct pl_node *n, const struct pl_msg *m, enum pl__lane lane)
{
    uint8_t mark = (uint8_t)lane;
    pl_buf_clear(&n->scratch);
    int rc = pl_buf_write(&n->scratch, &mark, 1);
    return rc != 0 ? rc : pl_msg_encode(m, n->now_ms, &n->scratch);
}

/* 0: M was given to the link or is dead, the next may be tried. */
static int flush_one(struct pl__peer *p, const struct pl_msg *m, enum pl__lane lane)
{
    struct pl_node *n = p->node;
    const struct pl_world *w = &n->opts.world;
    int rc = m->deadline_ms <= n->now_ms ? -PL_E_DEADLINE_EXCEEDED : encode(n, m, lane);
    if (rc == -PL_E_NO_MEMORY) return -PL_E_AGAIN; /* a receiver may wait for it for ever */
    if (rc == 0)
        rc = w->link_send ? w->link_send(w->self, p->name, n->scratch.data, n->scratch.len) : -PL_E_GONE;
    if (rc == -PL_E_AGAIN || rc == -PL_E_GONE) return rc;
    struct pl_msg *gone = outbox_pop(p);
    if (rc != 0) {
        pl__dead(n, gone, -rc);
    } else {
        pl__count_handled(n);
        pl_msg_unref(&gone);
    }
    return 0;
}

static void flush(struct pl__peer *p)
{
    const struct pl_msg *m;
    enum pl__lane lane;
    int rc = 0;
    if (p->flushing) return; /* a dead letter's notice came back here: the loop below goes on with it */
    p->flushing = true;
    p->blocked = false;
    while (p->life == PL__PEER_UP && !p->lost && rc == 0 && (m = pl__mailbox_peek(&p->outbox, &lane)))
        rc = flush_one(p, m, lane);
    p->flushing = false;
    if (rc == -PL_E_GONE) p->lost = true;
    if (rc == -PL_E_AGAIN) {
        p->blocked = true;
        p->node->retry_at_ms = p->node->now_ms + PL__OUTBOX_RETRY_MS;
    }
    pl_gauge_set(p->waiting, pl__mailbox_count(&p->outbox));
}

static bool outbox_full(const struct pl__peer *p, enum pl__lane lane)
{
    if (lane == PL__LANE_SYSTEM) return p->outbox.lanes[lane].count >= PL__OUTBOX_SYSTEM;
    return pl__mailbox_full(&p->outbox, lane) || p->outbox_bytes >= PL__OUTBOX_BYTES;
}

static void outbox_push(struct pl__peer *p, struct pl_msg *m, enum pl__lane lane)
{
    p->outbox_bytes += cost(m);
    pl__mailbox_push(&p->outbox, lane, m);
    if (!p->blocked) flush(p);
}

void pl__peer_send(struct pl__peer *p, struct pl_msg *m, enum pl__lane lane)
{
    struct pl_err err = {0};
    if (p->life != PL__PEER_UP && p->life != PL__PEER_STARTING) {
        pl__dead(p->node, m, PL_E_UNAVAILABLE);
    } else if (outbox_full(p, lane)) {
        pl__dead(p->node, m, PL_E_OVERLOADED);
    } else if (pl__msg_check(m, &err) != 0) {
        pl_log_write(p->node->opts.log, PL_LOG_ERROR, "", "invalid message", "type=%s field=%s text=%s",
                     m->type->name, err.field, err.text);
        pl__dead(p->node, m, PL_E_INVALID);
    } else {
        outbox_push(p, m, lane);
    }
}

static void count_sent(struct pl_node *n)
{
    n->counts.sent++;
    pl_counter_add(n->messages[0], 1);
}

void pl__peer_tell(struct pl__peer *p, struct pl_msg *m)
{
    if (!m) return;
    if (p->life != PL__PEER_UP || outbox_full(p, PL__LANE_SYSTEM)) {
        pl_msg_unref(&m);
        return;
    }
    count_sent(p->node);
    outbox_push(p, m, PL__LANE_SYSTEM);
}

void pl__peer_news(struct pl__peer *p, struct pl_msg *m)
{
    if (m)
        pl__peer_tell(p, m);
    else
        p->lost = true; /* it would not know who is up: it begins anew */
}

/* ---- up and down ---- */

static bool lives_on(const struct pl__route *r, const struct pl__peer *p)
{
    return !r->local && r->peer == p;
}

static void peer_down(struct pl__peer *p, enum pl__peer_state life)
{
    struct pl_node *n = p->node;
    bool final = life == PL__PEER_FINAL;
    set_life(p, life);
    p->lost = p->blocked = false;
    pl_buf_clear(&p->page);
    outbox_drop(p, PL_E_GONE);
    for (uint32_t i = 0; i < n->routes.count; i++)
        if (lives_on(n->routes.all[i], p)) pl__route_down(n, n->routes.all[i], PL_E_GONE, final);
}

static void kill_child(struct pl__peer *p)
{
    const struct pl_world *w = &p->node->opts.world;
    if (!p->running || p->killed) return;
    p->killed = true;
    w->child_kill(w->self, p->name);
}

void pl_node_link_lost(struct pl_node *n, const char *peer)
{
    struct pl__peer *p = pl__peer_find(n, peer);
    if (!p || p->life == PL__PEER_FINAL) return;
    pl__node_tick(n);
    if (p == n->hub) p->running = false;
    peer_down(p, PL__PEER_DOWN);
    if (p->child) kill_child(p);
}

/* Who is up here, for a peer that has just come. */
static void tell_all_up(struct pl__peer *p)
{
    struct pl_node *n = p->node;
    for (uint32_t i = 0; i < n->routes.count; i++) {
        const struct pl__route *r = n->routes.all[i];
        if (r->up && !lives_on(r, p)) pl__peer_news(p, pl__route_up_msg(r));
    }
}

static void set_up(struct pl__peer *p)
{
    set_life(p, PL__PEER_UP);
    p->heard_ms = p->node->now_ms;
    p->lost = p->blocked = false;
}

/* Leaf: the hello lies before all that waited. */
static struct pl_msg *hello_of(struct pl_node *n)
{
    PL_NEW(m, hello, node_hello);
    if (!m) return NULL;
    hello->node = pl_str_of(n->name);
    hello->incarnation = n->opts.incarnation;
    hello->actors = pl_msg_alloc(m, 64 * sizeof *hello->actors);
    for (uint32_t i = 0; hello->actors && i < n->actors_count && hello->actors_count < 64; i++) {
        const struct pl_actor *a = n->actors[i];
        if (a->life == PL__ACTOR_UP)
            hello->actors[hello->actors_count++] = (struct pl_str){a->route->name, a->route->len};
    }
    return m;
}

void pl_node_link_up(struct pl_node *n, const char *peer)
{
    struct pl__peer *p = pl__peer_find(n, peer);
    if (!p || p != n->hub) return;
    p->running = true;
    if (!n->started) return; /* pl_node_start calls again */
    pl__node_tick(n);
    struct pl_msg *hello = hello_of(n);
    if (!hello) {
        pl__node_fail(n, PL_E_NO_MEMORY, n->name, "no memory for a hello");
        return;
    }
    set_up(p);
    count_sent(n);
    p->outbox_bytes += cost(hello);
    pl__mailbox_push_front(&p->outbox, PL__LANE_SYSTEM, hello);
    flush(p);
    tell_all_up(p);
}

/* ---- what peers tell ---- */

/* A message of P was lost for want of memory and nobody can be told: what hangs on it must begin anew. */
static void cannot_hear(struct pl__peer *p)
{
    if (p == p->node->hub)
        pl__node_fail(p->node, PL_E_NO_MEMORY, p->node->name, "no memory for a message");
    else
        p->lost = true;
}

static void came_up(struct pl__peer *p, struct pl_str actor, uint64_t incarnation)
{
    struct pl_node *n = p->node;
    struct pl__route *r;
    int rc = pl__route_make(&n->routes, actor, &r, NULL);
    if (rc == -PL_E_NO_MEMORY) {
        cannot_hear(p);
        return;
    }
    if (rc != 0 || r->local || (r->peer && r->peer != p)) {
        pl_log_write(n->opts.log, PL_LOG_WARN, "", "actor not placed", "peer=%s actor=%.*s", p->name,
                     PL_STR_FMT(actor));
        return;
    }
    r->peer = p;
    pl__route_up(n, r, incarnation);
}

static void on_hello(struct pl__peer *p, const struct pl_node_hello *hello)
{
    struct pl_node *n = p->node;
    if (p->child && (!p->running || p->killed || hello->incarnation != p->incarnation)) {
        pl_log_write(n->opts.log, PL_LOG_WARN, "", "stale hello", "peer=%s", p->name);
        return;
    }
    if (p->life == PL__PEER_UP) peer_down(p, PL__PEER_DOWN);
    p->incarnation = hello->incarnation;
    set_up(p);
    pl_log_write(n->opts.log, PL_LOG_INFO, "", "peer up", "peer=%s incarnation=%llu", p->name,
                 (unsigned long long)p->incarnation);
    for (uint32_t i = 0; i < hello->actors_count; i++)
        came_up(p, hello->actors[i], (p->incarnation << 32) + 1);
    tell_all_up(p);
    flush(p);
}

static void tell_metrics(struct pl__peer *p)
{
    struct pl_node *n = p->node;
    PL_NEW(m, page, node_metrics);
    if (!m) return;
    pl_buf_clear(&n->scratch);
    pl_metrics_write(pl_node_metrics(n), &n->scratch);
    if (n->scratch.len <= PL__PAGE_BYTES_MAX && !n->scratch.failed)
        page->text = pl_msg_str(m, (struct pl_str){(const char *)n->scratch.data, (uint32_t)n->scratch.len});
    pl__peer_tell(p, m);
}

static void on_ping(struct pl__peer *p, const struct pl_sys_ping *ping)
{
    PL_NEW(m, pong, sys_pong);
    if (!m) return;
    pong->seq = ping->seq;
    pl__peer_tell(p, m);
    if (ping->metrics && p == p->node->hub) tell_metrics(p);
}

static void on_metrics(struct pl__peer *p, const struct pl_node_metrics *metrics)
{
    pl_buf_clear(&p->page);
    pl_buf_write(&p->page, metrics->text.ptr, metrics->text.len);
}

/* The hub stops: who talks to strangers tells them. The others go on until they are told node.bye. */
static void on_hub_stops(struct pl_node *n)
{
    for (uint32_t i = 0; i < n->listeners_count; i++) {
        struct pl_actor *a = n->listeners[i].actor;
        if (a->life == PL__ACTOR_UP) pl__notify(a, pl_msg_create(&pl_sys_stop_type));
    }
}

static void on_down(struct pl__peer *p, const struct pl_sys_down *down)
{
    struct pl__route *r = pl__route_find(&p->node->routes, down->actor);
    if (r && lives_on(r, p)) pl__route_down(p->node, r, (int)down->code, down->final);
}

static void handle_own(struct pl__peer *p, const struct pl_msg *m)
{
    struct pl_node *n = p->node;
    const struct pl_sys_up *up = PL_BODY(m, sys_up);
    if (up) came_up(p, up->actor, up->incarnation);
    if (PL_BODY(m, sys_down)) on_down(p, m->body);
    if (PL_BODY(m, sys_ping)) on_ping(p, m->body);
    if (PL_BODY(m, node_metrics)) on_metrics(p, m->body);
    if (PL_BODY(m, sys_stop) && p == n->hub) on_hub_stops(n);
    if (PL_BODY(m, node_bye) && p == n->hub) pl_node_stop(n, PL__BYE_GRACE_MS);
    if (PL_BODY(m, node_bye) && p != n->hub) peer_down(p, PL__PEER_DOWN);
}

static void count_lost(struct pl_node *n)
{
    n->counts.dead++;
    pl_counter_add(n->messages[3], 1);
}

/* M came from P. On a leaf, what no actor here has asked for must not go back to the hub, or it would go
 * round. */
static void accept(struct pl__peer *p, struct pl_msg *m, enum pl__lane lane)
{
    struct pl_node *n = p->node;
    bool own = m->env.to.len == 0;
    if (own && PL_BODY(m, node_hello) && !n->hub) {
        on_hello(p, m->body);
    } else if (p->life != PL__PEER_UP) {
        count_lost(n);
        pl_msg_unref(&m);
        return;
    } else if (own) {
        handle_own(p, m);
    } else {
        const struct pl__route *r = pl__route_find(&n->routes, m->env.to);
        if (n->hub && !(r && r->local))
            pl__dead(n, m, PL_E_NOT_FOUND);
        else
            pl__route_message(n, m, lane);
        return;
    }
    pl__count_handled(n);
    pl_msg_unref(&m);
}

void pl_node_link_frame(struct pl_node *n, const char *peer, const void *bytes, size_t len)
{
    struct pl__peer *p = pl__peer_find(n, peer);
    const uint8_t *b = bytes;
    struct pl_err err = {0};
    struct pl_msg *m = NULL;
    if (!n->started || n->stop == PL__STOPPED) return;
    pl__node_tick(n);
    count_sent(n);
    int rc = p && len > 1 && b[0] < PL__LANES
                 ? 0
                 : pl_fail(&err, PL_E_INVALID, "frame", "not a frame of a known peer");
    if (rc == 0) rc = pl_msg_decode(b + 1, len - 1, n->now_ms, PL__LINK_DECODE_BYTES, &m, NULL, &err);
    if (rc != 0) {
        count_lost(n);
        if (rc == -PL_E_NO_MEMORY) cannot_hear(p);
        pl_log_write(n->opts.log, PL_LOG_ERROR, "", "bad frame", "peer=%s field=%s text=%s", peer, err.field,
                     err.text);
        return;
    }
    p->heard_ms = n->now_ms;
    accept(p, m, (enum pl__lane)b[0]);
}

/* ---- children ---- */

static const char *why_ended(int status)
{
    if (status == PL_CHILD_EXIT_MEMORY) return "over its memory";
    if (status > 128) return strsignal(status - 128);
    return status ? "with an error" : "by itself";
}

static void child_failed(struct pl__peer *p, const char *why)
{
    struct pl_node *n = p->node;
    uint64_t delay_ms, chance = n->opts.world.random(n->opts.world.self);
    if (n->stop != PL__RUNNING) {
        peer_down(p, PL__PEER_FINAL);
        return;
    }
    enum pl__verdict verdict = pl__supervisor_failed(&p->supervisor, n->now_ms, chance, &delay_ms);
    if (verdict == PL__RESTART &&
        !pl__timers_add(&n->timers, n->now_ms + delay_ms, n, PL__TIMER_CHILD, (uintptr_t)p))
        verdict = PL__GIVE_UP;
    pl_log_write(n->opts.log, PL_LOG_ERROR, "", "child ended",
                 "peer=%s restart=%s delay_ms=%llu text=%s ended: %s", p->name,
                 verdict == PL__RESTART ? "yes" : "no", (unsigned long long)delay_ms, p->name, why);
    peer_down(p, verdict == PL__RESTART ? PL__PEER_DOWN : PL__PEER_FINAL);
    if (verdict == PL__GIVE_UP) pl__node_fail(n, PL_E_UNAVAILABLE, p->name, "the child ended too often");
}

int pl__peer_start(struct pl__peer *p, struct pl_err *err)
{
    struct pl_node *n = p->node;
    p->incarnation++;
    p->heard_ms = n->now_ms;
    p->killed = false;
    p->running = true;
    int rc = n->opts.world.child_start(n->opts.world.self, p->name, p->incarnation, err);
    if (rc != 0) p->running = false;
    return rc;
}

void pl__peer_restart(struct pl__peer *p)
{
    struct pl_err err = {0};
    if (p->running || p->life == PL__PEER_FINAL || p->node->stop != PL__RUNNING) return;
    pl_counter_add(p->restarts, 1);
    if (pl__peer_start(p, &err) == 0) return;
    pl_log_write(p->node->opts.log, PL_LOG_ERROR, "", "child not started", "peer=%s text=%s", p->name,
                 err.text);
    child_failed(p, "it did not start");
}

void pl_node_child_exited(struct pl_node *n, const char *peer, uint64_t incarnation, int status)
{
    struct pl__peer *p = pl__peer_find(n, peer);
    if (!p || !p->running || p == n->hub || incarnation != p->incarnation) return;
    pl__node_tick(n);
    pl_log_write(n->opts.log, PL_LOG_INFO, "", "child exited", "peer=%s status=%d", peer, status);
    p->running = p->killed = false;
    if (status == PL_CHILD_EXIT_FINAL && p->life == PL__PEER_STARTING) {
        peer_down(p, PL__PEER_FINAL);
        pl__node_fail(n, PL_E_UNAVAILABLE, p->name, "the child cannot start; its own line says why");
    } else {
        child_failed(p, why_ended(status));
    }
    pl__node_advance_stop(n);
}

/* ---- each run ---- */

void pl__peers_work(struct pl_node *n)
{
    for (uint32_t i = 0; i < n->peers_count; i++) {
        struct pl__peer *p = n->peers[i];
        if (p->lost)
            pl_node_link_lost(n, p->name);
        else if (p->blocked)
            flush(p);
    }
}

/* A child that was started may first have to read a large model: it gets ten times as long for its hello. */
static bool silent_too_long(const struct pl__peer *p)
{
    bool watched = p->child ? p->running : p->life == PL__PEER_UP;
    uint64_t limit_ms = (uint64_t)p->node->opts.heartbeat_timeout_ms * (p->life == PL__PEER_UP ? 1 : 10);
    return watched && p->node->now_ms - p->heard_ms > limit_ms;
}

static bool is_swollen(const struct pl__peer *p)
{
    const struct pl_world *w = &p->node->opts.world;
    return p->child && p->running && !p->killed && w->child_swollen && w->child_swollen(w->self, p->name);
}

void pl__peers_weigh(struct pl_node *n)
{
    for (uint32_t i = 0; i < n->peers_count; i++) {
        struct pl__peer *p = n->peers[i];
        if (!is_swollen(p)) continue;
        pl_log_write(n->opts.log, PL_LOG_ERROR, "", "child over its memory", "peer=%s", p->name);
        pl_node_link_lost(n, p->name);
    }
    if (!pl__timers_add(&n->timers, n->now_ms + PL__WEIGH_MS, n, PL__TIMER_WEIGH, 0))
        pl__node_fail(n, PL_E_NO_MEMORY, n->name, "no memory for a timer");
}

void pl__peers_heartbeat(struct pl_node *n)
{
    n->ping_seq++;
    for (uint32_t i = 0; i < n->peers_count; i++) {
        struct pl__peer *p = n->peers[i];
        if (silent_too_long(p)) {
            pl_log_write(n->opts.log, PL_LOG_ERROR, "", "peer silent", "peer=%s", p->name);
            pl_node_link_lost(n, p->name);
        } else if (p->life == PL__PEER_UP) {
            PL_NEW(m, ping, sys_ping);
            if (ping) *ping = (struct pl_sys_ping){.seq = n->ping_seq, .metrics = n->opts.gather_metrics};
            pl__peer_tell(p, m);
        }
    }
    if (!pl__timers_add(&n->timers, n->now_ms + n->opts.heartbeat_ms, n, PL__TIMER_HEARTBEAT, 0))
        pl__node_fail(n, PL_E_NO_MEMORY, n->name, "no memory for a timer");
}

void pl__peers_stopping(struct pl_node *n)
{
    for (uint32_t i = 0; i < n->peers_count; i++)
        pl__peer_tell(n->peers[i], pl_msg_create(&pl_sys_stop_type));
}

void pl__peers_bye(struct pl_node *n)
{
    for (uint32_t i = 0; i < n->peers_count; i++) {
        PL_NEW(m, bye, node_bye);
        if (bye) bye->node = pl_str_of(n->name);
        pl__peer_tell(n->peers[i], m);
        if (n->peers[i]->child && n->peers[i]->life != PL__PEER_UP) kill_child(n->peers[i]);
    }
}

bool pl__peers_gone(const struct pl_node *n)
{
    for (uint32_t i = 0; i < n->peers_count; i++)
        if (n->peers[i]->child && n->peers[i]->running) return false;
    return true;
}

void pl__peers_kill(struct pl_node *n)
{
    for (uint32_t i = 0; i < n->peers_count; i++)
        if (n->peers[i]->child) kill_child(n->peers[i]);
}

void pl_child_restart(struct pl_actor *self, const char *actor)
{
    struct pl__route *r = pl__route_find(&self->node->routes, pl_str_of(actor));
    if (r && r->peer && r->peer->child) kill_child(r->peer);
}
