/* actor.c - an actor's life, and all that its handlers may call.
 *
 *   NEW -> UP -> (a handler failed: stopped, zeroed) WAITING -> UP ...      policy or intensity forbids: DOWN
 *
 * 1. What survives a restart: the user lane, and from the system lane what other actors sent. What dies with
 * the incarnation: its timers, its monitors, and the notices that only it could understand.
 * 2. Handlers never nest: a send only fills a mailbox or a link.
 * 3. A turn is all messages that waited when it began; batch_end follows each turn. */
#include "runtime/actor.h"

#include <stdlib.h>

#include "runtime/node_inside.h"
#include "runtime/wrap.h"

void pl__actor_gauge(struct pl_actor *a)
{
    for (int lane = 0; lane < PL__LANES; lane++) pl_gauge_set(a->depth[lane], a->mailbox.lanes[lane].count);
    pl_gauge_set(a->high_water, a->mailbox.high_water);
    pl_gauge_set(a->up, a->life == PL__ACTOR_UP);
    a->handled->value = (double)a->taken;
    a->busy->value = (double)a->work->busy_us / 1e6;
    a->slow->value = (double)a->work->slow;
    a->stalls->value = (double)a->work->stalls;
}

void pl__actor_schedule(struct pl_actor *a)
{
    struct pl_node *n = a->node;
    if (a->ready || a->life != PL__ACTOR_UP) return;
    a->ready = true;
    a->ready_next = NULL;
    *n->ready_tail = a;
    n->ready_tail = &a->ready_next;
}

static void count_removed(struct pl_node *n, struct pl_msg *m)
{
    pl__count_handled(n);
    pl_msg_unref(&m);
}

static bool of_incarnation(const struct pl_msg *m, uint64_t unused)
{
    return m->type == &pl_sys_timer_type || m->type == &pl_sys_up_type || m->type == &pl_sys_down_type ||
           m->type == &pl_sys_undelivered_type;
}

static void forget_incarnation(struct pl_actor *a)
{
    struct pl_node *n = a->node;
    struct pl_msg *m;
    pl__timers_cancel_all(&n->timers, a);
    pl__route_forget_watcher(&n->routes, a);
    while ((m = pl__mailbox_take(&a->mailbox, PL__LANE_SYSTEM, of_incarnation, 0))) pl__dead(n, m, PL_E_GONE);
    a->turn = 0;
    a->broken = 0;
}

static void zero_state(struct pl_actor *a)
{
    memset(a->state, 0, a->cls->state_bytes ? a->cls->state_bytes : 1);
}

int pl__actor_start(struct pl_actor *a)
{
    struct pl_node *n = a->node;
    pl__node_tick(n);
    zero_state(a);
    a->broken = 0;
    a->life = PL__ACTOR_UP;
    a->starts++;
    int rc = a->cls->start ? a->cls->start(a, a->state, a->arg) : 0;
    if (rc >= 0 && a->broken) rc = a->broken;
    if (rc < 0) return rc;
    if (pl__mailbox_count(&a->mailbox)) pl__actor_schedule(a);
    pl__route_up(n, a->route, (n->opts.incarnation << 32) + a->starts);
    return 0;
}

void pl__actor_stop(struct pl_actor *a, enum pl__actor_state after)
{
    if (a->life == PL__ACTOR_UP && a->cls->stop) a->cls->stop(a, a->state);
    if (a->life == PL__ACTOR_UP) zero_state(a);
    a->life = after;
    forget_incarnation(a);
}

void pl__actor_drop_mail(struct pl_actor *a, int code)
{
    enum pl__lane lane;
    struct pl_msg *m;
    while ((m = pl__mailbox_pop(&a->mailbox, &lane))) pl__dead(a->node, m, code);
}

