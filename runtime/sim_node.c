/* sim_node.c - nodes of the simulator: boot, one message an event, crash.
 *
 *   service   down -> BOOT -> up -> (crash, failure) down -> BOOT ...     stopped by itself: down for good
 *   leaf      down -> child_start, BOOT -> up -> (crash, child_kill, stop) down; its hub hears LOST and EXIT
 *
 * A node that is dying still runs to the end of its handler, but nothing leaves it: links, sockets, children
 * and disk are deaf to it. So the crash is where the kill point was, as far as anyone else can see. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/sim_inside.h"

enum {
    LINK_FRAMES_MAX = 64,
    RUN_US = 50,
    BOOT_US = 20000,
    EXIT_US = 5000,
    SERVICE_BOOT_US = 500000,
    WALL_SHIFT_MAX_MS = 2 * 60 * 60 * 1000,
    PAUSE_MAX_MS = 90000,
};
#define WALL_MS 1700000000000u /* any day will do */

static uint64_t now_ms(void *self)
{
    const struct pl__sim_node *sn = self;
    return sn->sim->now_us / 1000;
}

static uint64_t wall_ms(void *self)
{
    const struct pl__sim_node *sn = self;
    return WALL_MS + (uint64_t)sn->sim->wall_shift_ms + now_ms(self);
}

static uint64_t random_u64(void *self)
{
    const struct pl__sim_node *sn = self;
    return pl_sim_random(sn->sim);
}

static struct pl__sim_node *find_node(const struct pl_sim *s, const char *name)
{
    for (uint32_t i = 0; i < s->nodes_count; i++)
        if (strcmp(s->nodes[i]->name, name) == 0) return s->nodes[i];
    return NULL;
}

struct pl_node *pl_sim_node_at(struct pl_sim *s, const char *name)
{
    const struct pl__sim_node *sn = find_node(s, name);
    return sn ? sn->node : NULL;
}

/* ---- what a node's world does ---- */

static void give_frame(struct pl__sim_node *to, const char *from, const struct pl__stream_frame *f)
{
    pl__sim_trace_bytes(to->sim, f->bytes, f->len);
    pl__sim_memory_begin(to->sim);
    pl_node_link_frame(to->node, from, f->bytes, f->len);
    pl__sim_memory_end(to->sim);
    pl__sim_check(to);
    pl__sim_wake(to);
}

static int to_hub(struct pl_sim *s, struct pl__stream *st, const struct pl__stream_frame *f)
{
    const struct pl__sim_node *leaf = st->owner;
    struct pl__sim_node *hub = leaf->hub;
    if (!hub->node || f->epoch != hub->boots) return 0;
    give_frame(hub, leaf->name, f);
    return 0;
}

static int to_leaf(struct pl_sim *s, struct pl__stream *st, const struct pl__stream_frame *f)
{
    struct pl__sim_node *leaf = st->owner;
    if (!leaf->node || f->epoch != leaf->boots) return 0;
    give_frame(leaf, leaf->hub->name, f);
    return 0;
}

static int link_send(void *self, const char *name, const void *bytes, size_t len)
{
    struct pl__sim_node *sn = self, *to = find_node(sn->sim, name);
    if (sn->dying) return 0;
    if (!to || !to->node || (to->hub != sn && sn->hub != to)) return -PL_E_GONE;
    struct pl__stream *st = sn->hub ? sn->up : to->down;
    if (st->count >= LINK_FRAMES_MAX) return -PL_E_AGAIN;
    pl__sim_hold(sn->sim);
    pl__stream_send(sn->sim, st, to->boots, bytes, len);
    pl__sim_release(sn->sim);
    return 0;
}

static int child_start(void *self, const char *name, uint64_t incarnation, struct pl_err *err)
{
    struct pl__sim_node *sn = self, *leaf = find_node(sn->sim, name);
    if (sn->dying) return 0;
    if (!leaf || leaf->hub != sn) return pl_fail(err, PL_E_NOT_FOUND, name, "no such leaf in the simulation");
    leaf->incarnation = incarnation;
    leaf->wanted = true;
    pl__sim_hold(sn->sim);
    pl__sim_at(sn->sim, sn->sim->now_us + pl__sim_pause_us(sn->sim, BOOT_US), PL__EVENT_BOOT, leaf->index,
               ++leaf->boot_ticket);
    pl__sim_release(sn->sim);
    return 0;
}

void pl__sim_tear_down(struct pl__sim_node *sn)
{
    sn->dying = true;
    pl_node_destroy(&sn->node);
    sn->dying = false;
    sn->run_at_us = UINT64_MAX;
    sn->run_ticket++;
    sn->boot_ticket++;
}

static void tell_exit(struct pl__sim_node *leaf)
{
    struct pl_sim *s = leaf->sim;
    leaf->wanted = false;
    pl__sim_at(s, s->now_us + pl__sim_pause_us(s, EXIT_US), PL__EVENT_LOST, leaf->index, leaf->hub->boots);
    pl__sim_at(s, s->now_us + pl__sim_pause_us(s, EXIT_US), PL__EVENT_EXIT, leaf->index,
               leaf->hub->boots << 32 | leaf->incarnation);
}

