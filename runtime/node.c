/* node.c - a node's life: it is built, started, run step by step, and stopped.
 *
 *   built -> start -> RUNNING -> (pl_node_stop, or node.bye of the hub) DRAINING -> CHILDREN -> STOPPED
 *
 * 1. Only pl_node_run calls handlers; what the world tells only fills mailboxes, so handlers never nest.
 * 2. A run handles lost links and full outboxes first, then due timers, then ready actors in turn, so that
 * neither a chatty actor nor a stream of messages can starve the others.
 * 3. A timer made during a run fires in a later run: a zero delay cannot keep a run from ending. */
#include "runtime/node.h"

#include <stdio.h>
#include <stdlib.h>

#include "runtime/node_inside.h"
#include "runtime/wrap.h"

enum { PAGES_MAX = 65, UNTIMED = 31 };

static uint64_t no_random(void *self)
{
    return 0;
}

static void add_metrics(struct pl_node *n)
{
    static const char *const results[] = {"result=\"sent\"", "result=\"handled\"", "result=\"refused\"",
                                          "result=\"dead\""};
    for (int i = 0; i < 4; i++)
        n->messages[i] = pl_metrics_counter(
            n->metrics, "parlance_messages_total",
            "Messages of this node; sent = handled + refused + dead + in flight.", results[i]);
}

static int check_opts(const struct pl_node_opts *o, struct pl_err *err)
{
    if (!o->name || !*o->name || strlen(o->name) > PL__NAME_MAX)
        return pl_fail(err, PL_E_INVALID, "name", "a node's name has 1 to %d bytes", PL__NAME_MAX);
    if (!o->world.now_ms) return pl_fail(err, PL_E_INVALID, "world", "a node needs a clock");
    return 0;
}

int pl_node_create(const struct pl_node_opts *o, struct pl_node **out, struct pl_err *err)
{
    int rc = check_opts(o, err);
    if (rc != 0) return rc;
    struct pl_node *n = calloc(1, sizeof *n);
    if (!n) return pl_fail(err, PL_E_NO_MEMORY, NULL, "no memory for a node");
    n->opts = *o;
    memcpy(n->name, o->name, strlen(o->name));
    n->opts.name = n->name;
    n->ready_tail = &n->ready_head;
    n->silent.fd = -1;
    if (!n->opts.log) n->opts.log = &n->silent;
    if (!n->opts.world.random) n->opts.world.random = no_random;
    if (!n->opts.world.wall_ms) n->opts.world.wall_ms = n->opts.world.now_ms;
    if (!n->opts.heartbeat_ms) n->opts.heartbeat_ms = 1000;
    if (!n->opts.heartbeat_timeout_ms) n->opts.heartbeat_timeout_ms = 60000;
#ifdef PL_CODEC_ALWAYS
    n->opts.codec_always = true;
#endif
    n->metrics = pl_metrics_create();
    rc = n->metrics ? 0 : pl_fail(err, PL_E_NO_MEMORY, NULL, "no memory for a node");
    if (rc == 0 && o->hub) rc = pl__peer_make(n, o->hub, &n->hub, err);
    if (rc != 0) {
        pl_node_destroy(&n);
        return rc;
    }
    n->opts.hub = n->hub ? n->hub->name : NULL;
    add_metrics(n);
    pl__letters_init(&n->letters, o->dead_letters, o->dead_letter_bytes);
    pl__node_tick(n);
    n->start_ms = n->now_ms;
    *out = n;
    return 0;
}

static void stop_actors(struct pl_node *n)
{
    for (uint32_t i = n->actors_count; i-- > 0;) {
        struct pl_actor *a = n->actors[i];
        pl__actor_stop(a, PL__ACTOR_STOPPED);
        if (a->route->up) pl__route_down(n, a->route, PL_E_GONE, true);
    }
    /* Only now: until then they may still be told of each other. */
    for (uint32_t i = 0; i < n->actors_count; i++) pl__actor_drop_mail(n->actors[i], PL_E_GONE);
}