static void failed(struct pl_actor *a, int rc)
{
    struct pl_node *n = a->node;
    uint64_t delay_ms, chance = n->opts.world.random(n->opts.world.self);
    enum pl__verdict verdict = pl__supervisor_failed(&a->supervisor, n->now_ms, chance, &delay_ms);
    if (n->stop != PL__RUNNING && verdict == PL__RESTART) verdict = PL__STAY_DOWN;
    pl_log_write(n->opts.log, PL_LOG_ERROR, a->route->name, "actor failed",
                 "cause=%s restart=%s delay_ms=%llu", pl_error_name(-rc),
                 verdict == PL__RESTART ? "yes" : "no", (unsigned long long)delay_ms);
    pl__actor_stop(a, verdict == PL__RESTART ? PL__ACTOR_WAITING : PL__ACTOR_DOWN);
    pl__route_down(n, a->route, -rc, verdict != PL__RESTART);
    if (verdict == PL__RESTART && !PL_PLANTED(restart_forgets_timer) &&
        !pl__timers_add(&n->timers, n->now_ms + delay_ms, n, PL__TIMER_ACTOR, (uintptr_t)a))
        verdict = PL__GIVE_UP;
    if (verdict == PL__GIVE_UP) pl__node_fail(n, PL_E_UNAVAILABLE, a->route->name, "failed too often");
    if (verdict != PL__RESTART) {
        a->life = PL__ACTOR_DOWN;
        pl__actor_drop_mail(a, PL_E_UNAVAILABLE);
    }
}

void pl__actor_restart(struct pl_actor *a)
{
    if (a->life != PL__ACTOR_WAITING || a->node->stop != PL__RUNNING) return;
    a->node->counts.restarts++;
    pl_counter_add(a->restarts, 1);
    int rc = pl__actor_start(a);
    if (rc < 0) failed(a, rc);
}

/* The message is dead when its handler failed: what the handler had sent before stays sent. */
static int handle(struct pl_actor *a, struct pl_msg *m)
{
    struct pl_node *n = a->node;
    const struct pl_world *w = &n->opts.world;
    enum pl_handler_fault fault =
        w->handler_fault ? w->handler_fault(w->self, a->route->name, m) : PL_HANDLER_SOUND;
    int rc = fault == PL_HANDLER_FAILS_BEFORE ? -PL_E_INTERNAL : 0;
    n->current = m;
    pl_log_trace(m->env.trace.ptr, m->env.trace.len);
    if (rc == 0) rc = a->cls->receive(a, a->state, m);
    if (rc >= 0 && fault == PL_HANDLER_FAILS_AFTER) rc = -PL_E_INTERNAL;
    if (rc >= 0 && a->broken) rc = a->broken;
    n->current = NULL;
    pl_log_trace(NULL, 0);
    if (rc < 0) {
        pl__dead(n, m, PL_E_UNAVAILABLE);
    } else if (rc == PL_UNHANDLED && m->env.from.len) {
        pl__dead(n, m, PL_E_UNKNOWN_TYPE);
    } else {
        pl__count_handled(n);
        pl_msg_unref(&m);
    }
    return rc;
}

/* Something ran from BEGAN_US until now: the clock is read again, mostly. TYPE: the message, or what else it
 * was. */
static void count_run(struct pl_actor *a, uint64_t began_us, const char *type)
{
    struct pl_node *n = a->node;
    if (!pl__node_timed(n)) return;
    uint64_t us = n->now_us - began_us;
    if (pl__work_run(a->work, n->now_us, us, a->cls->may_block))
        pl_log_write(n->opts.log, PL_LOG_WARN, a->route->name, "slow handler",
                     "type=%s run_us=%llu slow=%llu", type, (unsigned long long)us,
                     (unsigned long long)a->work->slow);
}

static void note_failure(struct pl_actor *a, int rc, const char *type)
{
    const struct pl_world *w = &a->node->opts.world;
    a->work->error = -rc;
    a->work->error_ms = w->wall_ms(w->self);
    a->work->error_type = type;
}

/* M may be gone afterwards. */
static int handle_timed(struct pl_actor *a, struct pl_msg *m)
{
    struct pl_node *n = a->node;
    uint64_t began_us = n->now_us;
    const char *type = m->type->name;
    if (n->untimed == 0) pl__work_wait(a->work, began_us, began_us - m->queued_us);
    a->taken++;
    int rc = handle(a, m);
    if (rc < 0) note_failure(a, rc, type);
    count_run(a, began_us, type);
    return rc;
}

static int end_turn(struct pl_actor *a)
{
    if (!a->cls->batch_end) return a->broken;
    uint64_t began_us = a->node->now_us;
    int rc = a->cls->batch_end(a, a->state);
    if (rc >= 0 && a->broken) rc = a->broken;
    if (rc < 0) note_failure(a, rc, "batch_end");
    count_run(a, began_us, "batch_end");
    return rc;
}