static void end_leaf(struct pl__sim_node *leaf)
{
    const struct pl_node *node = leaf->node;
    pl__sim_tear_down(leaf);
    if (node && pl__sim_disk_crash(leaf->sim->disk, node, pl_sim_random(leaf->sim)) &&
        leaf->sim->opts.watch.lost)
        leaf->sim->opts.watch.lost(leaf->sim->opts.watch.arg);
    tell_exit(leaf);
}

static void child_kill(void *self, const char *name)
{
    struct pl__sim_node *sn = self, *leaf = find_node(sn->sim, name);
    pl__sim_hold(sn->sim);
    if (!sn->dying && leaf && leaf->wanted) end_leaf(leaf);
    pl__sim_release(sn->sim);
}

static void kill_point(void *self, const char *point)
{
    struct pl__sim_node *sn = self;
    pl__sim_trace_bytes(sn->sim, point, strlen(point));
    if (sn->dying || !pl__sim_chance(sn->sim, sn->hub ? PL_FAULT_CHILD_CRASH : PL_FAULT_NODE_CRASH)) return;
    sn->dying = true;
    pl__sim_disk_freeze(sn->sim->disk, true);
}

static enum pl_handler_fault handler_fault(void *self, const char *actor, const struct pl_msg *m)
{
    struct pl__sim_node *sn = self;
    pl__sim_hold(sn->sim);
    pl__sim_check_message(sn, actor, m);
    pl__sim_release(sn->sim);
    if (!pl__sim_chance(sn->sim, PL_FAULT_ACTOR_CRASH)) return PL_HANDLER_SOUND;
    return pl_sim_random(sn->sim) & 1 ? PL_HANDLER_FAILS_BEFORE : PL_HANDLER_FAILS_AFTER;
}

/* ---- life ---- */

int pl_sim_node(struct pl_sim *s, const char *name, const char *hub, pl_sim_build build, void *arg,
                struct pl_err *err)
{
    struct pl__sim_node *up = hub ? find_node(s, hub) : NULL;
    if (strlen(name) > 64 || find_node(s, name))
        return pl_fail(err, PL_E_CONFLICT, name, "the name is too long or taken");
    if (hub && (!up || up->hub)) return pl_fail(err, PL_E_NOT_FOUND, hub, "no such hub in the simulation");
    struct pl__sim_node *sn = calloc(1, sizeof *sn);
    if (!sn) return pl_fail(err, PL_E_NO_MEMORY, name, "no memory for a node");
    *sn = (struct pl__sim_node){
        .sim = s, .index = s->nodes_count, .hub = up, .build = build, .arg = arg, .run_at_us = UINT64_MAX};
    snprintf(sn->name, sizeof sn->name, "%s", name);
    s->nodes = pl__sim_grow(s->nodes, s->nodes_count, sizeof(struct pl__sim_node *));
    s->nodes[s->nodes_count++] = sn;
    if (up) {
        sn->up = pl__stream_create(s, sn);
        sn->down = pl__stream_create(s, sn);
        sn->up->deliver = to_hub;
        sn->down->deliver = to_leaf;
    } else {
        sn->wanted = true;
        pl__sim_at(s, s->now_us, PL__EVENT_BOOT, sn->index, ++sn->boot_ticket);
    }
    return 0;
}

static int build(struct pl__sim_node *sn, struct pl_err *err)
{
    struct pl_node_opts o = {.name = sn->name,
                             .hub = sn->hub ? sn->hub->name : NULL,
                             .incarnation = sn->hub ? sn->incarnation : 0,
                             .log = sn->sim->opts.log,
                             .world = {.self = sn,
                                       .now_ms = now_ms,
                                       .wall_ms = wall_ms,
                                       .random = random_u64,
                                       .link_send = link_send,
                                       .net_send = pl__sim_net_send,
                                       .child_start = child_start,
                                       .child_kill = child_kill,
                                       .kill_point = kill_point,
                                       .handler_fault = handler_fault}};
    struct pl_node *node = NULL;
    int rc = sn->build(sn->sim, &o, &node, sn->arg);
    if (rc != 0) {
        pl_node_destroy(&node);
        return rc;
    }
    sn->node = node;
    return pl_node_start(node, err);
}

void pl__sim_boot(struct pl__sim_node *sn, uint64_t ticket)
{
    struct pl_err err = {0};
    if (ticket != sn->boot_ticket || sn->node) return;
    sn->boots++;
    sn->seen_count = 0;
    pl__sim_memory_begin(sn->sim);
    int rc = build(sn, &err);
    pl__sim_memory_end(sn->sim);
    pl__sim_trace(sn->sim, (uint64_t)-rc);
    if (rc != 0 || sn->dying) {
        pl_log_write(sn->sim->opts.log, PL_LOG_ERROR, sn->name, "boot failed", "field=%s text=%s", err.field,
                     err.text);
        pl__sim_crash(sn);
        return;
    }
    if (sn->hub) pl_node_link_up(sn->node, sn->hub->name);
    pl__sim_wake(sn);
}