void pl_node_destroy(struct pl_node **np)
{
    struct pl_node *n = *np;
    *np = NULL;
    if (!n) return;
    pl__peers_cut(n); /* the links may be gone already */
    stop_actors(n);
    for (uint32_t i = 0; i < n->actors_count; i++) pl__actor_destroy(n->actors[i]);
    for (uint32_t i = 0; i < n->peers_count; i++) pl__peer_destroy(n->peers[i]);
    free(n->actors);
    free(n->peers);
    free(n->listeners);
    pl__letters_finish(&n->letters);
    pl__routes_finish(&n->routes);
    pl__timers_finish(&n->timers);
    pl_metrics_destroy(&n->metrics);
    pl_buf_finish(&n->scratch);
    free(n);
    pl__msg_forget_kept();
}

void pl__node_tick(struct pl_node *n)
{
    const struct pl_world *w = &n->opts.world;
    uint64_t now_us = w->now_us ? w->now_us(w->self) : w->now_ms(w->self) * 1000;
    if (now_us <= n->now_us) return;
    n->now_us = now_us;
    n->now_ms = now_us / 1000;
}

bool pl__node_timed(struct pl_node *n)
{
    const struct pl_world *w = &n->opts.world;
    uint64_t coarse_ms = w->coarse_ms ? w->coarse_ms(w->self) : 0;
    if (n->untimed > 0 && coarse_ms == n->coarse_ms) {
        n->untimed--;
        return false;
    }
    uint64_t began_us = n->now_us;
    pl__node_tick(n);
    n->coarse_ms = coarse_ms;
    n->untimed = w->coarse_ms && n->now_us - began_us < UNTIMED ? UNTIMED : 0;
    return true;
}

void pl__node_fail(struct pl_node *n, int code, const char *what, const char *why)
{
    if (n->failure.code == 0) pl_fail(&n->failure, code, what, "%s: %s", what, why);
    pl_log_write(n->opts.log, PL_LOG_ERROR, what, "node failed", "text=%s", why);
}

/* ---- building ---- */

static void actor_metrics(struct pl_actor *a)
{
    struct pl_metrics *m = a->node->metrics;
    char labels[128];
    static const char *const lanes[PL__LANES] = {"system", "user"};
    for (int i = 0; i < PL__LANES; i++) {
        snprintf(labels, sizeof labels, "actor=\"%s\",lane=\"%s\"", a->route->name, lanes[i]);
        a->depth[i] =
            pl_metrics_gauge(m, "parlance_mailbox_messages", "Messages that wait in a mailbox.", labels);
    }
    snprintf(labels, sizeof labels, "actor=\"%s\"", a->route->name);
    a->high_water =
        pl_metrics_gauge(m, "parlance_mailbox_high_water", "Most messages that ever waited.", labels);
    a->up = pl_metrics_gauge(m, "parlance_actor_up", "1 while the actor runs.", labels);
    a->restarts = pl_metrics_counter(m, "parlance_actor_restarts_total", "Restarts after a failure.", labels);
    a->handled = pl_metrics_counter(m, "parlance_actor_messages_total", "Messages handled.", labels);
    a->busy = pl_metrics_counter(m, "parlance_actor_busy_seconds_total", "Time inside handlers.", labels);
    a->slow = pl_metrics_counter(m, "parlance_actor_slow_handlers_total",
                                 "Handlers that took 5 ms or more, of actors that must not block.", labels);
    a->stalls =
        pl_metrics_counter(m, "parlance_actor_stalls_total",
                           "Handlers that took 50 ms or more, of actors that must not block.", labels);
}