size_t pl__actor_turn(struct pl_actor *a, size_t max)
{
    struct pl_node *n = a->node;
    size_t done = 0;
    int rc = 0;
    if (a->turn == 0) a->turn = pl__mailbox_count(&a->mailbox);
    while (rc >= 0 && a->turn > 0 && done < max) {
        enum pl__lane lane;
        struct pl_msg *m = pl__mailbox_pop(&a->mailbox, &lane);
        if (!m) a->turn = 0; /* a cancelled timer was taken out */
        if (!m) break;
        a->turn--;
        done++;
        if (m->deadline_ms <= n->now_ms)
            pl__dead(n, m, PL_E_DEADLINE_EXCEEDED);
        else
            rc = handle_timed(a, m);
    }
    if (rc >= 0 && a->turn == 0) rc = end_turn(a);
    if (rc < 0)
        failed(a, rc);
    else if ((pl__mailbox_count(&a->mailbox) && !PL_PLANTED(lost_wakeup)) || a->turn)
        pl__actor_schedule(a);
    return done;
}

void pl__actor_destroy(struct pl_actor *a)
{
    if (!a) return;
    pl__supervisor_finish(&a->supervisor);
    free(a->state);
    free(a->work);
    free(a);
}

/* ---- what handlers call ---- */

/* What is sent while a message is handled belongs to its trace. */
static void inherit_trace(const struct pl_actor *self, struct pl_msg *m)
{
    const struct pl_msg *cause = self->node->current;
    if (!m->env.trace.len && cause && cause->env.trace.len) m->env.trace = pl_msg_str(m, cause->env.trace);
}

static void send_by(struct pl_actor *self, struct pl_msg **m, enum pl__lane lane, bool inherits)
{
    struct pl_msg *out = *m;
    *m = NULL;
    if (out && out->refs > 1) {
        struct pl_msg *wrap = pl__msg_wrap(out);
        if (wrap) wrap->env.to = pl_msg_str(wrap, out->env.to);
        if (wrap) wrap->lacking |= out->lacking;
        pl_msg_unref(&out);
        out = wrap;
    }
    if (out && inherits) inherit_trace(self, out);
    if (out && out->lacking) pl_msg_unref(&out);
    if (!out) {
        self->broken = -PL_E_NO_MEMORY;
        return;
    }
    out->env.from = self->name;
    pl__msg_settle(out);
    pl__post(self->node, out, lane);
}

/* An actor sends to the same few others: their routes are remembered, found by a glance at the name, and
 * compared. */
static struct pl__route *known_route(struct pl_actor *a, struct pl_str name)
{
    if (!name.len) return NULL;
    struct pl__route **known =
        &a->known[(name.len ^ (unsigned char)name.ptr[name.len - 1]) & (PL__ROUTES_KNOWN - 1)];
    struct pl__route *r = *known;
    if (r && r->len == name.len && memcmp(r->name, name.ptr, name.len) == 0) return r;
    r = pl__route_find(&a->node->routes, name);
    if (r) *known = r;
    return r;
}

/* The name of an actor that is known here lives as long as the node: no copy. */
static void address(struct pl_actor *self, struct pl_msg *m, struct pl_str name)
{
    m->route = known_route(self, name);
    m->env.to = m->route ? (struct pl_str){m->route->name, m->route->len} : pl_msg_str(m, name);
}

void pl_send(struct pl_actor *self, struct pl_msg **m)
{
    send_by(self, m, PL__LANE_USER, true);
}

void pl_send_to(struct pl_actor *self, const char *to, struct pl_msg **m)
{
    if (*m) address(self, *m, pl_str_of(to));
    send_by(self, m, PL__LANE_USER, true);
}

void pl_send_system(struct pl_actor *self, const char *to, struct pl_msg **m)
{
    if (*m) address(self, *m, pl_str_of(to));
    send_by(self, m, PL__LANE_SYSTEM, true);
}

void pl_reply(struct pl_actor *self, const struct pl_msg *request, struct pl_msg **m)
{
    const struct pl_envelope *q = &request->env;
    if (*m) {
        struct pl_envelope *e = &(*m)->env;
        address(self, *m, q->reply_to.len ? q->reply_to : q->from);
        e->correlation = pl_msg_str(*m, q->correlation.len ? q->correlation : q->id);
        if (!e->tenant.len) e->tenant = pl_msg_str(*m, q->tenant);
        if (!e->trace.len) e->trace = pl_msg_str(*m, q->trace);
    }
    send_by(self, m, PL__LANE_USER, false);
}