static void crash_service(struct pl__sim_node *sn)
{
    struct pl_sim *s = sn->sim;
    for (uint32_t i = 0; i < s->nodes_count; i++) {
        if (s->nodes[i]->hub != sn) continue;
        pl__sim_tear_down(s->nodes[i]);
        s->nodes[i]->wanted = false;
    }
    pl__sim_tear_down(sn);
    pl__sim_disk_crash(s->disk, NULL, pl_sim_random(s));
    if (s->opts.watch.lost) s->opts.watch.lost(s->opts.watch.arg);
    pl__sim_peers_reconnect(s);
    pl__sim_at(s, s->now_us + pl__sim_pause_us(s, SERVICE_BOOT_US), PL__EVENT_BOOT, sn->index,
               ++sn->boot_ticket);
}

void pl__sim_crash(struct pl__sim_node *sn)
{
    pl__sim_disk_freeze(sn->sim->disk, false);
    pl__sim_trace(sn->sim, 2000 + sn->index);
    if (sn->hub)
        end_leaf(sn);
    else
        crash_service(sn);
}

void pl_sim_crash(struct pl_sim *s, const char *node)
{
    struct pl__sim_node *sn = find_node(s, node);
    if (!sn || !sn->node) return;
    s->faults[sn->hub ? PL_FAULT_CHILD_CRASH : PL_FAULT_NODE_CRASH]++;
    pl__sim_crash(sn);
}

void pl__sim_link_lost(struct pl__sim_node *leaf, uint64_t hub_boots)
{
    struct pl__sim_node *hub = leaf->hub;
    /* The hub may have started another life of the leaf already, whose link is sound. */
    if (!hub->node || hub->boots != hub_boots || leaf->wanted) return;
    pl_node_link_lost(hub->node, leaf->name);
    pl__sim_wake(hub);
}

void pl__sim_exited(struct pl__sim_node *leaf, uint64_t incarnation)
{
    struct pl__sim_node *hub = leaf->hub;
    if (!hub->node || hub->boots != incarnation >> 32) return;
    pl_node_child_exited(hub->node, leaf->name, incarnation & UINT32_MAX, 1);
    pl__sim_wake(hub);
}

/* ---- running ---- */

void pl__sim_wake(struct pl__sim_node *sn)
{
    struct pl_sim *s = sn->sim;
    if (!sn->node) return;
    uint64_t due_ms = pl_node_due_ms(sn->node);
    if (due_ms > UINT64_MAX / 1000) return;
    uint64_t at_us = due_ms * 1000 <= s->now_us ? s->now_us + pl__sim_pause_us(s, RUN_US) : due_ms * 1000;
    if (at_us >= sn->run_at_us) return;
    sn->run_at_us = at_us;
    pl__sim_at(s, at_us, PL__EVENT_RUN, sn->index, ++sn->run_ticket);
}

/* The machine's clocks: the wall clock may be set, and all of it may stand still. */
static void disturb_clocks(struct pl_sim *s)
{
    if (pl__sim_chance(s, PL_FAULT_CLOCK_JUMP))
        s->wall_shift_ms = (int64_t)(pl_sim_random(s) % (2 * WALL_SHIFT_MAX_MS)) - WALL_SHIFT_MAX_MS;
    if (pl__sim_chance(s, PL_FAULT_PAUSE))
        s->now_us += 1000 * (pl_sim_random(s) % (pl_sim_random(s) % 4 ? PAUSE_MAX_MS / 30 : PAUSE_MAX_MS));
}

static bool crashes_now(struct pl__sim_node *sn, size_t done)
{
    if (sn->dying || pl_node_failed(sn->node, NULL)) return true;
    return done > 0 && pl__sim_chance(sn->sim, sn->hub ? PL_FAULT_CHILD_CRASH : PL_FAULT_NODE_CRASH);
}

void pl__sim_step(struct pl__sim_node *sn, uint64_t ticket)
{
    if (ticket != sn->run_ticket || !sn->node) return;
    sn->run_at_us = UINT64_MAX;
    pl__sim_memory_begin(sn->sim);
    size_t done = pl_node_run(sn->node, 1);
    pl__sim_memory_end(sn->sim);
    pl__sim_trace(sn->sim, done);
    if (!sn->dying) pl__sim_check(sn);
    disturb_clocks(sn->sim);
    if (crashes_now(sn, done)) {
        pl__sim_crash(sn);
    } else if (pl_node_stopped(sn->node)) {
        sn->wanted = false;
        pl__sim_tear_down(sn);
        if (sn->hub) tell_exit(sn);
    } else {
        pl__sim_wake(sn);
    }
}
