/* sim_check.c - what must hold of a node after each of its events; sim.h lists the rules.
 *
 * The checks look at the node from inside and keep their own memory of it, so that they do not believe the
 * very counters that they check. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/node_inside.h"
#include "runtime/sim_inside.h"

void pl__sim_broken(struct pl_sim *s, const char *rule, const char *where, uint64_t got, uint64_t bound)
{
    if (s->opts.watch.broken) {
        s->opts.watch.broken(s->opts.watch.arg, rule, where, got, bound);
        return;
    }
    fprintf(stderr, "seed %llu, step %llu: %s: %s: %llu against %llu\n", (unsigned long long)s->opts.seed,
            (unsigned long long)s->steps, rule, where, (unsigned long long)got, (unsigned long long)bound);
    PL_MUST(!"a rule of the simulation is broken");
}

static void check_balance(struct pl__sim_node *sn)
{
    struct pl_node_counts c;
    pl_node_counts(sn->node, &c);
    uint64_t ended = c.handled + c.refused + c.dead + c.in_flight;
    if (c.sent != ended) pl__sim_broken(sn->sim, "balance", sn->name, c.sent, ended);
}

static bool has_restart_timer(const struct pl_node *n, const struct pl_actor *a)
{
    for (uint32_t i = 0; i < n->timers.count; i++) {
        const struct pl__timer *t = &n->timers.heap[i];
        if (t->owner == n && t->kind == PL__TIMER_ACTOR && t->arg == (uintptr_t)a) return true;
    }
    return false;
}

static void check_actor(struct pl__sim_node *sn, const struct pl_actor *a)
{
    const struct pl__queue *user = &a->mailbox.lanes[PL__LANE_USER];
    uint32_t waiting = pl__mailbox_count(&a->mailbox);
    if (user->count > a->mailbox.limit)
        pl__sim_broken(sn->sim, "mailbox bound", a->route->name, user->count, a->mailbox.limit);
    if (a->life == PL__ACTOR_UP && waiting && !a->ready)
        pl__sim_broken(sn->sim, "wake-up", a->route->name, waiting, 0);
    if (a->life == PL__ACTOR_WAITING && sn->node->stop == PL__RUNNING && !has_restart_timer(sn->node, a))
        pl__sim_broken(sn->sim, "restart", a->route->name, 0, 1);
}

static void check_peer(struct pl__sim_node *sn, const struct pl__peer *p)
{
    const struct pl__queue *lanes = p->outbox.lanes;
    uint32_t waiting = pl__mailbox_count(&p->outbox);
    if (lanes[PL__LANE_USER].count > p->outbox.limit)
        pl__sim_broken(sn->sim, "outbox bound", p->name, lanes[PL__LANE_USER].count, p->outbox.limit);
    if (lanes[PL__LANE_SYSTEM].count > PL__OUTBOX_SYSTEM)
        pl__sim_broken(sn->sim, "outbox bound", p->name, lanes[PL__LANE_SYSTEM].count, PL__OUTBOX_SYSTEM);
    if (p->life == PL__PEER_UP && waiting && !p->blocked && !p->lost)
        pl__sim_broken(sn->sim, "wake-up", p->name, waiting, 0);
}

/* ---- starts ---- */

static struct pl__sim_seen *seen_of(struct pl__sim_node *sn, uint32_t index)
{
    while (sn->seen_count <= index) {
        sn->seen = pl__sim_grow(sn->seen, sn->seen_count, sizeof *sn->seen);
        sn->seen[sn->seen_count++] = (struct pl__sim_seen){0};
    }
    return &sn->seen[index];
}

/* The first start is none again; so with N restarts allowed, N + 1 starts may lie in the time. */
static void check_starts(struct pl__sim_node *sn, uint32_t index)
{
    const struct pl_actor *a = sn->node->actors[index];
    struct pl__sim_seen *seen = seen_of(sn, index);
    const struct pl_restart_policy *p = &a->supervisor.policy;
    if (a->starts == seen->starts) return;
    for (; seen->starts < a->starts; seen->starts++)
        seen->at_ms[seen->starts % PL__STARTS_KEPT] = sn->node->now_ms;
    uint64_t n = (uint64_t)p->max_restarts + 1;
    if (!p->within_ms || seen->starts <= n || n >= PL__STARTS_KEPT) return;
    uint64_t before_ms = seen->at_ms[(seen->starts - 1 - n) % PL__STARTS_KEPT];
    if (sn->node->now_ms - before_ms < p->within_ms)
        pl__sim_broken(sn->sim, "intensity", a->route->name, sn->node->now_ms - before_ms, p->within_ms);
}

void pl__sim_check(struct pl__sim_node *sn)
{
    const struct pl_node *n = sn->node;
    pl__sim_hold(sn->sim);
    check_balance(sn);
    for (uint32_t i = 0; i < n->actors_count; i++) {
        check_actor(sn, n->actors[i]);
        check_starts(sn, i);
    }
    for (uint32_t i = 0; i < n->peers_count; i++) check_peer(sn, n->peers[i]);
    pl__sim_release(sn->sim);
}

void pl__sim_check_message(struct pl__sim_node *sn, const char *actor, const struct pl_msg *m)
{
    const struct pl_sim_watch *w = &sn->sim->opts.watch;
    const struct pl_node *n = sn->node;
    uint32_t index = 0;
    if (sn->dying) return;
    while (index + 1 < n->actors_count && n->actors[index]->route->name != actor) index++;
    struct pl__sim_seen *seen = seen_of(sn, index);
    bool fresh = seen->told != n->actors[index]->starts;
    seen->told = n->actors[index]->starts;
    if (m->deadline_ms <= sn->sim->now_us / 1000)
        pl__sim_broken(sn->sim, "deadline", actor, sn->sim->now_us / 1000, m->deadline_ms);
    if (w->message) w->message(w->arg, sn->name, actor, m, fresh);
}