void pl_forward(struct pl_actor *self, const char *to, const struct pl_msg *m)
{
    struct pl_msg *out = pl__msg_wrap((struct pl_msg *)(uintptr_t)m);
    if (out) address(self, out, pl_str_of(to));
    if (out && out->lacking) pl_msg_unref(&out);
    if (!out) {
        self->broken = -PL_E_NO_MEMORY;
        return;
    }
    if (!out->env.from.len) out->env.from = (struct pl_str){self->route->name, self->route->len};
    pl__msg_settle(out);
    pl__post(self->node, out, PL__LANE_USER);
}

uint64_t pl_timer_start(struct pl_actor *self, uint64_t delay_ms, uint32_t kind, uint64_t arg)
{
    struct pl_node *n = self->node;
    uint64_t due_ms = delay_ms > UINT64_MAX - 1 - n->now_ms ? UINT64_MAX - 1 : n->now_ms + delay_ms;
    uint64_t id = pl__timers_add(&n->timers, due_ms, self, kind, arg);
    if (!id) self->broken = -PL_E_NO_MEMORY;
    return id;
}

static bool is_timer(const struct pl_msg *m, uint64_t id)
{
    return m->type == &pl_sys_timer_type && ((const struct pl_sys_timer *)m->body)->timer == id;
}

bool pl_timer_cancel(struct pl_actor *self, uint64_t timer)
{
    if (timer == 0) return false;
    if (pl__timers_cancel(&self->node->timers, timer, self)) return true;
    struct pl_msg *m = pl__mailbox_take(&self->mailbox, PL__LANE_SYSTEM, is_timer, timer);
    if (m) count_removed(self->node, m);
    return m != NULL;
}

void pl_monitor(struct pl_actor *self, const char *actor)
{
    struct pl_node *n = self->node;
    struct pl__route *r;
    int rc = pl__route_make(&n->routes, pl_str_of(actor), &r, NULL);
    if (rc == 0 && !pl__route_watch(r, self)) rc = -PL_E_NO_MEMORY;
    if (rc != 0) {
        self->broken = rc;
        return;
    }
    if (r->up) pl__notify(self, pl__route_up_msg(r));
}

uint32_t pl_room(const struct pl_actor *self, struct pl_str actor)
{
    const struct pl_node *n = self->node;
    const struct pl__route *r = pl__route_find(&n->routes, actor);
    const struct pl__peer *p = r && r->peer ? r->peer : n->hub;
    const struct pl__mailbox *b = r && r->local ? &r->local->mailbox : p ? &p->outbox : NULL;
    if (!b) return UINT32_MAX;
    uint32_t waiting = b->lanes[PL__LANE_USER].count;
    return waiting < b->limit ? b->limit - waiting : 0;
}

uint64_t pl_now_ms(const struct pl_actor *self)
{
    return self->node->now_ms;
}

uint64_t pl_wall_ms(const struct pl_actor *self)
{
    const struct pl_world *w = &self->node->opts.world;
    return w->wall_ms(w->self);
}

uint64_t pl_random_u64(struct pl_actor *self)
{
    const struct pl_world *w = &self->node->opts.world;
    return w->random(w->self);
}

const char *pl_actor_name(const struct pl_actor *self)
{
    return self->route->name;
}

struct pl_metrics *pl_actor_metrics(struct pl_actor *self)
{
    return self->node->metrics;
}

struct pl_log *pl_actor_log(const struct pl_actor *self)
{
    return self->node->opts.log;
}

void pl_kill_point(struct pl_actor *self, const char *point)
{
    const struct pl_world *w = &self->node->opts.world;
    if (w->kill_point) w->kill_point(w->self, point);
}

int pl_net_send(struct pl_actor *self, uint32_t listener, struct pl_bin peer, bool delimiter,
                const void *bytes, size_t len)
{
    const struct pl_world *w = &self->node->opts.world;
    if (!w->net_send) return -PL_E_GONE;
    return w->net_send(w->self, listener, peer, delimiter, bytes, len);
}