/* An actor's name is a label and a key: letters, digits, dot, dash, underline. */
static bool is_name(const char *s)
{
    for (; *s; s++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", *s)) return false;
    return true;
}

static int make_actor(struct pl_node *n, const struct pl_actor_class *cls, struct pl__route *r,
                      const void *arg, struct pl_actor **out, struct pl_err *err)
{
    struct pl_actor *a = calloc(1, sizeof *a);
    if (!a) return pl_fail(err, PL_E_NO_MEMORY, r->name, "no memory for an actor");
    *a = (struct pl_actor){.node = n, .cls = cls, .route = r, .name = {r->name, r->len}, .arg = arg};
    pl__mailbox_init(&a->mailbox, cls->mailbox_limit ? cls->mailbox_limit : PL__MAILBOX_LIMIT);
    a->state = calloc(1, cls->state_bytes ? cls->state_bytes : 1);
    a->work = calloc(1, sizeof *a->work);
    int rc = pl__supervisor_init(&a->supervisor, &cls->restart, err);
    if (rc == 0 && (!a->state || !a->work))
        rc = pl_fail(err, PL_E_NO_MEMORY, r->name, "no memory for an actor's state");
    if (rc != 0)
        pl__actor_destroy(a);
    else
        *out = a;
    return rc;
}

int pl_node_add(struct pl_node *n, const struct pl_actor_class *cls, const char *name, const void *arg,
                struct pl_err *err)
{
    if (!name) name = cls->name;
    if (n->started) return pl_fail(err, PL_E_CONFLICT, name, "the node runs already");
    if (!is_name(name))
        return pl_fail(err, PL_E_INVALID, "actor", "a name holds letters, digits, '.', '-' and '_' only");
    struct pl__route *r;
    int rc = pl__route_make(&n->routes, pl_str_of(name), &r, err);
    if (rc != 0) return rc;
    if (r->local || r->peer) return pl_fail(err, PL_E_CONFLICT, name, "there is an actor of this name");
    struct pl_actor **grown = realloc(n->actors, (n->actors_count + 1) * sizeof(struct pl_actor *));
    if (!grown) return pl_fail(err, PL_E_NO_MEMORY, name, "no memory for an actor");
    n->actors = grown;
    rc = make_actor(n, cls, r, arg, &n->actors[n->actors_count], err);
    if (rc != 0) return rc;
    r->local = n->actors[n->actors_count++];
    actor_metrics(r->local);
    return 0;
}

int pl_node_place(struct pl_node *n, const char *actor, const char *peer, struct pl_err *err)
{
    if (n->started) return pl_fail(err, PL_E_CONFLICT, actor, "the node runs already");
    struct pl__route *r;
    int rc = pl__route_make(&n->routes, pl_str_of(actor), &r, err);
    if (rc == 0 && (r->local || r->peer))
        rc = pl_fail(err, PL_E_CONFLICT, actor, "there is an actor of this name");
    return rc != 0 ? rc : pl__peer_make(n, peer, &r->peer, err);
}

int pl_node_child(struct pl_node *n, const char *peer, const struct pl_restart_policy *policy,
                  struct pl_err *err)
{
    if (n->started) return pl_fail(err, PL_E_CONFLICT, peer, "the node runs already");
    if (!n->opts.world.child_start || !n->opts.world.child_kill)
        return pl_fail(err, PL_E_UNSUPPORTED, peer, "this world has no children");
    struct pl__peer *p;
    int rc = pl__peer_make(n, peer, &p, err);
    if (rc != 0) return rc;
    pl__supervisor_finish(&p->supervisor);
    p->child = true;
    return pl__supervisor_init(&p->supervisor, policy, err);
}

int pl_node_listener(struct pl_node *n, uint32_t listener, const char *actor, struct pl_err *err)
{
    const struct pl__route *r = pl__route_find(&n->routes, pl_str_of(actor));
    if (!r || !r->local)
        return pl_fail(err, PL_E_NOT_FOUND, actor, "a listener's actor must be added to its node before");
    struct pl__listener *grown = realloc(n->listeners, (n->listeners_count + 1) * sizeof *grown);
    if (!grown) return pl_fail(err, PL_E_NO_MEMORY, actor, "no memory for a listener");
    n->listeners = grown;
    n->listeners[n->listeners_count++] = (struct pl__listener){listener, r->local};
    return 0;
}

/* ---- starting ---- */

static bool start_watching(struct pl_node *n)
{
    uint64_t beat_ms = n->now_ms + n->opts.heartbeat_ms, weigh_ms = n->now_ms + PL__WEIGH_MS;
    if (n->hub || n->peers_count == 0) return true;
    if (!pl__timers_add(&n->timers, beat_ms, n, PL__TIMER_HEARTBEAT, 0)) return false;
    return !n->opts.world.child_swollen || pl__timers_add(&n->timers, weigh_ms, n, PL__TIMER_WEIGH, 0);
}

static int start_all(struct pl_node *n, struct pl_err *err)
{
    int rc = 0;
    for (uint32_t i = 0; i < n->peers_count && rc == 0; i++)
        if (n->peers[i]->child) rc = pl__peer_start(n->peers[i], err);
    for (uint32_t i = 0; i < n->actors_count && rc >= 0; i++) {
        rc = pl__actor_start(n->actors[i]);
        if (rc < 0) pl_fail(err, -rc, n->actors[i]->route->name, "the actor could not start");
    }
    if (rc >= 0 && !start_watching(n)) rc = pl_fail(err, PL_E_NO_MEMORY, NULL, "no memory for a timer");
    return rc < 0 ? rc : 0;
}

int pl_node_start(struct pl_node *n, struct pl_err *err)
{
    if (n->started) return pl_fail(err, PL_E_CONFLICT, n->name, "the node runs already");
    pl__node_tick(n);
    n->started = true;
    int rc = start_all(n, err);
    if (rc != 0) {
        stop_actors(n);
        pl__peers_kill(n);
        n->stop = PL__STOPPED;
    } else if (n->hub && n->hub->running) {
        pl_node_link_up(n, n->hub->name);
    }
    return rc;
}

/* ---- running ---- */

static void fire_node_timer(struct pl_node *n, const struct pl__timer *t)
{
    switch ((enum pl__node_timer)t->kind) {
    case PL__TIMER_ACTOR:
        pl__actor_restart((struct pl_actor *)(uintptr_t)t->arg);
        break;
    case PL__TIMER_CHILD:
        pl__peer_restart((struct pl__peer *)(uintptr_t)t->arg);
        break;
    case PL__TIMER_HEARTBEAT:
        pl__peers_heartbeat(n);
        break;
    case PL__TIMER_WEIGH:
        pl__peers_weigh(n);
        break;
    case PL__TIMER_STOP:
        break; /* it only ends the waiting: pl__node_advance_stop looks at the clock */
    }
}

/* False: no memory, the timer stays for the next run. */
static bool fire(struct pl_node *n, struct pl__timer *t)
{
    if (t->owner == n) {
        pl__timers_pop(&n->timers, n->now_ms, t);
        fire_node_timer(n, t);
        return true;
    }
    PL_NEW(m, body, sys_timer);
    if (!m) return false;
    *body = (struct pl_sys_timer){.timer = t->id, .kind = t->kind, .arg = t->arg};
    pl__timers_pop(&n->timers, n->now_ms, t);
    pl__notify(t->owner, m);
    return true;
}

static size_t fire_due(struct pl_node *n)
{
    size_t fired = 0;
    uint64_t newest = n->timers.serial;
    struct pl__timer t;
    while (pl__timers_peek(&n->timers, n->now_ms, &t) && pl__timer_serial(t.id) <= newest && fire(n, &t))
        fired++;
    return fired;
}

static struct pl_actor *next_ready(struct pl_node *n)
{
    struct pl_actor *a = n->ready_head;
    if (!a) return NULL;
    n->ready_head = a->ready_next;
    if (!n->ready_head) n->ready_tail = &n->ready_head;
    a->ready = false;
    a->ready_next = NULL;
    if (n->ready_head) pl__actor_prefetch(n->ready_head);
    return a;
}

size_t pl_node_run(struct pl_node *n, size_t max)
{
    if (!n->started || n->stop == PL__STOPPED) return 0;
    pl__node_tick(n);
    pl__peers_work(n);
    size_t done = fire_due(n), limit = done + max;
    struct pl_actor *a;
    while (done < limit && (a = next_ready(n)))
        if (a->life == PL__ACTOR_UP) done += pl__actor_turn(a, limit - done);
    pl__node_advance_stop(n);
    return done;
}

uint64_t pl_node_due_ms(const struct pl_node *n)
{
    if (!n->started || n->stop == PL__STOPPED) return UINT64_MAX;
    if (n->ready_head || n->failure.code) return 0; /* who runs a node that failed has to see it */
    uint64_t due_ms = pl__timers_due_ms(&n->timers);
    for (uint32_t i = 0; i < n->peers_count; i++) {
        if (n->peers[i]->lost) return 0;
        if (n->peers[i]->blocked && n->retry_at_ms < due_ms) due_ms = n->retry_at_ms;
    }
    return due_ms;
}

/* ---- outside sockets ---- */

static struct pl_actor *listener_actor(const struct pl_node *n, uint32_t listener)
{
    for (uint32_t i = 0; i < n->listeners_count; i++)
        if (n->listeners[i].number == listener) return n->listeners[i].actor;
    return NULL;
}

static bool fill_peer(struct pl_msg *m, struct pl_net_frame *f, const struct pl_net_peer *peer)
{
    f->peer = pl_msg_bin(m, peer->id.ptr, peer->id.len);
    f->delimiter = peer->delimiter;
    f->has_key = peer->key.len > 0;
    f->key = pl_msg_str(m, peer->key);
    f->has_tenant = peer->tenant.len > 0;
    f->tenant = pl_msg_str(m, peer->tenant);
    f->roles = peer->roles;
    f->act_for = peer->act_for;
    return f->peer.len == peer->id.len && f->key.len == peer->key.len && f->tenant.len == peer->tenant.len;
}

int pl_node_net_frame(struct pl_node *n, uint32_t listener, const struct pl_net_peer *peer, const void *bytes,
                      size_t len, bool malformed)
{
    struct pl_actor *a = listener_actor(n, listener);
    if (!a) return -PL_E_NOT_FOUND;
    if (!pl_node_room(n, listener)) return -PL_E_AGAIN;
    pl__node_tick(n);
    PL_NEW(m, f, net_frame);
    if (!m) return -PL_E_AGAIN;
    f->listener = listener;
    f->malformed = malformed || len > PL__NET_BYTES_MAX;
    if (len <= PL__NET_BYTES_MAX) f->bytes = pl_msg_bin(m, bytes, len);
    if (!fill_peer(m, f, peer) || (f->bytes.len != len && !f->malformed)) {
        pl_msg_unref(&m);
        return -PL_E_AGAIN;
    }
    m->env.to = (struct pl_str){a->route->name, a->route->len};
    pl__msg_settle(m);
    pl__post(n, m, PL__LANE_USER);
    return 0;
}

bool pl_node_room(const struct pl_node *n, uint32_t listener)
{
    const struct pl_actor *a = listener_actor(n, listener);
    return a && !pl__mailbox_full(&a->mailbox, PL__LANE_USER);
}

/* ---- stopping ---- */

static bool drained(const struct pl_node *n)
{
    for (uint32_t i = 0; i < n->actors_count; i++)
        if (n->actors[i]->life == PL__ACTOR_UP && pl__mailbox_count(&n->actors[i]->mailbox)) return false;
    for (uint32_t i = 0; i < n->peers_count; i++)
        if (n->peers[i]->life == PL__PEER_UP && pl__mailbox_count(&n->peers[i]->outbox)) return false;
    return true;
}

void pl__node_advance_stop(struct pl_node *n)
{
    bool late = n->now_ms >= n->stop_at_ms;
    if (n->stop == PL__DRAINING && (late || drained(n))) {
        n->stop = PL__CHILDREN;
        if (!n->hub) pl__peers_bye(n);
    }
    if (n->stop != PL__CHILDREN || !(late || (pl__peers_gone(n) && drained(n)))) return;
    stop_actors(n);
    if (n->hub) pl__peers_bye(n);
    pl__peers_kill(n);
    n->stop = PL__STOPPED;
}

void pl_node_stop(struct pl_node *n, uint64_t grace_ms)
{
    if (!n->started || n->stop != PL__RUNNING) return;
    pl__node_tick(n);
    n->stop = PL__DRAINING;
    n->stop_at_ms = n->now_ms + grace_ms;
    if (!pl__timers_add(&n->timers, n->stop_at_ms, n, PL__TIMER_STOP, 0)) n->stop_at_ms = n->now_ms;
    for (uint32_t i = 0; i < n->actors_count; i++) {
        struct pl_actor *a = n->actors[i];
        if (a->life == PL__ACTOR_UP) pl__notify(a, pl_msg_create(&pl_sys_stop_type));
    }
    if (!n->hub) pl__peers_stopping(n);
    pl__node_advance_stop(n);
}

bool pl_node_stopped(const struct pl_node *n)
{
    return n->stop == PL__STOPPED;
}

/* ---- asking ---- */

bool pl_node_failed(const struct pl_node *n, struct pl_err *err)
{
    if (n->failure.code == 0) return false;
    if (err) *err = n->failure;
    return true;
}

bool pl_node_ready(const struct pl_node *n)
{
    for (uint32_t i = 0; i < n->actors_count; i++)
        if (n->actors[i]->life != PL__ACTOR_UP) return false;
    for (uint32_t i = 0; i < n->peers_count; i++)
        if (n->peers[i]->child && n->peers[i]->life != PL__PEER_UP) return false;
    return n->started;
}

struct pl_metrics *pl_node_metrics(struct pl_node *n)
{
    for (uint32_t i = 0; i < n->actors_count; i++) pl__actor_gauge(n->actors[i]);
    return n->metrics;
}

void pl_node_metrics_write(struct pl_node *n, struct pl_buf *out)
{
    struct pl_metrics_page pages[PAGES_MAX];
    struct pl_buf own = {0};
    size_t count = 1;
    pl_metrics_write(pl_node_metrics(n), &own);
    pages[0] = (struct pl_metrics_page){NULL, {(const char *)own.data, (uint32_t)own.len}};
    for (uint32_t i = 0; i < n->peers_count && count < PAGES_MAX; i++) {
        const struct pl__peer *p = n->peers[i];
        struct pl_str text = {(const char *)p->page.data, (uint32_t)p->page.len};
        if (text.len) pages[count++] = (struct pl_metrics_page){p->name, text};
    }
    out->failed |= own.failed; /* half a page would pass for a whole one */
    pl_metrics_merge(pages, count, out);
    pl_buf_finish(&own);
}

struct pl_log *pl_node_log(const struct pl_node *n)
{
    return n->opts.log;
}

const char *pl_node_name(const struct pl_node *n)
{
    return n->name;
}

void pl_node_counts(const struct pl_node *n, struct pl_node_counts *out)
{
    *out = n->counts;
    out->in_flight = n->current ? 1 : 0;
    for (uint32_t i = 0; i < n->actors_count; i++)
        out->in_flight += pl__mailbox_count(&n->actors[i]->mailbox);
    for (uint32_t i = 0; i < n->peers_count; i++) {
        out->in_flight += pl__mailbox_count(&n->peers[i]->outbox);
        out->child_restarts += n->peers[i]->supervisor.restarts;
    }
}
